package history

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// maxRead is how many segments one call keeps read, so that those with many
// messages on the page are read once.
const maxRead = 2048

// Messages returns a page of a conversation, the oldest of it first.
func (d *DB) Messages(ctx context.Context, q Query) (page []Entry, err error) {
	err = d.look(ctx, q.Conversation, func(r *reading) error {
		rows, err := r.page(q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			e, err := r.entry(row)
			if err == nil && !q.Raw {
				e, _, err = r.apply(row.c, e)
			}
			if err != nil {
				return err
			}
			page = append(page, e)
		}
		return nil
	})
	return page, wrapRead("read", err)
}

// Find returns one message of a conversation as it is to be shown, and whether
// it is here.
func (d *DB) Find(ctx context.Context, conv chat.ConversationID, id chat.MessageID) (found Entry, ok bool, err error) {
	err = d.look(ctx, conv, func(r *reading) error {
		rows, err := r.rows("SELECT m, n, idx, c, kind FROM message INDEXED BY message_id WHERE id8 = ? AND c = ?", head8(id[:]), r.c)
		if err != nil {
			return err
		}
		for _, row := range rows {
			e, err := r.entry(row)
			if err != nil {
				return err
			}
			if e.ID == id { // and not only its first 8 bytes
				ok = true
				found, _, err = r.apply(row.c, e)
				return err
			}
		}
		return nil
	})
	return found, ok, wrapRead("read", err)
}

// Topic returns the message that set the conversation's topic, and false if none
// did or it was cleared.
func (d *DB) Topic(ctx context.Context, conv chat.ConversationID) (topic Entry, ok bool, err error) {
	err = d.look(ctx, conv, func(r *reading) error {
		rows, err := r.rows("SELECT m, n, idx, c, kind FROM message INDEXED BY message_topic WHERE c = ? AND kind = 7"+newestFirst+"LIMIT 1", r.c)
		if err != nil || len(rows) == 0 {
			return err
		}
		topic, err = r.entry(rows[0])
		ok = !topic.Body.Text.Empty()
		return err
	})
	return topic, ok, wrapRead("read", err)
}

// Messages of one time stand in the order of their IDs, whose first bytes are a
// number with a sign in id8.
const (
	oldestFirst = " ORDER BY time, id8 < 0, id8 "
	newestFirst = " ORDER BY time DESC, id8 < 0 DESC, id8 DESC "
)

// The queries below name their index: without statistics SQLite would rather walk
// a whole conversation than look up what is about one message.

// A reading answers one question from one state of the file.
type reading struct {
	ctx  context.Context // of the one call it is made for
	conn *conn
	c    int64                         // the conversation asked for; 0 if it is not known
	segs map[int64]*chat.Segment       // read already, by n
	ids  map[int64]chat.ConversationID // of conversations, by c
	gaps map[int64]bool                // whether anything is missing of them
}

// look runs fn on a connection, with conv's number where there is such a
// conversation.
func (d *DB) look(ctx context.Context, conv chat.ConversationID, fn func(*reading) error) error {
	return d.read(ctx, func(c *conn) error {
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer func() { _, _ = c.exec("COMMIT") }() // it has written nothing
		r := &reading{
			ctx: ctx, conn: c,
			segs: make(map[int64]*chat.Segment), ids: make(map[int64]chat.ConversationID), gaps: make(map[int64]bool),
		}
		var err error
		if r.c, err = c.number("SELECT c FROM conversation WHERE id = ?", conv[:]); err != nil {
			return err
		}
		return fn(r)
	})
}

// A messageRow is where a message is.
type messageRow struct {
	m, n, idx, c int64
	kind         chat.Kind
}

// rows reads messageRows.
func (r *reading) rows(query string, args ...any) (rows []messageRow, err error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	err = r.conn.query(func(s *sql.Rows) error {
		var row messageRow
		err := s.Scan(&row.m, &row.n, &row.idx, &row.c, &row.kind)
		rows = append(rows, row)
		return err
	}, query, args...)
	return rows, err
}

// page is where the messages are that q asks for, the oldest first.
func (r *reading) page(q Query) ([]messageRow, error) {
	const from = `SELECT m, n, idx, c, kind FROM message INDEXED BY message_place WHERE c = ?1
		AND time >= ?2 AND (time > ?2 OR (id8 < 0, id8) > (?3 < 0, ?3))
		AND time <= ?4 AND (time < ?4 OR (id8 < 0, id8) < (?5 < 0, ?5))
		AND (?6 OR kind NOT IN (4, 5, 6))`
	order := newestFirst
	if q.up() {
		order = oldestFirst
	}
	last := q.Before
	if last == (Place{}) {
		last = Place{Time: math.MaxUint64} // no message has it
	}
	rows, err := r.rows(from+order+"LIMIT ?7", r.c, dbTime(q.After.Time), head8(q.After.ID[:]), dbTime(last.Time), head8(last.ID[:]), q.Raw, q.limit())
	if !q.up() {
		slices.Reverse(rows)
	}
	return rows, err
}

