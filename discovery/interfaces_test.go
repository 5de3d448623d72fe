package discovery

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

func TestNearby(t *testing.T) {
	here := []attachment{{"eth0", []netip.Prefix{
		netip.MustParsePrefix("192.168.1.2/24"), netip.MustParsePrefix("8.8.4.5/24"), netip.MustParsePrefix("2a00:1::5/64"),
	}}}
	for addr, want := range map[string]bool{
		"/ip4/192.168.1.7/tcp/4001":                                 true,
		"/ip4/10.0.0.7/tcp/4001":                                    true,
		"/ip6/fd00::7/tcp/4001":                                     true,
		"/ip4/8.8.4.99/tcp/4001":                                    true, // public, and on the same wire
		"/ip4/8.8.8.8/tcp/4001":                                     false,
		"/ip6/2a00:1::99/tcp/4001":                                  true,
		"/ip6/2a00:2::99/tcp/4001":                                  false,
		"/ip4/127.0.0.1/tcp/4001":                                   false,
		"/ip4/192.168.1.7/tcp/22":                                   false,
		"/dns4/printer.local/tcp/80":                                false,
		"/ip4/192.168.1.7/tcp/4747/p2p/" + relayID + "/p2p-circuit": false,
	} {
		if got := nearby(ma.StringCast(addr), privateScope, here); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if !nearby(ma.StringCast("/ip4/127.0.0.1/tcp/4001"), loopbackScope, nil) {
		t.Error("programs on one machine without a network do not hear each other")
	}
}

func TestAnnouncedOnTheLocalNetwork(t *testing.T) {
	lo, link := ma.StringCast("/ip4/127.0.0.1/tcp/1"), ma.StringCast("/ip6/fe80::1/tcp/1")
	four, six := ma.StringCast("/ip4/192.168.1.2/tcp/1"), ma.StringCast("/ip6/2a00::1/tcp/1")
	for name, c := range map[string]struct{ in, want []ma.Multiaddr }{
		"a home":          {[]ma.Multiaddr{lo, link, four, six}, []ma.Multiaddr{four, six}},
		"IPv6 only":       {[]ma.Multiaddr{lo, link, six}, []ma.Multiaddr{six}},
		"no network":      {[]ma.Multiaddr{lo}, []ma.Multiaddr{lo}},
		"nothing at all":  {nil, nil},
		"very many":       {many(100), many(maxAnnounced)},
		"many and itself": {append([]ma.Multiaddr{lo}, many(100)...), many(maxAnnounced)},
	} {
		got := announced(c.in)
		if len(got) != len(c.want) {
			t.Fatalf("%s: %v", name, got)
		}
		for i := range got {
			if !got[i].Equal(c.want[i]) {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

func many(n int) (addrs []ma.Multiaddr) {
	for i := range n {
		addrs = append(addrs, ma.StringCast(fmt.Sprintf("/ip4/10.%d.%d.1/tcp/4001", i/250+1, i%250)))
	}
	return addrs
}

func TestPrefixesOf(t *testing.T) {
	_, four, _ := net.ParseCIDR("192.168.1.0/24")
	got := prefixesOf([]net.Addr{
		&net.IPNet{IP: net.ParseIP("192.168.1.2"), Mask: four.Mask},
		&net.IPNet{IP: net.ParseIP("2a00::5"), Mask: net.CIDRMask(128, 128)},
		&net.IPAddr{IP: net.ParseIP("1.2.3.4")}, // not what the machine says of itself
	})
	if len(got) != 2 || got[0].String() != "192.168.1.2/24" || got[1].String() != "2a00::5/64" {
		t.Errorf("prefixes: %v", got)
	}
}

// A flakyAir cannot be used at first, and counts its users.
type flakyAir struct {
	fails           atomic.Bool
	started, closed atomic.Int32
}

func (a *flakyAir) start(corehost.Host, func(peer.AddrInfo)) (io.Closer, error) {
	a.started.Add(1)
	if a.fails.Load() {
		return nil, errors.New("no network\x1b")
	}
	return a, nil
}

func (a *flakyAir) Close() error {
	a.closed.Add(1)
	return nil
}

func onAir(a *flakyAir) how {
	return func(_ *host.Config, c *Config) {
		c.NoMDNS, c.MDNS = false, a.start
		c.interfaces = func() []attachment {
			return []attachment{{"eth0", []netip.Prefix{netip.MustParsePrefix("10.1.0.1/16")}}}
		}
	}
}

func TestMDNSIsTriedAgain(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		air := &flakyAir{}
		air.fails.Store(true)
		alice := w.start(nil, onAir(air))
		time.Sleep(time.Second)
		d := alice.Detail()
		if len(d.LAN) != 1 || d.LAN[0].On || d.LAN[0].LastError == nil || d.LAN[0].Interface != "eth0" {
			t.Fatalf("without a network: %+v", d.LAN)
		}
		if got := d.LAN[0].LastError.Error(); got != chat.SafeString(got) {
			t.Errorf("unsafe: %q", got)
		}
		air.fails.Store(false)
		time.Sleep(5 * time.Second)
		if d = alice.Detail(); air.started.Load() != 2 || !d.LAN[0].On || d.LAN[0].LastError != nil || len(d.LAN[0].Addrs) != 1 {
			t.Errorf("started %d times: %+v", air.started.Load(), d.LAN)
		}
	})
}

func TestMDNSStartsAnewWhenMoved(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		air := &flakyAir{}
		alice := w.start(nil, onAir(air))
		time.Sleep(10 * time.Second)
		alice.Moved()
		time.Sleep(10 * time.Millisecond)
		if air.started.Load() != 2 || air.closed.Load() != 1 {
			t.Errorf("moved: started %d times, closed %d times", air.started.Load(), air.closed.Load())
		}
		for range 100 { // a network that cannot make up its mind
			alice.Moved()
			time.Sleep(100 * time.Millisecond)
		}
		if air.started.Load() < 3 || air.started.Load() > 2+5+1 {
			t.Errorf("restarted %d times in 10 seconds", air.started.Load()-2)
		}
		alice.Close()
		if air.closed.Load() != air.started.Load() {
			t.Errorf("closed %d of %d", air.closed.Load(), air.started.Load())
		}
	})
}
