package host

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// maxAdvertised bounds what we tell others to try, and maxCircuits how many
	// of these lead through relays.
	maxAdvertised = 16
	maxCircuits   = 8
	// maxInterfaces bounds the interface addresses that we look at.
	maxInterfaces = 64
	// interfacesFresh is how long the machine's addresses are believed.
	interfacesFresh = 500 * time.Millisecond
)

// addrFacts is what the addresses that we advertise are made of.
type addrFacts struct {
	listen     []ma.Multiaddr // as listened on: wildcards, ports
	interfaces []netip.Addr   // the machine's, now
	outside    []ma.Multiaddr // public addresses of a router before us: observed, mapped
	circuits   []ma.Multiaddr
	confirmed  func(ma.Multiaddr) bool // somebody could call us there
	trustOwn   bool                    // public addresses of our own interfaces need no proof
}

// advertised decides what others are told. A public address that nobody could
// call is worse than none: it is dialled in vain, and a dial from outside at the
// wrong moment spoils the hole punching that would have worked. So those of a
// router are told only when confirmed; those of our own interfaces also when
// there is nobody to confirm them (a campus network without a seed), or when we
// are a seed, whose address its users were given by hand.
func advertised(f addrFacts) []ma.Multiaddr {
	var public, private, loopback []ma.Multiaddr
	for _, a := range expand(f.listen, f.interfaces) {
		switch {
		case manet.IsIPLoopback(a):
			loopback = append(loopback, a)
		case !manet.IsPublicAddr(a):
			private = append(private, a)
		case f.trustOwn || f.confirmed(a):
			public = append(public, a)
		}
	}
	for _, a := range f.outside {
		if manet.IsPublicAddr(a) && f.confirmed(a) {
			public = append(public, a)
		}
	}
	if len(public)+len(private) > 0 {
		// Others on this machine reach those just as well; but who listens on
		// loopback by name means it.
		loopback = slices.DeleteFunc(loopback, func(a ma.Multiaddr) bool { return !ma.Contains(f.listen, a) })
	}
	all := slices.Concat(public, f.circuits[:min(len(f.circuits), maxCircuits)], private, loopback)
	all = distinct(all)
	return all[:min(len(all), maxAdvertised)]
}

// distinct drops what came before, and keeps the order.
func distinct(as []ma.Multiaddr) []ma.Multiaddr {
	out := make([]ma.Multiaddr, 0, len(as))
	for _, a := range as {
		if !ma.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// expand replaces wildcards by the machine's addresses of that family.
func expand(listen []ma.Multiaddr, interfaces []netip.Addr) (as []ma.Multiaddr) {
	for _, a := range listen {
		at, ok := endpoint(a)
		switch {
		case isCircuit(a): // the relay client's listener: not an address
		case !ok || !at.Addr().IsUnspecified():
			as = append(as, a)
		default:
			for _, ip := range interfaces {
				if ip.Is4() == at.Addr().Is4() {
					as = append(as, multiaddrs([]netip.AddrPort{netip.AddrPortFrom(ip, at.Port())})...)
				}
			}
		}
	}
	return as
}

// onlyLoopback tells whether none of the addresses is of use to other machines.
func onlyLoopback(listen []ma.Multiaddr) bool {
	return !slices.ContainsFunc(listen, func(a ma.Multiaddr) bool { return !manet.IsIPLoopback(a) })
}

// interfaces knows the machine's addresses, and asks the system seldom.
type interfaces struct {
	source func() ([]netip.Addr, error)

	mu     sync.Mutex
	known  []netip.Addr
	looked time.Time
}

// now are the addresses as of half a second ago or later.
func (i *interfaces) now() []netip.Addr {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.looked.IsZero() || time.Since(i.looked) >= interfacesFresh {
		i.look()
	}
	return i.known
}

// fresh are the addresses of this moment. If the system does not say, they are
// the last known ones.
func (i *interfaces) fresh() []netip.Addr {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.look()
	return i.known
}

func (i *interfaces) look() {
	i.looked = time.Now()
	if as, err := i.source(); err == nil {
		i.known = tidy(as)
	}
}

// tidy drops what nobody can dial, and puts the rest in order.
func tidy(as []netip.Addr) []netip.Addr {
	as = slices.Clone(as)
	for i := range as {
		as[i] = as[i].Unmap()
	}
	as = slices.DeleteFunc(as, func(a netip.Addr) bool {
		return !a.IsValid() || a.Zone() != "" || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified()
	})
	slices.SortFunc(as, netip.Addr.Compare)
	as = slices.Compact(as)
	return as[:min(len(as), maxInterfaces)]
}

// systemInterfaces asks the operating system.
func systemInterfaces() ([]netip.Addr, error) {
	as, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	return addrsOf(as), nil
}
