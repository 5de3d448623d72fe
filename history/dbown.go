package history

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
)

// SetState notes how far own segments of a conversation got, and why, where
// there is a reason. A state that would go back is left as it is (see
// PROTOCOL.md, section 5), and so are segments that are not our own.
func (d *DB) SetState(ctx context.Context, conv chat.ConversationID, state chat.DeliveryState, reason string, ids ...chat.SegmentID) error {
	err := d.write(ctx, &job{segments: len(ids), run: func(w *writer) error {
		s, err := w.state(conv, false)
		if err != nil || s == nil {
			return err
		}
		for _, id := range ids {
			if err := w.setState(s, id, state, reason); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("store a delivery state: %w", err)
	}
	return nil
}

// setState changes the state of an own segment, if it may.
func (w *writer) setState(s *state, id chat.SegmentID, to chat.DeliveryState, reason string) error {
	n, was, err := w.standing(s, id)
	if err != nil || !mayBecome(was.State, to) || was == (Standing{to, reason}) {
		return err
	}
	_, err = w.c.exec("UPDATE own SET state = ?, reason = ? WHERE n = ?", rank(to), reason, n)
	return err
}

// standing is the state of an own segment, and its number; of others it is zero.
func (w *writer) standing(s *state, id chat.SegmentID) (n int64, is Standing, err error) {
	r, err := w.lookUp(s, id)
	if err != nil || r.n == 0 {
		return 0, Standing{}, err
	}
	var state int
	if _, err := w.c.get([]any{&state, &is.Reason}, "SELECT state, reason FROM own WHERE n = ?", r.n); err != nil {
		return 0, Standing{}, err
	}
	is.State = ranked(state)
	return r.n, is, nil
}

// Drop takes an entry out of the outbox: the segment has failed, for the reason
// Dropped. If it does not wait there, the error is chat.ErrNotFound.
func (d *DB) Drop(ctx context.Context, conv chat.ConversationID, id chat.SegmentID) error {
	found := false
	err := d.write(ctx, &job{run: func(w *writer) error {
		found = false
		s, err := w.state(conv, false)
		if err != nil || s == nil {
			return err
		}
		direct, err := w.c.number("SELECT peer IS NOT NULL FROM conversation WHERE c = ?", s.c)
		if err != nil || direct == 0 {
			return err
		}
		_, was, err := w.standing(s, id)
		found = was.State == chat.Queued || was.State == chat.Sent
		if err != nil || !found {
			return err
		}
		return w.setState(s, id, chat.Failed, Dropped)
	}})
	if err == nil && !found {
		err = chat.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("drop a waiting message: %w", err)
	}
	return nil
}

// States says how far own segments of a conversation got. Others are not in the
// answer.
func (d *DB) States(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (map[chat.SegmentID]Standing, error) {
	states := make(map[chat.SegmentID]Standing)
	k, err := d.lookup(conv)
	if err != nil || k == nil {
		return states, err
	}
	err = d.read(ctx, func(c *conn) error {
		for _, id := range ids {
			n, _, err := find(c, k.c, conv, id)
			if err != nil {
				return err
			}
			var state int
			var reason string
			ok, err := c.get([]any{&state, &reason}, "SELECT state, reason FROM own WHERE n = ?", n)
			if err != nil {
				return err
			}
			if ok {
				states[id] = Standing{ranked(state), reason}
			}
		}
		return nil
	})
	return states, err
}

// Unsettled returns the own segments of a conversation that are queued, sent or
// failed, the oldest first.
func (d *DB) Unsettled(ctx context.Context, conv chat.ConversationID) (own []Own, err error) {
	k, err := d.lookup(conv)
	if err != nil || k == nil {
		return nil, err
	}
	err = d.read(ctx, func(c *conn) error {
		return c.query(func(rows *sql.Rows) error {
			var body, author []byte
			var state int
			var reason string
			if err := rows.Scan(&body, &author, &state, &reason); err != nil {
				return err
			}
			seg, err := open(conv, author, body)
			if err != nil {
				return err
			}
			own = append(own, Own{Segment: seg, State: ranked(state), Reason: reason, Since: seg.Time.Wall()})
			return ctx.Err()
		}, `SELECT s.body, a.key, o.state, o.reason FROM own o CROSS JOIN segment s ON s.n = o.n
			CROSS JOIN chain k ON k.k = s.k CROSS JOIN author a ON a.a = k.a
			WHERE o.c = ? AND o.state IN (1, 2, 5) ORDER BY o.n`, k.c)
	})
	sortOwn(own)
	return own, err
}

// Outbox is what waits in private conversations: own segments that are queued or
// sent, the oldest first.
func (d *DB) Outbox(ctx context.Context) (waiting []Waiting, err error) {
	err = d.read(ctx, func(c *conn) error {
		return c.query(func(rows *sql.Rows) error {
			var conv, peer, body, author []byte
			var state int
			w := Waiting{}
			if err := rows.Scan(&conv, &peer, &body, &author, &state, &w.Reason); err != nil {
				return err
			}
			seg, err := open(chat.ConversationID(conv), author, body)
			if err != nil {
				return err
			}
			copy(w.Peer[:], peer)
			w.Conversation, w.Segment, w.Since = seg.Conversation, seg.ID, seg.Time.Wall()
			w.Messages, w.State = len(seg.Bodies), ranked(state)
			waiting = append(waiting, w)
			return ctx.Err()
		}, `SELECT c.id, c.peer, s.body, a.key, o.state, o.reason FROM conversation c CROSS JOIN own o ON o.c = c.c
			CROSS JOIN segment s ON s.n = o.n CROSS JOIN chain k ON k.k = s.k CROSS JOIN author a ON a.a = k.a
			WHERE c.peer IS NOT NULL AND o.state IN (1, 2, 5) AND o.state <> 5 ORDER BY o.n`)
	})
	sortWaiting(waiting)
	return waiting, err
}

// MarkSeen says that all that is stored of a conversation was shown. That is on
// disk with the next commit, or at Close.
func (d *DB) MarkSeen(conv chat.ConversationID) {
	if d.readOnly {
		return
	}
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	if k := d.shelf.known[conv]; k == nil || k.seen < d.shelf.last {
		d.shelf.marks[conv] = d.shelf.last
	}
}

// marks stores what MarkSeen said, of the conversations that are known. It
// comes last in a transaction.
func (w *writer) marks() error {
	d := w.db
	d.shelf.mu.Lock()
	marks := make(map[chat.ConversationID]int64, len(d.shelf.marks))
	for conv, mark := range d.shelf.marks {
		marks[conv] = mark
	}
	d.shelf.mu.Unlock()
	for conv, mark := range marks {
		s, err := w.state(conv, false)
		if err != nil {
			return err
		}
		if s != nil && s.seen < mark {
			s.seen = mark
			w.touch(s)
		}
	}
	return nil
}

// Unseen returns what was stored since MarkSeen: how many segments, and the
// newest limit of them, the oldest of these first.
func (d *DB) Unseen(ctx context.Context, conv chat.ConversationID, limit int) (segs []*chat.Segment, n int, err error) {
	k, err := d.lookup(conv)
	if err != nil || k == nil {
		return nil, 0, err
	}
	d.shelf.mu.RLock()
	seen := max(k.seen, d.shelf.marks[conv])
	d.shelf.mu.RUnlock()
	err = d.read(ctx, func(c *conn) error {
		keys, count, err := unseen(c, k, seen, max(limit, 0))
		if err != nil {
			return err
		}
		n = count
		for _, key := range keys {
			_, seg, err := find(c, k.c, conv, key.ID)
			if err != nil {
				return err
			}
			if seg != nil { // or pruned just now
				segs = append(segs, seg)
			}
		}
		return nil
	})
	return segs, n, err
}
