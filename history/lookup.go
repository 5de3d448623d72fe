package history

import (
	"database/sql"
	"math/bits"
	"strings"

	"github.com/p2pchat/p2pchat/chat"
)

// maxLookUp is how many segments one statement looks up by their IDs.
const maxLookUp = 64

// lookUpSegments and lookUpJoin are a query for stored segments by their IDs,
// but for what their id8 is.
const (
	lookUpSegments = "SELECT s.n, s.body, a.key FROM segment s CROSS JOIN chain k ON k.k = s.k CROSS JOIN author a ON a.a = k.a WHERE k.c = ? AND s.id8 "
	alsoGone       = " UNION ALL SELECT 0, id, NULL FROM gone WHERE c = ? AND id = ?"
)

// find looks a segment of a conversation up by its ID. It is nil, and n 0, if it
// is not held.
func find(c *conn, conv int64, of chat.ConversationID, id chat.SegmentID) (n int64, seg *chat.Segment, err error) {
	err = c.query(func(rows *sql.Rows) error {
		rowN, found, err := scanFound(of, rows)
		if err == nil && found.ID == id { // and not only its first 8 bytes
			n, seg = rowN, found
		}
		return err
	}, lookUpSegments+"= ?", conv, head8(id[:]))
	return n, seg, err
}

func scanFound(of chat.ConversationID, rows *sql.Rows) (n int64, seg *chat.Segment, err error) {
	var body, author []byte
	if err := rows.Scan(&n, &body, &author); err != nil {
		return 0, nil, err
	}
	seg, err = open(of, author, body)
	return n, seg, err
}

// findAll is find for up to maxLookUp segments. It returns those that are held,
// in the order asked.
func findAll(c *conn, conv int64, of chat.ConversationID, ids []chat.SegmentID) ([]*chat.Segment, error) {
	args := []any{conv}
	room := parameters(len(ids))
	for i := range room {
		id := &ids[min(i, len(ids)-1)]
		args = append(args, head8(id[:]))
	}
	found := make(map[chat.SegmentID]*chat.Segment, len(ids))
	err := c.query(func(rows *sql.Rows) error {
		_, seg, err := scanFound(of, rows)
		if err == nil {
			found[seg.ID] = seg
		}
		return err
	}, lookUpSegments+among(room), args...)
	if err != nil {
		return nil, err
	}
	segs := make([]*chat.Segment, 0, len(found))
	for _, id := range ids {
		if seg := found[id]; seg != nil {
			segs = append(segs, seg)
		}
	}
	return segs, nil
}

// parameters is how many a statement has for n values. There are as many
// statements as powers of two: where there is room left, the last is repeated.
func parameters(n int) int { return 1 << bits.Len(uint(n-1)) }

// among is the condition to be one of n values.
func among(n int) string { return "IN (?" + strings.Repeat(", ?", n-1) + ")" }

// met reports whether a segment is held, or was and is pruned.
func met(c *conn, conv int64, of chat.ConversationID, id chat.SegmentID) (is bool, err error) {
	err = c.query(func(rows *sql.Rows) error {
		var n int64
		var body, author []byte
		if err := rows.Scan(&n, &body, &author); err != nil {
			return err
		}
		if n == 0 {
			is = true
			return nil
		}
		seg, err := open(of, author, body)
		is = is || err == nil && seg.ID == id
		return err
	}, lookUpSegments+"= ?"+alsoGone, conv, head8(id[:]), conv, id[:])
	return is, err
}
