package discovery

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// findTimeout bounds Find, whatever the context allows.
	findTimeout = 20 * time.Second

	// askTimeout bounds one question to the DHT about a peer. FindPeer dials the
	// peer itself and hangs if it cannot; what it has learnt by then counts.
	askTimeout = 2 * time.Second

	// tableWait is how long Find waits for a first DHT server when there is
	// hope for one, and lonelyWait when there is none.
	tableWait  = 6 * time.Second
	lonelyWait = time.Second

	// lanWait is how long after its start mDNS may take to have heard all.
	lanWait = time.Second

	// maxReasons is how many failed addresses an error names.
	maxReasons = 3
)

// Find connects to p by any way there is; the first that works wins. It takes
// at most 20 seconds. The error wraps chat.ErrNotFound if nobody knows an
// address of p, and chat.ErrUnreachable if addresses are known but none
// answered; it is safe to be shown.
func (s *Service) Find(ctx context.Context, p peer.ID) error {
	id, err := chat.PeerIDFromLibp2p(p)
	if err != nil {
		return fmt.Errorf("find peer: %w", err)
	}
	if !s.dials.usable(p) {
		return fmt.Errorf("find %s: %w: %w", id, chat.ErrUnreachable, errNotAllowed)
	}
	if s.dials.connected(p) {
		return nil
	}
	f := finder{s: s, peer: p, id: id, tried: make(map[string]bool)}
	if err := f.run(ctx); err != nil {
		return fmt.Errorf("find %s: %w", id, err)
	}
	return nil
}

// A finder is one Find at work.
type finder struct {
	s     *Service
	peer  peer.ID
	id    chat.PeerID
	tried map[string]bool
	fault error // of the latest dial that failed
}

// run owns the finder. Asking and dialling go on beside it.
func (f *finder) run(parent context.Context) error {
	s := f.s
	ctx, cancel := context.WithTimeout(parent, findTimeout)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	came, unwatch := s.watch(f.peer)
	defer unwatch()
	addAddrs(s.h, peer.AddrInfo{ID: f.peer, Addrs: s.memory.addrs(f.id)}, foundAddrLife)
	// Whoever learns an address of the peer puts it into the peerstore; from
	// there it comes to us.
	addrs := s.h.Peerstore().AddrStream(ctx, f.peer)
	asked := make(chan struct{})
	beside.Go(func() {
		defer close(asked)
		f.ask(ctx)
	})
	dialled := make(chan error)
	dialling := 0
	for {
		if s.dials.connected(f.peer) {
			return nil
		}
		if f.fresh() {
			dialling++
			beside.Go(func() {
				err := s.dials.dial(ctx, peer.AddrInfo{ID: f.peer}, urgent)
				select {
				case dialled <- err:
				case <-ctx.Done():
				}
			})
		}
		if asked == nil && dialling == 0 {
			return f.verdict()
		}
		select {
		case <-came:
		case _, ok := <-addrs:
			if !ok {
				addrs = nil
			}
		case err := <-dialled:
			dialling--
			if err != nil {
				f.fault = err
			}
		case <-asked:
			asked = nil
		case <-s.ctx.Done():
			return chat.ErrClosed
		case <-ctx.Done():
			if parent.Err() != nil {
				return parent.Err()
			}
			return f.verdict()
		}
	}
}

// fresh reports whether there are addresses worth dialling that were not dialled
// yet, and counts them as dialled.
func (f *finder) fresh() (any bool) {
	for _, a := range f.s.dials.worthy(f.peer) {
		if name := string(a.Bytes()); !f.tried[name] {
			f.tried[name] = true
			any = true
		}
	}
	return any
}

// ask asks everybody who may know addresses, and returns when all have answered.
func (f *finder) ask(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { f.s.lan.await(ctx) })
	if !f.s.hopeForTable(ctx) {
		return
	}
	wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		// The DHT puts the addresses into the peerstore itself.
		_, _ = f.s.table.dht.FindPeer(ctx, f.peer)
	})
	wg.Go(func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_ = f.s.table.find(ctx, peerKey(f.id), func(info peer.AddrInfo) {
			if info.ID == f.peer && len(info.Addrs) > 0 {
				addAddrs(f.s.h, info, foundAddrLife)
				cancel()
			}
		})
	})
}

// verdict says why the peer was not reached.
func (f *finder) verdict() error {
	if len(f.tried) == 0 {
		return fmt.Errorf("%w: nobody we can ask knows an address of it", chat.ErrNotFound)
	}
	return fmt.Errorf("%w: %s", chat.ErrUnreachable, reasons(f.fault))
}

// reasons names up to maxReasons addresses that failed, and why, in one safe
// line.
func reasons(err error) string {
	if err == nil {
		return "no answer in time"
	}
	var all []string
	for _, e := range addrErrors(err) {
		all = append(all, strings.TrimPrefix(e.Error(), dialPrefix))
	}
	if len(all) == 0 {
		all = []string{err.Error()}
	}
	more := ""
	if len(all) > maxReasons {
		more = fmt.Sprintf("; and %d more", len(all)-maxReasons)
		all = all[:maxReasons]
	}
	return chat.SafeString(strings.Join(all, "; ") + more)
}
