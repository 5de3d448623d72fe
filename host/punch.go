package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// punchTimeout bounds one attempt to punch; there are three.
	punchTimeout = 3 * time.Second
	// maxPunched bounds the addresses that a peer may have us dial in one.
	maxPunched = 6
	// maxFollowed bounds the punches that one peer may have begun at a time; a
	// second one follows when the first has failed for it, and not yet for us.
	maxFollowed = 2
)

// A puncher is libp2p's hole punching (DCUtR), begun when it can work: the
// service is of no use before somebody told us where he sees us, and as peers
// try it only with a host that offers it, it must not wait a moment longer.
// libp2p's own start looks for such an address at 0.25, 0.75, 1.75 s and so on.
//
// Of two who were both called through a relay both would begin to punch, and
// then each might wait for the other to speak first: the connection stands and
// dies in silence, and after its two crossing resets many a router lets nothing
// through on that pair of ports for 10 seconds. So there is one punch at a time
// with each peer: the one of whose host has the larger ID.
type puncher struct {
	h *Host

	mu      sync.Mutex
	closed  bool
	service *holepunch.Service
	arrival *network.NotifyBundle
	punches map[peer.ID]*punch
	wg      sync.WaitGroup // of those that we began, or are about to
}

// A punch is what is under way with one peer. The puncher's lock guards it.
type punch struct {
	ours   bool           // we have begun one
	theirs int            // so many the peer has
	holes  []ma.Multiaddr // where it is dialled meanwhile, which it does not say are its addresses
	err    error          // of ours
	over   chan struct{}  // closed at the end
}

var (
	errNoPunch  = errors.New("hole punching is not ready: nobody has told us yet where we are seen")
	errNoHole   = errors.New("no hole came about")
	errPunching = errors.New("another punch with this peer is under way")
)

// Punch asks a peer, over the relayed connection by which it came to us, to
// punch a hole for a direct one; the host does so by itself when that connection
// arrives. If one is under way, begun by either side, it waits for that. It
// returns when there is a direct connection, when three attempts have failed, or
// when ctx ends; an attempt that is under way then goes on, for 10 seconds at
// most.
func (h *Host) Punch(ctx context.Context, p peer.ID) error { return h.puncher.punch(ctx, p) }

// Holes are the addresses at which a punch under way dials p. They are in the
// peerstore for its sake only: nobody answers there on another day, and whoever
// else dials them spoils the punch.
func (h *Host) Holes(p peer.ID) []ma.Multiaddr {
	h.puncher.mu.Lock()
	defer h.puncher.mu.Unlock()
	if u := h.puncher.punches[p]; u != nil {
		return slices.Clone(u.holes)
	}
	return nil
}

func (p *puncher) punch(ctx context.Context, with peer.ID) error {
	u, err := p.start(with)
	if err != nil {
		return err
	}
	select {
	case <-u.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.h.Network().Connectedness(with) == network.Connected {
		return nil
	}
	return fmt.Errorf("punch a hole: %w", cmp.Or(u.err, errNoHole))
}

// start begins a punch, or gives the one that is under way.
func (p *puncher) start(with peer.ID) (*punch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.service == nil || !p.ready() {
		return nil, errNoPunch
	}
	if u := p.punches[with]; u != nil {
		return u, nil
	}
	u := p.add(with)
	u.ours = true
	p.wg.Go(func() {
		// libp2p's knows no context but its own, which ends with the service.
		err := p.service.DirectConnect(with)
		p.mu.Lock()
		defer p.mu.Unlock()
		u.ours, u.err = false, err
		p.settle(with, u)
	})
	return u, nil
}

// add and settle begin and end what is under way. The lock is held.
func (p *puncher) add(with peer.ID) *punch {
	u := &punch{over: make(chan struct{})}
	if p.punches == nil {
		p.punches = make(map[peer.ID]*punch)
	}
	p.punches[with] = u
	return u
}

func (p *puncher) settle(with peer.ID, u *punch) {
	if !u.ours && u.theirs == 0 {
		delete(p.punches, with)
		close(u.over)
	}
}

// follow counts a punch that the peer has begun, until end is called, unless it
// has to give way to ours.
func (p *puncher) follow(from peer.ID) (end func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.punches[from]
	switch {
	case u == nil:
		u = p.add(from)
	case u.ours && p.h.ID() > from || u.theirs >= maxFollowed:
		return nil, errPunching
	}
	u.theirs++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		u.theirs--
		p.settle(from, u)
	}, nil
}

