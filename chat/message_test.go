package chat_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

func TestSegmentCountsItsMessages(t *testing.T) {
	for _, c := range []struct {
		bodies int
		end    chat.Time
		next   uint64
	}{{1, 1000, 8}, {2, 1001, 9}, {chat.MaxBodies, 1255, 263}} {
		s := &chat.Segment{Time: 1000, Seq: 7, Bodies: make([]chat.Body, c.bodies)}
		if s.End() != c.end || s.Next() != c.next {
			t.Errorf("%d messages: end %d, next %d; want %d, %d", c.bodies, s.End(), s.Next(), c.end, c.next)
		}
	}
}

// The message ID is the segment's ID and a big-endian index under SHA-256.
func TestMessageID(t *testing.T) {
	s := &chat.Segment{ID: chat.SegmentID{1, 2, 3}, Bodies: make([]chat.Body, chat.MaxBodies)}
	seen := make(map[chat.MessageID]bool)
	for i := range s.Bodies {
		id := s.MessageID(i)
		if want := sha256.Sum256(binary.BigEndian.AppendUint32(bytes.Clone(s.ID[:]), uint32(i))); id != want {
			t.Fatalf("message %d has ID %s, want %x", i, id, want)
		}
		seen[id] = true
	}
	if len(seen) != chat.MaxBodies {
		t.Errorf("%d messages have %d IDs", chat.MaxBodies, len(seen))
	}

	data, err := json.Marshal(s.MessageID(0))
	if err != nil || len(data) != 66 {
		t.Fatalf("%s, %v", data, err)
	}
	var id chat.MessageID
	if err := json.Unmarshal(data, &id); err != nil || id != s.MessageID(0) {
		t.Errorf("came back as %s, %v", id, err)
	}
	for _, bad := range []string{`""`, `"00"`, `"zz` + string(data[3:]), `"00` + string(data[1:])} {
		if err := json.Unmarshal([]byte(bad), &id); err == nil {
			t.Errorf("%s was read as a message ID", bad)
		}
	}
}

// Everybody's screen sorts the same: time first, then ID, and the order is total.
func TestOrderIsTheSameForAll(t *testing.T) {
	key := rapid.Custom(func(t *rapid.T) chat.OrderKey {
		return chat.OrderKey{
			Time: chat.Time(rapid.Uint64Range(1, 3).Draw(t, "time")),
			ID:   chat.SegmentID{0: rapid.Byte().Draw(t, "first"), 31: rapid.Byte().Draw(t, "last")},
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfDistinct(key, func(k chat.OrderKey) chat.OrderKey { return k }).Draw(t, "keys")
		sorted := slices.Clone(keys)
		slices.SortFunc(sorted, chat.OrderKey.Compare)
		shuffled := rapid.Permutation(keys).Draw(t, "shuffled")
		slices.SortFunc(shuffled, chat.OrderKey.Compare)
		if !slices.Equal(sorted, shuffled) {
			t.Fatalf("%v sorts in two ways", keys)
		}
		for i := 1; i < len(sorted); i++ {
			a, b := sorted[i-1], sorted[i]
			if a.Time > b.Time || a.Time == b.Time && bytes.Compare(a.ID[:], b.ID[:]) >= 0 {
				t.Fatalf("%v before %v", a, b)
			}
			if a.Compare(b) >= 0 || b.Compare(a) <= 0 || a.Compare(a) != 0 {
				t.Fatalf("%v and %v", a, b)
			}
		}
	})
	s := &chat.Segment{ID: chat.SegmentID{9}, Time: 5}
	if s.Key() != (chat.OrderKey{Time: 5, ID: chat.SegmentID{9}}) {
		t.Errorf("key %v", s.Key())
	}
}

// Edits written within one millisecond are told apart by the conversation's
// clock; a message whose place is not known stands at its wall-clock time.
func TestMessagePlace(t *testing.T) {
	wall := time.UnixMilli(1_780_000_000_000)
	m := chat.Message{ID: chat.MessageID{1}, Time: wall}
	if got, want := m.Place(), (chat.Place{Time: chat.TimeOf(wall), ID: m.ID}); got != want {
		t.Errorf("place %+v, want %+v", got, want)
	}
	later := m
	later.ID, later.Clock = chat.MessageID{0}, chat.TimeOf(wall)+1
	if m.Place().Compare(later.Place()) >= 0 || later.Place().Compare(m.Place()) <= 0 {
		t.Error("the later one is not the later one")
	}
}
