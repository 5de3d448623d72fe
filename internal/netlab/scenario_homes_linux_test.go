package netlab

import (
	"fmt"
	"testing"
	"time"
)

// TestIPv6Only has a seed and two people without any IPv4 address.
func TestIPv6Only(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed := lab.PublicIPv6("seed").Seed()
	alice := lab.PublicIPv6("alice").Join("lobby", Via(seed))
	bob := lab.PublicIPv6("bob").Join("lobby", Via(seed))
	alice.Say("hello from alice")
	first := bob.WaitEvent("the first message", 30*time.Second, IsMessage("hello from alice"))
	lab.Figure("IPv6 only: first message from cold start", first.At.Sub(bob.Started()), 3*time.Second)
	lab.WaitDirect("the two talk straight", 30*time.Second, alice, bob)
	lab.Check("lobby", alice, bob)
}

// TestTenInOneHome has ten people behind one router, who do not see each other but
// through the seed: it must not take them for one who asks too much.
func TestTenInOneHome(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed := lab.Public("seed").Seed()
	home := lab.Home("home", Friendly)
	var people []*Node
	for i := range 10 {
		people = append(people, home.Host(fmt.Sprintf("p%d", i)).Join("lobby", Via(seed)))
	}
	away := lab.Home("elsewhere", Symmetric).Host("away").Join("lobby", Via(seed))
	people = append(people, away)
	took := hearEachOther(lab, "at first", 40*time.Second, people...)
	lab.Figure("ten behind one router and one elsewhere have heard each other", took, 5*time.Second)
	lab.Check("lobby", people...)
}
