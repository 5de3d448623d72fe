package node

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

var (
	churnSeed = flag.Uint64("churn.seed", 0, "run TestChurn with this one random start only: the same things are done at the same times")
	churnRuns = flag.Int("churn.runs", 0, "random starts of TestChurn; 0 means what time allows")
)

// TestChurn: ten people talk for ten minutes while some of them stop and come
// back, and connections are cut and healed at random. Everything that was said
// by those who stayed is in the end at all who stayed, nothing twice.
func TestChurn(t *testing.T) {
	starts := make([]uint64, scaled(3, 1))
	if *churnRuns > 0 {
		starts = make([]uint64, *churnRuns)
	}
	for i := range starts {
		starts[i] = rand.Uint64()
	}
	if *churnSeed != 0 {
		starts = []uint64{*churnSeed}
	}
	for _, start := range starts {
		t.Run(fmt.Sprint(start), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { churn(t, start) })
		})
	}
}

func churn(t *testing.T, start uint64) {
	const stayers, goers = 5, 5
	pause := time.Duration(scaled(10, 3)) * time.Minute
	t.Logf("to repeat: -run TestChurn -churn.seed %d", start)
	random := rand.New(rand.NewPCG(start, 0))
	w := newWorld(t, 30*time.Millisecond)
	w.seed()
	var stay, go_ []*person
	for i := range stayers {
		stay = append(stay, w.person(fmt.Sprint("stays", i)))
	}
	for i := range goers {
		go_ = append(go_, w.person(fmt.Sprint("goes", i)))
	}
	for _, p := range append(append([]*person(nil), stay...), go_...) {
		p.join("lobby")
	}
	here := make(map[*person]bool)
	for _, p := range go_ {
		here[p] = true
	}
	present := func() (all []*person) {
		all = append(all, stay...)
		for _, p := range go_ {
			if here[p] {
				all = append(all, p)
			}
		}
		return all
	}
	type cut struct{ a, b *person }
	var cuts []cut
	said := make(map[*person][]string)
	for began, n := time.Now(), 0; time.Since(began) < pause; n++ {
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
		all := present()
		a, b := all[random.IntN(len(all))], all[random.IntN(len(all))]
		switch what := random.IntN(20); {
		case what < 12:
			text := fmt.Sprintf("%s says %d", a.nick, n)
			a.say("lobby", text)
			said[a] = append(said[a], text)
		case what < 14:
			if a != b {
				w.net.Cut(a.host, b.host)
				cuts = append(cuts, cut{a, b})
			}
		case what < 15:
			if a != b {
				w.net.Reset(a.host, b.host)
			}
		case what < 17:
			if len(cuts) > 0 {
				i := random.IntN(len(cuts))
				c := cuts[i]
				cuts = append(cuts[:i], cuts[i+1:]...)
				w.net.Heal(c.a.host, c.b.host)
			}
		default:
			i := random.IntN(len(go_))
			p := go_[i]
			if here[p] {
				p.leave()
				delete(here, p)
				continue
			}
			delete(here, p)
			go_[i] = w.with(Config{Seeds: w.seeds, Key: p.key, Listen: p.info.Addrs}, p.nick)
			go_[i].join("lobby")
			here[go_[i]] = true
		}
	}
	w.net.HealAll()
	time.Sleep(2 * time.Minute)

	count := 0
	for author, texts := range said {
		if author.nick[:4] != "stay" {
			continue
		}
		for _, text := range texts {
			count++
			for _, p := range stay {
				if !p.saw(text) {
					t.Errorf("%s never saw %q", p.nick, text)
				}
			}
		}
	}
	t.Logf("%d messages of those who stayed", count)
	w.check(lobby(), stay...)
	// Who came back has all that is remembered, too. It forgot its own earlier
	// words, and spoke before it had them again: there the order may differ.
	for _, p := range go_ {
		if !here[p] {
			continue
		}
		times := make(map[string]int)
		for _, text := range p.shown(lobby()) {
			times[text]++
		}
		for _, text := range stay[0].shown(lobby()) {
			if times[text] != 1 {
				t.Errorf("%s, who came back, saw %q %d times", p.nick, text, times[text])
			}
		}
	}
}
