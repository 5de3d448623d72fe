package netlab

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// oneWay is the delay of the scenarios' internet if they do not say otherwise: that
// of a continent.
const oneWay = 50 * time.Millisecond

// TestFoundAndRelayed lets two people behind routers that cannot be punched meet in a
// room: what they say goes through the seed, which forwards the room.
func TestFoundAndRelayed(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed := lab.Public("seed").Seed()
	alice := lab.Home("home-a", Symmetric).Host("alice").Join("lobby", Via(seed))
	bob := lab.Home("home-b", Symmetric).Host("bob").Join("lobby", Via(seed))
	alice.Say("hello from alice")
	first := bob.WaitEvent("the first message", 30*time.Second, IsMessage("hello from alice"))
	lab.Figure("room, two symmetric NATs: first message from cold start", first.At.Sub(bob.Started()), 3*time.Second)
	bob.Say("hello from bob")
	lab.Figure("room, two symmetric NATs: answer", alice.WaitMessage("hello from bob", 10*time.Second), 1*time.Second)
	lab.Check("lobby", alice, bob)
	if n := lab.Bytes(alice.Host(), bob.Host()); n > 100_000 {
		t.Errorf("%d bytes went straight between routers that cannot be punched", n)
	}
}

// TestPrivateRelayed is the same in private.
func TestPrivateRelayed(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed := lab.Public("seed").Seed()
	alice := lab.Home("home-a", Symmetric).Host("alice").Person(Via(seed))
	bob := lab.Home("home-b", Symmetric).Host("bob").Person(Via(seed))
	bob.Dial(alice)
	alice.Dial(bob)
	alice.Say("hello from alice")
	first := bob.WaitEvent("the first message", 30*time.Second, IsMessage("hello from alice"))
	lab.Figure("private, two symmetric NATs: first message from cold start", first.At.Sub(alice.Started()), 3*time.Second)
	mine := alice.WaitEvent("acceptance", 5*time.Second, IsMessage("hello from alice"))
	held := alice.WaitEvent("acknowledgement", 10*time.Second, IsDelivery(mine.ID, "held"))
	lab.Figure("private, two symmetric NATs: acknowledged from cold start", held.At.Sub(alice.Started()), 3*time.Second)
	bob.Say("hello from bob")
	lab.Figure("private, two symmetric NATs: answer", alice.WaitMessage("hello from bob", 10*time.Second), 500*time.Millisecond)
	lab.CheckPrivate(alice, bob)
}

// TestRelayCutOff has a seed that ends each relayed connection after 64 KiB: those who
// talk much are cut off again and again, and lose nothing by it.
func TestRelayCutOff(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed := lab.Public("seed").Seed(Flags("--relay-data", "64KiB"))
	alice := lab.Home("home-a", Symmetric).Host("alice").Person(Via(seed))
	bob := lab.Home("home-b", Symmetric).Host("bob").Person(Via(seed))
	alice.Dial(bob)
	bob.Dial(alice)
	const messages = 60
	var longest time.Duration
	for i := range messages {
		text := fmt.Sprintf("%d %s", i, strings.Repeat("x", probeSize)) // 240 KiB in all
		alice.Say(text)
		longest = max(longest, bob.WaitMessage(text, 30*time.Second))
	}
	lab.Figure("relay cuts off after 64 KiB: longest wait for one of 60 messages of 4 KiB", longest, 3*time.Second)
	lab.CheckPrivate(alice, bob)
}

// TestPortForward lets the router of one of two lead a port inside: they talk
// straight, and the seed hears nothing of it.
func TestPortForward(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(oneWay)
	seed := lab.Public("seed").Seed()
	home := lab.Home("home-a", Friendly)
	host := home.Host("alice")
	home.Forward(host, host.Port())
	alice := host.Join("lobby", Via(seed))
	bob := lab.Home("home-b", Symmetric).Host("bob").Join("lobby", Via(seed))
	alice.Say("hello from alice")
	bob.WaitMessage("hello from alice", 30*time.Second)
	took := lab.WaitDirect("the two talk straight", 30*time.Second, alice, bob)
	lab.Figure("port forwarded: direct, after the first message", took, 5*time.Second)
	lab.Check("lobby", alice, bob)
}

// TestSameHome lets two people behind one router meet. With mDNS they need not even
// know an internet; without it the router leads nothing back inside, and they talk
// through the seed.
func TestSameHome(t *testing.T) {
	t.Parallel()
	t.Run("mdns", func(t *testing.T) {
		t.Parallel()
		lab := New(t)
		home := lab.Home("home", Friendly)
		alice := home.Host("alice").Join("lobby", MDNS())
		bob := home.Host("bob").Join("lobby", MDNS())
		alice.Say("hello from alice")
		first := bob.WaitEvent("the first message", 20*time.Second, IsMessage("hello from alice"))
		lab.Figure("one home with mDNS: first message from cold start", first.At.Sub(bob.Started()), 2*time.Second)
		lab.Check("lobby", alice, bob)
	})
	t.Run("seed", func(t *testing.T) {
		t.Parallel()
		lab := New(t)
		lab.Delay(oneWay)
		seed := lab.Public("seed").Seed()
		home := lab.Home("home", Friendly)
		alice := home.Host("alice").Join("lobby", Via(seed))
		bob := home.Host("bob").Join("lobby", Via(seed))
		alice.Say("hello from alice")
		first := bob.WaitEvent("the first message", 30*time.Second, IsMessage("hello from alice"))
		lab.Figure("one home without mDNS: first message from cold start", first.At.Sub(bob.Started()), 3*time.Second)
		lab.Check("lobby", alice, bob)
	})
}

// TestCrossedDials lets two public people dial each other at the same moment, again
// and again: with shared ports both dials become one connection without a listener.
func TestCrossedDials(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{10 * time.Millisecond, oneWay} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			lab.Delay(delay)
			seed := lab.Public("seed").Seed()
			a, b := lab.Public("alice"), lab.Public("bob")
			var worst time.Duration
			for i := range 12 {
				alice, bob := a.Person(Via(seed)), b.Person(Via(seed))
				// Each has the other's address, so that both dial at once.
				alice.Start("dial", bob.Addr(), "--json", "--follow", "--wait", "1m")
				bob.Start("dial", alice.Addr(), "--json", "--follow", "--wait", "1m")
				alice.Say(fmt.Sprintf("a %d", i))
				bob.Say(fmt.Sprintf("b %d", i))
				got := bob.WaitEvent("alice's message", 30*time.Second, IsMessage(fmt.Sprintf("a %d", i)))
				worst = max(worst, got.At.Sub(bob.Started()))
				got = alice.WaitEvent("bob's message", 30*time.Second, IsMessage(fmt.Sprintf("b %d", i)))
				worst = max(worst, got.At.Sub(bob.Started()))
				lab.CheckPrivate(alice, bob)
				alice.Kill9()
				bob.Kill9()
			}
			lab.Figure(fmt.Sprintf("crossed dials at %s: slowest of 12", delay), worst, 3*time.Second)
		})
	}
}
