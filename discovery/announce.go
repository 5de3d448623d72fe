package discovery

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// An announcer keeps this node listed in the DHT under one key: at once, again
// after a failure, again every few hours, and again when it is told that the
// servers may have forgotten.
type announcer struct {
	s   *Service
	key key
	// after is how long the first announcement lets questions pass: the DHT
	// asks one server one thing after the other, and at the start there is
	// often one server.
	after time.Duration
	// again says that the record may be gone or wrong. It holds one: more would
	// say the same.
	again chan struct{}
	// begun is set as soon as others may find us under the key.
	begun atomic.Bool
	// listed is closed when others can, for the first time.
	listed chan struct{}

	mu    sync.Mutex
	last  time.Time // of the latest success
	told  int       // servers that were told then
	next  time.Time // of the next attempt, at the latest
	fault error     // why the latest attempt failed
}

func newAnnouncer(s *Service, k key, after time.Duration) *announcer {
	return &announcer{s: s, key: k, after: after, again: make(chan struct{}, 1), listed: make(chan struct{})}
}

// renew announces once more, soon.
func (a *announcer) renew() {
	select {
	case a.again <- struct{}{}:
	default:
	}
}

// run announces until ctx ends.
func (a *announcer) run(ctx context.Context) {
	if !a.s.awaitTable(ctx) || !sleep(ctx, a.after) {
		return
	}
	var latest [2]time.Time // of the attempts that told anybody, the last one last
	for failed := 0; ; {
		if !a.s.awaitTable(ctx) {
			return
		}
		n, err := a.s.announce(ctx, a)
		if ctx.Err() != nil {
			return
		}
		a.note(n, err)
		if failed++; err == nil {
			failed = 0
		}
		if !errors.Is(err, errNoAddrs) { // else nobody was bothered
			latest = [2]time.Time{latest[1], time.Now()}
		}
		if !a.await(ctx, announceWait(latest, time.Now()), announcePause(failed, a.s.cfg.rand())) {
			return
		}
	}
}

// await waits for pause, or until the name is to be renewed, but at least for
// gap, and tells whether ctx let it.
func (a *announcer) await(ctx context.Context, gap, pause time.Duration) bool {
	a.plan(time.Now().Add(max(gap, pause)))
	if !sleep(ctx, gap) {
		return false
	}
	timer := time.NewTimer(max(pause-gap, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.again:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *announcer) plan(next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = next
}

func (a *announcer) note(told int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = err
	if err != nil {
		return
	}
	if a.last.IsZero() {
		close(a.listed)
	}
	a.last, a.told = time.Now(), told
}

func (a *announcer) status(st *SearchStatus) {
	a.mu.Lock()
	defer a.mu.Unlock()
	st.Announced, st.Servers, st.NextAnnouncement, st.LastError = a.last, a.told, a.next, a.fault
}
