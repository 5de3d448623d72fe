package node

import (
	"slices"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// This file is the way of segments into the log. The conversation's loop never
// waits for the disk: while one commit is under way, what comes gathers for the
// next, so that a burst does not pay for one each. Nothing is shown, shipped or
// acknowledged before its commit.

const (
	// maxArriving is how many received segments wait for a commit, and
	// maxArrivingBytes what they may weigh. Gossip beyond is dropped and
	// repaired; streams wait for their commit anyhow.
	maxArriving      = 16384
	maxArrivingBytes = 16 << 20
	// storeAgainAfter is the pause after a log that could not store, before more
	// is fetched for it.
	storeAgainAfter = 5 * time.Second
)

// An arrival is a received segment.
type arrival struct {
	from chat.PeerID
	seg  *chat.Segment
	// live is set on what came as it was said; the rest was fetched.
	live bool
}

// A store is the conversation's waiting line before the log. The loop owns it.
type store struct {
	arriving []arrival
	bytes    int
	waiters  []chan<- error // told of the next commit
	busy     bool           // a commit of others' segments is under way
	sealing  int            // how many of our own messages one is under way for
	current  []chan<- error // told of the present commit
	failed   time.Time      // when the log last failed; zero while it works
}

// A keptSet says which segments are on their way into the log or set aside. The
// loop changes it, catch-up reads it.
type keptSet struct {
	mu  sync.Mutex
	ids map[chat.SegmentID]bool
}

func (k *keptSet) has(id chat.SegmentID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ids[id]
}

func (k *keptSet) add(id chat.SegmentID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids == nil {
		k.ids = make(map[chat.SegmentID]bool)
	}
	k.ids[id] = true
}

func (k *keptSet) drop(id chat.SegmentID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.ids, id)
}

// receive takes a verified segment of somebody, or of ourselves from an earlier
// run, by whichever way it came.
// It reports false where there is no room for it now.
func (c *conversation) receive(a arrival) bool {
	s := a.seg
	// What was fetched is rarely known, and the log drops what it has: the look
	// would cost more.
	if c.conv.IsPresence() || c.kept.has(s.ID) || a.live && c.node.log.Has(c.id, s.ID) {
		return true
	}
	if len(c.store.arriving) >= maxArriving || c.store.bytes >= maxArrivingBytes || c.intake.full(s) {
		c.lost.Store(true)
		return false
	}
	switch c.intake.offer(s, time.Now().Add(c.skew.correction())) {
	case refuse:
	case hold:
		c.kept.add(s.ID)
	default:
		c.arrive(a)
	}
	return true
}

// arrive puts a segment in line for the log.
func (c *conversation) arrive(a arrival) {
	c.kept.add(a.seg.ID)
	c.store.arriving = append(c.store.arriving, a)
	c.store.bytes += len(a.seg.Envelope)
}

// commit stores what arrived, unless a commit is under way.
func (c *conversation) commit() {
	if c.store.busy {
		return
	}
	if len(c.store.arriving) == 0 {
		for _, w := range c.store.waiters {
			w <- nil
		}
		c.store.waiters = nil
		return
	}
	batch := c.store.arriving
	c.store.current, c.store.waiters = c.store.waiters, nil
	c.store.arriving, c.store.bytes, c.store.busy = nil, 0, true
	segs := make([]*chat.Segment, len(batch))
	for i, a := range batch {
		segs[i] = a.seg
	}
	c.runs.Go(func() {
		added, err := c.node.log.Append(c.ctx, segs...)
		c.do(func() { c.committed(batch, added, err) })
	})
}

// committed goes on with what was stored.
func (c *conversation) committed(batch []arrival, added []*chat.Segment, err error) {
	c.store.busy = false
	for _, a := range batch {
		c.kept.drop(a.seg.ID)
	}
	c.stored(err)
	if err == nil {
		fresh := make(map[chat.SegmentID]bool, len(added))
		for _, s := range added {
			fresh[s.ID] = true
		}
		c.ours.add(added...)
		batch = slices.DeleteFunc(batch, func(a arrival) bool { return !fresh[a.seg.ID] })
		c.take(batch)
	} else {
		c.lost.Store(true)
	}
	for _, w := range c.store.current {
		w <- err // has room for it
	}
	c.store.current = nil
}

// stored notes how a commit ended, and tells the user when the log begins to
// fail and when it works again.
func (c *conversation) stored(err error) {
	switch {
	case c.ctx.Err() != nil:
	case err == nil && !c.store.failed.IsZero():
		c.store.failed = time.Time{}
		c.node.feed.publish(chat.Notice{Conversation: c.conv, Code: chat.NoticeStored, Text: "messages are stored again"})
	case err != nil && c.store.failed.IsZero():
		c.log.Error("cannot store", "err", err)
		c.node.feed.publish(chat.Notice{
			Conversation: c.conv, Code: chat.NoticeFailed,
			Text: "messages cannot be stored, and are not accepted until they can: " + chat.SafeString(err.Error()),
		})
		fallthrough
	case err != nil:
		c.store.failed = time.Now()
	}
}

// storeRests reports whether the log failed a moment ago: then nothing is fetched.
func (c *conversation) storeRests(now time.Time) bool {
	return !c.store.failed.IsZero() && now.Sub(c.store.failed) < storeAgainAfter
}

// take lets stored segments onto the screen, or holds them back.
func (c *conversation) take(batch []arrival) {
	slices.SortStableFunc(batch, func(a, b arrival) int { return a.seg.Key().Compare(b.seg.Key()) })
	now := time.Now()
	// An author whose clock contradicts itself may time a child before its parent.
	for _, a := range batch {
		c.intake.coming[a.seg.ID] = true
	}
	for _, a := range batch {
		if c.past(a.seg) && !(a.live && (c.backlog.shown || c.conv.IsDirect())) {
			c.ledger.add(a.seg, false)
			c.backlog.add(a.seg, a.live)
			continue // coming until it is shown, or passed over
		}
		delete(c.intake.coming, a.seg.ID)
		if c.intake.await(a.seg, now) == show {
			c.show([]*chat.Segment{a.seg})
			continue
		}
		// Segments overtake each other in the mesh, so the parents may be on their
		// way; if not, whoever wrote the child surely has them.
		from := a.from
		if c.syncer.met[a.seg.Author] {
			from = a.seg.Author
		}
		c.syncer.wantSoon(from, now)
	}
	c.unmarked, c.forksDue = true, true
	if c.backlog.shown && !c.conv.IsDirect() {
		c.showBacklog(false)
	}
	c.headsMoved()
}

// past reports whether a segment was written before this node came.
func (c *conversation) past(s *chat.Segment) bool {
	return s.Time.Wall().Before(c.joined.Add(c.skew.correction()))
}

// headsMoved tells the link if our heads are others than before.
func (c *conversation) headsMoved() {
	heads := c.node.log.Heads(c.id)
	if !slices.Equal(heads, c.heads) {
		c.heads = heads
		c.link.headsChanged()
	}
}
