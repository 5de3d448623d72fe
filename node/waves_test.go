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
// its seed first (two round trips, of 100 ms here), to ask it (one), to dial the
// members (two), and to learn that they are in the room (two): its message is with
// the first of them after seven and a half, and half a round trip later for each
// hop to those who are told by others. So nearly all see it within a second then,
// too; the rest is left to gossip's luck and to catch-up.
func TestFreshJoins(t *testing.T) {
	each := *waveSize
	waves := cmp.Or(*joins, scaled(200, 20)) / each
	const standing = 5
	const warmAllowed = time.Second
	const coldTypical, coldAllowed = 900 * time.Millisecond, 1500 * time.Millisecond
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
		if typical := cold[len(cold)/2]; typical > coldTypical { // spread has sorted them
			t.Errorf("half of the deliveries after a cold start took %v and more, want at most %v", typical, coldTypical)
		}
		w.check(lobby(), stay...)
	})
}

// TestWhoLeftIsNotFound: whoever leaves politely, and whoever was silent for too
// long, is not named by the seed any more, so newcomers lose no time with them.
func TestWhoLeftIsNotFound(t *testing.T) {
	for name, end := range map[string]func(w *world, p *person){
		"with a goodbye": func(_ *world, p *person) { p.leave() },
		"without a word": func(w *world, p *person) {
			w.net.Kill(p.host)
			time.Sleep(5 * time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Millisecond)
				w.seed()
				alice, bob := w.person("alice"), w.person("bob")
				alice.join("lobby")
				bob.join("lobby")
				time.Sleep(10 * time.Second)
				end(w, alice)
				time.Sleep(time.Second)
				carol := w.person("carol")
				carol.join("lobby")
				time.Sleep(time.Second)
				search := carol.roomOf(lobby().ID(carol.Self())).search
				if st := search.Status(); st.Lookups == 0 || st.Found != st.Lookups {
					t.Errorf("%d members found in %d look-ups, want bob each time", st.Found, st.Lookups)
				}
				carol.wantMember(time.Second, lobby(), bob, true)
			})
		})
	}
}
