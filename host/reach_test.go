package host_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// public is the i-th of the few addresses that libp2p takes for public and that
// belong to nobody.
func public(i int) []ma.Multiaddr {
	return []ma.Multiaddr{ma.StringCast(fmt.Sprintf("/ip4/192.0.0.%d/tcp/4001", 64+i))}
}

// TestPublicNodeFindsOut starts at Private with a relay, is called back, and
// then is Public without one.
func TestPublicNodeFindsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		seed := net.HostWith(host.Config{Seed: true, Listen: public(1)})
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}, Listen: public(2)})
		sub, err := alice.EventBus().Subscribe(new(event.EvtLocalReachabilityChanged))
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		if len(alice.Addrs()) != 1 {
			t.Errorf("with nobody to ask: advertises %s", alice.Addrs())
		}

		net.Connect(alice, seed)
		t.Logf("public after %s", until(t, "Public", 2*time.Second, func() bool {
			return alice.Reach().Reachability == network.ReachabilityPublic
		}))
		time.Sleep(100 * time.Millisecond)
		r := alice.Reach()
		if len(r.Confirmed) != 1 || len(r.Advertised) != 1 || !r.Advertised[0].Equal(public(2)[0]) {
			t.Errorf("reach is %+v", r)
		}
		if r.NAT != "none" || !r.PunchReady {
			t.Errorf("NAT %q, punching %t", r.NAT, r.PunchReady)
		}
		var said []network.Reachability
		for len(sub.Out()) > 0 {
			said = append(said, (<-sub.Out()).(event.EvtLocalReachabilityChanged).Reachability)
		}
		if fmt.Sprint(said) != "[Private Public]" {
			t.Errorf("said %v", said)
		}

		// The port is closed: nobody can come in any more.
		net.Cut(alice, seed)
		time.Sleep(20 * time.Second)
		if c := len(alice.Network().Conns()); c != 0 {
			t.Errorf("%d dead connections after 20 s", c)
		}
	})
}

// TestSeedSays looks at what a seed offers, and others do not.
func TestSeedSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed := net.HostWith(host.Config{Seed: true, Listen: public(1)})
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}})
		alone := net.HostWith(host.Config{Listen: public(3)})
		if r := seed.Reach(); r.Reachability != network.ReachabilityPublic || len(r.Advertised) != 1 || len(r.Relays) != 0 {
			t.Errorf("seed: %+v", r)
		}
		if r := alone.Reach(); r.Reachability != network.ReachabilityUnknown || len(r.Advertised) != 1 || r.NAT != "unknown" {
			t.Errorf("alone: %+v", r)
		}
		net.Connect(alice, seed)
		net.Connect(alone, alice)
		time.Sleep(time.Second)
		for _, c := range []struct {
			who  *host.Host
			name string
			want bool
		}{{seed, "seed", true}, {alone, "alone", false}, {alice, "alice", false}} {
			offers := map[string]bool{}
			for _, p := range c.who.Mux().Protocols() {
				offers[string(p)] = true
			}
			if offers[autonatv2.DialProtocol] != c.want || offers["/libp2p/circuit/relay/0.2.0/hop"] != c.want {
				t.Errorf("%s offers %v", c.name, c.who.Mux().Protocols())
			}
			if c.want && offers[string(holepunch.Protocol)] {
				t.Error("a seed takes part in hole punching")
			}
		}
		if alice.Reach().Reachability != network.ReachabilityPrivate {
			t.Errorf("alice, on a private address: %+v", alice.Reach())
		}
	})
}

func wildcard() []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast("/ip4/0.0.0.0/tcp/0")} }

func onLoopback() []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/4001")} }

// TestCloseWaitsForNoSeed: a seed that is slow to say whether it can call us keeps
// nobody from leaving.
func TestCloseWaitsForNoSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		seed := net.HostWith(host.Config{Seed: true, Listen: public(1)})
		asked := make(chan struct{})
		seed.SetStreamHandler(autonatv2.DialProtocol, func(network.Stream) { close(asked) })
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}, Listen: public(2)})
		net.Connect(alice, seed)
		<-asked
		began := time.Now()
		if err := alice.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("closing took %s", took)
		}
	})
}
