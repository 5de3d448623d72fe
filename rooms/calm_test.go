package rooms

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/internal/testnet"
)

// told returns how often n was told of members, and of how many beacons, and
// forgets the latter.
func (n *node) told() (events, beacons int) {
	synctest.Wait()
	n.with(func() {
		events, beacons = n.events, len(n.beacons)
		n.beacons = nil
	})
	return events, beacons
}

// In a room in which all are connected beacons are rare. That changes when two
// are not any more, though they notice one after the other, and nobody is taken
// for away; but who vanishes is, as soon as ever.
func TestCalmRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		nodes := newNodes(t, net, 4)
		for i, n := range nodes {
			n.join()
			for _, o := range nodes[:i] {
				net.Connect(n.Host, o.Host)
			}
		}
		alice, bob, carol, dave := nodes[0], nodes[1], nodes[2], nodes[3]
		wait(5 * time.Minute)
		before, _ := dave.told()
		quiet := func(after string) {
			t.Helper()
			for i, n := range nodes {
				if events, _ := n.told(); events != before {
					t.Fatalf("after %s node %d was told something", after, i)
				}
			}
		}
		count := func(d time.Duration) int {
			dave.told()
			wait(d)
			_, beacons := dave.told()
			return beacons
		}
		calm := count(time.Hour)
		if most := 3 * 3600 / 95; calm > most || calm < 3*3600/105-3 {
			t.Errorf("%d beacons of three others in an hour, want 34 to 37 of each", calm)
		}
		quiet("an hour")

		for range 5 {
			net.Cut(alice.Host, bob.Host)
			wait(time.Second)
			_ = alice.Network().ClosePeer(bob.ID()) // who cannot be told
			apart := count(5 * time.Minute)
			// Carol has no reason to hurry.
			if apart < 2*300/36 || apart > 2*(300/24+1)+300/95+1 {
				t.Errorf("%d beacons in five minutes while two are apart", apart)
			}
			quiet("a cut")
			net.Heal(alice.Host, bob.Host)
			net.Connect(alice.Host, bob.Host)
			wait(time.Minute)
		}
		if again := count(time.Hour); again > calm*5/4 {
			t.Errorf("%d beacons an hour when all are connected again, and %d before", again, calm)
		}
		quiet("healing")

		net.Kill(bob.Host)
		wait(44 * time.Second)
		quiet("a death of which nobody is sure yet")
		wait(17 * time.Second)
		alice.wantRoster(carol, dave)
		carol.wantRoster(alice, dave)
	})
}

// A neighbour whom gossipsub has forgotten does not know it, and sees no reason to
// send more beacons: so it is not taken for away.
func TestCalmForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		var forgot atomic.Int32
		alice, bob := forgetting(t, net, 0, &forgot), forgetting(t, net, 1, &forgot)
		carol := newNode(t, net, 2) // or bob, meeting the only neighbour again, would begin anew
		for _, n := range []*node{alice, bob, carol} {
			n.join()
		}
		net.Connect(carol.Host, alice.Host)
		net.Connect(carol.Host, bob.Host)
		twice(t, alice, bob)
		wait(10 * time.Minute)
		alice.told()
		for heard := 0; heard == 0; { // the next is far away
			wait(time.Second)
			alice.with(func() {
				for _, b := range alice.beacons {
					if b.Author == bob.self {
						heard++
					}
				}
			})
		}
		for _, n := range []*node{alice, bob} { // as if mended just now
			m := n.svc.mender
			m.mu.Lock()
			for _, o := range []*node{alice, bob} {
				m.ward.treated[o.ID()] = treatment{renewed: time.Now(), closed: time.Now()}
			}
			m.mu.Unlock()
		}
		for _, c := range alice.gossips(bob) {
			_ = c.Close()
		}
		wait(50 * time.Second)
		if a, b := len(alice.room.Peers()), len(bob.room.Peers()); a != 1 || b != 2 {
			t.Fatal("bob was not forgotten: this test tests nothing")
		}
		wait(2 * time.Minute)
		alice.wantRoster(bob, carol)
		bob.wantRoster(alice, carol)
		for _, n := range []*node{alice, bob} {
			if events, _ := n.told(); events != 2 {
				t.Errorf("node %d was told %d times of a member, want twice", n.key, events)
			}
		}
	})
}

// Whoever takes another's place is told of, though the number is the same.
func TestPeersTellsOfAnotherMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		seed := newSeed(t, net)
		alice, bob := newBehind(t, net, 0, seed), newBehind(t, net, 1, seed)
		calls := make(map[int]int) // of Peers, by the number of members then
		h := alice.handler()
		h.Peers = func(n int) {
			if n != 1 {
				return
			}
			<-alice.in
			calls[len(alice.room.Peers())]++
		}
		alice.in = make(chan struct{})
		var err error
		if alice.room, err = alice.svc.Join(lobby(), h); err != nil {
			t.Fatal(err)
		}
		close(alice.in)
		bob.join()
		net.Connect(alice.Host, seed.Host)
		net.Connect(bob.Host, seed.Host)
		wait(10 * time.Second)
		if calls[0] != 1 || calls[1] != 0 {
			t.Fatalf("told %v, want once of one behind the seed", calls)
		}
		net.Connect(alice.Host, bob.Host)
		wait(10 * time.Second)
		if calls[0] != 1 || calls[1] != 1 {
			t.Errorf("told %v, want once more, of one who is a neighbour", calls)
		}
	})
}