// segment reads segment n of conversation c.
func (r *reading) segment(c, n int64) (*chat.Segment, error) {
	if s := r.segs[n]; s != nil {
		return s, nil
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	conv, err := r.conversation(c)
	if err != nil {
		return nil, err
	}
	s, err := r.conn.segment(conv, n)
	if err != nil {
		return nil, err
	}
	if len(r.segs) >= maxRead {
		clear(r.segs)
	}
	r.segs[n] = s
	return s, nil
}

// conversation is the ID of conversation c.
func (r *reading) conversation(c int64) (id chat.ConversationID, err error) {
	if id, ok := r.ids[c]; ok {
		return id, nil
	}
	var raw []byte
	if _, err := r.conn.get([]any{&raw}, "SELECT id FROM conversation WHERE c = ?", c); err != nil {
		return id, err
	}
	copy(id[:], raw)
	r.ids[c] = id
	return id, nil
}

// entry reads one message as it was sent.
func (r *reading) entry(row messageRow) (Entry, error) {
	s, err := r.segment(row.c, row.n)
	if err != nil {
		return Entry{}, err
	}
	if row.idx < 0 || row.idx >= int64(len(s.Bodies)) {
		return Entry{}, fmt.Errorf("%w: segment %s has no message %d", ErrDamaged, s.ID, row.idx)
	}
	e := entryOf(s, int(row.idx))
	if row.idx == 0 && len(s.Parents) > 0 {
		e.Gap, err = r.gap(row.c, s)
	}
	return e, err
}

// gap reports whether a parent of s is not here, though it was not pruned.
func (r *reading) gap(c int64, s *chat.Segment) (bool, error) {
	any, ok := r.gaps[c]
	if !ok {
		n, err := r.conn.number("SELECT EXISTS(SELECT 1 FROM gap WHERE c = ?)", c)
		if err != nil {
			return false, err
		}
		any = n != 0
		r.gaps[c] = any
	}
	if !any {
		return false, nil
	}
	for _, p := range s.Parents {
		if n, err := r.conn.number("SELECT EXISTS(SELECT 1 FROM gap WHERE c = ? AND id = ?)", c, p[:]); err != nil || n != 0 {
			return n != 0, err
		}
	}
	return false, nil
}

// apply changes an entry of conversation c as the messages about it say, and
// returns the number m of the newest edit or deletion of it, or 0.
func (r *reading) apply(c int64, e Entry) (_ Entry, change int64, err error) {
	if !e.Body.Kind.IsText() {
		return e, 0, nil
	}
	var t chat.Timeline
	t.Add(e.post())
	// Another message may have the same first 8 bytes, and people may write any
	// target: what counts is the whole one.
	add := func(row messageRow) (bool, error) {
		s, err := r.segment(row.c, row.n)
		if err != nil || s.Bodies[row.idx].Target != e.ID {
			return false, err
		}
		t.Add(entryOf(s, int(row.idx)).post())
		return true, nil
	}
	about := head8(e.ID[:])
	changes, err := r.rows(`SELECT m, n, idx, c, kind FROM message INDEXED BY message_target WHERE target8 = ? AND c = ? AND kind IN (4, 5)
		AND (SELECT k.a FROM segment s CROSS JOIN chain k ON k.k = s.k WHERE s.n = message.n) = (SELECT a FROM author WHERE key = ?)`+
		newestFirst, about, c, e.Author[:])
	if err != nil {
		return e, 0, err
	}
	for _, row := range changes {
		is, err := add(row)
		if err != nil {
			return e, 0, err
		}
		if is {
			change = row.m
			break
		}
	}
	reactions, err := r.rows("SELECT m, n, idx, c, kind FROM message INDEXED BY message_target WHERE target8 = ? AND c = ? AND kind = 6"+
		newestFirst+"LIMIT ?", about, c, maxReactions)
	if err != nil {
		return e, 0, err
	}
	for _, row := range reactions {
		if _, err := add(row); err != nil {
			return e, 0, err
		}
	}
	return e.shown(&t), change, nil
}
