package discovery

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// Status tells how discovery is doing.
type Status struct {
	// TableSize is how many DHT servers are known.
	TableSize int
	// Mode is "server" if this node answers DHT questions, else "client". It
	// changes by itself when others can reach this node, or no longer can.
	Mode string
	// MDNS is whether the local network is listened to.
	MDNS bool
	// Lookups is how often the DHT was asked for members, by all searches.
	Lookups int
	// Known is how many peers are remembered.
	Known int
	// LastError is the latest trouble with mDNS or the book, if any.
	LastError error
}

// Status tells how discovery is doing.
func (s *Service) Status() Status {
	st := Status{
		TableSize: s.table.size(),
		Mode:      "client",
		MDNS:      s.lan.on(),
		Lookups:   int(s.lookups.Load()),
		Known:     s.memory.len(),
	}
	if s.table.serves() {
		st.Mode = "server"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.LastError = s.fault
	return st
}

// Detail tells all there is to know of how discovery is doing, for people who
// look for a fault.
type Detail struct {
	Status
	// Searches are one for each conversation that is looked for, in the order of
	// their IDs.
	Searches []SearchDetail
	// LAN tells of the local networks, one entry for each interface on which
	// mDNS could be used, in the order of their names. It is empty if mDNS is
	// switched off.
	LAN []LANDetail
	// Scope says which addresses are dialled on a stranger's word: "public",
	// "private" (also those of local networks) or "loopback" (also those of this
	// machine).
	Scope string
	// Dials is how many dials run or wait for their turn, Resting how many peers
	// are left alone because they could not be reached, Lost how many members
	// are redialled, and OnRelay for how many peers that are connected only
	// through a relay a direct connection is looked for.
	Dials, Resting, Lost, OnRelay int
}

// SearchDetail is how one search is doing.
type SearchDetail struct {
	Conversation chat.ConversationID
	SearchStatus
}

// LANDetail is how mDNS is doing on one interface.
type LANDetail struct {
	Interface string
	// On is whether this node is announced and listens there.
	On bool
	// Addrs are the addresses that are announced there.
	Addrs []ma.Multiaddr
	// LastError is why it is off. Its text is safe to be shown.
	LastError error
}

// Detail tells all there is to know of how discovery is doing. It asks the
// machine for its interfaces.
func (s *Service) Detail() Detail {
	d := Detail{
		Status:  s.Status(),
		LAN:     s.lan.detail(),
		Scope:   s.horizon.scope().String(),
		Lost:    int(s.counts.lost.Load()),
		OnRelay: int(s.counts.onRelay.Load()),
	}
	d.Dials, d.Resting = s.dials.counts(time.Now())
	for _, q := range s.allSearches() {
		d.Searches = append(d.Searches, SearchDetail{q.conv, q.Status()})
	}
	slices.SortFunc(d.Searches, func(a, b SearchDetail) int {
		return bytes.Compare(a.Conversation[:], b.Conversation[:])
	})
	return d
}

// detail tells how mDNS is doing on each interface there is now.
func (l *lan) detail() (all []LANDetail) {
	if l.s.cfg.NoMDNS {
		return nil
	}
	l.mu.Lock()
	on, at, fault := l.mdns != nil, l.at, l.fault
	l.mu.Unlock()
	ours := announced(interfaceAddrs(l.s.h))
	for _, i := range l.s.cfg.attachments() {
		d := LANDetail{Interface: i.name, Addrs: i.here(ours)}
		d.On = on && slices.ContainsFunc(at, func(o attachment) bool { return o.name == i.name })
		switch {
		case d.On:
		case fault != nil:
			d.LastError = safeError{fault}
		default:
			d.LastError = errNewInterface
		}
		all = append(all, d)
	}
	return all
}

// errNewInterface says that an interface came after mDNS was started.
var errNewInterface = errors.New("the interface is new")

// here keeps the addresses that are the machine's own at this interface.
func (at attachment) here(addrs []ma.Multiaddr) []ma.Multiaddr {
	return ma.FilterAddrs(slices.Clone(addrs), func(a ma.Multiaddr) bool {
		ip, ok := netip.AddrFromSlice(a[0].RawValue())
		return ok && slices.ContainsFunc(at.prefixes, func(p netip.Prefix) bool { return p.Addr() == ip })
	})
}

// A safeError has a text of one line that cannot hurt a terminal.
type safeError struct{ error }

func (e safeError) Error() string { return chat.SafeString(e.error.Error()) }
func (e safeError) Unwrap() error { return e.error }
