package node

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// scaled is n, or the small number where time is short.
func scaled(n, small int) int {
	if slow || testing.Short() {
		return small
	}
	return n
}

// shownAt lists when each text of a conversation was shown first.
func (p *person) shownAt(conv chat.Conversation) map[string]time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]time.Time)
	for i, ev := range p.events {
		if m, ok := ev.(chat.Message); ok && m.Conversation == conv {
			if _, again := out[m.Text.Raw()]; !again {
				out[m.Text.Raw()] = p.at[i]
			}
		}
	}
	return out
}

// spread describes how long things took.
func spread(took []time.Duration) string {
	if len(took) == 0 {
		return "nothing"
	}
	slices.Sort(took)
	at := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("n=%d p50=%v p90=%v p99=%v max=%v", len(took), at(0.5), at(0.9), at(0.99), at(1))
}

// joins is how many newcomers TestFreshJoins runs, in waves of waveSize.
var (
	joins    = flag.Int("joins", 0, "newcomers in TestFreshJoins; 0 means what time allows")
	waveSize = flag.Int("wave", 10, "newcomers at a time in TestFreshJoins")
)

// TestFreshJoins: newcomers in waves join, say one thing at once, and leave some
// seconds later; every second one has only just been started. Nothing is lost,
// nothing shown twice, and every member who stays sees each message within a
// second of its author's joining. A node that was only just started has to dial
// its seed first, to ask it, and to dial a member: eleven round trips and a half,
// of 100 ms here.
func TestFreshJoins(t *testing.T) {
	each := *waveSize
	waves := cmp.Or(*joins, scaled(200, 20)) / each
	const standing = 5
	const warmAllowed, coldAllowed = time.Second, 5 * time.Second
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50*time.Millisecond)
		w.seed()
		var stay []*person
		for i := range standing {
			p := w.person(fmt.Sprint("member", i))
			p.join("lobby")
			stay = append(stay, p)
		}
		time.Sleep(10 * time.Second)

		var mu sync.Mutex
		began := make(map[string]time.Time)
		fresh := func(text string, cold bool) {
			mu.Lock()
			p := w.person(text)
			mu.Unlock()
			if !cold {
				time.Sleep(3 * time.Second)
			}
			mu.Lock()
			began[text] = time.Now()
			mu.Unlock()
			p.join("lobby")
			p.say("lobby", text)
			time.Sleep(3*time.Second + rand.N(2*time.Second))
			p.leave()
		}
		for wave := range waves {
			var here sync.WaitGroup
			for i := range each {
				here.Go(func() {
					time.Sleep(rand.N(2 * time.Second))
					cold := i%2 == 0
					fresh(fmt.Sprintf("%d/%d cold=%v", wave, i, cold), cold)
				})
			}
			here.Wait()
		}
		time.Sleep(10 * time.Second)

		var cold, warm []time.Duration
		for _, p := range stay {
			at := p.shownAt(lobby())
			for text, start := range began {
				shown, ok := at[text]
				switch took := shown.Sub(start); {
				case !ok:
					t.Errorf("%s never saw %q", p.nick, text)
				case strings.HasSuffix(text, "true"):
					cold = append(cold, took)
				default:
					warm = append(warm, took)
				}
			}
		}
		t.Logf("%d joins, %d standing members, until shown:", waves*each, standing)
		t.Logf("  joined as soon as started: %s", spread(cold))
		t.Logf("  started 3 s before:        %s", spread(warm))
		if slowest := slices.Max(warm); slowest > warmAllowed {
			t.Errorf("a delivery took %v, want at most %v", slowest, warmAllowed)
		}
		if slowest := slices.Max(cold); slowest > coldAllowed {
			t.Errorf("a delivery after a cold start took %v, want at most %v", slowest, coldAllowed)
		}
		w.check(lobby(), stay...)
	})
}
