package history

import (
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
	segs list[*chat.Segment]
	held map[chat.SegmentID]*chat.Segment
	// named counts the held segments that name a segment as a parent.
	named map[chat.SegmentID]int
	// heads are the held segments that named does not count.
	heads list[*chat.Segment]
	// wanting has every held segment one of whose parents is missing, and some
	// whose parents came later: missing takes those out when it meets them.
	wanting list[*chat.Segment]
	chains  map[chainID]*chain
	forks   []Fork
	// floor is the highest place that was pruned: all held ones are above.
	floor  chat.OrderKey
	latest chat.Time
	bytes  int64
}

func byKey(a, b *chat.Segment) int { return a.Key().Compare(b.Key()) }

func newConversation() *conversation {
	return &conversation{
		segs:    list[*chat.Segment]{cmp: byKey},
		held:    make(map[chat.SegmentID]*chat.Segment),
		named:   make(map[chat.SegmentID]int),
		heads:   list[*chat.Segment]{cmp: byKey},
		wanting: list[*chat.Segment]{cmp: byKey},
		chains:  make(map[chainID]*chain),
	}
}

// add stores s, which is neither held nor pruned.
func (c *conversation) add(s *chat.Segment, pruned *memories) {
	c.segs.insert(s)
	c.held[s.ID] = s
	c.bytes += cost(s)
	wants := false
	for _, p := range s.Parents {
		c.named[p]++
		if parent := c.held[p]; parent != nil {
			c.heads.remove(parent)
		} else {
			wants = wants || !pruned.has(p)
		}
	}
	if wants {
		c.wanting.insert(s)
	}
	if c.named[s.ID] == 0 {
		c.heads.insert(s)
	}
	c.link(s)
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
	c.wanting.remove(s)
	delete(c.held, s.ID)
	c.bytes -= cost(s)
	c.floor = s.Key()
	for _, p := range s.Parents {
		if c.named[p]--; c.named[p] > 0 {
			continue
		}
		delete(c.named, p)
		// Only an author whose clock contradicts itself has parents that are
		// newer than their child.
		if parent := c.held[p]; parent != nil {
			c.heads.insert(parent)
		}
	}
	id := chainID{s.Author, s.Chain}
	ch := c.chains[id]
	if ch.remove(s); ch.held == 0 {
		delete(c.chains, id)
	}
	return s
}

// missing lists the parents that are neither held nor pruned, those of the
// newest segments first.
func (c *conversation) missing(pruned *memories, limit int) (ids []chat.SegmentID) {
	var done []*chat.Segment
	seen := make(map[chat.SegmentID]bool)
	for s := range c.wanting.descend(func(*chat.Segment) bool { return false }) {
		wants := false
		for _, p := range s.Parents {
			if c.held[p] != nil || pruned.has(p) {
				continue
			}
			wants = true
			if !seen[p] && len(ids) < limit {
				seen[p] = true
				ids = append(ids, p)
			}
		}
		if !wants {
			done = append(done, s)
		}
		if len(ids) == limit {
			break
		}
	}
	for _, s := range done {
		c.wanting.remove(s)
	}
	return ids
}

// A memories set remembers the last maxPruned of what was put in.
type memories struct {
	ids  map[chat.SegmentID]bool
	ring []chat.SegmentID
	next int
}

func (m *memories) has(id chat.SegmentID) bool { return m.ids[id] }

func (m *memories) add(id chat.SegmentID) {
	if m.ids[id] {
		return
	}
	if len(m.ring) < maxPruned {
		m.ring = append(m.ring, id)
	} else {
		delete(m.ids, m.ring[m.next])
		m.ring[m.next] = id
		m.next = (m.next + 1) % maxPruned
	}
	m.ids[id] = true
}
