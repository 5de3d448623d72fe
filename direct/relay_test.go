package direct

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// relayedPair are alice and bob, who cannot reach each other, and the seed that
// relays for bob. Alice finds bob through it only.
func relayedPair(t *testing.T, limit host.RelayLimit) (net *testnet.Network, alice, bob *person, seed *host.Host) {
	t.Helper()
	net = testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
	seed = net.HostWith(host.Config{Seed: true, RelayLimit: limit})
	at := peer.AddrInfo{ID: seed.ID(), Addrs: seed.Addrs()}
	with := host.Config{Relays: []peer.AddrInfo{at}, NoPortMapping: true}
	a, b := net.HostWith(with), net.HostWith(with)
	net.Cut(a, b)
	for _, h := range []*host.Host{a, b} {
		net.Connect(h, seed)
	}
	through := ma.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", seed.Addrs()[0], seed.ID()))
	over := func(to *host.Host) func(*Config) {
		return func(cfg *Config) {
			from := a
			if to == a {
				from = b
			}
			cfg.Connect = func(ctx context.Context, _ chat.PeerID) error {
				return from.Connect(ctx, peer.AddrInfo{ID: to.ID(), Addrs: []ma.Multiaddr{through}})
			}
		}
	}
	alice, bob = talker(t, net, a, over(b)), talker(t, net, b, over(a))
	deadline := time.Now().Add(10 * time.Second)
	for !seed.Reserved(a.ID()) || !seed.Reserved(b.ID()) {
		if time.Now().After(deadline) {
			t.Fatal("no relay reservation")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return net, alice, bob, seed
}

// ways counts the streams between p and o by the kind of their connection.
func (p *person) ways(o *person) (direct, relayed int) {
	for _, c := range p.host.Network().ConnsToPeer(o.host.ID()) {
		for _, st := range c.GetStreams() {
			switch {
			case st.Protocol() != wire.DirectProtocol:
			case c.Stat().Limited:
				relayed++
			default:
				direct++
			}
		}
	}
	return direct, relayed
}

func (p *person) wantWays(o *person, direct, relayed int) {
	p.t.Helper()
	if d, r := p.ways(o); d != direct || r != relayed {
		p.t.Errorf("%d direct and %d relayed streams, want %d and %d", d, r, direct, relayed)
	}
}

func (p *person) wantQuiet() {
	p.t.Helper()
	if c, d := count[Connected](p), count[Disconnected](p); c != 1 || d != 0 {
		p.t.Errorf("connected %d and disconnected %d times, want 1 and 0", c, d)
	}
}

// TestMovesToTheDirectConnection: a talk that began over a relay goes on over the
// direct connection when there is one, whoever opened it, in the middle of what
// both are saying; nothing is lost, doubled or out of order, and nobody is told.
func TestMovesToTheDirectConnection(t *testing.T) {
	for _, tc := range []struct {
		dials string
		slow  time.Duration // the direct way; it may be slower than the relay
	}{{"alice", 20 * time.Millisecond}, {"bob", 20 * time.Millisecond}, {"alice", 300 * time.Millisecond}, {"bob", 300 * time.Millisecond}} {
		t.Run(fmt.Sprintf("%s opens, %v", tc.dials, tc.slow), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				net, alice, bob, _ := relayedPair(t, host.RelayLimit{})
				first, second := alice, bob
				if tc.dials == "bob" {
					first, second = bob, alice
				}
				first.Open(second.self)
				time.Sleep(2 * time.Second)
				first.wantWays(second, 0, 1)
				ours, theirs := numbered("a", 1000), numbered("b", 1000)
				alice.sayAll(bob, ours, 3*time.Millisecond)
				bob.sayAll(alice, theirs, 3*time.Millisecond)
				time.Sleep(time.Second)
				net.SetLatency(alice.host, bob.host, tc.slow)
				net.Heal(alice.host, bob.host)
				ctx := network.WithForceDirectDial(t.Context(), "test")
				if err := bob.host.Connect(ctx, peer.AddrInfo{ID: alice.host.ID(), Addrs: alice.host.Addrs()}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(500*time.Millisecond + 8*tc.slow) // the old one may end in peace
				first.wantWays(second, 1, 0)
				time.Sleep(10 * time.Second)
				bob.want(ours...)
				alice.want(theirs...)
				alice.wantQuiet()
				bob.wantQuiet()
				first.wantWays(second, 1, 0)
			})
		})
	}
}

