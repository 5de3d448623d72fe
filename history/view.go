package history

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A View is the order of a conversation at one moment, for comparing it with
// another member's (PROTOCOL.md, section 7). Places are numbered from 0 in
// ascending order. One goroutine may use it, for a moment: it keeps a part of
// the file from being reused.
type View struct {
	blocks []*block
	// starts[i] is the number of the first place of block i; the last entry is
	// how many there are.
	starts []int
	floor  chat.OrderKey
	// keys reads places of block i from index lo up to hi of the block.
	keys func(i, lo, hi int) ([]chat.OrderKey, error)
	// sum is the sum of block i.
	sum   func(i int) (*wire.SetSum, error)
	close func() error
	once  sync.Once
}

func newView(blocks []*block, floor chat.OrderKey) *View {
	v := &View{blocks: blocks, floor: floor, starts: make([]int, len(blocks)+1)}
	for i, bl := range blocks {
		v.starts[i+1] = v.starts[i] + bl.count
	}
	return v
}

// View is the order of a conversation as it is now. It must be closed.
func (d *DB) View(conv chat.ConversationID) (*View, error) {
	c, err := d.views.get(context.Background())
	if err != nil {
		return nil, explain(d.path, err)
	}
	v, err := d.view(c, conv)
	if err != nil {
		_, _ = c.exec("ROLLBACK") // there may be nothing to end
		d.views.put(c)
		return nil, explain(d.path, err)
	}
	return v, nil
}

func (d *DB) view(c *conn, conv chat.ConversationID) (*View, error) {
	k, err := d.lookup(conv)
	if err != nil {
		return nil, err
	}
	// Between a commit and its being published nobody gets here, so the file
	// and what is published of it are of one moment.
	d.commit.RLock()
	if k != nil {
		d.shelf.mu.RLock()
		if now := d.shelf.known[conv]; now != nil {
			k = now
		}
		d.shelf.mu.RUnlock()
	}
	_, err = c.exec("BEGIN")
	var gen int64
	if err == nil {
		gen, err = c.number("SELECT gen FROM conversation WHERE id = ?", conv[:])
	}
	d.commit.RUnlock()
	if err != nil {
		return nil, err
	}
	if gen != 0 && (k == nil || k.gen != gen) {
		// Another process has written. What the file says now counts.
		s, err := readState(c, conv)
		if err != nil {
			return nil, err
		}
		if s.blocks, _, err = loadBlocks(c, s.c); err != nil {
			return nil, err
		}
		k = s.known()
	}
	if k == nil {
		k = &known{}
	}
	v := newView(k.blocks, k.floor)
	v.keys = func(i, lo, hi int) ([]chat.OrderKey, error) {
		var from, to *chat.OrderKey
		if i > 0 {
			from = &k.blocks[i].first
		}
		if i+1 < len(k.blocks) {
			to = &k.blocks[i+1].first
		}
		keys, err := readKeys(c, k.c, from, to, hi-lo, lo)
		if err == nil && len(keys) != hi-lo {
			err = fmt.Errorf("%w: places %d to %d of a block of %d are not there", ErrDamaged, lo, hi, k.blocks[i].count)
		}
		return keys, explain(d.path, err)
	}
	v.sum = func(i int) (*wire.SetSum, error) {
		sum, err := sumFor(c, k.blocks[i])
		if err == nil && sum == nil {
			keys, err := v.keys(i, 0, k.blocks[i].count)
			if err != nil {
				return nil, err
			}
			sum = sumOf(keys)
			k.blocks[i].sum.Store(sum)
		}
		return sum, explain(d.path, err)
	}
	v.close = func() error {
		_, err := c.exec("COMMIT")
		d.views.put(c)
		return explain(d.path, err)
	}
	return v, nil
}

// Close ends the View. It may be called again.
func (v *View) Close() (err error) {
	v.once.Do(func() {
		if v.close != nil {
			err = v.close()
		}
	})
	return err
}

// Len is how many places there are.
func (v *View) Len() int { return v.starts[len(v.blocks)] }

// Floor is the highest place from which a segment was pruned, or zero.
func (v *View) Floor() chat.OrderKey { return v.floor }

// Rank is how many places stand before b.
func (v *View) Rank(b wire.Bound) (int, error) {
	if b.IsEnd() {
		return v.Len(), nil
	}
	lo, hi := 0, len(v.blocks) // the first block that begins at or behind b
	for lo < hi {
		if mid := (lo + hi) / 2; b.After(v.blocks[mid].first) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		// The first block begins before all.
		if len(v.blocks) == 0 {
			return 0, nil
		}
		lo = 1
	}
	i := lo - 1
	keys, err := v.keys(i, 0, v.blocks[i].count)
	if err != nil {
		return 0, err
	}
	n := v.starts[i]
	for _, k := range keys {
		if b.After(k) {
			break
		}
		n++
	}
	return n, nil
}

// errRange is for numbers that are no places of a View.
var errRange = errors.New("history: no such places")

// Keys are the places from lo up to hi.
func (v *View) Keys(lo, hi int) (keys []chat.OrderKey, err error) {
	err = v.parts(lo, hi, func(i, from, to int) error {
		part, err := v.keys(i, from, to)
		keys = append(keys, part...)
		return err
	})
	return keys, err
}

// Sum is the sum of the IDs of the places from lo up to hi. Of the blocks it
// covers whole it takes the sums; of the two at its ends it reads the fewer
// places.
func (v *View) Sum(lo, hi int) (total wire.SetSum, err error) {
	err = v.parts(lo, hi, func(i, from, to int) error {
		count := v.blocks[i].count
		if to-from <= count/2 {
			keys, err := v.keys(i, from, to)
			for _, k := range keys {
				total.Add(k.ID)
			}
			return err
		}
		sum, err := v.sum(i)
		if err != nil {
			return err
		}
		total.Merge(sum)
		for _, out := range [][2]int{{0, from}, {to, count}} {
			if out[0] == out[1] {
				continue
			}
			keys, err := v.keys(i, out[0], out[1])
			if err != nil {
				return err
			}
			for _, k := range keys {
				total.Sub(k.ID)
			}
		}
		return nil
	})
	return total, err
}

// parts calls fn with the part of each block that lies between places lo and hi.
func (v *View) parts(lo, hi int, fn func(i, from, to int) error) error {
	if lo < 0 || hi < lo || hi > v.Len() {
		return fmt.Errorf("%w: %d to %d of %d", errRange, lo, hi, v.Len())
	}
	i, after := 0, len(v.blocks) // the block that lo is in
	for i < after {
		if mid := (i + after) / 2; v.starts[mid+1] <= lo {
			i = mid + 1
		} else {
			after = mid
		}
	}
	for ; lo < hi; i++ {
		to := min(hi, v.starts[i+1])
		if err := fn(i, lo-v.starts[i], to-v.starts[i]); err != nil {
			return err
		}
		lo = to
	}
	return nil
}
