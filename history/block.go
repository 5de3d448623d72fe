package history

import (
	"database/sql"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// maxBlock is how many places a block has at most; one that outgrows it is
	// cut in two. A block that is filled from behind ends at half of that.
	maxBlock = 512
	// maxDirty is how many blocks of a conversation may stand in the file
	// without their sum. After an unclean stop these are read anew.
	maxDirty = 32
)

// A block is a run of consecutive places in a conversation's order, from first
// up to the next block's first; the first block begins before all. It never
// changes, so that a View may keep it.
type block struct {
	b     int64 // its row
	first chat.OrderKey
	count int
	// sum is that of its IDs, or nil if it is only in the file.
	sum atomic.Pointer[wire.SetSum]
}

// with is a copy of bl that has changed.
func (bl *block) with(count int, sum *wire.SetSum) *block {
	c := &block{b: bl.b, first: bl.first, count: count}
	c.sum.Store(sum)
	return c
}

// loadBlocks reads a conversation's blocks. Those whose rows are out of date are
// counted anew, and returned as dirty.
func loadBlocks(c *conn, conv int64) (blocks []*block, dirty map[*block]bool, err error) {
	dirty = make(map[*block]bool)
	err = c.query(func(rows *sql.Rows) error {
		bl := &block{}
		var time int64
		var id sql.RawBytes
		var clean bool
		if err := rows.Scan(&bl.b, &time, &id, &bl.count, &clean); err != nil {
			return err
		}
		bl.first.Time = timeOf(time)
		copy(bl.first.ID[:], id)
		blocks = append(blocks, bl)
		if !clean {
			dirty[bl] = true
		}
		return nil
	}, `SELECT b, time, id, count, EXISTS (SELECT 1 FROM blocksum s WHERE s.b = block.b) FROM block WHERE c = ? ORDER BY time, id`, conv)
	if err != nil {
		return nil, nil, err
	}
	for i, bl := range blocks {
		if !dirty[bl] {
			continue
		}
		keys, err := readBlock(c, conv, blocks, i)
		if err != nil {
			return nil, nil, err
		}
		bl.count = len(keys)
		bl.sum.Store(sumOf(keys))
	}
	return blocks, dirty, nil
}

func sumOf(keys []chat.OrderKey) *wire.SetSum {
	sum := new(wire.SetSum)
	for _, k := range keys {
		sum.Add(k.ID)
	}
	return sum
}

// readBlock reads the places of block i.
func readBlock(c *conn, conv int64, blocks []*block, i int) ([]chat.OrderKey, error) {
	var from, to *chat.OrderKey
	if i > 0 {
		from = &blocks[i].first
	}
	if i+1 < len(blocks) {
		to = &blocks[i+1].first
	}
	return readKeys(c, conv, from, to, -1, 0)
}

// readKeys reads the places from from up to to, at most limit of them (all, if
// negative) behind the first skip. Without from or to: from the beginning, to
// the end.
func readKeys(c *conn, conv int64, from, to *chat.OrderKey, limit, skip int) (keys []chat.OrderKey, err error) {
	query, args := "SELECT time, id FROM place WHERE c = ?", []any{conv}
	if from != nil {
		query += " AND (time, id) >= (?, ?)"
		args = append(args, dbTime(from.Time), from.ID[:])
	}
	if to != nil {
		query += " AND (time, id) < (?, ?)"
		args = append(args, dbTime(to.Time), to.ID[:])
	}
	query += " ORDER BY time, id LIMIT ? OFFSET ?"
	args = append(args, limit, skip)
	err = c.query(func(rows *sql.Rows) error {
		var k chat.OrderKey
		var time int64
		var id sql.RawBytes
		if err := rows.Scan(&time, &id); err != nil {
			return err
		}
		k.Time = timeOf(time)
		copy(k.ID[:], id)
		keys = append(keys, k)
		return nil
	}, query, args...)
	return keys, err
}

// blockOf is which block a place belongs to.
func blockOf(blocks []*block, key chat.OrderKey) int {
	return max(0, sort.Search(len(blocks), func(i int) bool { return blocks[i].first.Compare(key) > 0 })-1)
}

// sumFor is a block's sum, read if need be.
func sumFor(c *conn, bl *block) (*wire.SetSum, error) {
	if sum := bl.sum.Load(); sum != nil {
		return sum, nil
	}
	var raw []byte
	if ok, err := c.get([]any{&raw}, "SELECT sum FROM blocksum WHERE b = ?", bl.b); err != nil || !ok {
		return nil, err
	}
	sum, err := wire.ParseSetSum(raw)
	if err != nil {
		return nil, err
	}
	bl.sum.Store(&sum)
	return &sum, nil
}

