package rooms

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func TestBeaconGate(t *testing.T) {
	now := time.Unix(1e9, 0)
	var g beaconGate
	r := &forwarded{conv: lobby()}
	author := func(i int) (p chat.PeerID) {
		binary.BigEndian.PutUint32(p[:], uint32(i)+1)
		return p
	}
	passes := func(i int, sent time.Time) bool {
		return g.admits(now, r, author(i)) && g.judge(now, r, &chat.Beacon{Author: author(i), Sent: sent})
	}
	for range 2 {
		if !passes(0, now) {
			t.Fatal("a beacon, or the same once more, is not passed on")
		}
	}
	if passes(0, now.Add(-time.Minute)) {
		t.Fatal("an old one is")
	}
	if passes(1, now.Add(-maxBeaconSkew-time.Second)) {
		t.Fatal("a very old one is")
	}
	n := 0
	for i := range 3 * authorBurst {
		if passes(0, now.Add(time.Duration(i)*time.Second)) {
			n++
		}
	}
	if n != authorBurst-3 { // and three before, of which one was old
		t.Fatalf("%d more beacons of one author at once", n)
	}
	now = now.Add(time.Minute)
	if !passes(0, now) {
		t.Fatal("not a minute later")
	}

	// New authors of a room are bounded, and of all rooms remembered.
	n = 0
	for i := range 2 * newMembersBurst {
		if passes(100+i, now) {
			n++
		}
	}
	if n != newMembersBurst {
		t.Fatalf("%d new authors at once, want %d", n, newMembersBurst)
	}
	for i := range 3 * maxGateAuthors {
		r := &forwarded{conv: chat.ConversationID{1, byte(i), byte(i >> 8)}}
		g.judge(now, r, &chat.Beacon{Author: author(i), Sent: now})
	}
	if n := len(g.young) + len(g.old); n > 2*maxGateAuthors {
		t.Fatalf("%d authors are remembered, want at most %d", n, 2*maxGateAuthors)
	}
}
