package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// maxHeard is how many answers from the local network wait to be dialled.
	// When they do, more are dropped: the network repeats itself.
	maxHeard = 64
	// maxLAN is with how many peers of the local network a node connects just
	// because they are there. Members of its rooms come through the rooms.
	maxLAN = 32
	// lanWidth is how many of them are dialled at once.
	lanWidth = 8

	// lanGap is the shortest time between two starts of mDNS: whoever moves about
	// changes networks in steps.
	lanGap = 2 * time.Second
)

// A lan connects us with nodes on the local network.
type lan struct {
	s     *Service
	heard chan peer.AddrInfo
	began time.Time
	// renew says that the interfaces changed. It holds one: more would say the
	// same.
	renew chan struct{}

	mu    sync.Mutex
	mdns  io.Closer        // nil while there is none
	at    []attachment     // where it was started
	fault error            // why it was not
	peers map[peer.ID]bool // reached through mDNS, at most maxLAN
}

func newLAN(s *Service) *lan {
	l := &lan{
		s:     s,
		heard: make(chan peer.AddrInfo, maxHeard),
		began: time.Now(),
		renew: make(chan struct{}, 1),
		peers: make(map[peer.ID]bool),
	}
	if s.cfg.NoMDNS {
		return l
	}
	for range lanWidth {
		s.wg.Go(func() { l.work(s.ctx) })
	}
	// Beside, because asking the machine for its interfaces takes a while.
	s.wg.Go(func() { l.keep(s.ctx) })
	return l
}

// keep has mDNS started, again when the network changed, and after a while if it
// could not be started, until ctx ends. The library looks for interfaces once.
func (l *lan) keep(ctx context.Context) {
	start := l.s.cfg.MDNS
	if start == nil {
		start = startMDNS
	}
	for failed := 0; ; {
		began := time.Now()
		if failed++; l.start(start) {
			failed = 0
		}
		var retry <-chan time.Time
		timer := time.NewTimer(lanRetry(failed))
		if failed > 0 {
			retry = timer.C
		}
		select {
		case <-l.renew:
		case <-retry:
		case <-ctx.Done():
		}
		timer.Stop()
		if !sleep(ctx, time.Until(began.Add(lanGap))) {
			return
		}
		l.stop()
	}
}

// start starts mDNS, and tells whether that was possible.
func (l *lan) start(start func(corehost.Host, func(peer.AddrInfo)) (io.Closer, error)) bool {
	at := l.s.cfg.attachments()
	mdns, err := start(l.s.h, l.hear)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at, l.fault = at, err
	if err != nil {
		// No multicast, no network, no port: all else still works.
		l.fault = fmt.Errorf("look around on the local network: %w", err)
		l.s.note(l.fault)
		l.s.cfg.log().Debug("no mDNS", "err", err)
		return false
	}
	l.mdns = mdns
	return true
}

// stop stops it, and tells of trouble.
func (l *lan) stop() {
	l.mu.Lock()
	mdns := l.mdns
	l.mdns = nil
	l.mu.Unlock()
	if mdns == nil {
		return
	}
	if err := mdns.Close(); err != nil {
		l.s.cfg.log().Debug("mDNS not stopped", "err", err)
	}
}

// again has mDNS started anew, because the interfaces are others now.
func (l *lan) again() {
	select {
	case l.renew <- struct{}{}:
	default:
	}
}

// hear takes what mDNS found, from any goroutine, also after close.
func (l *lan) hear(info peer.AddrInfo) {
	select {
	case l.heard <- info:
	default:
	}
}

// work dials who was heard. The other side hears us at the same time, and mDNS
// does not repeat itself soon, so a failed dial is left to the redials.
func (l *lan) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case info := <-l.heard:
			if !l.s.dials.usable(info.ID) {
				continue
			}
			info.Addrs = l.near(info.Addrs)
			l.s.dials.heard.add(info.ID, info.Addrs, time.Now().Add(foundAddrLife))
			addAddrs(l.s.h, info, foundAddrLife)
			if !l.wanted(info.ID) {
				continue
			}
			// Somebody in the same home may be connected already, through a relay.
			if err := l.s.dials.dial(ctx, info, closer); err != nil && !errors.Is(err, errNotAllowed) {
				l.s.redial(info.ID)
			}
		}
	}
}

// near keeps the addresses that may be those of a machine nearby.
func (l *lan) near(addrs []ma.Multiaddr) []ma.Multiaddr {
	l.mu.Lock()
	at := l.at
	l.mu.Unlock()
	in := l.s.horizon.local()
	return boundAddrs(ma.FilterAddrs(slices.Clone(addrs), func(a ma.Multiaddr) bool { return nearby(a, in, at) }))
}

// wanted counts p among the peers of the local network, if there is room.
func (l *lan) wanted(p peer.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers[p] {
		return true
	}
	if len(l.peers) >= maxLAN {
		for other := range l.peers {
			if !l.s.dials.connected(other) {
				delete(l.peers, other)
			}
		}
	}
	if len(l.peers) >= maxLAN {
		return false
	}
	l.peers[p] = true
	return true
}

// count is how many peers are counted.
func (l *lan) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.peers)
}

// on reports whether mDNS is at work.
func (l *lan) on() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mdns != nil
}

// await waits until mDNS has had its time to hear everybody.
func (l *lan) await(ctx context.Context) {
	if wait := lanWait - time.Since(l.began); wait > 0 && l.on() {
		sleep(ctx, wait)
	}
}
