package testnet

import (
	"sync"
	"time"
)

// A link is one direction between two nodes, shared by all their connections.
type link struct {
	from, to *node

	mu        sync.Mutex
	latency   time.Duration
	bandwidth int64     // bytes per second; zero is without limit
	busy      time.Time // when the last byte accepted has left
	cut       bool
}

// send accounts for n bytes that leave now and tells when they arrive, or that
// they do not because the link is cut.
func (l *link) send(now time.Time, n int) (at time.Time, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return now, true
	}
	l.from.sent.Add(int64(n))
	l.to.received.Add(int64(n))
	if l.bandwidth > 0 {
		if l.busy.Before(now) {
			l.busy = now
		}
		l.busy = l.busy.Add(time.Duration(float64(n) / float64(l.bandwidth) * float64(time.Second)))
		now = l.busy
	}
	return now.Add(l.latency), false
}

// way is what a packet without payload meets: the time it takes, or a cut.
func (l *link) way() (latency time.Duration, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latency, l.cut
}

func (l *link) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
}
