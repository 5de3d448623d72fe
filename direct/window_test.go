package direct

import (
	"encoding/binary"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func TestWindowRemembersTheLast(t *testing.T) {
	var w window
	id := func(i int) (id chat.SegmentID) {
		binary.BigEndian.PutUint64(id[:], uint64(i))
		return id
	}
	const all = 3*windowSize + 7
	for i := range all {
		if w.contains(id(i)) {
			t.Fatalf("%d is known before it came", i)
		}
		w.add(id(i))
		w.add(id(i)) // takes no second place
	}
	for i := range all {
		if want := i >= all-windowSize; w.contains(id(i)) != want {
			t.Fatalf("contains(%d) is %v", i, !want)
		}
	}
	if len(w.has) != windowSize || len(w.ring) != windowSize {
		t.Errorf("it remembers %d and %d, want %d", len(w.has), len(w.ring), windowSize)
	}
}
