package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// segmentAt are the columns of a stored segment, and how its tables join, from
// table place on. CROSS JOIN keeps SQLite from beginning elsewhere.
const (
	segmentColumns = "p.id, s.body, a.key"
	segmentJoin    = "CROSS JOIN segment s ON s.n = p.n CROSS JOIN chain k ON k.k = s.k CROSS JOIN author a ON a.a = k.a"
)

// scanSegment reads segmentColumns.
func scanSegment(conv chat.ConversationID, rows *sql.Rows) (*chat.Segment, error) {
	var id sql.RawBytes
	var body, author []byte
	if err := rows.Scan(&id, &body, &author); err != nil {
		return nil, err
	}
	seg, err := open(conv, author, body)
	if err == nil && string(seg.ID[:]) != string(id) {
		err = fmt.Errorf("%w: a segment is not the one it was", ErrDamaged)
	}
	return seg, err
}

// segments runs a query for segmentColumns.
func (d *DB) segments(ctx context.Context, conv chat.ConversationID, query string, args ...any) (segs []*chat.Segment, err error) {
	err = d.read(ctx, func(c *conn) error {
		return c.query(func(rows *sql.Rows) error {
			seg, err := scanSegment(conv, rows)
			if err != nil {
				return err
			}
			segs = append(segs, seg)
			return ctx.Err()
		}, query, args...)
	})
	if err != nil {
		return nil, err
	}
	return segs, nil
}