// TestRelayEndsTheConnection: a relay that carried enough resets everything. The
// talk goes on over a new connection within a second, and nobody is told.
func TestRelayEndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob, _ := relayedPair(t, host.RelayLimit{Data: 64 << 10})
		ours, theirs := numbered("a", 600), numbered("b", 600)
		alice.sayAll(bob, ours, 10*time.Millisecond)
		bob.sayAll(alice, theirs, 10*time.Millisecond)
		time.Sleep(6 * time.Second)
		broken := alice.host.Network().ConnsToPeer(bob.host.ID())[0].Stat().Opened
		time.Sleep(4 * time.Second)
		bob.want(ours...)
		alice.want(theirs...)
		alice.wantQuiet()
		bob.wantQuiet()
		if time.Since(broken) > 9*time.Second {
			t.Error("the relay never ended a connection")
		}
	})
}

// TestRelayedConnectionTakesOver: when the direct connection breaks, the talk goes
// on over the relayed one that is there, at once.
func TestRelayedConnectionTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob, _ := relayedPair(t, host.RelayLimit{})
		alice.Open(bob.self)
		time.Sleep(2 * time.Second)
		net.Heal(alice.host, bob.host)
		ctx := network.WithForceDirectDial(t.Context(), "test")
		if err := alice.host.Connect(ctx, peer.AddrInfo{ID: bob.host.ID(), Addrs: bob.host.Addrs()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		alice.wantWays(bob, 1, 0)
		net.Cut(alice.host, bob.host)
		net.Reset(alice.host, bob.host)
		alice.say(bob, "on")
		bob.say(alice, "over")
		time.Sleep(500 * time.Millisecond)
		bob.want("on")
		alice.want("over")
		alice.wantWays(bob, 0, 1)
		alice.wantQuiet()
		bob.wantQuiet()
	})
}

// TestSilentlyDeadConnection: a direct connection whose packets vanish is found
// out by what is not acknowledged, long before the connection itself notices, and
// the talk goes on over the relayed one.
func TestSilentlyDeadConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob, _ := relayedPair(t, host.RelayLimit{})
		alice.Open(bob.self)
		time.Sleep(2 * time.Second)
		net.Heal(alice.host, bob.host)
		ctx := network.WithForceDirectDial(t.Context(), "test")
		if err := alice.host.Connect(ctx, peer.AddrInfo{ID: bob.host.ID(), Addrs: bob.host.Addrs()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		net.Cut(alice.host, bob.host)
		alice.say(bob, "do you hear me?")
		for began := time.Now(); count[SegmentDelivered](alice) == 0; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > ackPatience+probePatience+time.Second {
				t.Fatalf("not delivered after %v", time.Since(began))
			}
		}
		bob.want("do you hear me?")
		alice.wantQuiet()
	})
}

// TestSlowPeerIsNotDead: a peer that takes its time to store keeps its connection.
func TestSlowPeerIsNotDead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice := talker(t, net, net.Host())
		store := make(chan struct{})
		bob := talker(t, net, net.Host(), func(c *Config) {
			receive := c.Receive
			c.Receive = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				<-store
				return receive(ctx, p, segs)
			}
		})
		alice.knows(bob)
		alice.say(bob, "patience")
		time.Sleep(5 * time.Minute)
		close(store)
		time.Sleep(time.Second)
		bob.want("patience")
		if count[SegmentDelivered](alice) != 1 {
			t.Error("not delivered")
		}
		alice.wantQuiet()
	})
}

// TestNewConnectionProbesTheOld: when the peer is back after a power loss, our end
// of the old connection is found out at once, though nothing waits for an
// acknowledgement.
func TestNewConnectionProbesTheOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice, bob := talker(t, net, net.Host()), talker(t, net, net.HostWithKey(net.Key(7)))
		alice.knows(bob)
		alice.Open(bob.self)
		time.Sleep(2 * time.Second)
		old := alice.host.Network().ConnsToPeer(bob.host.ID())[0]
		where := bob.host.Addrs()
		if err := bob.Close(); err != nil {
			t.Fatal(err)
		}
		net.Kill(bob.host)
		back := talker(t, net, net.HostWith(host.Config{Key: net.Key(7), Listen: where}))
		net.Connect(back.host, alice.host)
		time.Sleep(probePatience + 500*time.Millisecond)
		if !old.IsClosed() {
			t.Error("the dead connection is kept")
		}
		alice.say(back, "again")
		time.Sleep(500 * time.Millisecond)
		back.want("again")
		alice.wantQuiet()
	})
}
