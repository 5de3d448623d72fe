package host_test

import (
	"context"
	"errors"
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
