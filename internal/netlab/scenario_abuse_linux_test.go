package netlab

import (
	"fmt"
	"testing"
	"time"
)

// TestFlood opens 10,000 connections to a seed, from one address and from fifty, and
// leaves them in the middle of the handshake. Those who talk go on, newcomers from
// elsewhere get in, and the seed's memory stays bounded.
func TestFlood(t *testing.T) {
	t.Parallel()
	const connections = 10_000
	for _, addresses := range []int{1, 50} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			seed := lab.Public("seed").Seed()
			alice := lab.Public("alice").Join("lobby", Via(seed))
			bob := lab.Public("bob").Join("lobby", Via(seed))
			hearEachOther(lab, "before", 30*time.Second, alice, bob)
			before, threads := seed.Memory(), seed.Threads()

			attackFrom(lab, "attacker", "flood", addresses,
				fmt.Sprintf("%s:%d", seed.Host().Address(), SeedPort), fmt.Sprint(connections))
			hearEachOther(lab, "during", 10*time.Second, alice, bob)
			carol := lab.Public("carol").Join("lobby", Via(seed))
			alice.Say("hello carol")
			heard := carol.WaitEvent("alice's message", 30*time.Second, IsMessage("hello carol"))
			lab.Figure(fmt.Sprintf("flood from %d: newcomer hears the room", addresses), heard.At.Sub(carol.Started()), 3*time.Second)
			after := seed.Memory()
			t.Logf("the seed's memory: %d MiB before, at most %d MiB", before>>20, after>>20)
			if after-before > 64<<20 {
				t.Errorf("the seed's memory went from %d to %d MiB", before>>20, after>>20)
			}
			fewThreads(t, seed, threads)
			lab.Check("lobby", alice, bob, carol)
		})
	}
}

// TestHalfOpen opens two thousand TCP connections to somebody who talks and to his
// seed, and says nothing there, or a byte of the handshake every now and then.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	lab := New(t)
	seed := lab.Public("seed").Seed()
	alice := lab.Public("alice").Join("lobby", Via(seed))
	bob := lab.Public("bob").Join("lobby", Via(seed))
	hearEachOther(lab, "before", 30*time.Second, alice, bob)
	for _, victim := range []*Node{seed, alice} {
		before, threads := victim.Memory(), victim.Threads()
		port := victim.Host().Port()
		if victim == seed {
			port = SeedPort
		}
		attackFrom(lab, "silent-"+victim.Name(), "silence", 4,
			fmt.Sprintf("%s:%d", victim.Host().Address(), port), "2000")
		unharmed(lab, "half-open "+victim.Name(), victim, before, alice, bob)
		fewThreads(t, victim, threads)
	}
	carol := lab.Public("carol").Join("lobby", Via(seed))
	hearEachOther(lab, "to a newcomer", attackTime, alice, carol)
	e, _ := alice.Find(IsMessage("carol speaks to a newcomer"))
	lab.Figure("half-open: newcomer is heard", e.At.Sub(carol.Started()), 5*time.Second)
}

// mostThreads is how many threads an attack may make a node need.
const mostThreads = 16

// fewThreads checks that a node did not need many more threads under attack.
func fewThreads(t *testing.T, n *Node, before int) {
	t.Helper()
	now := n.Threads()
	t.Logf("%s's threads: %d before, %d now", n.Name(), before, now)
	if now > before+mostThreads {
		t.Errorf("%s's threads went from %d to %d", n.Name(), before, now)
	}
}

// TestNeverRead opens all streams that somebody who talks, and his seed, give, and
// reads nothing of what comes.
func TestNeverRead(t *testing.T) {
	t.Parallel()
	lab := New(t)
	seed := lab.Public("seed").Seed()
	alice := lab.Public("alice").Join("lobby", Via(seed))
	bob := lab.Public("bob").Join("lobby", Via(seed))
	hearEachOther(lab, "before", 30*time.Second, alice, bob)
	for _, victim := range []*Node{seed, alice} {
		before, threads := victim.Memory(), victim.Threads()
		attackFrom(lab, "deaf-"+victim.Name(), "unread", 1, victim.Addr())
		unharmed(lab, "streams never read by "+victim.Name(), victim, before, alice, bob)
		fewThreads(t, victim, threads)
	}
	carol := lab.Public("carol").Join("lobby", Via(seed))
	hearEachOther(lab, "to a newcomer", attackTime, alice, carol)
	e, _ := alice.Find(IsMessage("carol speaks to a newcomer"))
	lab.Figure("streams never read: newcomer is heard", e.At.Sub(carol.Started()), 5*time.Second)
}
