package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
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

// TestFreshJoins: newcomers in waves start, join and say one thing at once, and
// leave some seconds later. Nothing is lost, nothing shown twice, and every
// member who stays sees each message within a second of its author's start.
func TestFreshJoins(t *testing.T) {
	waves, each := scaled(20, 4), scaled(50, 10)
	const standing, allowed = 5, time.Second
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
		for wave := range waves {
			var here sync.WaitGroup
			for i := range each {
				here.Go(func() {
					time.Sleep(rand.N(2 * time.Second))
					text := fmt.Sprintf("wave %d newcomer %d", wave, i)
					mu.Lock()
					began[text] = time.Now()
					p := w.person(fmt.Sprintf("n%d-%d", wave, i))
					mu.Unlock()
					p.join("lobby")
					p.say("lobby", text)
					time.Sleep(3*time.Second + rand.N(2*time.Second))
					p.leave()
				})
			}
			here.Wait()
		}
		time.Sleep(10 * time.Second)

		var took []time.Duration
		lost, late := 0, 0
		for _, p := range stay {
			at := p.shownAt(lobby())
			for text, start := range began {
				shown, ok := at[text]
				switch {
				case !ok:
					lost++
					t.Errorf("%s never saw %q", p.nick, text)
				case shown.Sub(start) > allowed:
					late++
					fallthrough
				default:
					took = append(took, shown.Sub(start))
				}
			}
		}
		t.Logf("%d joins, %d standing members: %s; %d lost, %d later than %v", waves*each, standing, spread(took), lost, late, allowed)
		if late > 0 {
			t.Errorf("%d deliveries took more than %v", late, allowed)
		}
		w.check(lobby(), stay...)
	})
}
