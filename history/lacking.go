package history

import (
	"database/sql"

	"github.com/p2pchat/p2pchat/chat"
)

// maxLacking is how many missing parents of a conversation the writer remembers;
// where there are more it asks the file about each segment that comes.
const maxLacking = 4096

// lacking are the rows of table gap of one conversation, by their IDs, so that
// most segments, which nobody waits for, are not looked up there.
type lacking struct {
	ids map[chat.SegmentID]struct{}
	// more is set if there are, or were, others.
	more bool
}

// load reads them; count is how many there are.
func (l *lacking) load(c *conn, conv, count int64) error {
	if *l = (lacking{more: count > maxLacking}); l.more || count == 0 {
		return nil
	}
	return c.query(func(rows *sql.Rows) error {
		var id sql.RawBytes
		if err := rows.Scan(&id); err != nil {
			return err
		}
		l.add(chat.SegmentID(id))
		return nil
	}, "SELECT id FROM gap WHERE c = ?", conv)
}

func (l *lacking) add(id chat.SegmentID) {
	switch {
	case l.more:
	case len(l.ids) >= maxLacking:
		*l = lacking{more: true}
	case l.ids == nil:
		l.ids = map[chat.SegmentID]struct{}{id: {}}
	default:
		l.ids[id] = struct{}{}
	}
}

func (l *lacking) remove(id chat.SegmentID) { delete(l.ids, id) }

// may reports whether id may be among them.
func (l *lacking) may(id chat.SegmentID) bool {
	_, is := l.ids[id]
	return is || l.more
}
