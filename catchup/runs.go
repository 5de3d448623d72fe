package catchup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// sweepAbove is from how many remembered callers on the idle ones are looked
// for and forgotten.
const sweepAbove = 1024

// runs counts the runs in progress, both ways, and waits for them.
type runs struct {
	lim limits
	// all is taken by every run that we call; when it is full, a call waits.
	all    chan struct{}
	closed chan struct{}

	mu      sync.Mutex
	wg      sync.WaitGroup // Add only under mu, and not once closed
	out     map[chat.PeerID]*turns
	in      map[chat.PeerID]int
	inAll   int
	allowed map[chat.PeerID]time.Time // see pace
	paid    map[chat.PeerID]time.Time // see afford
	brought map[chat.PeerID]time.Time // see overRelay
}

// turns are the runs with one peer that we call.
type turns struct {
	slots chan struct{} // when it is full, a call waits
	users int           // runs in progress and waiting
}

func newRuns(lim limits) *runs {
	return &runs{
		lim:     lim,
		all:     make(chan struct{}, lim.runs),
		closed:  make(chan struct{}),
		out:     make(map[chat.PeerID]*turns),
		in:      make(map[chat.PeerID]int),
		allowed: make(map[chat.PeerID]time.Time),
		paid:    make(map[chat.PeerID]time.Time),
		brought: make(map[chat.PeerID]time.Time),
	}
}

// close lets nobody in any more and waits until all have left.
func (r *runs) close() {
	r.mu.Lock()
	if !r.isClosed() {
		close(r.closed)
	}
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *runs) isClosed() bool {
	select {
	case <-r.closed:
		return true
	default:
		return false
	}
}

// call waits until we may call p. leave ends the run.
func (r *runs) call(ctx context.Context, p chat.PeerID) (leave func(), err error) {
	r.mu.Lock()
	if r.isClosed() {
		r.mu.Unlock()
		return nil, fmt.Errorf("catch up: %w", chat.ErrClosed)
	}
	r.wg.Add(1)
	t := r.out[p]
	if t == nil {
		t = &turns{slots: make(chan struct{}, r.lim.runsTo)}
		r.out[p] = t
	}
	t.users++
	r.mu.Unlock()

	var taken []chan struct{}
	leave = func() {
		for _, c := range taken {
			<-c
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(r.out, p)
		}
		r.wg.Done()
	}
	// The peer's own first: who waits for a slow peer keeps nobody else waiting.
	for _, c := range []chan struct{}{t.slots, r.all} {
		select {
		case c <- struct{}{}:
			taken = append(taken, c)
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		case <-r.closed:
			leave()
			return nil, fmt.Errorf("catch up: %w", chat.ErrClosed)
		}
	}
	return leave, nil
}

// answer lets p call us, unless it, or everybody, does so too much already.
func (r *runs) answer(p chat.PeerID, now time.Time) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isClosed() || r.inAll >= r.lim.runs || r.in[p] >= r.lim.runsFrom || !r.pace(p, now) {
		return nil, ErrBusy
	}
	r.wg.Add(1)
	r.inAll++
	r.in[p]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.inAll--
		if r.in[p]--; r.in[p] == 0 {
			delete(r.in, p)
		}
		r.wg.Done()
	}, nil
}

// pace spends one run of p's allowance. mu is locked.
func (r *runs) pace(p chat.PeerID, now time.Time) bool {
	whole := spend(r.allowed, p, now, r.lim.runEvery)
	if whole.Sub(now) > time.Duration(r.lim.runBurst)*r.lim.runEvery {
		return false
	}
	r.allowed[p] = whole
	return true
}

// spend is when p's allowance will be whole again if it spends cost now. all
// holds that for everybody; who is not in it has it whole.
func spend(all map[chat.PeerID]time.Time, p chat.PeerID, now time.Time, cost time.Duration) time.Time {
	if len(all) >= sweepAbove {
		for q, t := range all {
			if !t.After(now) {
				delete(all, q)
			}
		}
	}
	whole := all[p]
	if whole.Before(now) {
		whole = now
	}
	return whole.Add(cost)
}

// afford makes p wait until it may have us look into our log again, for all its
// runs together: a part of one core is all that one peer gets of us for long. It
// ends a run that would have to wait longer than its caller does.
func (r *runs) afford(ctx context.Context, p chat.PeerID) error {
	r.mu.Lock()
	wait := time.Until(r.paid[p].Add(-r.lim.workBurst))
	r.mu.Unlock()
	switch {
	case wait <= 0:
		return nil
	case wait > r.lim.frameTime/2:
		return errEnough
	}
	return pause(ctx, wait)
}

// charge notes what p has had us work.
func (r *runs) charge(p chat.PeerID, work int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paid[p] = spend(r.paid, p, time.Now(), time.Duration(work)*r.lim.workEvery)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
