package netlab

import (
	"fmt"
	"testing"
	"time"
)

// TestNATPairs lets two people behind routers of all kinds talk in private: at once
// through the seed, and straight where the routers allow it.
func TestNATPairs(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct {
		a, b   NAT
		direct bool
	}{
		{Friendly, Friendly, true},
		{Shifting, Shifting, true},
		{Friendly, Shifting, true},
		{Resetting, Resetting, true},
		{Friendly, Symmetric, false},
		{Symmetric, Symmetric, false},
	} {
		name := fmt.Sprintf("%s-%s", pair.a, pair.b)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			lab.Delay(oneWay)
			seed := lab.Public("seed").Seed()
			alice := lab.Home("home-a", pair.a).Host("alice").Person(Via(seed))
			bob := lab.Home("home-b", pair.b).Host("bob").Person(Via(seed))
			talkAndPunch(lab, name, alice, bob, pair.direct)
		})
	}
}

// TestNATBehindNAT has one of two behind a home router and a carrier's.
func TestNATBehindNAT(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed := lab.Public("seed").Seed()
	carrier := lab.Home("carrier", Friendly)
	alice := carrier.Home("home-a", Friendly).Host("alice").Person(Via(seed))
	bob := lab.Home("home-b", Friendly).Host("bob").Person(Via(seed))
	talkAndPunch(lab, "nat behind nat", alice, bob, true)
}

// TestPunchOverALossyPath loses packets of the punch and of what is said before it.
func TestPunchOverALossyPath(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Path(Link{Delay: oneWay, Jitter: 20 * time.Millisecond, Loss: 0.05})
	seed := lab.Public("seed").Seed()
	alice := lab.Home("home-a", Friendly).Host("alice").Person(Via(seed))
	bob := lab.Home("home-b", Shifting).Host("bob").Person(Via(seed))
	talkAndPunch(lab, "lossy path", alice, bob, true)
}

// talkAndPunch starts a private talk between two and waits until it goes straight, or
// sees that it goes on through the seed.
func talkAndPunch(lab *Lab, name string, alice, bob *Node, direct bool) {
	lab.t.Helper()
	alice.Dial(bob)
	bob.Dial(alice)
	alice.Say("hello from alice")
	first := bob.WaitEvent("the first message", 30*time.Second, IsMessage("hello from alice"))
	lab.Figure(name+": first message from cold start", first.At.Sub(bob.Started()), 3*time.Second)
	if direct {
		lab.WaitDirect("the two talk straight", 30*time.Second, alice, bob)
		lab.Figure(name+": direct after the first message", time.Since(first.At), 2*time.Second)
	} else {
		lab.StaysRelayed(10*time.Second, alice, bob)
	}
	bob.Say("hello from bob")
	alice.WaitMessage("hello from bob", 5*time.Second)
	lab.CheckPrivate(alice, bob)
}
