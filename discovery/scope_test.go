package discovery

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

const relayID = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"

func TestScopeAdmits(t *testing.T) {
	const never = loopbackScope + 1
	relayed := "/p2p/" + relayID + "/p2p-circuit"
	for addr, from := range map[string]scope{
		"/ip4/8.8.8.8/tcp/4001":                     publicScope,
		"/ip4/8.8.8.8/tcp/443":                      publicScope,
		"/ip4/192.0.0.70/tcp/4001":                  publicScope,
		"/ip6/2a00::1/tcp/4001":                     publicScope,
		"/ip4/8.8.8.8/tcp/4747" + relayed:           publicScope,
		"/ip4/10.1.2.3/tcp/4001":                    privateScope,
		"/ip4/192.168.1.1/tcp/4001":                 privateScope,
		"/ip4/100.64.0.1/tcp/4001":                  privateScope,
		"/ip6/fd00::1/tcp/4001":                     privateScope,
		"/ip4/192.168.1.1/tcp/4747" + relayed:       privateScope,
		"/ip4/127.0.0.1/tcp/4001":                   loopbackScope,
		"/ip6/::1/tcp/4001":                         loopbackScope,
		"/ip4/127.0.0.1/tcp/4747" + relayed:         loopbackScope,
		"/ip4/8.8.8.8/tcp/22":                       never,
		"/ip4/192.168.1.1/tcp/80":                   privateScope,
		"/ip4/192.168.1.1/tcp/0":                    never,
		"/ip4/0.0.0.0/tcp/4001":                     never,
		"/ip4/0.1.2.3/tcp/4001":                     never,
		"/ip4/224.0.0.251/tcp/5353":                 never,
		"/ip4/255.255.255.255/tcp/4001":             never,
		"/ip4/169.254.169.254/tcp/80":               never,
		"/ip6/fe80::1/tcp/4001":                     never,
		"/ip6/ff02::fb/tcp/4001":                    never,
		"/ip6/::/tcp/4001":                          never,
		"/ip6/::ffff:127.0.0.1/tcp/4001":            never,
		"/dns4/seed.example.org/tcp/4001":           never,
		"/dnsaddr/example.org":                      never,
		"/ip4/8.8.8.8/udp/4001/quic-v1":             never,
		"/ip4/8.8.8.8/tcp/4001/ws":                  never,
		"/ip4/8.8.8.8/tcp/4001/p2p/" + relayID:      never,
		"/dns4/example.org/tcp/4747" + relayed:      never,
		"/p2p-circuit":                              never,
		relayed:                                     never,
		"/ip4/8.8.8.8/tcp/4747/p2p-circuit":         never,
		"/ip4/8.8.8.8/tcp/22" + relayed:             never,
		"/ip4/8.8.8.8/tcp/4747" + relayed + relayed: never,
	} {
		a := ma.StringCast(addr)
		for in := publicScope; in <= loopbackScope; in++ {
			if got := in.admits(a); got != (in >= from) {
				t.Errorf("%s admits %s: %v", in, addr, got)
			}
		}
	}
	if loopbackScope.admits(nil) {
		t.Error("nothing is no address")
	}
}

// listening makes a node listen at an address of its choice.
func listening(addr string) how {
	return func(c *host.Config, _ *Config) { c.Listen = []ma.Multiaddr{ma.StringCast(addr)} }
}

func TestScopeFollowsTheSeeds(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		home := w.start(nil, server)
		world := w.start(nil, server, listening("/ip4/192.0.0.70/tcp/4747"))
		if got := home.horizon.scope(); got != privateScope {
			t.Errorf("without seeds, in a home: %v", got)
		}
		if got := world.horizon.scope(); got != publicScope {
			t.Errorf("a seed on the internet: %v", got)
		}
		if got := w.start(nil, listening("/ip4/127.0.0.1/tcp/1")).horizon.scope(); got != loopbackScope {
			t.Errorf("without seeds, on this machine alone: %v", got)
		}
		alice, bob := w.start(infos(world)), w.start(infos(home, world))
		if got := alice.horizon.scope(); got != publicScope {
			t.Errorf("before a seed is connected: %v", got)
		}
		w.within(time.Second, "attached", func() bool { return alice.sees(world) && bob.sees(world) && bob.sees(home) })
		if a, b := alice.horizon.scope(), bob.horizon.scope(); a != publicScope || b != privateScope {
			t.Errorf("with a seed on the internet: %v; with one at home too: %v", a, b)
		}
		world.Close()
		w.within(time.Second, "the world is gone", func() bool { return !bob.sees(world) })
		home.Close()
		w.within(time.Second, "the seeds are gone", func() bool { return !bob.sees(home) && !bob.sees(world) })
		if got := bob.horizon.scope(); got != privateScope {
			t.Errorf("after the seeds are gone: %v", got)
		}
		bob.Moved()
		if got := bob.horizon.scope(); got != publicScope {
			t.Errorf("in another network: %v", got)
		}
	})
}

