package host

import (
	"maps"
	"net"
	"net/netip"
	"slices"
)

// A link is one of the machine's network interfaces, as the system shows it.
type link struct {
	index    int
	hardware string
	running  bool // the cable is in, the radio has joined a network
	// addrs asks for its addresses, which costs more than all the rest.
	addrs func() []netip.Addr
}

// links notices what the machine's addresses do not tell: another network can give
// us the address that we had in the last one, and most homes use the same ones. The
// watch's goroutine owns it.
type links struct {
	source func() []link
	seen   map[int]seenLink // by index
}

// A seenLink is a link as of the last look.
type seenLink struct {
	hardware string
	running  bool
	addrs    []netip.Addr // as of the last change
}

// look compares with the last look. gone are the addresses of links that are no
// more, and back tells whether a link with an address works that did not.
func (l *links) look() (gone []netip.Addr, back bool) {
	now := make(map[int]seenLink)
	for _, k := range l.source() {
		old, known := l.seen[k.index]
		known = known && old.hardware == k.hardware
		s := seenLink{k.hardware, k.running, old.addrs}
		if !known || old.running != k.running {
			s.addrs = k.addrs()
		}
		now[k.index] = s
		back = back || known && !old.running && k.running && len(old.addrs) > 0
	}
	for _, index := range slices.Sorted(maps.Keys(l.seen)) {
		old := l.seen[index]
		if k, there := now[index]; !there || k.hardware != old.hardware {
			gone = append(gone, old.addrs...)
		}
	}
	l.seen = now
	return gone, back
}

// readdressed is look when the addresses have changed.
func (l *links) readdressed() {
	l.seen = nil
	l.look()
}

// systemLinks asks the operating system. Links that are switched off, or lead
// nowhere but to this machine, do not count.
func systemLinks() (all []link) {
	found, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range found {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		all = append(all, link{i.Index, i.HardwareAddr.String(), i.Flags&net.FlagRunning != 0, func() []netip.Addr {
			as, err := i.Addrs()
			if err != nil {
				return nil
			}
			return tidy(addrsOf(as))
		}})
	}
	return all
}

// addrsOf are the addresses without their networks.
func addrsOf(as []net.Addr) []netip.Addr {
	all := make([]netip.Addr, 0, len(as))
	for _, a := range as {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Addr())
		}
	}
	return all
}
