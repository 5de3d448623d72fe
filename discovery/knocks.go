package discovery

import (
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// knocksBurst is how many dials to one address of the internet a node makes at
	// once on strangers' words, and knocksPerMinute how many more from then on:
	// identities are free, so one liar can name one victim as any number of members.
	knocksBurst     = 16
	knocksPerMinute = 16
	// homeBits is what one household is usually given of IPv6.
	homeBits = 56
	// maxKnocked is how many addresses are counted; beyond, any other is forgotten.
	maxKnocked = 4096
)

// A knockCounter bounds what a node can be made to do to somebody else. The zero
// value is ready.
type knockCounter struct {
	mu sync.Mutex
	at map[netip.Prefix]knocked
}

// knocked is how many dials have been made, less those forgiven since.
type knocked struct {
	dials float64
	then  time.Time
}

// take counts a dial, if there may be one.
func (k *knockCounter) take(ip netip.Addr, now time.Time) bool {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = homeBits
	}
	at, err := ip.Prefix(bits)
	if err != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	n, counted := k.at[at]
	n.dials = max(0, n.dials-now.Sub(n.then).Minutes()*knocksPerMinute)
	if n.dials > knocksBurst-1 {
		return false
	}
	switch {
	case k.at == nil:
		k.at = make(map[netip.Prefix]knocked)
	case !counted && len(k.at) >= maxKnocked:
		for other := range k.at {
			delete(k.at, other)
			break
		}
	}
	k.at[at] = knocked{n.dials + 1, now}
	return true
}

// permitted gives those of a stranger's addresses that may be dialled now, and
// counts them as dialled. Only the internet is counted: in a network of our own
// many live at one address, as on one machine.
func (d *dialer) permitted(p peer.ID, addrs []ma.Multiaddr, now time.Time) []ma.Multiaddr {
	var trusted []ma.Multiaddr
	asked := false
	return ma.FilterAddrs(addrs, func(a ma.Multiaddr) bool {
		if !manet.IsPublicAddr(a) || d.atConnectedRelay(a) {
			return true
		}
		if !asked {
			trusted, asked = d.trusted(p), true
		}
		if ma.Contains(trusted, a) {
			return true
		}
		ip, err := manet.ToIP(a)
		if err != nil {
			return false
		}
		addr, ok := netip.AddrFromSlice(ip)
		return ok && d.knocks.take(addr.Unmap(), now)
	})
}

// atConnectedRelay reports whether an address leads through a relay with which we
// are connected: nobody is dialled there.
func (d *dialer) atConnectedRelay(a ma.Multiaddr) bool {
	where, circuit := ma.SplitFunc(a, func(c ma.Component) bool { return c.Code() == ma.P_CIRCUIT })
	_, relay := peer.SplitAddr(where)
	return len(circuit) > 0 && relay != "" && d.h.Network().Connectedness(relay) == network.Connected
}
