package discovery

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// where tells at which addresses a peer is now, the best first: those we reached
// it at, then what it says itself, as far as we may take its word; at most
// relayAddrs through relays.
func (s *Service) where(p peer.ID) (addrs []ma.Multiaddr, connected bool) {
	conns := s.h.Network().ConnsToPeer(p)
	claims := noHoles(s.h, p, s.h.Peerstore().Addrs(p))
	for _, c := range conns {
		if c.Stat().Direction == network.DirOutbound && !isCircuit(c.RemoteMultiaddr()) && !punched(c, conns, claims) {
			addrs = append(addrs, c.RemoteMultiaddr())
		}
	}
	in := s.horizon.scope()
	for _, a := range boundAddrs(claims) {
		if in.admits(a) || slices.ContainsFunc(conns, func(c network.Conn) bool { return sameIP(a, c.RemoteMultiaddr()) }) {
			addrs = append(addrs, a)
		}
	}
	relays := 0
	addrs = slices.DeleteFunc(ma.Unique(addrs), func(a ma.Multiaddr) bool {
		if isCircuit(a) {
			relays++
		}
		return isCircuit(a) && relays > relayAddrs
	})
	slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int { return last(a) - last(b) })
	if len(addrs) > maxAddrs {
		relays = min(count(addrs, isCircuit), relayAddrs)
		addrs = append(addrs[:maxAddrs-relays], addrs[len(addrs)-relays:]...)
	}
	return addrs, len(conns) > 0
}

// last puts the relays behind the others.
func last(a ma.Multiaddr) int {
	if isCircuit(a) {
		return 1
	}
	return 0
}

// punched reports whether a connection came about by hole punching: beside an
// older one through a relay, to an address that the peer does not give as its
// own. Nobody answers there on another day; worse, to dial it spoils the next
// punch.
func punched(c network.Conn, all []network.Conn, claims []ma.Multiaddr) bool {
	if !manet.IsPublicAddr(c.RemoteMultiaddr()) || ma.Contains(claims, c.RemoteMultiaddr()) {
		return false
	}
	return slices.ContainsFunc(all, func(o network.Conn) bool {
		return isCircuit(o.RemoteMultiaddr()) && o.Stat().Opened.Before(c.Stat().Opened)
	})
}

// sameIP reports whether two direct addresses are of one machine.
func sameIP(a, b ma.Multiaddr) bool {
	return len(a) > 0 && len(b) > 0 && !isCircuit(a) && !isCircuit(b) && a[0].Equal(&b[0])
}
