package catchup

import (
	"context"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A Log is what a run needs of the history. Its methods are called from many
// goroutines at once.
type Log interface {
	// Lacks returns those of the segments that are neither held nor were pruned,
	// in the order asked.
	Lacks(conv chat.ConversationID, ids ...chat.SegmentID) []chat.SegmentID
	// Get returns those of the segments that are held, in the order asked.
	Get(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) ([]*chat.Segment, error)
	// View is the log of a conversation as it is now.
	View(conv chat.ConversationID) (View, error)
}

// A View is the log of one conversation at one moment: the places of its
// segments, ascending, counted from 0. One goroutine uses it, for one frame,
// which takes milliseconds, and closes it.
type View interface {
	// Len is how many segments are held.
	Len() int
	// Floor is the highest place from which a segment was pruned, or zero.
	// Nothing at or below it is held.
	Floor() chat.OrderKey
	// Rank is how many places stand before b: all, if b is the end of all.
	Rank(b wire.Bound) (int, error)
	// Keys are the places from number lo up to hi, exclusive.
	Keys(lo, hi int) ([]chat.OrderKey, error)
	// Sum is the sum of the IDs at the places from number lo up to hi, exclusive.
	Sum(lo, hi int) (wire.SetSum, error)
	Close() error
}

// What it costs to read a View, in keys that are read and hashed: about 2 us of
// one core each.
const (
	// lookUpCost is what finding a place costs.
	lookUpCost = 8
	// sumCost is the most that a sum hashes: a part of a block of keys at either
	// end. What lies between is summed already.
	sumCost = 512
)

// A reader reads a View for one frame, and counts what that costs. The first
// error stays, and what is read after it is nothing.
type reader struct {
	view View
	salt [wire.SaltSize]byte
	n    int
	// floor stands right behind what was pruned; the zero Bound if nothing was.
	// No key is before it, and what others hold there is of no interest.
	floor wire.Bound
	work  int
	err   error
}

// read opens the log of a conversation for one frame, gives it to fn, and tells
// what that cost.
func read(log Log, conv chat.ConversationID, salt [wire.SaltSize]byte, fn func(*reader)) (work int, err error) {
	view, err := log.View(conv)
	if err != nil {
		return 0, fmt.Errorf("look into the log: %w", err)
	}
	r := newReader(view, salt)
	fn(r)
	if err := view.Close(); r.err == nil {
		r.err = err
	}
	if r.err != nil {
		return r.work, fmt.Errorf("look into the log: %w", r.err)
	}
	return r.work, nil
}

func newReader(view View, salt [wire.SaltSize]byte) *reader {
	return &reader{view: view, salt: salt, n: view.Len(), floor: behind(view.Floor())}
}

// rank is how many keys are before the end b.
func (r *reader) rank(b wire.Bound) int {
	if r.err != nil || b.IsEnd() {
		return r.n
	}
	r.work += lookUpCost
	i, err := r.view.Rank(b)
	r.fail(err)
	return i
}

// keys are those from lo up to hi.
func (r *reader) keys(lo, hi int) []chat.OrderKey {
	if r.err == nil && lo < hi {
		r.work += lookUpCost + hi - lo
		keys, err := r.view.Keys(lo, hi)
		if err == nil && len(keys) != hi-lo {
			err = fmt.Errorf("%d places of %d", len(keys), hi-lo)
		}
		if r.fail(err); err == nil {
			return keys
		}
	}
	// Nothing that is told after an error is sent, but it must not panic either.
	return make([]chat.OrderKey, max(0, hi-lo))
}

// bound is a bound between keys i-1 and i, neither of which is beyond the ends.
func (r *reader) bound(i int) wire.Bound {
	k := r.keys(i-1, i+1)
	return between(k[0], k[1])
}

// fingerprint is that of the keys from lo up to hi.
func (r *reader) fingerprint(lo, hi int) [wire.FingerprintSize]byte {
	var sum wire.SetSum
	if r.err == nil && lo < hi {
		r.work += lookUpCost + min(hi-lo, sumCost)
		var err error
		sum, err = r.view.Sum(lo, hi)
		r.fail(err)
	}
	return sum.Fingerprint(r.salt, hi-lo)
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
