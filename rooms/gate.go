package rooms

import (
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// maxGateAuthors is how many authors of beacons, in all rooms that are forwarded
// together, are certainly remembered, and half of what may be: about 200 bytes
// each.
const maxGateAuthors = 32 << 10

// A beaconGate decides which beacons are forwarded, as a roster does for a
// member, from little memory: authors not heard of for long are forgotten when
// new ones come. The zero value is ready to use, from any goroutine.
type beaconGate struct {
	mu         sync.Mutex
	young, old map[gateKey]*gateEntry // old is forgotten when young is full
}

// A gateKey is an author in a room.
type gateKey struct {
	room   chat.ConversationID
	author chat.PeerID
}

// A gateEntry is what is remembered of an author.
type gateEntry struct {
	sent  time.Time // the author's clock in the newest beacon
	quota bucket
}

// admits reports, before anything dear is done, whether another beacon of this
// author is worth judging. The author is only claimed here: nothing is charged.
func (g *beaconGate) admits(now time.Time, r *forwarded, author chat.PeerID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.find(gateKey{r.conv, author}); e != nil {
		return e.quota.holds(now, 1, authorPerSecond, authorBurst)
	}
	return r.growth.holds(now, 1, newMembersPerSecond, newMembersBurst)
}

// judge reports whether a verified beacon is to be passed on, and charges its
// author.
func (g *beaconGate) judge(now time.Time, r *forwarded, b *chat.Beacon) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := gateKey{r.conv, b.Author}
	e := g.find(key)
	if e == nil {
		if !newer(now, time.Time{}, b.Sent) || !r.growth.take(now, 1, newMembersPerSecond, newMembersBurst) {
			return false
		}
		e = &gateEntry{}
	}
	g.remember(key, e)
	if !e.quota.take(now, 1, authorPerSecond, authorBurst) {
		return false
	}
	if !newer(now, e.sent, b.Sent) {
		return e.sent.Equal(b.Sent) // others may wait for it
	}
	e.sent = b.Sent
	return true
}

func (g *beaconGate) find(key gateKey) *gateEntry {
	if e := g.young[key]; e != nil {
		return e
	}
	return g.old[key]
}

func (g *beaconGate) remember(key gateKey, e *gateEntry) {
	if g.young[key] != nil {
		return
	}
	if len(g.young) >= maxGateAuthors {
		g.old, g.young = g.young, nil
	}
	if g.young == nil {
		g.young = make(map[gateKey]*gateEntry)
	}
	g.young[key] = e
}

// newer reports whether a beacon says something newer than the one known of its
// author, which was sent at known, zero for none.
func newer(now, known, sent time.Time) bool {
	if now.Sub(sent).Abs() > maxBeaconSkew {
		return false
	}
	if known.IsZero() || sent.After(known) {
		return true
	}
	// A clock that ran ahead and was set right: the old beacons would outshine
	// the new ones until the clock has caught up.
	ahead := now.Add(clockSlack)
	return known.After(ahead) && !sent.After(ahead) && sent.After(now.Add(-clockSlack))
}
