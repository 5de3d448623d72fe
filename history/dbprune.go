package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// pruneStep is how many segments one transaction prunes, so that nobody who
// writes waits long.
const pruneStep = 256

// SetRetention says what a conversation keeps from the next Prune on.
func (d *DB) SetRetention(ctx context.Context, conv chat.ConversationID, r Retention) error {
	err := d.write(ctx, &job{run: func(w *writer) error {
		s, err := w.state(conv, true)
		if err != nil {
			return err
		}
		_, err = w.c.exec("UPDATE conversation SET max_age = ?, max_bytes = ? WHERE c = ?", int64(max(r.MaxAge, 0)), max(r.MaxBytes, 0), s.c)
		return err
	}})
	if err != nil {
		return fmt.Errorf("set the retention: %w", err)
	}
	return nil
}

// Retention is what SetRetention was told, or zero.
func (d *DB) Retention(ctx context.Context, conv chat.ConversationID) (r Retention, err error) {
	err = d.read(ctx, func(c *conn) error {
		_, err := c.get([]any{&r.MaxAge, &r.MaxBytes}, "SELECT max_age, max_bytes FROM conversation WHERE id = ?", conv[:])
		return err
	})
	return r, err
}

// Prune deletes what SetRetention says is not to be kept, the oldest first, and
// returns how many segments that were. It stops in front of an own segment that
// is queued, or, in private, sent: nobody else may have it.
func (d *DB) Prune(ctx context.Context, now time.Time) (total int, err error) {
	var convs []chat.ConversationID
	err = d.read(ctx, func(c *conn) error {
		return c.query(func(rows *sql.Rows) error {
			var id sql.RawBytes
			if err := rows.Scan(&id); err != nil {
				return err
			}
			convs = append(convs, chat.ConversationID(id))
			return nil
		}, "SELECT id FROM conversation WHERE max_age > 0 OR max_bytes > 0")
	})
	for i := 0; err == nil && i < len(convs); {
		n := 0
		err = d.write(ctx, &job{segments: pruneStep, run: func(w *writer) (err error) {
			n, err = w.prune(convs[i], now)
			return err
		}})
		if err == nil {
			total += n
			if n < pruneStep {
				i++
			}
		}
	}
	if err != nil {
		return total, fmt.Errorf("prune history: %w", err)
	}
	return total, nil
}

// prune deletes at most pruneStep segments of a conversation. It notes up to
// where segments were numbered, so that no number is given twice: what MarkSeen
// says goes by them.
func (w *writer) prune(conv chat.ConversationID, now time.Time) (n int, err error) {
	if n, err = w.pruneSome(conv, now); err != nil || n == 0 {
		return n, err
	}
	_, err = w.c.exec("INSERT OR REPLACE INTO meta(k, v) VALUES('last', ?)", w.nextN-1)
	return n, err
}