// A hostile server names members at doors that are open to us and not to it. No
// packet may go there.
func TestNoKnockingOnAStrangersWord(t *testing.T) {
	relayed := "/p2p/" + relayID + "/p2p-circuit"
	junk := []string{
		"/ip4/127.0.0.1/tcp/4001", "/ip4/127.0.0.1/tcp/22", "/ip6/::1/tcp/4001",
		"/ip4/192.168.1.1/tcp/4001", "/ip4/10.0.0.1/tcp/80", "/ip4/172.16.0.1/tcp/4001", "/ip6/fd00::1/tcp/4001",
		"/ip4/169.254.169.254/tcp/80", "/ip6/fe80::1/tcp/4001", "/ip4/224.0.0.251/tcp/5353", "/ip6/ff02::fb/tcp/5353",
		"/ip4/8.8.8.8/tcp/0", "/ip4/8.8.8.8/tcp/22", "/ip4/255.255.255.255/tcp/4001", "/ip4/0.0.0.0/tcp/4001",
		"/ip4/192.168.1.1/tcp/4747" + relayed, "/ip4/127.0.0.1/tcp/4747" + relayed,
	}
	inWorld(t, testnet.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		mallory := w.start(nil, server, listening("/ip4/192.0.0.70/tcp/4747"))
		for i, a := range junk {
			mallory.knows("lobby", peer.AddrInfo{ID: testPeer(i), Addrs: []ma.Multiaddr{ma.StringCast(a)}})
		}
		crowd := peer.AddrInfo{ID: testPeer(len(junk))}
		for i := range 1000 {
			crowd.Addrs = append(crowd.Addrs, ma.StringCast(fmt.Sprintf("/ip4/8.8.%d.%d/tcp/4001", i/250, i%250+1)))
		}
		mallory.knows("lobby", crowd)
		alice := w.start(infos(mallory), listening("/ip4/192.0.0.80/tcp/4001"))
		q := alice.seek("lobby")
		w.within(2*time.Second, "the first look-up has its answers", func() bool { return q.Status().Found > 0 })
		for i := range junk { // whoever waits for somebody gets the same answers
			_ = alice.Find(t.Context(), testPeer(i))
		}
		time.Sleep(time.Minute)
		public := 0
		for at, n := range w.net.Dials(alice) {
			switch {
			case at == netip.MustParseAddrPort("192.0.0.70:4747"):
			case strings.HasPrefix(at.String(), "8.8."):
				public++
			default:
				t.Errorf("knocked %d times at %s", n, at)
			}
		}
		if public == 0 || public > maxAddrs {
			t.Errorf("of 1000 addresses of one peer %d were dialled", public)
		}
	})
}

// What the peer says of itself is a stranger's word as well.
func TestWhoWasConnectedIsRedialledTidily(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		seed := w.start(nil, server, listening("/ip4/192.0.0.70/tcp/4747"))
		alice := w.start(infos(seed), listening("/ip4/192.0.0.80/tcp/4001"))
		w.within(time.Second, "attached", func() bool { return alice.sees(seed) })
		bob := testPeer(1)
		good := ma.StringCast("/ip4/192.0.0.90/tcp/4001")
		given := ma.StringCast("/ip4/192.168.7.7/tcp/4001")
		alice.AddAddrs(peer.AddrInfo{ID: bob, Addrs: []ma.Multiaddr{given}})
		claims := []ma.Multiaddr{good, ma.StringCast("/ip4/192.168.1.1/tcp/4001"), ma.StringCast("/dns4/example.org/tcp/4001")}
		for i := range 500 {
			claims = append(claims, ma.StringCast(fmt.Sprintf("/ip4/8.8.%d.%d/tcp/4001", i/250, i%250+1)))
		}
		alice.Peerstore().AddAddrs(bob, claims, time.Hour)
		_ = alice.dials.dial(t.Context(), peer.AddrInfo{ID: bob}, eager)
		left := alice.Peerstore().Addrs(bob)
		if len(left) != maxAddrs || !ma.Contains(left, given) {
			t.Errorf("left are %v", left)
		}
		for at, n := range w.net.Dials(alice) {
			if at.Addr().IsPrivate() && at.Addr() != netip.MustParseAddr("192.168.7.7") {
				t.Errorf("knocked %d times at %s", n, at)
			}
		}
	})
}
