package rooms

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// Two who reach each other only through a relay talk through its seed, and
// directly as soon as there is a direct connection beside the relayed one.
func TestRelayedThenDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		relay := net.HostWith(host.Config{Key: net.Key(seedKey), Seed: true, NoPortMapping: true})
		seed := newNodeOn(t, net, relay, seedKey, func(c *Config) { c.Forward = relay.Reserved })
		at := peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}
		behind := func(key int) *node {
			h := net.HostWith(host.Config{Key: net.Key(key), Relays: []peer.AddrInfo{at}, NoPortMapping: true})
			net.Connect(h, relay)
			n := newNodeOn(t, net, h, key, func(c *Config) {
				c.Forwarder = func(p peer.ID) bool { return p == relay.ID() }
			})
			n.join()
			return n
		}
		alice, bob := behind(0), behind(1)
		for began := time.Now(); !relay.Reserved(alice.ID()) || !relay.Reserved(bob.ID()); wait(100 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatal("no reservation")
			}
		}
		wait(5 * time.Second)
		if seed.topics() != 1 {
			t.Fatal("the seed does not forward the room")
		}
		circuit := ma.StringCast(relay.Addrs()[0].String() + "/p2p/" + relay.ID().String() + "/p2p-circuit")
		if err := alice.Connect(network.WithAllowLimitedConn(t.Context(), "test"), peer.AddrInfo{ID: bob.ID(), Addrs: []ma.Multiaddr{circuit}}); err != nil {
			t.Fatal(err)
		}
		if got := alice.Network().Connectedness(bob.ID()); got != network.Limited {
			t.Fatalf("the connection is %v, not limited", got)
		}
		wait(5 * time.Second)
		if alice.room.Peers() != nil || alice.say("one") != 1 {
			t.Fatal("gossip goes over the relayed connection")
		}
		wait(40 * time.Millisecond)
		bob.wantHeard("one")

		ctx := network.WithForceDirectDial(t.Context(), "test")
		if err := alice.Connect(ctx, peer.AddrInfo{ID: bob.ID(), Addrs: bob.Network().ListenAddresses()}); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if n := len(alice.room.Peers()); n != 1 {
			t.Fatalf("%d neighbours after the direct connection came", n)
		}
		alice.say("two")
		wait(20 * time.Millisecond) // one way, not two
		bob.wantHeard("one", "two")

		for _, c := range alice.Network().ConnsToPeer(bob.ID()) {
			if !c.Stat().Limited {
				_ = c.Close()
			}
		}
		wait(5 * time.Second)
		if got := alice.svc.guard.roomsOf(bob.ID(), 1, func(string, bool) bool { return true }); got != nil {
			t.Fatal("bob's subscription is remembered without a connection for it")
		}
		if n := alice.say("three"); n != 1 || alice.room.Peers() != nil {
			t.Fatalf("reached %d when the direct connection was gone", n)
		}
		wait(40 * time.Millisecond)
		bob.wantHeard("one", "two", "three")
	})
}