// Get returns those of the segments that are held, in the order asked.
func (d *DB) Get(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (segs []*chat.Segment, err error) {
	k, err := d.lookup(conv)
	if err != nil || k == nil {
		return nil, err
	}
	err = d.read(ctx, func(c *conn) error {
		for part := range slices.Chunk(ids, maxLookUp) {
			found, err := findAll(c, k.c, conv, part)
			if err != nil {
				return err
			}
			segs = append(segs, found...)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return segs, nil
}

// Before returns the newest limit segments that stand before key, the oldest of
// them first, as a screen shows a page; its first segment's Key leads to the
// page before. The zero key is the end of all.
func (d *DB) Before(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, limit int) ([]*chat.Segment, error) {
	k, err := d.lookup(conv)
	if err != nil || k == nil || limit <= 0 {
		return nil, err
	}
	query, args := "SELECT "+segmentColumns+" FROM place p "+segmentJoin+" WHERE p.c = ?", []any{k.c}
	if key != (chat.OrderKey{}) {
		query += " AND (p.time, p.id) < (?, ?)"
		args = append(args, dbTime(key.Time), key.ID[:])
	}
	segs, err := d.segments(ctx, conv, query+" ORDER BY p.time DESC, p.id DESC LIMIT ?", append(args, limit)...)
	slices.Reverse(segs)
	return segs, err
}

// After returns the oldest limit segments that stand behind key, the oldest of
// them first; its last segment's Key leads to the next page. The zero key is the
// beginning of all.
func (d *DB) After(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, limit int) ([]*chat.Segment, error) {
	k, err := d.lookup(conv)
	if err != nil || k == nil || limit <= 0 {
		return nil, err
	}
	return d.segments(ctx, conv, "SELECT "+segmentColumns+" FROM place p "+segmentJoin+
		" WHERE p.c = ? AND (p.time, p.id) > (?, ?) ORDER BY p.time, p.id LIMIT ?", k.c, dbTime(key.Time), key.ID[:], limit)
}

// LastOf is an author's newest segment, or nil.
func (d *DB) LastOf(ctx context.Context, conv chat.ConversationID, author chat.PeerID) (seg *chat.Segment, err error) {
	k, err := d.lookup(conv)
	if err != nil || k == nil {
		return nil, err
	}
	err = d.read(ctx, func(c *conn) error {
		var id []byte
		ok, err := c.get([]any{&id}, `SELECT k.last_id FROM author a CROSS JOIN chain k ON k.c = ? AND k.a = a.a
			WHERE a.key = ? ORDER BY k.last_time DESC, k.last_id DESC LIMIT 1`, k.c, author[:])
		if err != nil || !ok {
			return err
		}
		_, seg, err = find(c, k.c, conv, chat.SegmentID(id))
		return err
	})
	return seg, err
}

// Missing are the segments that held ones name as parents and that are neither
// held nor pruned nor given up: n of them, of which ids has at most 256, those
// that the newest segments name first.
func (d *DB) Missing(conv chat.ConversationID) (ids []chat.SegmentID, n int) {
	k := d.must(conv)
	if k.gaps == 0 {
		return nil, 0
	}
	err := d.read(context.Background(), func(c *conn) error {
		return c.query(func(rows *sql.Rows) error {
			var id sql.RawBytes
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, chat.SegmentID(id))
			return nil
		}, "SELECT id FROM gap WHERE c = ? AND given = 0 ORDER BY time DESC, id LIMIT ?", k.c, maxMissing)
	})
	if err != nil {
		d.cfg.logger().Warn("history cannot be read", "err", err)
	}
	return ids, max(k.gaps, len(ids))
}

// GiveUp says that nobody has these missing segments: what waits for them waits
// no longer. They are stored all the same if they come.
func (d *DB) GiveUp(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) error {
	err := d.write(ctx, &job{run: func(w *writer) error {
		s, err := w.state(conv, false)
		if err != nil || s == nil {
			return err
		}
		for _, id := range ids {
			if err := w.giveUp(s, id); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("give up missing segments: %w", err)
	}
	return nil
}

// Forks are the chains of the conversation in which two segments share a
// number, at most 256, in the order found.
func (d *DB) Forks(conv chat.ConversationID) (forks []Fork) {
	k := d.must(conv)
	err := d.read(context.Background(), func(c *conn) error {
		return c.query(func(rows *sql.Rows) error {
			var author, chain, first, second sql.RawBytes
			if err := rows.Scan(&author, &chain, &first, &second); err != nil {
				return err
			}
			f := Fork{Segments: [2]chat.SegmentID{chat.SegmentID(first), chat.SegmentID(second)}}
			copy(f.Author[:], author)
			copy(f.Chain[:], chain)
			forks = append(forks, f)
			return nil
		}, `SELECT a.key, k.chain, f.first, f.second FROM fork f CROSS JOIN chain k ON k.k = f.k
			CROSS JOIN author a ON a.a = k.a WHERE f.c = ? ORDER BY f.f`, k.c)
	})
	if err != nil {
		d.cfg.logger().Warn("history cannot be read", "err", err)
	}
	return forks
}

// Name remembers what a conversation is called, as Config.Self takes part in it.
func (d *DB) Name(ctx context.Context, conv chat.Conversation) error {
	var room, peer any
	if conv.Room != "" {
		room = string(conv.Room)
	}
	if !conv.Peer.IsZero() {
		peer = conv.Peer[:]
	}
	id := conv.ID(d.cfg.Self)
	named, err := d.named(ctx, id)
	if err == nil && named == conv && !conv.IsPresence() {
		return nil // as nearly always: nothing is to be written
	}
	err = d.write(ctx, &job{run: func(w *writer) error {
		s, err := w.state(id, true)
		if err != nil {
			return err
		}
		_, err = w.c.exec("UPDATE conversation SET room = ?, peer = ? WHERE c = ?", room, peer, s.c)
		return err
	}})
	if err != nil {
		return fmt.Errorf("name a conversation: %w", err)
	}
	return nil
}

// named is what Name was told, or zero.
func (d *DB) named(ctx context.Context, conv chat.ConversationID) (is chat.Conversation, err error) {
	err = d.read(ctx, func(c *conn) error {
		var room sql.NullString
		var peer []byte
		_, err := c.get([]any{&room, &peer}, "SELECT room, peer FROM conversation WHERE id = ?", conv[:])
		is = conversationOf(room, peer)
		return err
	})
	return is, err
}

func conversationOf(room sql.NullString, peer []byte) (is chat.Conversation) {
	is.Room = chat.RoomName(room.String)
	copy(is.Peer[:], peer)
	return is
}

// Conversations tells about all conversations of which anything is known, in no
// certain order.
func (d *DB) Conversations(ctx context.Context) (all []Summary, err error) {
	err = d.read(ctx, func(c *conn) error {
		return c.query(func(rows *sql.Rows) error {
			var s Summary
			var id, peer []byte
			var room sql.NullString
			var latest int64
			if err := rows.Scan(&id, &room, &peer, &s.Segments, &s.Messages, &s.Bytes, &latest); err != nil {
				return err
			}
			copy(s.ID[:], id)
			s.Conversation, s.Latest = conversationOf(room, peer), timeOf(latest)
			all = append(all, s)
			return nil
		}, "SELECT id, room, peer, segments, messages, bytes, latest FROM conversation ORDER BY c")
	})
	return all, err
}
