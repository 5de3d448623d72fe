package netlab

import (
	"fmt"
	"testing"
	"time"
)

// TestPartition cuts a room in halves that go on talking, and heals it.
func TestPartition(t *testing.T) {
	t.Parallel()
	for _, cut := range []time.Duration{90 * time.Second, 30 * time.Second} {
		t.Run(cut.String(), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			lab.Delay(oneWay)
			s0, s1 := lab.Public("seed-0"), lab.Public("seed-1")
			seed0 := s0.Seed()
			seed1 := s1.Seed(Via(seed0))
			var people []*Node
			sides := [2][]Place{{s0}, {s1}}
			for i := range 6 {
				h := lab.Home(fmt.Sprintf("home-%d", i), Friendly)
				people = append(people, h.Host(fmt.Sprintf("p%d", i)).Join("lobby", Via(seed0, seed1)))
				sides[i%2] = append(sides[i%2], h)
			}
			hearEachOther(lab, "before", 30*time.Second, people...)

			lab.Partition(sides[0], sides[1])
			for i, end := 0, time.Now().Add(cut); time.Now().Before(end); i++ {
				for _, p := range people {
					p.Say(fmt.Sprintf("%s, %d s into the cut", p.Name(), i))
				}
				time.Sleep(time.Second) // people talk at their own pace
			}
			lab.Heal()
			healed := time.Now()
			name := fmt.Sprintf("partition of %s", cut)
			first, all := crossAgain(lab, healed, people)
			lab.Figure(name+": first message across", first, 2*time.Second)
			lab.Figure(name+": everybody hears everybody", all, 5*time.Second)
			lab.Check("lobby", people...)
		})
	}
}

// hearEachOther waits until all have seen all in the room, for what was said before
// somebody came is the past to them and may go to their history without being shown.
// Then it lets everybody say something and waits until all have heard all. It returns
// how long both took.
func hearEachOther(lab *Lab, what string, within time.Duration, people ...*Node) time.Duration {
	lab.t.Helper()
	start := time.Now()
	for _, p := range people {
		for _, q := range people {
			if p != q {
				q.WaitEvent(p.Name()+" being in the room", within-time.Since(start), func(e Event) bool {
					return IsMember(p.PeerID())(e) && e.Conversation != ""
				})
			}
		}
	}
	text := func(n *Node) string { return n.Name() + " speaks " + what }
	for _, p := range people {
		p.Say(text(p))
	}
	for _, p := range people {
		for _, q := range people {
			if p != q {
				q.WaitEvent(text(p), within-time.Since(start), IsMessage(text(p)))
			}
		}
	}
	return time.Since(start)
}

// crossAgain lets everybody speak and returns how long after the healing the first
// message crossed to the other half, and how long until all have heard all.
func crossAgain(lab *Lab, healed time.Time, people []*Node) (first, all time.Duration) {
	lab.t.Helper()
	hearEachOther(lab, "after", 40*time.Second, people...)
	for i, p := range people {
		for j, q := range people {
			if p == q {
				continue
			}
			e, _ := q.Find(IsMessage(p.Name() + " speaks after"))
			if took := e.At.Sub(healed); (i+j)%2 == 1 {
				all = max(all, took)
				if first == 0 || took < first {
					first = took
				}
			}
		}
	}
	return first, all
}

// noticeAfter matches a notice that comes after a moment.
func noticeAfter(code string, after time.Time) func(Event) bool {
	return func(e Event) bool { return e.Type == "notice" && e.Code == code && e.At.After(after) }
}

// pairAndSeed lets two behind friendly routers meet in a room and talk straight.
func pairAndSeed(lab *Lab) (seed, alice, bob *Node) {
	lab.t.Helper()
	lab.Delay(oneWay)
	seed = lab.Public("seed").Seed()
	alice = lab.Home("home-a", Friendly).Host("alice").Join("lobby", Via(seed))
	bob = lab.Home("home-b", Friendly).Host("bob").Join("lobby", Via(seed))
	hearEachOther(lab, "before", 30*time.Second, alice, bob)
	lab.WaitDirect("the two talk straight", 30*time.Second, alice, bob)
	return seed, alice, bob
}

