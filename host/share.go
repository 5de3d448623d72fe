package host

import (
	"net/netip"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Identities cost nothing, so a bound for each peer is none for who makes many. An
// address, or what one household has of IPv6, costs something: what follows bounds
// how much of a seed's services one of them can take from all others.

// A share is the host as one of its services sees it: what comes for the service's
// streams first has to pass admit.
type share struct {
	*Host
	admit func(network.Stream) bool
}

// SetStreamHandler gives the service the streams that are admitted; the others are
// reset before they count as the service's.
func (s share) SetStreamHandler(id protocol.ID, handle network.StreamHandler) {
	s.Host.SetStreamHandler(id, func(st network.Stream) {
		if !s.admit(st) {
			_ = st.ResetWithError(network.StreamRateLimited)
			return
		}
		handle(st)
	})
}

// streamsFrom counts the streams of a protocol that came from where a stream comes
// from, itself included.
func (h *Host) streamsFrom(st network.Stream) (n int) {
	from, ok := household(st.Conn().RemoteMultiaddr())
	for _, c := range h.Network().Conns() {
		if p, known := household(c.RemoteMultiaddr()); p != from || known != ok {
			continue
		}
		for _, other := range c.GetStreams() {
			if other.Protocol() == st.Protocol() && other.Stat().Direction == network.DirInbound {
				n++
			}
		}
	}
	return n
}

// crowded tells whether one more connection from an address is too many now.
func (h *Host) crowded(a ma.Multiaddr) bool {
	conns := h.swarm.Conns()
	if len(conns) <= connsHigh {
		return false
	}
	others := make([]ma.Multiaddr, len(conns))
	for i, c := range conns {
		others[i] = c.RemoteMultiaddr()
	}
	return overShare(a, others)
}

// overShare tells whether one more connection from an address is too many, as there
// are many in all and more than its share is from there. This machine itself has no
// share, as with the other limits for addresses.
func overShare(a ma.Multiaddr, others []ma.Multiaddr) bool {
	if len(others) <= connsHigh || manet.IsIPLoopback(a) {
		return false
	}
	from, ok := household(a)
	n := 0
	for _, other := range others {
		if p, known := household(other); p == from && known == ok {
			n++
		}
	}
	return n >= connsOfIPWhenCrowded
}

// household is the addresses that count as one: an IPv4 address, or what a home has
// of IPv6.
func household(a ma.Multiaddr) (netip.Prefix, bool) {
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr, _ := netip.AddrFromSlice(ip)
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6HomeBits
	}
	p, err := addr.Prefix(bits)
	return p, err == nil
}
