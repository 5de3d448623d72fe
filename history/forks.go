package history

import (
	"cmp"

	"github.com/p2pchat/p2pchat/chat"
)

// maxForks is how many forks of one conversation are remembered, the first
// found.
const maxForks = 256

// A Fork is proof that one author numbered two different messages alike: two
// copies of a key ran from one state, or somebody cheats. Both segments count.
type Fork struct {
	Author chat.PeerID
	Chain  chat.Chain
	// Segments are the two, in the order in which they came.
	Segments [2]chat.SegmentID
}

// A chainID names one author's chain within a conversation.
type chainID struct {
	author chat.PeerID
	chain  chat.Chain
}

// A chain holds the segments of one author's chain by number. As long as no two
// overlap, a new one can overlap its neighbours only; from the first fork on
// nothing is kept, since one fork says all.
type chain struct {
	segs   list[*chat.Segment]
	forked bool
	held   int // how many segments of the chain the conversation holds
}

func bySeq(a, b *chat.Segment) int { return cmp.Compare(a.Seq, b.Seq) }

// add notes s, and returns the segment whose numbers it shares, if any.
func (c *chain) add(s *chat.Segment) *chat.Segment {
	c.held++
	if c.forked {
		return nil
	}
	behind := func(e *chat.Segment) bool { return e.Seq > s.Seq }
	var other *chat.Segment
	for prev := range c.segs.descend(behind) {
		if prev.Next() > s.Seq {
			other = prev
		}
		break
	}
	for next := range c.segs.ascend(behind) {
		if next.Seq < s.Next() {
			other = next
		}
		break
	}
	if other != nil {
		c.forked, c.segs = true, list[*chat.Segment]{}
		return other
	}
	c.segs.insert(s)
	return nil
}

// remove forgets s, which was added.
func (c *chain) remove(s *chat.Segment) {
	c.held--
	if !c.forked {
		c.segs.remove(s)
	}
}
