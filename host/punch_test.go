package host_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// TestPunchBeforeAnybodySawUs fails at once: libp2p's would wait for ever.
func TestPunchBeforeAnybodySawUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		alice, bob := net.Host(), net.Host()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := alice.Punch(ctx, bob.ID()); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// TestPunchAgain asks for a direct connection once more over a relayed one, and
// gets it when the path is free.
func TestPunchAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 25 * time.Millisecond})
		seed := net.HostWith(host.Config{Seed: true, Listen: public(1)})
		relays := []peer.AddrInfo{infoOf(seed)}
		alice := net.HostWith(host.Config{Relays: relays, Listen: public(2)})
		bob := net.HostWith(host.Config{Relays: relays, Listen: public(3)})
		net.Cut(alice, bob)
		net.Connect(alice, seed)
		net.Connect(bob, seed)
		until(t, "bob's relay address", 5*time.Second, func() bool { return len(circuits(bob.Addrs())) > 0 })
		dial(t, alice, bob)
		time.Sleep(30 * time.Second) // the attempts that libp2p makes by itself are over
		if got := bob.Network().Connectedness(alice.ID()); got != network.Limited {
			t.Fatalf("%s before the path was free", got)
		}
		net.Heal(alice, bob)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := bob.Punch(ctx, alice.ID()); err != nil {
			t.Fatal(err)
		}
		if got := bob.Network().Connectedness(alice.ID()); got != network.Connected {
			t.Errorf("%s", got)
		}
	})
}

// TestPunchesThatCross has the same two roles whoever is a moment earlier: the
// larger peer ID is followed, and nobody follows two.
func TestPunchesThatCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 25 * time.Millisecond})
		small, large := net.Host(), net.Host()
		if small.ID() > large.ID() {
			small, large = large, small
		}
		for _, h := range []*host.Host{small, large} {
			other := small.ID()
			if h == small {
				other = large.ID()
			}
			end := h.BeginPunch(other)
			if !h.LeadsPunch(other) {
				t.Error("nobody leads")
			}
			endTheirs, err := h.FollowPunch(other)
			if (err == nil) != (h == small) {
				t.Errorf("follows, small %t: %v", h == small, err)
			}
			if h.LeadsPunch(other) != (h == large) {
				t.Errorf("small %t: leads %t", h == small, h.LeadsPunch(other))
			}
			end()
			if h == small {
				endTheirs()
			}
			for range host.MaxFollowed { // without one of ours, all may
				if _, err := h.FollowPunch(other); err != nil {
					t.Error(err)
				}
			}
			if _, err := h.FollowPunch(other); err == nil {
				t.Error("follows without end")
			}
		}
	})
}

// TestPunchWhenBothHaveCalled gets through though the connection by which we
// called has more streams, and libp2p would take it: over that one the peer does
// not listen.
func TestPunchWhenBothHaveCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 25 * time.Millisecond})
		seed := net.HostWith(host.Config{Seed: true, Listen: public(1)})
		relays := []peer.AddrInfo{infoOf(seed)}
		alice := net.HostWith(host.Config{Relays: relays, Listen: public(2)})
		bob := net.HostWith(host.Config{Relays: relays, Listen: public(3)})
		net.Cut(alice, bob)
		net.Connect(alice, seed)
		net.Connect(bob, seed)
		until(t, "relay addresses", 5*time.Second, func() bool {
			return len(circuits(alice.Addrs())) > 0 && len(circuits(bob.Addrs())) > 0
		})
		var dials sync.WaitGroup
		dials.Go(func() { dial(t, alice, bob) })
		dials.Go(func() { dial(t, bob, alice) })
		dials.Wait()
		conns := alice.Network().ConnsToPeer(bob.ID())
		if len(conns) != 2 {
			t.Fatalf("%d connections: this shows nothing", len(conns))
		}
		for _, c := range conns {
			for range 5 {
				if c.Stat().Direction == network.DirOutbound {
					if _, err := c.NewStream(network.WithAllowLimitedConn(t.Context(), "test")); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		time.Sleep(30 * time.Second) // the attempts that the hosts make by themselves are over
		net.Heal(alice, bob)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := alice.Punch(ctx, bob.ID()); err != nil {
			t.Fatal(err)
		}
	})
}
