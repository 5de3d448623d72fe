package node

import (
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// TestReacher: nobody is dialled at once, or again soon, and of no more than a few
// anything is remembered.
func TestReacher(t *testing.T) {
	r, p := make(reacher), chat.PeerID{1}
	start := time.Unix(0, 0)
	var dialled []time.Duration
	for at := time.Duration(0); at < time.Hour; at += time.Second {
		if r.due(p, start.Add(at)) {
			dialled = append(dialled, at)
		}
	}
	if len(dialled) < 5 || len(dialled) > 8 {
		t.Fatalf("dialled at %v in an hour", dialled)
	}
	if dialled[0] < reachAfter || dialled[0] > 2*reachAfter+time.Second {
		t.Errorf("dialled first after %v", dialled[0])
	}
	for i, pause := 1, reachPause; i < len(dialled); i, pause = i+1, min(2*pause, reachPause<<reachDoubled) {
		if got := dialled[i] - dialled[i-1]; got < pause || got > pause+pause/4+time.Second {
			t.Errorf("a pause of %v, want %v", got, pause)
		}
	}
	for i := range 2 * maxReached {
		r.due(chat.PeerID{2, byte(i)}, start)
	}
	if len(r) != maxReached {
		t.Errorf("%d are remembered, want %d", len(r), maxReached)
	}
	r.forget(p)
	if r.due(p, start.Add(time.Hour)) {
		t.Error("who came anew is dialled at once")
	}
}

// TestRestComesLater: what a relay was not to bring at once is asked for later.
func TestRestComesLater(t *testing.T) {
	s := newSyncer()
	for i := range 2 * maxWanted {
		s.wantLater(chat.PeerID{byte(i)}, time.Unix(0, 0))
	}
	if len(s.later) != maxWanted {
		t.Errorf("%d are remembered, want %d", len(s.later), maxWanted)
	}
}