// seedComesBack starts the seed again, and lets a newcomer find the room through it.
func seedComesBack(lab *Lab, what string, lost time.Time, seed, alice, bob *Node) {
	lab.t.Helper()
	hearEachOther(lab, "without the seed", 10*time.Second, alice, bob)
	seed.Restart()
	seed.WaitReady()
	back := time.Now()
	seen := alice.WaitEvent("the seed being back", 60*time.Second, noticeAfter("seed-back", lost))
	lab.Figure(what+": attached again", seen.At.Sub(back), 2*time.Second)
	carol := lab.Home("home-c", Friendly).Host("carol").Join("lobby", Via(seed))
	alice.Say("hello carol")
	heard := carol.WaitEvent("alice's message", 30*time.Second, IsMessage("hello carol"))
	lab.Figure(what+": newcomer hears the room, from cold start", heard.At.Sub(carol.Started()), 3*time.Second)
	lab.Check("lobby", alice, bob, carol)
}

// TestSeedRestart kills a seed and lets it come back.
func TestSeedRestart(t *testing.T) {
	t.Parallel()
	lab := New(t)
	seed, alice, bob := pairAndSeed(lab)
	lost := time.Now()
	seed.Kill9()
	gone := alice.WaitEvent("the seed being gone", 20*time.Second, noticeAfter("seed-lost", lost))
	lab.Figure("seed killed: noticed", gone.At.Sub(lost), time.Second)
	seedComesBack(lab, "seed killed and started", lost, seed, alice, bob)
}

// TestSeedPowerLoss takes the power from a seed: nobody is told that it is gone.
func TestSeedPowerLoss(t *testing.T) {
	t.Parallel()
	lab := New(t)
	seed, alice, bob := pairAndSeed(lab)
	lost := time.Now()
	seed.Host().PowerOff()
	gone := alice.WaitEvent("the seed being gone", 60*time.Second, noticeAfter("seed-lost", lost))
	lab.Figure("seed without power: noticed", gone.At.Sub(lost), 15*time.Second)
	seed.Host().PowerOn()
	seedComesBack(lab, "seed without power and started", lost, seed, alice, bob)
}

// TestOneOfTwoSeeds takes the power from one of two seeds through which two talk who
// have no other way: the other seed goes on.
func TestOneOfTwoSeeds(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed, other := lab.Public("seed").Seed(), lab.Public("other").Seed()
	alice := lab.Home("home-a", Symmetric).Host("alice").Join("lobby", Via(seed, other))
	bob := lab.Home("home-b", Symmetric).Host("bob").Join("lobby", Via(seed, other))
	hearEachOther(lab, "before", 30*time.Second, alice, bob)
	seed.Host().PowerOff()
	took := hearEachOther(lab, "without power", 60*time.Second, alice, bob)
	lab.Figure("one of two seeds without power: both heard", took, 1*time.Second)
	lab.Check("lobby", alice, bob)
}

// TestAllSeedsGone lets those who are connected go on without any seed.
func TestAllSeedsGone(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed0 := lab.Public("seed-0").Seed()
	seed1 := lab.Public("seed-1").Seed(Via(seed0))
	var people []*Node
	for i := range 3 {
		h := lab.Home(fmt.Sprintf("home-%d", i), Friendly).Host(fmt.Sprintf("p%d", i))
		people = append(people, h.Join("lobby", Via(seed0, seed1)))
	}
	hearEachOther(lab, "before", 30*time.Second, people...)
	for i, p := range people {
		lab.WaitDirect("all talk straight", 30*time.Second, p, people[(i+1)%len(people)])
	}
	seed0.Kill9()
	seed1.Kill9()
	lab.Figure("all seeds gone: everybody hears everybody", hearEachOther(lab, "alone", 30*time.Second, people...), 1*time.Second)
	lab.Check("lobby", people...)
}
