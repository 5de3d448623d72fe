package discovery

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxAnnounced is how many of our addresses are announced on the local network:
// an answer must fit into one packet.
const maxAnnounced = 10

// An attachment is one of this machine's ways to a local network.
type attachment struct {
	name     string
	prefixes []netip.Prefix // the machine's own addresses there, and how far the network reaches
}

// attachments asks the machine for its interfaces that can be used for mDNS, in
// the order of their names.
func attachments() []attachment {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var found []attachment
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil || len(addrs) == 0 {
			continue
		}
		found = append(found, attachment{i.Name, prefixesOf(addrs)})
	}
	slices.SortFunc(found, func(a, b attachment) int { return strings.Compare(a.name, b.name) })
	return found
}

func prefixesOf(addrs []net.Addr) (found []netip.Prefix) {
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if p.Addr().Is6() && p.Bits() == 128 {
			// Given out one by one; the network is as large as all others.
			p = netip.PrefixFrom(p.Addr(), 64)
		}
		found = append(found, p)
	}
	return found
}

// nearby reports whether an address that was heard on the local network may be
// one of a machine there: whoever is heard there is a stranger too. The scope is
// loopback if nobody but programs on this machine can be heard.
func nearby(a ma.Multiaddr, in scope, ours []attachment) bool {
	if isCircuit(a) || !in.admits(a) {
		return false
	}
	if !manet.IsPublicAddr(a) {
		return true
	}
	ip, ok := netip.AddrFromSlice(a[0].RawValue())
	return ok && slices.ContainsFunc(ours, func(at attachment) bool {
		return slices.ContainsFunc(at.prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
	})
}

// A lanHost is the host that mDNS is given, which announces where the host
// listens: without this machine's own addresses, which would be others' there,
// unless there are no others.
type lanHost struct{ corehost.Host }

// Network is the host's, but for where it listens.
func (h lanHost) Network() network.Network { return lanNetwork{h.Host.Network(), h.Host} }

type lanNetwork struct {
	network.Network
	h corehost.Host
}

// InterfaceListenAddresses gives what to announce.
func (n lanNetwork) InterfaceListenAddresses() ([]ma.Multiaddr, error) {
	return announced(interfaceAddrs(n.h)), nil
}

// announced gives those of our own addresses that others on the local network
// can use.
func announced(addrs []ma.Multiaddr) []ma.Multiaddr {
	others := ma.FilterAddrs(slices.Clone(addrs), func(a ma.Multiaddr) bool {
		return !manet.IsIPLoopback(a) && !manet.IsIP6LinkLocal(a)
	})
	if len(others) > 0 {
		addrs = others
	}
	return addrs[:min(len(addrs), maxAnnounced)]
}
