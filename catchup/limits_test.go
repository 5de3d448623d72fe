package catchup

import (
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/wire"
)

func TestRoundsGrowWithWhatTheyBring(t *testing.T) {
	lim := defaultLimits()
	for items, want := range map[int]int{0: 16, 63: 16, 64: 17, 6400: 116, 1 << 30: lim.roundsCap} {
		if got := lim.roundsFor(items); got != want {
			t.Errorf("%d items: %d rounds, want %d", items, got, want)
		}
	}
	// An honest caller never asks more than its limits let it: rounds, one
	// question for each segment at worst, and a few that bring nothing.
	if got := lim.questionsFor(0, 0); got != 20 {
		t.Errorf("%d questions that bring nothing, want 20", got)
	}
}

// The window finds what a link carries: the time of an exchange is what its
// segments take, and 20 ms.
func TestWindowFollowsTheLink(t *testing.T) {
	for perSecond, want := range map[int][2]window{
		3:         {1, 9},
		100:       {50, 300},
		1000:      {512, 1024},
		1_000_000: {1024, 1024},
	} {
		w, first := window(firstWindow), time.Duration(0)
		for i := range 20 {
			took := 20*time.Millisecond + time.Duration(w)*time.Second/time.Duration(perSecond)
			if i == 0 {
				first = took
			}
			w = w.next(took)
			if w < 1 || w > wire.MaxWant {
				t.Fatalf("a window of %d", w)
			}
		}
		if w < want[0] || w > want[1] {
			t.Errorf("%d segments a second: a window of %d after a first exchange of %v, want %v", perSecond, w, first, want)
		}
	}
}
