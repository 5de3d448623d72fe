package history

import (
	"cmp"
	"database/sql"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// unseen counts what was stored behind number seen, and returns the places of
// the newest limit of it, ascending. It counts among what came since, of all
// conversations, or along the whole order of this one, whichever is less.
func unseen(c *conn, k *known, seen int64, limit int) (keys []chat.OrderKey, count int, err error) {
	last, err := c.number("SELECT max(n) FROM segment")
	if err != nil || last <= seen {
		return nil, 0, err
	}
	query, args := "SELECT count(*) FROM place WHERE c = ? AND n > ?", []any{k.c, seen}
	if last-seen < int64(k.len)/8 {
		query, args = "SELECT count(*) FROM segment s CROSS JOIN chain k ON k.k = s.k WHERE s.n > ? AND k.c = ?", []any{seen, k.c}
	}
	n, err := c.number(query, args...)
	if err != nil || n == 0 {
		return nil, 0, err
	}
	// It ends as soon as all are found.
	err = c.query(func(rows *sql.Rows) error {
		var key chat.OrderKey
		var time int64
		var id sql.RawBytes
		if err := rows.Scan(&time, &id); err != nil {
			return err
		}
		key.Time = timeOf(time)
		copy(key.ID[:], id)
		keys = append(keys, key)
		return nil
	}, "SELECT time, id FROM place WHERE c = ? AND n > ? ORDER BY time DESC, id DESC LIMIT ?", k.c, seen, min(limit, int(n)))
	slices.Reverse(keys)
	return keys, int(n), err
}

func sortOwn(own []Own) {
	slices.SortStableFunc(own, func(a, b Own) int { return a.Segment.Key().Compare(b.Segment.Key()) })
}

func sortWaiting(waiting []Waiting) {
	slices.SortStableFunc(waiting, func(a, b Waiting) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Segment.Compare(b.Segment))
	})
}
