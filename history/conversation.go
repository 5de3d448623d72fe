package history

import (
	"cmp"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// What a segment costs in memory beside its envelope and its texts: its struct,
// its entries in the maps and lists, each body and each parent.
const (
	segmentOverhead = 512
	bodyOverhead    = 64
	parentOverhead  = 128
)

// cost is about how many bytes of memory s takes.
func cost(s *chat.Segment) int64 {
	n := segmentOverhead + len(s.Envelope) + bodyOverhead*len(s.Bodies) + parentOverhead*len(s.Parents)
	for _, b := range s.Bodies {
		n += b.Size()
	}
	return int64(n)
}

// A conversation is the log of one conversation. Memory's lock guards it.
type conversation struct {
	name chat.Conversation
	segs list[*chat.Segment]
	held map[chat.SegmentID]*chat.Segment
	// heads are the complete segments that no complete one names as a parent.
	heads list[*chat.Segment]
	// incomplete are the segments of which an ancestor is missing, and waits how
	// many parents each of them waits for; waiting has them by those parents,
	// which are missing, or incomplete themselves.
	incomplete list[*chat.Segment]
	waits      map[chat.SegmentID]int
	waiting    map[chat.SegmentID][]*chat.Segment
	// gaps are the missing parents, the newest last, and gapTimes where each
	// stands there.
	gaps     list[gapAt]
	gapTimes map[chat.SegmentID]chat.Time
	// given are the parents that were given up, with those that name them.
	given  map[chat.SegmentID][]*chat.Segment
	chains map[chainID]*chain
	forks  []Fork
	last   map[chat.PeerID]*chat.Segment // each author's newest
	own    map[chat.SegmentID]Standing
	// arrived is what came since MarkSeen; some of it may be pruned.
	arrived   []*chat.Segment
	retention Retention
	// floor is the highest place that was pruned: all held ones are above.
	floor    chat.OrderKey
	latest   chat.Time
	messages int
	cost     int64 // bytes of memory
	bytes    int64 // bytes of envelopes
}

// A gapAt is a missing segment, and the time of the newest that names it.
type gapAt struct {
	time chat.Time
	id   chat.SegmentID
}

// byTime sorts so that, read backwards, it is as DB has it: by time descending,
// then by ID ascending.
func byTime(a, b gapAt) int { return cmp.Or(cmp.Compare(a.time, b.time), b.id.Compare(a.id)) }

func byKey(a, b *chat.Segment) int { return a.Key().Compare(b.Key()) }

func newConversation() *conversation {
	return &conversation{
		segs:       list[*chat.Segment]{cmp: byKey},
		held:       make(map[chat.SegmentID]*chat.Segment),
		heads:      list[*chat.Segment]{cmp: byKey},
		incomplete: list[*chat.Segment]{cmp: byKey},
		waits:      make(map[chat.SegmentID]int),
		waiting:    make(map[chat.SegmentID][]*chat.Segment),
		gaps:       list[gapAt]{cmp: byTime},
		gapTimes:   make(map[chat.SegmentID]chat.Time),
		given:      make(map[chat.SegmentID][]*chat.Segment),
		chains:     make(map[chainID]*chain),
		last:       make(map[chat.PeerID]*chat.Segment),
		own:        make(map[chat.SegmentID]Standing),
	}
}

// add stores s, which is neither held nor pruned.
func (c *conversation) add(s *chat.Segment, pruned *memories) {
	c.segs.insert(s)
	c.held[s.ID] = s
	c.cost += cost(s)
	c.bytes += int64(len(s.Envelope))
	c.messages += len(s.Bodies)
	if len(c.arrived) > 2*len(c.held)+64 {
		c.arrived = slices.DeleteFunc(c.arrived, func(s *chat.Segment) bool { return c.held[s.ID] == nil })
	}
	c.arrived = append(c.arrived, s)
	if last := c.last[s.Author]; last == nil || byKey(last, s) < 0 {
		c.last[s.Author] = s
	}
	c.link(s)
	c.place(s, pruned)
}

// place finds out whether s, just stored, is complete, and what that means for
// others.
func (c *conversation) place(s *chat.Segment, pruned *memories) {
	waits := 0
	for _, p := range s.Parents {
		switch {
		case c.held[p] != nil && c.waits[p] == 0, pruned.has(s.Conversation, p):
			continue
		case c.held[p] != nil:
		case c.given[p] != nil:
			c.given[p] = append(c.given[p], s)
			continue
		default:
			c.missing(p, s.Time)
		}
		c.waiting[p] = append(c.waiting[p], s)
		waits++
	}
	if at, ok := c.gapTimes[s.ID]; ok {
		c.gaps.remove(gapAt{at, s.ID})
		delete(c.gapTimes, s.ID)
	}
	if waits > 0 {
		c.waits[s.ID] = waits
		c.incomplete.insert(s)
		return
	}
	c.complete(s)
}

// missing notes that a segment at a time names p, which is missing.
func (c *conversation) missing(p chat.SegmentID, at chat.Time) {
	was, ok := c.gapTimes[p]
	if ok && was >= at {
		return
	}
	if ok {
		c.gaps.remove(gapAt{was, p})
	}
	c.gaps.insert(gapAt{at, p})
	c.gapTimes[p] = at
}

// complete makes s complete: its parents are no heads any more, and it is one,
// unless it was given up before it came and complete ones name it. Then come
// those that waited for it.
func (c *conversation) complete(s *chat.Segment) {
	for todo := []*chat.Segment{s}; len(todo) > 0; {
		s, todo = todo[len(todo)-1], todo[:len(todo)-1]
		for _, id := range s.Parents {
			if p := c.held[id]; p != nil {
				c.heads.remove(p)
			}
		}
		if !slices.ContainsFunc(c.given[s.ID], c.isComplete) {
			c.heads.insert(s)
		}
		delete(c.given, s.ID)
		todo = append(todo, c.release(s.ID)...)
	}
}

func (c *conversation) isComplete(s *chat.Segment) bool {
	return c.held[s.ID] != nil && c.waits[s.ID] == 0
}

// release tells those that wait for a segment that they need not any more, and
// returns those that wait for nothing now.
func (c *conversation) release(id chat.SegmentID) (done []*chat.Segment) {
	for _, child := range c.waiting[id] {
		if c.waits[child.ID]--; c.waits[child.ID] == 0 {
			delete(c.waits, child.ID)
			c.incomplete.remove(child)
			done = append(done, child)
		}
	}
	delete(c.waiting, id)
	return done
}

// without says that a segment will not come, or is gone.
func (c *conversation) without(id chat.SegmentID) {
	if at, ok := c.gapTimes[id]; ok {
		c.gaps.remove(gapAt{at, id})
		delete(c.gapTimes, id)
	}
	for _, s := range c.release(id) {
		c.complete(s)
	}
}

// giveUp says that nobody has a missing segment.
func (c *conversation) giveUp(id chat.SegmentID) {
	if _, ok := c.gapTimes[id]; ok {
		c.given[id] = slices.Clone(c.waiting[id])
		c.without(id)
	}
}

// link puts s into its author's chain.
func (c *conversation) link(s *chat.Segment) {
	id := chainID{s.Author, s.Chain}
	ch := c.chains[id]
	if ch == nil {
		ch = &chain{segs: list[*chat.Segment]{cmp: bySeq}}
		c.chains[id] = ch
	}
	if other := ch.add(s); other != nil && len(c.forks) < maxForks {
		c.forks = append(c.forks, Fork{s.Author, s.Chain, [2]chat.SegmentID{other.ID, s.ID}})
	}
}

// prune takes out the oldest segment, if there is one.
func (c *conversation) prune() *chat.Segment {
	s, ok := c.segs.first()
	if !ok {
		return nil
	}
	c.segs.remove(s)
	c.heads.remove(s)
	delete(c.held, s.ID)
	delete(c.own, s.ID)
	if c.last[s.Author] == s { // then all the author's older ones are gone too
		delete(c.last, s.Author)
	}
	c.cost -= cost(s)
	c.bytes -= int64(len(s.Envelope))
	c.messages -= len(s.Bodies)
	c.floor = s.Key()
	c.forget(s)
	c.without(s.ID)
	id := chainID{s.Author, s.Chain}
	ch := c.chains[id]
	if ch.remove(s); ch.held == 0 {
		delete(c.chains, id)
	}
	return s
}

// forget drops what was noted of s as a child of others.
func (c *conversation) forget(s *chat.Segment) {
	is := func(e *chat.Segment) bool { return e == s }
	if c.waits[s.ID] > 0 {
		delete(c.waits, s.ID)
		c.incomplete.remove(s)
	}
	for _, p := range s.Parents {
		if waiting, ok := c.waiting[p]; ok {
			if waiting = slices.DeleteFunc(waiting, is); len(waiting) > 0 {
				c.waiting[p] = waiting
				continue
			}
			delete(c.waiting, p)
			if at, ok := c.gapTimes[p]; ok { // nobody names it any more
				c.gaps.remove(gapAt{at, p})
				delete(c.gapTimes, p)
			}
		}
		if given, ok := c.given[p]; ok {
			if given = slices.DeleteFunc(given, is); len(given) > 0 {
				c.given[p] = given
			} else {
				delete(c.given, p)
			}
		}
	}
}

// A memories set remembers the last maxPruned of what was put in, and which
// conversation it is of.
type memories struct {
	ids  map[chat.SegmentID]chat.ConversationID
	ring []chat.SegmentID
	next int
}

func (m *memories) has(conv chat.ConversationID, id chat.SegmentID) bool {
	is, ok := m.ids[id]
	return ok && is == conv
}

func (m *memories) add(conv chat.ConversationID, id chat.SegmentID) {
	if _, ok := m.ids[id]; ok {
		return
	}
	if len(m.ring) < maxPruned {
		m.ring = append(m.ring, id)
	} else {
		delete(m.ids, m.ring[m.next])
		m.ring[m.next] = id
		m.next = (m.next + 1) % maxPruned
	}
	m.ids[id] = conv
}
