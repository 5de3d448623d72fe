package host

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/transport"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	ma "github.com/multiformats/go-multiaddr"
)

// A router gives one address, and counts how often it is begun and ended with.
type router struct{ begun, ended *atomic.Int32 }

func (r router) GetMapping(ma.Multiaddr) ma.Multiaddr {
	return ma.StringCast("/ip4/192.0.0.65/tcp/777")
}
func (r router) HasDiscoveredNAT() bool { return true }

func (r router) Close() error {
	r.ended.Add(1)
	return nil
}

type listening struct{ network.Network }

func (listening) ListenAddresses() []ma.Multiaddr {
	return mas("/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001")
}

func TestMapperFollowsTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, ended atomic.Int32
		machine := ips("127.0.0.1", "192.168.1.5")
		m := newMapper(listening{}, &interfaces{source: func() ([]netip.Addr, error) { return machine, nil }})
		m.discover = func(network.Network) basichost.NATManager {
			begun.Add(1)
			return router{&begun, &ended}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.run(ctx) }()
		synctest.Wait()
		if got := m.mapped(); len(got) != 1 || begun.Load() != 1 {
			t.Errorf("mapped %v, begun %d times", got, begun.Load())
		}
		machine = ips("192.168.2.9") // another home
		m.moved()
		synctest.Wait()
		if begun.Load() != 2 || ended.Load() != 1 {
			t.Errorf("begun %d times, ended %d times", begun.Load(), ended.Load())
		}
		machine = ips("192.0.0.66") // no router at all
		m.moved()
		synctest.Wait()
		if got := m.mapped(); len(got) != 0 || begun.Load() != 2 || ended.Load() != 2 {
			t.Errorf("without a router: mapped %v, begun %d times, ended %d times", got, begun.Load(), ended.Load())
		}
		cancel()
		<-done
	})
}

func TestWhoAsksTheRouter(t *testing.T) {
	anywhere := mas("/ip4/0.0.0.0/tcp/0")
	for name, c := range map[string]struct {
		cfg  Config
		want bool
	}{
		"loopback":     {Config{Listen: loopback(), ListenOptional: mas("/ip6/::1/tcp/0")}, false},
		"not at all":   {Config{}, false},
		"told not to":  {Config{Listen: anywhere, NoPortMapping: true}, false},
		"anywhere":     {Config{Listen: anywhere}, true},
		"one of two":   {Config{Listen: loopback(), ListenOptional: anywhere}, true},
		"in a testnet": {Config{Listen: anywhere, Transport: func(transport.Upgrader, network.ResourceManager) (Transport, error) { return nil, nil }}, false},
	} {
		if got := (&Host{cfg: c.cfg}).mapsPorts(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	// And a whole host on loopback starts nothing of the kind.
	h := start(t, Config{})
	if h.mapper != nil || h.watches() {
		t.Error("a host on loopback looks at the network")
	}
}
