package host

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// WithInterfaces is cfg for a machine whose addresses are what source says.
func WithInterfaces(cfg Config, source func() ([]netip.Addr, error)) Config {
	cfg.interfaces = source
	return cfg
}

// A Link is an interface of a machine.
type Link struct {
	Index    int
	Hardware string
	Running  bool
	Addrs    []netip.Addr
}

// WithLinks is cfg for a machine whose links are what source says.
func WithLinks(cfg Config, source func() []Link) Config {
	cfg.links = func() (all []link) {
		for _, l := range source() {
			all = append(all, link{l.Index, l.Hardware, l.Running, func() []netip.Addr { return l.Addrs }})
		}
		return all
	}
	return cfg
}

// WithWallClock is cfg for a machine with another time of day.
func WithWallClock(cfg Config, now func() time.Time) Config {
	cfg.wallClock = now
	return cfg
}

// MaxReservationsOfIP is maxReservationsOfIP.
const MaxReservationsOfIP = maxReservationsOfIP

// MaxFollowed is maxFollowed.
const MaxFollowed = maxFollowed

// BeginPunch counts a punch as begun by this host until end is called.
func (h *Host) BeginPunch(with peer.ID) (end func()) {
	p := h.puncher
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.add(with)
	u.ours = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		u.ours = false
		p.settle(with, u)
	}
}

// FollowPunch is what the host does when a peer has begun a punch.
func (h *Host) FollowPunch(from peer.ID) (end func(), err error) { return h.puncher.follow(from) }

// LeadsPunch tells whether the punch under way is this host's.
func (h *Host) LeadsPunch(with peer.ID) bool { return h.puncher.begins(with) }
