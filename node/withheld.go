package node

import (
	"context"
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/catchup"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/wire"
)

// This file keeps what our user took out of the outbox from going out by
// catch-up. It stays in our log, as failed; the other side finds a gap where it
// stood, if we wrote on.

// maxWithheld is how many segments of one conversation are withheld, the first
// that were taken out.
const maxWithheld = 1024

// A withheld knows what of a private conversation is not handed to the other.
// Its zero value waits for restore; see ready.
type withheld struct {
	ready chan struct{} // closed when restore has said what there is

	mu   sync.Mutex
	keys []chat.OrderKey // ascending
}

func (w *withheld) add(key chat.OrderKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, found := slices.BinarySearchFunc(w.keys, key, chat.OrderKey.Compare)
	if !found && len(w.keys) < maxWithheld {
		w.keys = slices.Insert(w.keys, i, key)
	}
}

// all are the keys, ascending.
func (w *withheld) all() []chat.OrderKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.keys)
}

// note withholds an own segment that was taken out.
func (c *conversation) note(s *chat.Segment, is history.Standing) {
	if c.conv.IsDirect() && is.State == chat.Failed && is.Reason == history.Dropped {
		c.withheld.add(s.Key())
	}
}

// withheldFrom is what the other of a private conversation is not handed.
func (n *Node) withheldFrom(id chat.ConversationID) []chat.OrderKey {
	c := n.find(id)
	if c == nil || !c.conv.IsDirect() {
		return nil
	}
	select {
	case <-c.withheld.ready:
	case <-c.done:
	}
	return c.withheld.all()
}

// Get implements catchup.Log.
func (l syncLog) Get(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) ([]*chat.Segment, error) {
	if keys := l.node.withheldFrom(conv); len(keys) > 0 {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id chat.SegmentID) bool {
			return slices.ContainsFunc(keys, func(k chat.OrderKey) bool { return k.ID == id })
		})
	}
	return l.Log.Get(ctx, conv, ids...)
}

// View implements catchup.Log.
func (l syncLog) View(conv chat.ConversationID) (catchup.View, error) {
	v, err := l.Log.View(conv)
	if err != nil {
		return nil, err
	}
	keys := l.node.withheldFrom(conv)
	if len(keys) == 0 {
		return v, nil
	}
	part, err := without(v, keys)
	if err != nil {
		_ = v.Close() // the first error counts
		return nil, err
	}
	return part, nil
}

// A partView is a View without some of its places.
type partView struct {
	catchup.View
	out []int // the places that are left out, ascending
	ids []chat.SegmentID
}

// without is v without those of the keys that are in it, which ascend.
func without(v catchup.View, keys []chat.OrderKey) (*partView, error) {
	p := &partView{View: v}
	for _, k := range keys {
		at, err := v.Rank(wire.Bound{Time: k.Time, Prefix: k.ID[:]})
		if err != nil {
			return nil, err
		}
		if at == v.Len() {
			break
		}
		there, err := v.Keys(at, at+1)
		if err != nil {
			return nil, err
		}
		if there[0] == k {
			p.out, p.ids = append(p.out, at), append(p.ids, k.ID)
		}
	}
	return p, nil
}

// place is where number i of what is left stands in all.
func (p *partView) place(i int) int {
	for _, out := range p.out {
		if out > i {
			break
		}
		i++
	}
	return i
}

// span is from where to where the numbers lo up to hi stand, and which of the
// places that are left out lie between.
func (p *partView) span(lo, hi int) (from, to, first, last int) {
	from, to = p.place(lo), p.place(hi-1)+1
	first, _ = slices.BinarySearch(p.out, from)
	last, _ = slices.BinarySearch(p.out, to)
	return from, to, first, last
}

// Len implements catchup.View.
func (p *partView) Len() int { return p.View.Len() - len(p.out) }

// Rank implements catchup.View.
func (p *partView) Rank(b wire.Bound) (int, error) {
	at, err := p.View.Rank(b)
	before, _ := slices.BinarySearch(p.out, at)
	return at - before, err
}

// Keys implements catchup.View.
func (p *partView) Keys(lo, hi int) ([]chat.OrderKey, error) {
	if lo >= hi {
		return nil, nil
	}
	from, to, first, last := p.span(lo, hi)
	keys, err := p.View.Keys(from, to)
	if err != nil {
		return nil, err
	}
	for _, out := range slices.Backward(p.out[first:last]) {
		keys = slices.Delete(keys, out-from, out-from+1)
	}
	return keys, nil
}

// Sum implements catchup.View.
func (p *partView) Sum(lo, hi int) (wire.SetSum, error) {
	if lo >= hi {
		return wire.SetSum{}, nil
	}
	from, to, first, last := p.span(lo, hi)
	sum, err := p.View.Sum(from, to)
	for _, id := range p.ids[first:last] {
		sum.Sub(id)
	}
	return sum, err
}
