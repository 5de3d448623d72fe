package history

import (
	"context"
	"database/sql"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// Lacks returns those of the segments that are neither held nor were pruned, in
// the order asked. Where most are lacking, it costs a small part of as many calls
// of Has.
func (d *DB) Lacks(conv chat.ConversationID, ids ...chat.SegmentID) []chat.SegmentID {
	k := d.must(conv)
	if k.c == 0 {
		return slices.Clone(ids)
	}
	held := d.recall(k.c, ids)
	rest := slices.DeleteFunc(slices.Clone(ids), func(id chat.SegmentID) bool { return held[id] })
	err := d.read(context.Background(), func(c *conn) error {
		for part := range slices.Chunk(rest, maxLookUp) {
			if err := metAmong(c, k.c, conv, part, held); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.cfg.logger().Warn("history cannot be read", "err", err)
	}
	return slices.DeleteFunc(rest, func(id chat.SegmentID) bool { return held[id] })
}

// recall are those of the segments of which it is remembered that they are held or
// pruned.
func (d *DB) recall(conv int64, ids []chat.SegmentID) map[chat.SegmentID]bool {
	d.shelf.mu.RLock()
	defer d.shelf.mu.RUnlock()
	held := make(map[chat.SegmentID]bool)
	for _, id := range ids {
		if c, ok := d.shelf.ids[id]; ok && c == conv {
			held[id] = true
		}
	}
	return held
}

// metAmong is met for up to maxLookUp segments. It puts those into held.
func metAmong(c *conn, conv int64, of chat.ConversationID, ids []chat.SegmentID, held map[chat.SegmentID]bool) error {
	heads, whole := make([]any, 0, 2*len(ids)), []any{conv}
	room := parameters(len(ids))
	for i := range room {
		id := &ids[min(i, len(ids)-1)]
		heads, whole = append(heads, head8(id[:])), append(whole, id[:])
	}
	// The index alone answers this, without a look at the segments.
	like := make(map[int64]bool)
	if err := c.query(func(rows *sql.Rows) error {
		var id8 int64
		err := rows.Scan(&id8)
		like[id8] = true
		return err
	}, "SELECT id8 FROM segment WHERE id8 "+among(room), heads...); err != nil {
		return err
	}
	for _, id := range ids {
		if !like[head8(id[:])] {
			continue
		}
		is, err := met(c, conv, of, id)
		if err != nil {
			return err
		}
		if is {
			held[id] = true
		}
	}
	return c.query(func(rows *sql.Rows) error {
		var id sql.RawBytes
		if err := rows.Scan(&id); err != nil {
			return err
		}
		held[chat.SegmentID(id)] = true
		return nil
	}, "SELECT id FROM gone WHERE c = ? AND id "+among(room), whole...)
}