// addToBlock counts the place that was taken last, and stored.
func (w *writer) addToBlock(s *state, key chat.OrderKey) error {
	last := len(s.blocks) - 1
	if last < 0 || s.blocks[last].count >= maxBlock/2 && key.Compare(s.blocks[last].first) > 0 && s.hole.end {
		return w.newBlock(s, len(s.blocks), key, 1, sumOf([]chat.OrderKey{key}))
	}
	i := blockOf(s.blocks, key)
	sum, err := w.dirtyBlock(s, i)
	if err != nil {
		return err
	}
	sum.Add(key.ID)
	s.blocks[i].count++
	if s.blocks[i].count <= maxBlock {
		return nil
	}
	keys, err := readBlock(w.c, s.c, s.blocks, i)
	if err != nil {
		return err
	}
	right := sumOf(keys[len(keys)/2:])
	sum.Unmerge(right)
	s.blocks[i].count = len(keys) / 2
	return w.newBlock(s, i+1, keys[len(keys)/2], len(keys)-len(keys)/2, right)
}

// newBlock inserts a dirty block as number i.
func (w *writer) newBlock(s *state, i int, first chat.OrderKey, count int, sum *wire.SetSum) error {
	res, err := w.c.exec("INSERT INTO block(c, time, id, count) VALUES(?, ?, ?, ?)", s.c, dbTime(first.Time), first.ID[:], count)
	if err != nil {
		return err
	}
	bl := &block{first: first, count: count}
	if bl.b, err = res.LastInsertId(); err != nil {
		return err
	}
	bl.sum.Store(sum)
	s.blocks = slices.Insert(s.blocks, i, bl)
	s.dirty[bl], s.fresh[bl] = true, true
	return nil
}

// dirtyBlock makes block i one that this transaction may change in place, and
// returns its sum, which it may change too.
func (w *writer) dirtyBlock(s *state, i int) (*wire.SetSum, error) {
	bl := s.blocks[i]
	if s.fresh[bl] {
		return bl.sum.Load(), nil
	}
	old, err := sumFor(w.c, bl)
	if err != nil {
		return nil, err
	}
	if old == nil { // cannot be, but costs nothing to mend
		keys, err := readBlock(w.c, s.c, s.blocks, i)
		if err != nil {
			return nil, err
		}
		old = sumOf(keys)
	}
	sum := *old
	own := bl.with(bl.count, &sum)
	s.blocks[i] = own
	if s.dirty[bl] {
		delete(s.dirty, bl)
	} else if _, err := w.c.exec("DELETE FROM blocksum WHERE b = ?", bl.b); err != nil {
		return nil, err
	}
	s.dirty[own], s.fresh[own] = true, true
	return &sum, nil
}

// settleBlocks writes sums until at most limit blocks are without, those last
// that the transaction has changed: they are the likeliest to change again. It
// ends the time in which blocks may be changed in place.
func (w *writer) settleBlocks(s *state, limit int) error {
	for _, spare := range []bool{true, false} {
		for i := 0; len(s.dirty) > limit && i < len(s.blocks); i++ {
			bl := s.blocks[i]
			if !s.dirty[bl] || spare && s.fresh[bl] {
				continue
			}
			if err := w.settle(bl); err != nil {
				return err
			}
			delete(s.dirty, bl)
		}
	}
	clear(s.fresh)
	return nil
}

func (w *writer) settle(bl *block) error {
	if _, err := w.c.exec("UPDATE block SET count = ? WHERE b = ?", bl.count, bl.b); err != nil {
		return err
	}
	_, err := w.c.exec("INSERT OR REPLACE INTO blocksum(b, sum) VALUES(?, ?)", bl.b, bl.sum.Load().AppendBinary(nil))
	return err
}

// takeFromBlock takes a place, the oldest of all, out of its block.
func (w *writer) takeFromBlock(s *state, key chat.OrderKey) error {
	i := blockOf(s.blocks, key)
	if s.blocks[i].count > 1 {
		sum, err := w.dirtyBlock(s, i)
		if err != nil {
			return err
		}
		sum.Sub(key.ID)
		s.blocks[i].count--
		return nil
	}
	bl := s.blocks[i]
	delete(s.dirty, bl)
	delete(s.fresh, bl)
	s.blocks = slices.Delete(s.blocks, i, i+1)
	if _, err := w.c.exec("DELETE FROM blocksum WHERE b = ?", bl.b); err != nil {
		return err
	}
	_, err := w.c.exec("DELETE FROM block WHERE b = ?", bl.b)
	return err
}
