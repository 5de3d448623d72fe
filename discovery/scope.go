package discovery

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync/atomic"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A scope says which addresses are dialled on a stranger's word. A stranger may
// name any address, and so could have us knock at doors of the local network
// that are open to us and not to it. Each scope has those before it in it.
type scope int

const (
	publicScope   scope = iota // addresses of the internet
	privateScope               // and of local networks
	loopbackScope              // and of this machine
)

// String is what Detail shows.
func (c scope) String() string {
	switch c {
	case loopbackScope:
		return "loopback"
	case privateScope:
		return "private"
	default:
		return "public"
	}
}

// firstUserPort is where the ports begin that need no privilege. Below it live
// the servers of other protocols, at whose doors a stranger could have us knock;
// of those, only the web's two ports are used by peers to get through firewalls.
const firstUserPort = 1024

// admits reports whether an address is dialled on a stranger's word: an IP
// address and TCP port, or a relay at one. Names are never admitted: to resolve
// one is a message to whom the stranger likes.
func (c scope) admits(a ma.Multiaddr) bool {
	where, circuit := ma.SplitFunc(a, func(c ma.Component) bool { return c.Code() == ma.P_CIRCUIT })
	if len(circuit) == 0 {
		return c.admitsDirect(where)
	}
	if len(circuit) > 2 || len(circuit) == 2 && circuit[1].Code() != ma.P_P2P {
		return false
	}
	where, relay := peer.SplitAddr(where)
	return relay != "" && c.admitsDirect(where)
}

func (c scope) admitsDirect(a ma.Multiaddr) bool {
	if len(a) != 2 || a[1].Code() != ma.P_TCP || a[0].Code() != ma.P_IP4 && a[0].Code() != ma.P_IP6 {
		return false
	}
	ip, ok := netip.AddrFromSlice(a[0].RawValue())
	if !ok || !machine(ip) || !userPort(binary.BigEndian.Uint16(a[1].RawValue())) {
		return false
	}
	switch {
	case ip.IsLoopback():
		return c >= loopbackScope
	case manet.IsPublicAddr(a):
		return true
	default:
		return c >= privateScope
	}
}

// machine reports whether an IP address can be that of one machine, and needs no
// zone to be understood. An IPv4 address in IPv6's clothes is in disguise.
func machine(ip netip.Addr) bool {
	if ip.Is4() {
		b := ip.As4()
		if b[0] == 0 || b[0] >= 224 { // this network; multicast, reserved, broadcast
			return false
		}
	}
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLinkLocalUnicast() && !ip.Is4In6()
}

func userPort(port uint16) bool { return port >= firstUserPort || port == 80 || port == 443 }

// filter gives the addresses that are admitted, bounded.
func (c scope) filter(addrs []ma.Multiaddr) []ma.Multiaddr {
	kept := make([]ma.Multiaddr, 0, min(len(addrs), 2*maxAddrs))
	for _, a := range addrs {
		if c.admits(a) {
			kept = append(kept, a)
		}
	}
	return boundAddrs(kept)
}

// scopeOf is the scope in which somebody lives who is reached at an address.
func scopeOf(a ma.Multiaddr) scope {
	switch {
	case manet.IsIPLoopback(a):
		return loopbackScope
	case isCircuit(a), manet.IsPublicAddr(a):
		return publicScope
	default:
		return privateScope
	}
}

// A horizon tells the scope in force. Our seeds show it: whoever reaches them on
// the internet has no use for addresses of local networks, of which each has the
// same; a seed in our own network is for people who are there too.
type horizon struct {
	h      corehost.Host
	seeds  func() []peer.AddrInfo
	server bool         // we are a seed
	latest atomic.Int32 // the scope while a seed was connected last
}

// scope is worked out at each use: seeds come and go.
func (z *horizon) scope() scope {
	seeds := slices.DeleteFunc(slices.Clone(z.seeds()), func(s peer.AddrInfo) bool { return s.ID == z.h.ID() })
	if len(seeds) == 0 {
		return z.alone()
	}
	widest, known := publicScope, false
	for _, s := range seeds {
		for _, c := range z.h.Network().ConnsToPeer(s.ID) {
			if !c.IsClosed() {
				widest, known = max(widest, scopeOf(c.RemoteMultiaddr())), true
			}
		}
	}
	if known {
		z.latest.Store(int32(widest))
		return widest
	}
	return scope(z.latest.Load())
}

// alone is the scope of a node without seeds: that of a network whose members
// only have each other. A seed on the internet has no business in its cellar.
func (z *horizon) alone() scope {
	addrs := interfaceAddrs(z.h)
	if len(addrs) == 0 {
		return privateScope
	}
	if count(addrs, manet.IsIPLoopback) == len(addrs) {
		return loopbackScope
	}
	if z.server && slices.ContainsFunc(addrs, manet.IsPublicAddr) {
		return publicScope
	}
	return privateScope
}

// local is the scope of those who are heard on the local network.
func (z *horizon) local() scope { return max(z.alone(), privateScope) }

// interfaceAddrs are where this machine listens.
func interfaceAddrs(h corehost.Host) []ma.Multiaddr {
	addrs, err := h.Network().InterfaceListenAddresses()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(addrs), isCircuit)
}

// moved forgets where the seeds were: this is another network.
func (z *horizon) moved() { z.latest.Store(int32(publicScope)) }
