package history

import (
	"database/sql"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// maxHeadsKept is how many heads of a conversation the writer remembers; when
// fewer than chat.MaxHeads of them are left and the file has more, it reads
// again. Honest rooms have a few.
const maxHeadsKept = 256

type headAt struct {
	n   int64
	key chat.OrderKey
}

// heads are the newest heads of a conversation, as the writer's transaction will
// leave them. Changes are gathered: of a thousand segments in a row only the
// last one is ever written as a head.
type heads struct {
	list []headAt // newest first
	// more is set if the file has older ones, which are not in list.
	more bool
	add  map[int64]headAt
	del  map[int64]bool
}

// load reads the newest heads.
func (h *heads) load(c *conn, conv int64) error {
	*h = heads{add: make(map[int64]headAt), del: make(map[int64]bool)}
	var err error
	h.list, err = c.headsAt("SELECT n, time, id FROM head WHERE c = ? ORDER BY time DESC, id DESC LIMIT ?", conv, maxHeadsKept)
	h.more = len(h.list) == maxHeadsKept
	return err
}

// headsAt reads heads by a query for n, time and id.
func (c *conn) headsAt(query string, args ...any) (heads []headAt, err error) {
	err = c.query(func(rows *sql.Rows) error {
		var a headAt
		var time int64
		var id sql.RawBytes
		if err := rows.Scan(&a.n, &time, &id); err != nil {
			return err
		}
		a.key.Time = timeOf(time)
		copy(a.key.ID[:], id)
		heads = append(heads, a)
		return nil
	}, query, args...)
	return heads, err
}

func newer(a headAt, key chat.OrderKey) int { return key.Compare(a.key) }

func (h *heads) put(n int64, key chat.OrderKey) {
	if h.add == nil {
		h.add, h.del = make(map[int64]headAt), make(map[int64]bool)
	}
	a := headAt{n, key}
	h.add[n] = a
	i, _ := slices.BinarySearchFunc(h.list, key, newer)
	if i == len(h.list) && h.more {
		return // it stands among those that are not remembered
	}
	h.list = slices.Insert(h.list, i, a)
	if len(h.list) > 2*maxHeadsKept {
		h.list, h.more = slices.Clip(h.list[:maxHeadsKept]), true
	}
}

// remove takes out segment n, if it is a head.
func (h *heads) remove(n int64) {
	if h.add == nil {
		h.add, h.del = make(map[int64]headAt), make(map[int64]bool)
	}
	i := slices.IndexFunc(h.list, func(a headAt) bool { return a.n == n })
	switch {
	case i >= 0:
		h.list = slices.Delete(h.list, i, i+1)
	case !h.more:
		return
	}
	if _, ok := h.add[n]; ok {
		delete(h.add, n)
	} else {
		h.del[n] = true
	}
}

// flush writes what has changed.
func (h *heads) flush(c *conn, conv int64) error {
	for n := range h.del {
		if _, err := c.exec("DELETE FROM head WHERE n = ?", n); err != nil {
			return err
		}
	}
	for _, a := range h.add {
		if _, err := c.exec("INSERT INTO head(n, c, time, id) VALUES(?, ?, ?, ?)", a.n, conv, dbTime(a.key.Time), a.key.ID[:]); err != nil {
			return err
		}
	}
	clear(h.add)
	clear(h.del)
	if h.more && len(h.list) < chat.MaxHeads {
		return h.load(c, conv)
	}
	return nil
}

// has reports whether segment n is one of those remembered.
func (h *heads) has(n int64) bool {
	return slices.ContainsFunc(h.list, func(a headAt) bool { return a.n == n })
}

func (h *heads) newest(limit int) (ids []chat.SegmentID) {
	for _, a := range h.list[:min(limit, len(h.list))] {
		ids = append(ids, a.key.ID)
	}
	return ids
}
