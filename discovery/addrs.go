package discovery

import (
	"slices"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// maxAddrs is how many addresses of one peer are kept, told and dialled.
	maxAddrs = 8

	// relayAddrs is how many of them relays may keep although there are enough
	// direct ones: often nothing else leads to somebody behind a router.
	relayAddrs = 2
)

// boundAddrs keeps at most maxAddrs addresses: public before private ones, then
// relays, then loopback, in the order given otherwise. It drops those that name
// nobody.
func boundAddrs(addrs []ma.Multiaddr) []ma.Multiaddr {
	kept := make([]ma.Multiaddr, 0, min(len(addrs), 2*maxAddrs))
	for _, a := range ma.Unique(slices.Clone(addrs)) {
		if len(a) > 0 && !manet.IsIPUnspecified(a) {
			kept = append(kept, a)
		}
	}
	slices.SortStableFunc(kept, func(a, b ma.Multiaddr) int { return rank(a) - rank(b) })
	if len(kept) <= maxAddrs {
		return kept
	}
	// Loopback, behind the relays, has to give way first.
	relays := min(count(kept, isCircuit), relayAddrs)
	if first := slices.IndexFunc(kept, isCircuit); first > maxAddrs-relays {
		kept = append(kept[:maxAddrs-relays], kept[first:]...)
	}
	return kept[:maxAddrs]
}

func count(addrs []ma.Multiaddr, is func(ma.Multiaddr) bool) (n int) {
	for _, a := range addrs {
		if is(a) {
			n++
		}
	}
	return n
}

func rank(a ma.Multiaddr) int {
	switch {
	case isCircuit(a):
		return 2
	case manet.IsIPLoopback(a):
		return 3
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