// begins reports whether ours is what is under way.
func (p *puncher) begins(with peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.punches[with]
	return u != nil && u.ours && u.theirs == 0
}

// mark notes holes for the punch that is under way.
func (p *puncher) mark(with peer.ID, holes []ma.Multiaddr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.punches[with]; u != nil {
		u.holes = holes
	}
}

// begin starts the service, if there is an address to be punched at and it does
// not run yet.
func (p *puncher) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.service != nil || len(p.h.punchAddrs()) == 0 {
		return
	}
	s, err := holepunch.NewService(punchHost{p.h, p}, p.h.IDService(), p.h.punchAddrs,
		holepunch.DirectDialTimeout(punchTimeout),
		holepunch.WithAddrFilter(punchFilter{}))
	if err != nil {
		p.h.cfg.log().Debug("no hole punching", "err", err)
		return
	}
	p.service = s
	p.arrival = &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) { p.arrived(c) }}
	p.h.Network().Notify(p.arrival)
}

// arrived punches with who has come to us through a relay, when it has said who
// it is; that side leaves the beginning to us. Who says that it can be called
// is called, by those who know which addresses may be dialled.
func (p *puncher) arrived(c network.Conn) {
	if c.Stat().Direction != network.DirInbound || !isCircuit(c.RemoteMultiaddr()) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.wg.Go(func() {
		select {
		case <-p.h.IDService().IdentifyWait(c):
		case <-p.h.ctx.Done():
			return
		}
		from := c.RemotePeer()
		if p.h.Network().Connectedness(from) == network.Connected || callable(p.h.Peerstore().Addrs(from)) {
			return
		}
		if err := p.punch(p.h.ctx, from); err != nil {
			p.h.cfg.log().Debug("no hole", "peer", from, "err", err)
		}
	})
}

// callable reports whether one of a peer's addresses is public and direct.
func callable(as []ma.Multiaddr) bool {
	return slices.ContainsFunc(as, func(a ma.Multiaddr) bool { return !isCircuit(a) && manet.IsPublicAddr(a) })
}

// ready tells whether others see that we take part.
func (p *puncher) ready() bool {
	return slices.Contains(p.h.Mux().Protocols(), holepunch.Protocol)
}

func (p *puncher) close() error {
	p.mu.Lock()
	p.closed = true
	service, arrival := p.service, p.arrival
	p.mu.Unlock()
	if service == nil {
		return nil
	}
	p.h.Network().StopNotify(arrival)
	err := service.Close()
	p.wg.Wait()
	if err != nil {
		return fmt.Errorf("hole punching: %w", err)
	}
	return nil
}

// punchAddrs are our public addresses, proven or not: a hole is punched where a
// dial alone would fail.
func (h *Host) punchAddrs() []ma.Multiaddr {
	as := expand(h.Network().ListenAddresses(), h.interfaces.now())
	as = slices.Concat(h.observer.addrs(false), h.mapper.mapped(), as)
	as = slices.DeleteFunc(distinct(as), func(a ma.Multiaddr) bool { return !manet.IsPublicAddr(a) })
	return as[:min(len(as), maxPunched)]
}

// A punchFilter keeps a stranger from having us dial our own machine, our home
// or half the internet: only some public TCP addresses.
type punchFilter struct{}

var _ holepunch.AddrFilter = punchFilter{}

// FilterLocal changes nothing: punchAddrs has chosen.
func (punchFilter) FilterLocal(_ peer.ID, as []ma.Multiaddr) []ma.Multiaddr { return as }

// FilterRemote keeps what may be dialled.
func (punchFilter) FilterRemote(_ peer.ID, as []ma.Multiaddr) (keep []ma.Multiaddr) {
	for _, a := range as {
		at, ok := endpoint(a)
		if !ok || len(a) != 2 || at.Port() == 0 || !manet.IsPublicAddr(a) || len(keep) == maxPunched {
			continue
		}
		keep = append(keep, multiaddrs([]netip.AddrPort{at})...)
	}
	return keep
}

// ClearBackoff drops libp2p's memory of failed dials to p, for those who keep
// their own.
func (h *Host) ClearBackoff(p peer.ID) { h.swarm.Backoff().Clear(p) }
