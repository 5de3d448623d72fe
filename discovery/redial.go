package discovery

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// maxLost is how many lost peers are redialled at a time. More are left to the
// look-ups.
const maxLost = 256

// A redialer decides whom to dial again, and when, of the peers that were lost.
// The service's loop owns it.
type redialer map[peer.ID]*lostPeer

// A lostPeer is one of them.
type lostPeer struct {
	since   time.Time
	left    bool // said goodbye: may be back in a moment, or never
	failed  int
	due     time.Time
	tried   time.Time // when the latest dial began
	dialing bool
}

// lost notes that the connection with p ended, or could not be made; left says
// that p had said goodbye before.
func (r redialer) lost(p peer.ID, left bool, now time.Time, random float64) {
	if r[p] != nil || len(r) >= maxLost {
		return
	}
	r[p] = &lostPeer{since: now, left: left, due: now.Add(redialPause(0, 0, 0, len(r), random))}
}

// take gives the peers to dial now, and counts them as being dialled.
func (r redialer) take(now time.Time) (due []redialTask) {
	for p, l := range r {
		if !l.dialing && !l.due.After(now) {
			l.dialing, l.tried = true, now
			due = append(due, redialTask{p, l.failed})
		}
	}
	return due
}

// A redialTask is whom to dial, after so many failures in a row.
type redialTask struct {
	peer   peer.ID
	failed int
}

// result notes how a dial ended. A peer that was reached, or given up, is
// forgotten.
func (r redialer) result(p peer.ID, reached bool, now time.Time, random float64) {
	l := r[p]
	if l == nil {
		return
	}
	gone := now.Sub(l.since)
	if l.failed++; reached || l.left && l.failed >= maxRedials || gone >= redialFor {
		delete(r, p)
		return
	}
	l.dialing, l.due = false, now.Add(redialPause(l.failed, gone, now.Sub(l.tried), len(r), random))
}

// hurry makes all who are lost due soon, as if they had been lost only now.
func (r redialer) hurry(now time.Time, rand func() float64) {
	for _, l := range r {
		l.since, l.failed = now, 0
		if !l.dialing {
			l.due = now.Add(hurryPause(len(r), rand()))
		}
	}
}

// another is told that there is another way to people: through a seed that is
// connected now. Whoever is lost is tried soon, but for those who were just now.
func (r redialer) another(now time.Time, rand func() float64) {
	for _, l := range r {
		if l.dialing || now.Sub(l.tried) < anotherGap {
			continue
		}
		if soon := now.Add(anotherPause(len(r), rand())); soon.Before(l.due) {
			l.due = soon
		}
	}
}

// next is when take has something to give; ok is false if never.
func (r redialer) next() (at time.Time, ok bool) {
	for _, l := range r {
		if !l.dialing && (!ok || l.due.Before(at)) {
			at, ok = l.due, true
		}
	}
	return at, ok
}
