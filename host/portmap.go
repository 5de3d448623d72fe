package host

import (
	"context"
	"net/netip"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A mapper asks the router for a public port (NAT-PMP or UPnP, whichever it
// knows) and keeps it; when it ends, the router takes the port back within a
// minute. libp2p looks for a router only once, so after a change of network we
// begin again.
type mapper struct {
	net      network.Network
	machine  *interfaces
	discover func(network.Network) basichost.NATManager
	restart  chan struct{} // holds one: the network changed

	mu  sync.Mutex
	nat basichost.NATManager
}

func newMapper(n network.Network, machine *interfaces) *mapper {
	return &mapper{net: n, machine: machine, discover: basichost.NewNATManager, restart: make(chan struct{}, 1)}
}

// run maps until ctx ends.
func (m *mapper) run(ctx context.Context) {
	for ctx.Err() == nil {
		m.mapHere(ctx)
	}
}

// mapHere maps until the network changes or ctx ends.
func (m *mapper) mapHere(ctx context.Context) {
	if behindRouter(m.machine.fresh()) {
		nat := m.discover(m.net)
		m.set(nat)
		defer nat.Close()
		defer m.set(nil)
	}
	select {
	case <-ctx.Done():
	case <-m.restart:
	}
}

// behindRouter tells whether IPv4 goes out through somebody else's address. On
// a rented server there is nobody to ask, and its neighbours do not want to hear
// of it.
func behindRouter(machine []netip.Addr) bool {
	private := false
	for _, ip := range machine {
		if !ip.Is4() || ip.IsLoopback() {
			continue
		}
		if manet.IsPublicAddr(multiaddrs([]netip.AddrPort{netip.AddrPortFrom(ip, 1)})[0]) {
			return false
		}
		private = true
	}
	return private
}

func (m *mapper) set(nat basichost.NATManager) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nat = nat
}

// moved forgets the router.
func (m *mapper) moved() {
	if m != nil {
		poke(m.restart)
	}
}

// mapped are the addresses that the router gave us. It may itself be behind
// another, so they are not always public.
func (m *mapper) mapped() (as []ma.Multiaddr) {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	nat := m.nat
	m.mu.Unlock()
	if nat == nil {
		return nil
	}
	for _, l := range m.net.ListenAddresses() {
		if a := nat.GetMapping(l); a != nil && !manet.IsIPUnspecified(a) {
			as = append(as, a)
		}
	}
	return distinct(as)
}

// mapsPorts tells whether to ask the router at all: not from a host that only
// this machine can reach, nor over a network that is not TCP's.
func (h *Host) mapsPorts() bool {
	return !h.cfg.NoPortMapping && h.cfg.Transport == nil && !onlyLoopback(h.listens())
}
