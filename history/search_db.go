package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// errEnough ends a query of which enough was read.
var errEnough = errors.New("enough was read")

// Search returns the messages with certain words, the newest first. Of edited
// ones the newest text counts; deleted ones are not found. The error wraps
// ErrNoWords or chat.ErrTooLong if the words cannot be searched for.
func (d *DB) Search(ctx context.Context, s Search) (found []Entry, err error) {
	terms, err := terms(s.Words)
	if err != nil {
		return nil, err
	}
	err = d.look(ctx, chat.ConversationID{}, func(r *reading) error {
		return r.search(s, match(terms), func(e Entry) error {
			found = append(found, e)
			if len(found) >= pageLimit(s.Limit) {
				return errEnough
			}
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, wrapRead("search", err)
}

// hits finds messages by their words. What is found by an edit is what was
// edited (t), in its place. Whether the edit is still the newest, who reads the
// row must see.
const hits = `SELECT * FROM (SELECT h.m AS hit, h.kind AS kind, ifnull(t.m, h.m) AS m, ifnull(t.n, h.n) AS n, ifnull(t.idx, h.idx) AS idx, h.c AS c,
	ifnull(t.time, h.time) AS time, ifnull(t.id8, h.id8) AS id8
FROM words CROSS JOIN message h ON h.m = words.rowid
LEFT JOIN message t INDEXED BY message_id ON h.kind = 4 AND t.id8 = h.target8 AND t.c = h.c AND t.kind IN (1, 2, 3)
WHERE words MATCH ?1 AND (h.kind <> 4 OR t.m IS NOT NULL)
	AND (?2 IS NULL OR h.c IN (SELECT c FROM conversation WHERE hex(id) IN (SELECT value FROM json_each(?2))))
	AND (?3 IS NULL OR (SELECT a.key FROM segment s CROSS JOIN chain k ON k.k = s.k CROSS JOIN author a ON a.a = k.a WHERE s.n = h.n) = ?3)
) WHERE time >= ?4 AND time < ?5 AND (time < ?6 OR time = ?6 AND (id8 < 0, id8) < (?7 < 0, ?7))`

// search gives all that is found to fn.
func (r *reading) search(s Search, match string, fn func(Entry) error) error {
	var in, from any
	if len(s.In) > 0 {
		var ids []string
		for _, id := range s.In {
			ids = append(ids, strings.ToUpper(id.String()))
		}
		b, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		in = string(b)
	}
	if !s.From.IsZero() {
		from = s.From[:]
	}
	before := s.Before
	if before == (Place{}) {
		before.Time = math.MaxUint64
	}
	return r.conn.query(func(rows *sql.Rows) error {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		var hit, row messageRow
		var time, id8 int64
		if err := rows.Scan(&hit.m, &hit.kind, &row.m, &row.n, &row.idx, &row.c, &time, &id8); err != nil {
			return err
		}
		e, err := r.entry(row)
		if err != nil {
			return err
		}
		e, change, err := r.apply(row.c, e)
		if err != nil {
			return err
		}
		want := int64(0) // the text that was found is the first one
		if hit.kind == chat.KindEdit {
			want = hit.m
		}
		if change != want {
			return nil
		}
		return fn(e)
	}, hits+newestFirst, match, in, from, lowest(s.Since), highest(s.Until), dbTime(before.Time), head8(before.ID[:]))
}

// lowest and highest are bounds of a message's time, as columns.
func lowest(t time.Time) int64 {
	if t.IsZero() {
		return dbTime(0)
	}
	return dbTime(chat.TimeOf(t))
}

func highest(t time.Time) int64 {
	if t.IsZero() {
		return dbTime(math.MaxUint64)
	}
	return dbTime(chat.TimeOf(t))
}
