package node

import (
	"math/rand/v2"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// wantConnected is below how many connected members a room dials those of whom
	// it only hears, through a seed that forwards. Most of them discovery finds by
	// itself; some have no record, or one that is out of date.
	wantConnected = 6
	// reachAtOnce is how many are dialled at one look.
	reachAtOnce = 2
	// reachAfter is how long discovery has for somebody first; up to twice that,
	// so that not all dial at once.
	reachAfter = 4 * time.Second
	// reachPause is the pause until somebody is dialled again. It doubles, up to
	// reachDoubled times.
	reachPause   = 30 * time.Second
	reachDoubled = 5
	// maxReached bounds of how many this is remembered. The others have to wait.
	maxReached = 64
)

// A reacher decides whom of the members who are known by hearsay to dial. It is
// pure but for its random numbers; the conversation's loop owns it.
type reacher map[chat.PeerID]attempt

// An attempt says when somebody is dialled next, and how often that was.
type attempt struct {
	next  time.Time
	tries int
}

// due takes somebody who is not connected, and reports whether to dial now.
func (r reacher) due(p chat.PeerID, now time.Time) bool {
	a, known := r[p]
	switch {
	case !known && len(r) >= maxReached:
		return false
	case !known:
		r[p] = attempt{next: now.Add(reachAfter + rand.N(reachAfter))}
		return false
	case now.Before(a.next):
		return false
	}
	pause := reachPause << min(a.tries, reachDoubled)
	r[p] = attempt{next: now.Add(pause + rand.N(pause/4)), tries: a.tries + 1}
	return true
}

// forget is called when somebody has left.
func (r reacher) forget(p chat.PeerID) { delete(r, p) }

// reachOut dials a few of the members who are not connected, if there are too few
// who are. The list of who is online is no reason to connect to anybody.
func (l *roomLink) reachOut(now time.Time) {
	n := l.c.node
	if n.cfg.Seed || l.c.conv.IsPresence() || len(l.connected()) >= wantConnected {
		return
	}
	dialled := 0
	for p, m := range l.roster {
		if m.Seed || n.cfg.blocked(p) || n.Connected(p) {
			continue
		}
		if l.reacher.due(p, now) {
			n.discovery.Redial(p)
			if dialled++; dialled == reachAtOnce {
				return
			}
		}
	}
}
