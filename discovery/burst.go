package discovery

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// maxBurst is how many peers one look-up, or one reading of the remembered
	// ones, may dial. More are passed over until the next.
	maxBurst = 64
	// burstWidth is how many of them are dialled at once.
	burstWidth = 32
	// wantMembers is how many members of a room a node likes to be connected
	// with; gossip needs no more.
	wantMembers = 12
	// wantMore is how many new members a node connects with although it has
	// enough: two halves of a room that are each content must still meet.
	wantMore = 2
	// promising is how long a dial counts as one that will succeed. After that
	// the next candidate has its turn beside it: most of a room's records may be
	// of people who left.
	promising = 400 * time.Millisecond
)

// A burst dials the candidates that a look-up offers to it, some at once, until
// enough of them are connected.
type burst struct {
	dials     *dialer
	connected func() int
	won       func(peer.ID) // told of each that is connected

	mu      sync.Mutex
	tried   map[peer.ID]bool
	waiting []candidate // at most maxBurst
	running int         // dials
	hopeful int         // those among them that are still promising
	reached int
	wg      sync.WaitGroup
}

type candidate struct {
	info peer.AddrInfo
	how  manner
}

func newBurst(d *dialer, connected func() int, won func(peer.ID)) *burst {
	return &burst{dials: d, connected: connected, won: won, tried: make(map[peer.ID]bool)}
}

// renew begins a new look-up: whoever was tried may be tried again, as far as
// the dialer lets them. Those who wait go on waiting, and dials on their way
// still count.
func (b *burst) renew(ctx context.Context) {
	b.mu.Lock()
	b.tried, b.reached = make(map[peer.ID]bool), 0
	for _, c := range b.waiting {
		b.tried[c.info.ID] = true
	}
	b.mu.Unlock()
	b.fill(ctx)
}

// offer dials a candidate as soon as there is room, if it is worth it. It does
// not wait.
func (b *burst) offer(ctx context.Context, c candidate) {
	if !b.dials.usable(c.info.ID) || b.dials.connected(c.info.ID) || b.dials.resting(c.info.ID, time.Now()) {
		return
	}
	b.mu.Lock()
	if b.tried[c.info.ID] || len(b.tried) >= maxBurst {
		b.mu.Unlock()
		return
	}
	b.tried[c.info.ID] = true
	b.waiting = append(b.waiting, c)
	b.mu.Unlock()
	b.fill(ctx)
}

// fill starts dials while more members are wanted than are on their way.
func (b *burst) fill(ctx context.Context) {
	connected := b.connected() // somebody else's code: not under our lock
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 && b.running < burstWidth && b.reached+b.hopeful < want(connected, b.reached) {
		c := b.waiting[0]
		b.waiting = b.waiting[1:]
		b.running++
		b.hopeful++
		b.wg.Go(func() { b.dial(ctx, c) })
	}
}

// dial dials one candidate, and lets the next in as soon as that makes sense.
func (b *burst) dial(ctx context.Context, c candidate) {
	ended := make(chan error, 1)
	b.wg.Go(func() { ended <- b.dials.dial(ctx, c.info, c.how) })
	patience := promising
	if c.how == polite && b.dials.larger(c.info.ID) {
		patience += politeWait
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	hopeful := 1
	select {
	case err := <-ended:
		b.end(ctx, c, err, hopeful)
		return
	case <-timer.C:
	}
	b.mu.Lock()
	b.hopeful--
	b.mu.Unlock()
	b.fill(ctx)
	b.end(ctx, c, <-ended, 0)
}

func (b *burst) end(ctx context.Context, c candidate, err error, hopeful int) {
	b.mu.Lock()
	b.running--
	b.hopeful -= hopeful
	if err == nil {
		b.reached++
	}
	b.mu.Unlock()
	if err == nil {
		b.won(c.info.ID)
	}
	b.fill(ctx)
}

// want is how many peers a burst should reach, of which reached may already be
// among those connected.
func want(connected, reached int) int {
	return max(wantMembers-max(connected-reached, 0), wantMore)
}

// wait returns when all dials have ended.
func (b *burst) wait() { b.wg.Wait() }
