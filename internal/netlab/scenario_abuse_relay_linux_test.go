package netlab

import (
	"fmt"
	"testing"
	"time"
)

const (
	// attackTime is when an attack must have done its work.
	attackTime = 40 * time.Second
	// talkUnderAttack is how long two who talk may take to hear each other meanwhile.
	talkUnderAttack = 2 * time.Second
	// mostMemory is what an attack may make a node need, in bytes: 64 KiB for each of
	// the 2048 streams that a host can have, of which one attacker may take all.
	mostMemory = 128 << 20
)

// attackFrom starts an attack of a public host with so many addresses, waits until it
// has done its work, and tells what became of it.
func attackFrom(lab *Lab, name, program string, addresses int, args ...string) Event {
	lab.t.Helper()
	h := lab.Public(name)
	for _, a := range h.MoreAddresses(addresses - 1) {
		args = append(args, a.String())
	}
	return attackOf(h, program, args...)
}

func attackOf(h *Host, program string, args ...string) Event {
	h.lab.t.Helper()
	done := h.Helper(program, args...).WaitEvent("the end of the attack", attackTime, func(e Event) bool { return e.Type == "done" })
	h.lab.t.Logf("%s: %d granted, %d refused: %s", program, done.Reached, done.Missing, done.Text)
	return done
}

// unharmed checks that people still hear each other in the room, all they ever said,
// and that a node under attack has not needed too much memory since.
func unharmed(lab *Lab, what string, node *Node, before int64, people ...*Node) {
	lab.t.Helper()
	lab.Figure(what+": those who talk hear each other", hearEachOther(lab, "during "+what, attackTime, people...), talkUnderAttack)
	after := node.Memory()
	lab.t.Logf("%s's memory: %d MiB before, at most %d MiB", node.Name(), before>>20, after>>20)
	if after-before > mostMemory {
		lab.t.Errorf("%s's memory went from %d to %d MiB", node.Name(), before>>20, after>>20)
	}
	lab.Check("lobby", people...)
}

// behindRouters lets two meet who can only talk through a seed.
func behindRouters(lab *Lab) (seed, alice, bob *Node) {
	lab.t.Helper()
	seed = lab.Public("seed").Seed()
	alice = lab.Home("home-a", Symmetric).Host("alice").Join("lobby", Via(seed))
	bob = lab.Home("home-b", Symmetric).Host("bob").Join("lobby", Via(seed))
	hearEachOther(lab, "before", 30*time.Second, alice, bob)
	return seed, alice, bob
}

// newcomer is somebody else who can only talk through the seed. He must find the room
// and those in it, in private too.
func newcomer(lab *Lab, what string, seed, alice *Node) *Node {
	lab.t.Helper()
	h := lab.Home("home-c", Symmetric).Host("carol")
	carol := h.Join("lobby", Via(seed))
	hearEachOther(lab, "to a newcomer", attackTime, alice, carol)
	e, _ := alice.Find(IsMessage("carol speaks to a newcomer"))
	lab.Figure(what+": newcomer is heard in the room", e.At.Sub(carol.Started()), 5*time.Second)

	dave := lab.Home("home-d", Symmetric).Host("dave").Person(Via(seed))
	dave.Dial(carol)
	dave.WaitReady()
	dave.Say("are you there?")
	heard := carol.WaitEvent("dave's message", attackTime, IsMessage("are you there?"))
	lab.Figure(what+": newcomer calls another", heard.At.Sub(dave.Started()), 5*time.Second)
	return carol
}

// TestReservationFlood lets many identities ask a seed for reservations, from one
// address, from three, and from ten, which want more than there is. No address gets
// more than its share, and others get theirs.
func TestReservationFlood(t *testing.T) {
	t.Parallel()
	const share = 64 // of one address: host.maxReservationsOfIP
	for _, addresses := range []int{1, 3, 10} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			what := fmt.Sprintf("reservations from %d", addresses)
			seed, alice, bob := behindRouters(lab)
			before := seed.Memory()
			got := attackFrom(lab, "attacker", "reserve", addresses, seed.Addr())
			if got.Reached > share*addresses || got.Reached < share {
				t.Errorf("%d addresses got %d reservations, not %d each", addresses, got.Reached, share)
			}
			carol := newcomer(lab, what, seed, alice)
			unharmed(lab, what, seed, before, alice, bob, carol)
		})
	}
}

// TestCircuitsToNowhere asks a seed for circuits to nobody, then for too many to one
// who is in the plot, and then lets pairs in the plot take all they can get.
func TestCircuitsToNowhere(t *testing.T) {
	t.Parallel()
	const (
		most  = 16  // of one peer: host.maxCircuitsOfPeer
		share = 128 // of one address: host.maxCircuitsOfIP
	)
	lab := New(t)
	seed, alice, bob := behindRouters(lab)
	before := seed.Memory()
	if got := attackFrom(lab, "lonely", "circuits", 1, seed.Addr()); got.Reached != most {
		t.Errorf("one peer got %d circuits, not %d", got.Reached, most)
	}
	if got := attackFrom(lab, "crowd", "crowd", 1, seed.Addr()); got.Reached > share || got.Reached < most {
		t.Errorf("one address got %d circuits, not %d", got.Reached, share)
	}
	carol := newcomer(lab, "circuits", seed, alice)
	unharmed(lab, "circuits", seed, before, alice, bob, carol)
}

// TestDialBacks asks a seed to call others back, as many identities, and pays for it:
// a bystander, one whose packets are lost, and addresses that are nobody's business.
func TestDialBacks(t *testing.T) {
	t.Parallel()
	const (
		elsewhere = 12 // a minute: host.dialBacksElsewhere
		syns      = 5  // that the kernel sends before a dial is given up
	)
	lab := New(t)
	seed := lab.Public("seed").Seed()
	alice := lab.Public("alice").Join("lobby", Via(seed))
	bob := lab.Public("bob").Join("lobby", Via(seed))
	hearEachOther(lab, "before", 30*time.Second, alice, bob)
	before := seed.Memory()
	victim := lab.Public("victim")
	attacker := lab.Public("attacker")
	sent := lab.Bytes(seed.Host(), victim)
	attackOf(attacker, "dialback", seed.Addr(), attacker.Address().String(),
		fmt.Sprintf("/ip4/%s/tcp/5000", victim.Address()),
		"/ip4/192.0.0.254/tcp/5000", // nobody
		"/ip4/127.0.0.1/tcp/5000", "/ip4/192.168.1.1/tcp/5000", "/ip4/169.254.169.254/tcp/5000",
		fmt.Sprintf("/ip4/%s/tcp/22", victim.Address()))
	hit := 0
	for to, n := range seed.Host().Dialled() {
		switch {
		case to.Addr() == victim.Address() && to.Port() == 22, to.Addr().IsPrivate(), to.Addr().IsLoopback(), to.Addr().IsLinkLocalUnicast():
			t.Errorf("the seed sent %d SYNs to %s", n, to)
		case to.Port() == 5000:
			hit += n
		}
	}
	t.Logf("the seed sent %d SYNs elsewhere, and %d bytes to the victim", hit, lab.Bytes(seed.Host(), victim)-sent)
	if hit == 0 || hit > syns*elsewhere {
		t.Errorf("the seed sent %d SYNs on a stranger's word, not 1 to %d", hit, syns*elsewhere)
	}
	unharmed(lab, "dial-backs", seed, before, alice, bob)
}
