package host

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxObserved bounds the addresses that we believe to be seen at. A symmetric
// NAT shows another one to everybody.
const maxObserved = 4

// An observation is what one peer said where it sees us.
type observation struct {
	local    netip.AddrPort // our end
	seen     netip.AddrPort // public
	by       netip.AddrPort // the other end
	ours     bool           // local is a port that we listen on, so others may call there
	trusted  bool           // a seed said it
	outbound bool           // we dialled, so a NAT on our side chose the port
}

// An observer collects where others see us. It takes the place of libp2p's,
// which waits for four observers, believes strangers as it does seeds, and for
// a minute after a change of network discards what it hears.
type observer struct {
	listening func() []ma.Multiaddr
	trusted   func(peer.ID) bool

	mu   sync.Mutex
	said map[network.Conn]observation
}

func newObserver(listening func() []ma.Multiaddr, trusted func(peer.ID) bool) *observer {
	return &observer{listening: listening, trusted: trusted, said: make(map[network.Conn]observation)}
}

// hear notes what the other side of c said, if it is a public address.
func (o *observer) hear(c network.Conn, seen ma.Multiaddr) {
	if seen == nil || isCircuit(c.RemoteMultiaddr()) || !manet.IsPublicAddr(seen) {
		return
	}
	ob, ok := observe(c, seen)
	if !ok {
		return
	}
	ob.ours, ob.trusted = o.listensOn(ob.local), o.trusted(c.RemotePeer())
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.said) < maxCounted && !c.IsClosed() { // if closed, forget has been here already
		o.said[c] = ob
	}
}

func observe(c network.Conn, seen ma.Multiaddr) (ob observation, ok bool) {
	var ok1, ok2, ok3 bool
	ob.local, ok1 = endpoint(c.LocalMultiaddr())
	ob.seen, ok2 = endpoint(seen)
	ob.by, ok3 = endpoint(c.RemoteMultiaddr())
	ob.outbound = c.Stat().Direction == network.DirOutbound
	return ob, ok1 && ok2 && ok3 && ob.local.Addr().Is4() == ob.seen.Addr().Is4()
}

func (o *observer) listensOn(local netip.AddrPort) bool {
	return slices.ContainsFunc(o.listening(), func(a ma.Multiaddr) bool {
		at, ok := endpoint(a)
		return ok && at.Port() == local.Port() && at.Addr().Is4() == local.Addr().Is4()
	})
}

// forget drops what was said over c, which is closed.
func (o *observer) forget(c network.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.said, c)
}

func (o *observer) all() []observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	obs := make([]observation, 0, len(o.said))
	for _, ob := range o.said {
		obs = append(obs, ob)
	}
	return obs
}

// addrs are the addresses where we are seen, by trusted ones alone or by
// anybody, those that most agree on first.
func (o *observer) addrs(trustedOnly bool) []ma.Multiaddr {
	return mostSeen(o.all(), trustedOnly)
}

func mostSeen(obs []observation, trustedOnly bool) []ma.Multiaddr {
	votes := make(map[netip.AddrPort]map[netip.Addr]bool) // one for each machine
	for _, ob := range obs {
		if !ob.ours || trustedOnly && !ob.trusted {
			continue
		}
		if votes[ob.seen] == nil {
			votes[ob.seen] = make(map[netip.Addr]bool)
		}
		votes[ob.seen][ob.by.Addr()] = true
	}
	seen := make([]netip.AddrPort, 0, len(votes))
	for at := range votes {
		seen = append(seen, at)
	}
	slices.SortFunc(seen, func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(len(votes[b]), len(votes[a])), a.Compare(b))
	})
	return multiaddrs(seen[:min(len(seen), maxObserved)])
}

// The kinds of NAT in Reach.NAT.
const (
	natUnknown   = "unknown"
	natNone      = "none"
	natFriendly  = "friendly"
	natSymmetric = "symmetric"
)

// natKind judges the NAT by what connections from one of our ports look like to
// several others: one public port for all can be punched through, a port for
// each cannot. It takes two observers, and looks at IPv4 first, where NATs are.
func natKind(obs []observation, own []netip.Addr) string {
	for _, v4 := range []bool{true, false} {
		if kind := natKindOf(obs, own, v4); kind != natUnknown {
			return kind
		}
	}
	return natUnknown
}

func natKindOf(obs []observation, own []netip.Addr, v4 bool) string {
	first := make(map[netip.AddrPort]observation) // by our end
	kind := natUnknown
	for _, ob := range obs {
		if !ob.outbound || ob.local.Addr().Is4() != v4 {
			continue
		}
		if slices.Contains(own, ob.seen.Addr()) {
			return natNone
		}
		before, again := first[ob.local]
		switch {
		case !again:
			first[ob.local] = ob
		case before.seen != ob.seen:
			return natSymmetric
		case before.by != ob.by:
			kind = natFriendly
		}
	}
	return kind
}

// endpoint reads /ip4|ip6/A/tcp/P, whatever follows.
func endpoint(a ma.Multiaddr) (netip.AddrPort, bool) {
	if len(a) < 2 || a[1].Code() != ma.P_TCP {
		return netip.AddrPort{}, false
	}
	if code := a[0].Code(); code != ma.P_IP4 && code != ma.P_IP6 {
		return netip.AddrPort{}, false
	}
	ip, ok := netip.AddrFromSlice(a[0].RawValue())
	port := a[1].RawValue()
	if !ok || len(port) != 2 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port[0])<<8|uint16(port[1])), true
}

func multiaddrs(at []netip.AddrPort) []ma.Multiaddr {
	as := make([]ma.Multiaddr, 0, len(at))
	for _, ap := range at {
		family := "ip6"
		if ap.Addr().Is4() {
			family = "ip4"
		}
		a, err := ma.NewMultiaddr("/" + family + "/" + ap.Addr().String() + "/tcp/" + strconv.Itoa(int(ap.Port())))
		if err == nil { // only an address with a zone fails, and there is none
			as = append(as, a)
		}
	}
	return as
}