func (w *writer) pruneSome(conv chat.ConversationID, now time.Time) (n int, err error) {
	s, err := w.state(conv, false)
	if err != nil || s == nil {
		return 0, err
	}
	var maxAge, maxBytes int64
	var private bool
	if _, err := w.c.get([]any{&maxAge, &maxBytes, &private}, "SELECT max_age, max_bytes, peer IS NOT NULL FROM conversation WHERE c = ?", s.c); err != nil {
		return 0, err
	}
	if err := w.flushWords(); err != nil { // some of them may be deleted
		return 0, err
	}
	var oldest chat.Time
	if maxAge > 0 {
		oldest = chat.TimeOf(now.Add(-time.Duration(maxAge)))
	}
	for n < pruneStep {
		seg, num, err := w.oldest(s)
		if err != nil || seg == nil {
			return n, err
		}
		if seg.End() >= oldest && (maxBytes == 0 || s.bytes <= maxBytes) {
			return n, nil
		}
		state, err := w.c.number("SELECT state FROM own WHERE n = ?", num)
		if err != nil {
			return n, err
		}
		if mustKeep(ranked(int(state)), private) {
			return n, nil
		}
		if err := w.delete(s, seg, num); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// mustKeep reports whether an own segment in a state may not be pruned.
func mustKeep(state chat.DeliveryState, private bool) bool {
	return state == chat.Queued || private && state == chat.Sent
}

// oldest is the segment that comes first in the order, or nil.
func (w *writer) oldest(s *state) (seg *chat.Segment, n int64, err error) {
	var body, author []byte
	ok, err := w.c.get([]any{&n, &body, &author}, "SELECT p.n, s.body, a.key FROM place p "+segmentJoin+
		" WHERE p.c = ? ORDER BY p.time, p.id LIMIT 1", s.c)
	if err != nil || !ok {
		return nil, 0, err
	}
	seg, err = open(s.id, author, body)
	return seg, n, err
}

// delete takes the oldest segment out: it is number n.
func (w *writer) delete(s *state, seg *chat.Segment, n int64) error {
	w.touch(s)
	s.segments--
	s.messages -= int64(len(seg.Bodies))
	s.bytes -= int64(len(seg.Envelope))
	s.floor = seg.Key()
	s.heads.remove(n)
	delete(w.recent, seg.ID)
	if err := w.takeFromBlock(s, seg.Key()); err != nil {
		return err
	}
	for i := range seg.Bodies {
		id := seg.MessageID(i)
		m, err := w.c.number("SELECT m FROM message WHERE c = ? AND time = ? AND id8 = ? AND n = ?",
			s.c, dbTime(seg.Time+chat.Time(i)), head8(id[:]), n)
		if err != nil {
			return err
		}
		if searchable(seg.Bodies[i].Kind) && !seg.Bodies[i].Text.Empty() {
			if _, err := w.c.exec("DELETE FROM words WHERE rowid = ?", m); err != nil {
				return err
			}
		}
		if _, err := w.c.exec("DELETE FROM message WHERE m = ?", m); err != nil {
			return err
		}
	}
	if _, err := w.c.exec("DELETE FROM place WHERE c = ? AND time = ? AND id = ?", s.c, dbTime(seg.Time), seg.ID[:]); err != nil {
		return err
	}
	for _, query := range []string{"DELETE FROM segment WHERE n = ?", "DELETE FROM own WHERE n = ?"} {
		if _, err := w.c.exec(query, n); err != nil {
			return err
		}
	}
	if err := w.bury(s, seg.ID); err != nil {
		return err
	}
	if s.incomplete+s.given == 0 {
		return nil
	}
	if err := w.unwait(s, seg, n); err != nil {
		return err
	}
	return w.release(s, n)
}

// unwait forgets that a deleted segment waited, or would have.
func (w *writer) unwait(s *state, seg *chat.Segment, n int64) error {
	res, err := w.c.exec("DELETE FROM incomplete WHERE n = ?", n)
	if err != nil {
		return err
	}
	if rows, err := res.RowsAffected(); err != nil {
		return err
	} else if rows > 0 {
		s.incomplete--
	}
	for _, id := range seg.Parents {
		p, err := w.lookUp(s, id)
		if err != nil {
			return err
		}
		if p.n != 0 {
			if _, err := w.c.exec("DELETE FROM wait WHERE c = ? AND p = ? AND n = ?", s.c, p.n, n); err != nil {
				return err
			}
			continue
		}
		var g, given int64
		ok, err := w.c.get([]any{&g, &given}, "SELECT g, given FROM gap WHERE c = ? AND id = ?", s.c, id[:])
		if err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		if _, err := w.c.exec("DELETE FROM wait WHERE c = ? AND p = ? AND n = ?", s.c, -g, n); err != nil {
			return err
		}
		left, err := w.c.number("SELECT count(*) FROM wait WHERE c = ? AND p = ?", s.c, -g)
		if err != nil {
			return err
		}
		if left > 0 {
			continue
		}
		// Nobody names it any more.
		s.lacking.remove(id)
		if _, err := w.c.exec("DELETE FROM gap WHERE g = ?", g); err != nil {
			return err
		}
		if given != 0 {
			s.given--
		} else {
			s.gaps--
		}
	}
	return nil
}

// release tells those that wait for a deleted segment that it is gone.
func (w *writer) release(s *state, n int64) error {
	if err := w.cascade(s, n); err != nil {
		return err
	}
	_, err := w.c.exec("DELETE FROM wait WHERE c = ? AND p = ?", s.c, n)
	return err
}
