package history

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// Check looks through the whole file: SQLite's integrity check, then our own
// rules, which are that each segment is what its ID says, that the numbers kept
// of a conversation are right, and so are its heads, what is complete, and the
// sums for reconciliation. What is wrong is an ErrDamaged. It reads everything,
// and so takes its time; others may read and write meanwhile.
func (d *DB) Check(ctx context.Context) error {
	return d.read(ctx, func(c *conn) error {
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer func() { _, _ = c.exec("COMMIT") }() // it has written nothing
		if err := checkWith(c, "PRAGMA integrity_check(1)"); err != nil {
			return err
		}
		var convs []*state
		err := c.query(func(rows *sql.Rows) error {
			s, err := scanConversation(rows)
			convs = append(convs, s)
			return err
		}, "SELECT "+conversationColumns+" FROM conversation")
		if err != nil {
			return err
		}
		for _, s := range convs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := checkConversation(ctx, c, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkConversation checks our rules for one conversation.
func checkConversation(ctx context.Context, c *conn, s *state) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: conversation %s: %s", ErrDamaged, s.id, fmt.Sprintf(format, args...))
	}
	// parents[id] is set for what complete segments name.
	named := make(map[chat.SegmentID]bool)
	complete := make(map[chat.SegmentID]bool)
	var segments, messages, bytes int64
	last := s.floor
	err := c.query(func(rows *sql.Rows) error {
		var id sql.RawBytes
		var body, author []byte
		var waits sql.NullInt64
		if err := rows.Scan(&id, &body, &author, &waits); err != nil {
			return err
		}
		seg, err := open(s.id, author, body)
		if err != nil {
			return err
		}
		if string(seg.ID[:]) != string(id) {
			return wrong("segment %x is not what it was", []byte(id))
		}
		if seg.Key().Compare(last) <= 0 {
			return wrong("segment %s is out of order", seg.ID)
		}
		last = seg.Key()
		segments++
		messages += int64(len(seg.Bodies))
		bytes += int64(len(seg.Envelope))
		complete[seg.ID] = !waits.Valid
		if !waits.Valid {
			for _, p := range seg.Parents {
				named[p] = true
			}
		}
		return ctx.Err()
	}, "SELECT "+segmentColumns+", i.waits FROM place p "+segmentJoin+" LEFT JOIN incomplete i ON i.n = p.n WHERE p.c = ? ORDER BY p.time, p.id", s.c)
	if err != nil {
		return err
	}
	rows, err := c.number("SELECT count(*) FROM message WHERE c = ?", s.c)
	switch {
	case err != nil:
		return err
	case segments != s.segments || messages != s.messages || bytes != s.bytes || rows != messages:
		return wrong("%d segments, %d messages (%d listed), %d bytes; but %d, %d, %d were counted",
			segments, messages, rows, bytes, s.segments, s.messages, s.bytes)
	}
	if err := checkHeads(c, s, named, complete, wrong); err != nil {
		return err
	}
	return checkBlocks(c, s, wrong)
}

func checkHeads(c *conn, s *state, named, complete map[chat.SegmentID]bool, wrong func(string, ...any) error) error {
	heads := 0
	err := c.query(func(rows *sql.Rows) error {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		heads++
		if id := chat.SegmentID(raw); !complete[id] || named[id] {
			return wrong("%s is no head", id)
		}
		return nil
	}, "SELECT id FROM head WHERE c = ?", s.c)
	if err != nil {
		return err
	}
	want := 0
	for id, is := range complete {
		if is && !named[id] {
			want++
		}
	}
	// Of what was pruned nobody knows any more what it named.
	if heads != want && s.floor == (chat.OrderKey{}) {
		return wrong("%d heads, and %d are noted", want, heads)
	}
	// Who is incomplete waits for somebody who is missing or incomplete, and
	// for as many as was counted.
	n, err := c.number(`SELECT count(*) FROM incomplete i LEFT JOIN
		(SELECT n, count(*) AS waits FROM wait t WHERE t.c = ? AND t.done = 0
		 AND (EXISTS (SELECT 1 FROM incomplete p WHERE p.n = t.p) OR EXISTS (SELECT 1 FROM gap g WHERE g.g = -t.p AND g.given = 0))
		 GROUP BY n) w ON w.n = i.n WHERE i.c = ? AND i.waits <> ifnull(w.waits, 0)`, s.c, s.c)
	if err == nil && n > 0 {
		err = wrong("%d segments wait for the wrong number of others", n)
	}
	return err
}

func checkBlocks(c *conn, s *state, wrong func(string, ...any) error) error {
	blocks, _, err := loadBlocks(c, s.c)
	if err != nil {
		return err
	}
	total := 0
	for i, bl := range blocks {
		keys, err := readBlock(c, s.c, blocks, i)
		if err != nil {
			return err
		}
		var sum *wire.SetSum
		if sum, err = sumFor(c, bl); err != nil {
			return err
		}
		if len(keys) != bl.count || *sum != *sumOf(keys) {
			return wrong("block %d of %d has another sum", i, len(blocks))
		}
		total += len(keys)
	}
	if total != int(s.segments) {
		return wrong("the blocks have %d of %d segments", total, s.segments)
	}
	return nil
}
