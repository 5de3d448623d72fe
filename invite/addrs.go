package invite

import (
	"net/netip"
	"slices"
	"strings"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxAlike is how many addresses of one rank Choose takes, so that several
	// public ones leave place for one that a neighbour reaches without a router.
	maxAlike = 2
	// maxCircuits is how many ways through a relay Choose takes; they are long, and
	// the relays are mostly the seeds, which the invite names anyway.
	maxCircuits = 1
)

// Choose picks from a node's addresses, in its order, at most MaxAddrs that serve
// somebody else: public ones first, then a way through a relay, then those of
// private networks; those of this machine alone only if there is nothing better.
// What cannot be read or dialled, or is a peer ID at the end, is left out.
func Choose(addrs []string) []ma.Multiaddr {
	var ranked [ranks][]ma.Multiaddr
	for _, s := range addrs {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			continue
		}
		if a = withoutPeer(a); !mayHold(a) {
			continue
		}
		if r := rankOf(a); r < ranks && !slices.ContainsFunc(ranked[r], a.Equal) {
			ranked[r] = append(ranked[r], a)
		}
	}
	var out []ma.Multiaddr
	for r, some := range ranked {
		limit := maxAlike
		if rank(r) == viaPublic || rank(r) == viaPrivate {
			limit = maxCircuits
		}
		if rank(r) == loopback && len(out) > 0 {
			break
		}
		out = append(out, some[:min(limit, len(some))]...)
	}
	return out[:min(MaxAddrs, len(out))]
}

// A rank says how well an address serves somebody else; the lowest is the best.
type rank int

const (
	public rank = iota
	viaPublic
	private
	viaPrivate
	loopback
	ranks // how many there are; also that of an address that means nothing elsewhere
)

func rankOf(a ma.Multiaddr) rank {
	ip, _ := netip.ParseAddr(a[0].Value())
	circuit := len(a) > 2
	switch {
	case ip.IsLoopback() || a[0].Value() == "localhost":
		return loopback
	case ip.IsLinkLocalUnicast():
		return ranks
	case manet.IsPublicAddr(a) && circuit:
		return viaPublic
	case manet.IsPublicAddr(a):
		return public
	case circuit:
		return viaPrivate
	}
	return private
}

// withoutPeer cuts off the peer ID at the end of a full address.
func withoutPeer(a ma.Multiaddr) ma.Multiaddr {
	if n := len(a); n > 1 && a[n-1].Code() == ma.P_P2P {
		return a[:n-1]
	}
	return a
}

// mayHold reports whether an invite may hold a: an IP address or DNS name and a
// TCP port, the same with a relay there, or a /dnsaddr name; at most MaxAddr
// bytes. It is what our transport can dial, and no more.
func mayHold(a ma.Multiaddr) bool {
	if len(a) == 0 || len(a.Bytes()) > MaxAddr || !isPlace(a[0]) {
		return false
	}
	if a[0].Code() == ma.P_DNSADDR {
		return len(a) == 1
	}
	if len(a) < 2 || a[1].Code() != ma.P_TCP || a[1].Value() == "0" {
		return false
	}
	return len(a) == 2 || isCircuit(a[2:])
}

// isPlace reports whether c is an IP address or DNS name that can be somebody's.
func isPlace(c ma.Component) bool {
	switch c.Code() {
	case ma.P_IP4, ma.P_IP6:
		ip, err := netip.ParseAddr(c.Value())
		return err == nil && !ip.IsUnspecified() && !ip.IsMulticast()
	case ma.P_DNS, ma.P_DNS4, ma.P_DNS6, ma.P_DNSADDR:
		// Whatever else a name holds is for a screen or a log, not for a resolver.
		return strings.Trim(c.Value(), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
	}
	return false
}

// isCircuit reports whether c says: through this relay.
func isCircuit(c []ma.Component) bool {
	if len(c) != 2 || c[0].Code() != ma.P_P2P || c[1].Code() != ma.P_CIRCUIT {
		return false
	}
	_, err := chat.ParsePeerID(c[0].Value())
	return err == nil
}
