package netlab

import (
	"testing"
	"time"
)

// directPair starts a seed and a private talk between two homes, and waits until it
// goes straight.
func directPair(lab *Lab) (seed, alice, bob *Node) {
	lab.t.Helper()
	lab.Delay(oneWay)
	seed = lab.Public("seed").Seed()
	alice = lab.Home("home-a", Friendly).Host("alice").Person(Via(seed))
	bob = lab.Home("home-b", Friendly).Host("bob").Person(Via(seed))
	alice.Dial(bob)
	bob.Dial(alice)
	alice.Say("hello from alice")
	bob.WaitMessage("hello from alice", 30*time.Second)
	lab.WaitDirect("the two talk straight", 30*time.Second, alice, bob)
	return seed, alice, bob
}

// talkAgain lets both speak after something has happened, and measures until each
// has heard the other, and until they talk straight.
func talkAgain(lab *Lab, what string, alice, bob *Node, talk, direct time.Duration) {
	lab.t.Helper()
	start := time.Now()
	alice.Say("alice, after " + what)
	bob.Say("bob, after " + what)
	toBob := bob.WaitEvent("alice's message", slack*talk+10*time.Second, IsMessage("alice, after "+what))
	toAlice := alice.WaitEvent("bob's message", slack*talk+10*time.Second, IsMessage("bob, after "+what))
	lab.Figure(what+": who it happened to is heard", toBob.At.Sub(start), talk)
	lab.Figure(what+": and hears", toAlice.At.Sub(start), talk)
	lab.WaitDirect("the two talk straight again", slack*direct+10*time.Second, alice, bob)
	lab.Figure(what+": direct again", time.Since(start), direct)
	lab.CheckPrivate(alice, bob)
}

// TestMove carries a computer from one home to another in the middle of a talk; also
// to one where it gets the very address that it had before.
func TestMove(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, lan string }{{"other address", "192.168.7.1/24"}, {"same address", "192.168.1.1/24"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			_, alice, bob := directPair(lab)
			alice.Host().MoveTo(lab.HomeIn("home-c", Friendly, c.lan))
			talkAgain(lab, "move to another home, "+c.name, alice, bob, 3*time.Second, 10*time.Second)
		})
	}
}

// TestAddressChange gives a router another public address, as some providers do each
// night; who is behind it is not told.
func TestAddressChange(t *testing.T) {
	t.Parallel()
	lab := New(t)
	_, alice, bob := directPair(lab)
	alice.Host().Home().ChangeAddress()
	talkAgain(lab, "new address of the router", alice, bob, 6*time.Second, 10*time.Second)
}

// TestSleep suspends a computer for longer than anybody keeps its connections.
func TestSleep(t *testing.T) {
	t.Parallel()
	lab := New(t)
	_, alice, bob := directPair(lab)
	alice.Suspend()
	bob.Say("good night")
	bob.WaitEvent("alice being gone", 60*time.Second, func(e Event) bool {
		return e.Type == "member" && e.Peer == alice.PeerID() && !e.Online
	})
	alice.Resume()
	start := time.Now()
	heard := alice.WaitEvent("what was said in the night", 30*time.Second, IsMessage("good night"))
	lab.Figure("sleep: what was said meanwhile is there", heard.At.Sub(start), 3*time.Second)
	talkAgain(lab, "sleep", alice, bob, 3*time.Second, 10*time.Second)
}
