package netlab

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// acknowledged sends n messages one after the other in private and returns how long
// each took until the other one held it, the fastest first.
func acknowledged(lab *Lab, n int, from *Node) []time.Duration {
	lab.t.Helper()
	var all []time.Duration
	for i := range n {
		text := fmt.Sprintf("measured %d", i)
		from.Say(text)
		mine := from.WaitEvent("acceptance", 10*time.Second, IsMessage(text))
		held := from.WaitEvent("acknowledgement", 30*time.Second, IsDelivery(mine.ID, "held"))
		all = append(all, held.At.Sub(mine.At))
	}
	slices.Sort(all)
	return all
}

// TestLossyPath measures a talk and a room at 200 ms and 5 % loss each way.
func TestLossyPath(t *testing.T) {
	t.Parallel()
	const roundTrip = 200 * time.Millisecond
	lossy := Link{Delay: roundTrip / 2, Loss: 0.05}
	t.Run("private", func(t *testing.T) {
		t.Parallel()
		lab := New(t)
		lab.Path(lossy)
		alice, bob := lab.Public("alice").Person(), lab.Public("bob").Person()
		bob.Start("dial", alice.Addr(), "--json", "--follow", "--wait", "1m")
		alice.Start("dial", bob.Addr(), "--json", "--follow", "--wait", "1m")
		alice.Say("hello")
		bob.WaitMessage("hello", 30*time.Second)
		const messages = 100
		all := acknowledged(lab, messages, alice)
		lab.Figure("200 ms, 5 % loss: private message acknowledged, p50", all[messages/2], roundTrip*11/10)
		lab.Figure("200 ms, 5 % loss: private message acknowledged, p99", all[messages*99/100-1], roundTrip*4)
		lab.CheckPrivate(alice, bob)
	})
	t.Run("room", func(t *testing.T) {
		t.Parallel()
		lab := New(t)
		lab.Path(lossy)
		talkInRoom(lab, "200 ms, 5 % loss")
	})
}

// TestSlowCable has six people on cables of 32 kB/s.
func TestSlowCable(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Path(Link{Delay: 20 * time.Millisecond})
	talkInRoom(lab, "32 kB/s", func(h *Home) { lab.Cable(h, Link{Rate: 32_000}) })
}

// talkInRoom lets six people behind routers each say ten messages, all of which must
// come to everybody.
func talkInRoom(lab *Lab, name string, change ...func(*Home)) {
	lab.t.Helper()
	const members, messages = 6, 10
	seed := lab.Public("seed").Seed()
	var people []*Node
	for i := range members {
		h := lab.Home(fmt.Sprintf("home-%d", i), Friendly)
		for _, c := range change {
			c(h)
		}
		people = append(people, h.Host(fmt.Sprintf("p%d", i)).Join("lobby", Via(seed)))
	}
	lab.Figure(name+": six in a room have heard each other", hearEachOther(lab, "at first", 40*time.Second, people...), 5*time.Second)
	var all []time.Duration
	for i := range messages {
		what := fmt.Sprintf("for the %dth time", i)
		start := time.Now()
		hearEachOther(lab, what, 30*time.Second, people...)
		for _, p := range people {
			for _, q := range people {
				if e, ok := q.Find(IsMessage(p.Name() + " speaks " + what)); ok && p != q {
					all = append(all, e.At.Sub(start))
				}
			}
		}
	}
	slices.Sort(all)
	lab.Figure(name+": room message, p50", all[len(all)/2], 500*time.Millisecond)
	lab.Figure(name+": room message, p99", all[len(all)*99/100-1], 2*time.Second)
	lab.Check("lobby", people...)
}
