package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
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
)

// A lan connects us with nodes on the local network.
type lan struct {
	s     *Service
	heard chan peer.AddrInfo
	began time.Time

	mu     sync.Mutex
	mdns   io.Closer        // nil while there is none
	peers  map[peer.ID]bool // reached through mDNS, at most maxLAN
	closed bool
}

func newLAN(s *Service) *lan {
	l := &lan{
		s:     s,
		heard: make(chan peer.AddrInfo, maxHeard),
		began: time.Now(),
		peers: make(map[peer.ID]bool),
	}
	if s.cfg.NoMDNS {
		return l
	}
	for range lanWidth {
		s.wg.Go(func() { l.work(s.ctx) })
	}
	start := s.cfg.MDNS
	if start == nil {
		start = startMDNS
	}
	// Beside, because asking the machine for its interfaces takes a while.
	s.wg.Go(func() {
		mdns, err := start(s.h, l.hear)
		if err != nil {
			// No multicast, no network, no port: all else still works.
			s.note(fmt.Errorf("look around on the local network: %w", err))
			s.cfg.log().Debug("no mDNS", "err", err)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.closed {
			_ = mdns.Close()
			return
		}
		l.mdns = mdns
	})
	return l
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
			addAddrs(l.s.h, info, foundAddrLife)
			if !l.wanted(info.ID) {
				continue
			}
			if err := l.s.dials.dial(ctx, info, polite); err != nil && !errors.Is(err, errNotAllowed) {
				l.s.redial(info.ID)
			}
		}
	}
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

// close stops mDNS. The workers end with the service's context.
func (l *lan) close() error {
	l.mu.Lock()
	mdns := l.mdns
	l.mdns, l.closed = nil, true
	l.mu.Unlock()
	if mdns == nil {
		return nil
	}
	return mdns.Close()
}
