package node

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

var (
	churnSeed   = flag.Uint64("churn.seed", 0, "run TestChurn with this one random start only: the same things are done at the same times")
	churnPeople = flag.Int("churn.people", 0, "how many people TestChurn has; 0 means what time allows")
	churnTime   = flag.Duration("churn.time", 0, "how long they talk; 0 means what time allows")
	churnRuns   = flag.Int("churn.runs", 0, "random starts of TestChurn; 0 means what time allows")
)

// TestChurn: people talk while some of them stop and come back with their data,
// connections are cut and healed, and the whole network parts in two, all at
// random. In the end nothing that was accepted is missing anywhere, and the
// checker finds nothing else either.
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

// A crowd is who takes part in a churn, at home or away.
type crowd struct {
	*world
	random *rand.Rand
	people []*person
	here   map[*person]bool
	said   map[chat.MessageID]string
}

// present lists who is here.
func (c *crowd) present() (all []*person) {
	for _, p := range c.people {
		if c.here[p] {
			all = append(all, p)
		}
	}
	return all
}

// toggle ends somebody's node, or starts it again with what it has on disk.
func (c *crowd) toggle(i int) {
	p := c.people[i]
	if c.here[p] {
		p.leave()
		p.accepted(lobby(), c.said)
		p.checkTwice(lobby())
		c.here[p] = false
		return
	}
	delete(c.here, p)
	c.people[i] = c.with(Config{Seeds: c.seeds, Key: p.key, Listen: p.info.Addrs, History: p.Node.log}, p.nick)
	c.people[i].join("lobby")
	c.here[c.people[i]] = true
}

// some is somebody who is here.
func (c *crowd) some() *person {
	all := c.present()
	return all[c.random.IntN(len(all))]
}

func churn(t *testing.T, start uint64) {
	n, pause := scaled(10, 8), time.Duration(scaled(10, 3))*time.Minute
	if *churnPeople > 0 {
		n = *churnPeople
	}
	if *churnTime > 0 {
		pause = *churnTime
	}
	t.Logf("to repeat: -run TestChurn -churn.seed %d -churn.people %d -churn.time %v", start, n, pause)
	c := &crowd{
		world: newWorld(t, 30*time.Millisecond), random: rand.New(rand.NewPCG(start, 0)),
		here: make(map[*person]bool), said: make(map[chat.MessageID]string),
	}
	c.seed()
	for i := range n {
		p := c.person(fmt.Sprint("person", i))
		p.join("lobby")
		c.people = append(c.people, p)
		c.here[p] = true
	}
	type cut struct{ a, b *person }
	var cuts []cut
	texts := 0
	for began, i := time.Now(), 0; time.Since(began) < pause; i++ {
		time.Sleep(time.Duration(c.random.IntN(2000)) * time.Millisecond)
		a, b := c.some(), c.some()
		switch what := c.random.IntN(40); {
		case what < 24:
			texts++
			a.say("lobby", fmt.Sprintf("%s says %d", a.nick, i))
		case what < 28:
			if a != b {
				c.net.Cut(a.host, b.host)
				cuts = append(cuts, cut{a, b})
			}
		case what < 30:
			if a != b {
				c.net.Reset(a.host, b.host)
			}
		case what < 34:
			if len(cuts) > 0 {
				i := c.random.IntN(len(cuts))
				c.net.Heal(cuts[i].a.host, cuts[i].b.host)
				cuts = slices.Delete(cuts, i, i+1)
			}
		case what < 35:
			all := c.present()
			c.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			c.net.Partition(c.group(all[:len(all)/2]...), c.group(all[len(all)/2:]...))
			time.Sleep(time.Duration(c.random.IntN(60)) * time.Second)
			c.net.HealAll()
			cuts = nil
		default:
			if i := c.random.IntN(n); !c.here[c.people[i]] || len(c.present()) > 2 {
				c.toggle(i)
			}
		}
	}
	c.net.HealAll()
	for i, p := range c.people {
		if !c.here[p] {
			c.toggle(i)
		}
	}
	time.Sleep(2 * time.Minute)
	for _, p := range c.people {
		p.accepted(lobby(), c.said)
	}
	t.Logf("%d messages said, %d accepted", texts, len(c.said))
	if len(c.said) < texts*9/10 { // the others were just written when their author left
		t.Errorf("only %d of %d messages were accepted", len(c.said), texts)
	}
	c.checkAll(lobby(), c.said, c.people...)
}
