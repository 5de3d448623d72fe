package discovery

import (
	"slices"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxAddrs is how many addresses of one peer are kept, told and dialled.
const maxAddrs = 8

// boundAddrs keeps at most maxAddrs addresses: public before private ones, then
// loopback, in the order given otherwise. It drops those that name nobody.
func boundAddrs(addrs []ma.Multiaddr) []ma.Multiaddr {
	kept := make([]ma.Multiaddr, 0, min(len(addrs), 2*maxAddrs))
	for _, a := range ma.Unique(slices.Clone(addrs)) {
		if len(a) > 0 && !manet.IsIPUnspecified(a) {
			kept = append(kept, a)
		}
	}
	slices.SortStableFunc(kept, func(a, b ma.Multiaddr) int { return rank(a) - rank(b) })
	return kept[:min(len(kept), maxAddrs)]
}

func rank(a ma.Multiaddr) int {
	switch {
	case manet.IsIPLoopback(a):
		return 3
	case isCircuit(a):
		return 2
	case manet.IsPrivateAddr(a):
		return 1
	default:
		return 0
	}
}

// isCircuit reports whether an address leads through a relay.
func isCircuit(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}
