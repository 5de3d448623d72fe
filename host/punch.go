package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

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
)

// A puncher is libp2p's hole punching (DCUtR), begun when it can work: the
// service is of no use before somebody told us where he sees us, and as peers
// try it only with a host that offers it, it must not wait a moment longer.
// libp2p's own start looks for such an address at 0.25, 0.75, 1.75 s and so on.
type puncher struct {
	h *Host

	mu      sync.Mutex
	closed  bool
	service *holepunch.Service
	wg      sync.WaitGroup // of punches that Punch began
}

var errNoPunch = errors.New("hole punching is not ready: nobody has told us yet where we are seen")

// Punch asks a peer, over the relayed connection by which it came to us, to
// punch a hole for a direct one; libp2p does it by itself only once, when that
// connection arrives. It returns when there is a direct connection, when three
// attempts have failed, or when ctx ends; an attempt that is under way then goes
// on, for 10 seconds at most.
func (h *Host) Punch(ctx context.Context, p peer.ID) error { return h.puncher.punch(ctx, p) }

func (p *puncher) punch(ctx context.Context, to peer.ID) error {
	p.mu.Lock()
	if p.closed || p.service == nil || !p.ready() {
		p.mu.Unlock()
		return errNoPunch
	}
	// libp2p's knows no context but its own, which ends with the service.
	service, done := p.service, make(chan error, 1)
	p.wg.Go(func() { done <- service.DirectConnect(to) })
	p.mu.Unlock()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("punch a hole: %w", err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
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
	s, err := holepunch.NewService(p.h, p.h.IDService(), p.h.punchAddrs,
		holepunch.DirectDialTimeout(punchTimeout),
		holepunch.WithAddrFilter(punchFilter{}))
	if err != nil {
		p.h.cfg.log().Debug("no hole punching", "err", err)
		return
	}
	p.service = s
}

// ready tells whether others see that we take part.
func (p *puncher) ready() bool {
	return slices.Contains(p.h.Mux().Protocols(), holepunch.Protocol)
}

func (p *puncher) close() error {
	p.mu.Lock()
	p.closed = true
	service := p.service
	p.mu.Unlock()
	if service == nil {
		return nil
	}
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
