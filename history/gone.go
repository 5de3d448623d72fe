package history

import "github.com/p2pchat/p2pchat/chat"

// isGone reports whether a segment was pruned.
func (w *writer) isGone(s *state, id chat.SegmentID) (bool, error) {
	if w.gone == 0 {
		return false, nil
	}
	n, err := w.c.number("SELECT count(*) FROM gone WHERE id = ? AND c = ?", id[:], s.c)
	return n > 0, err
}

// bury remembers that a segment was pruned, and forgets the one longest pruned
// if there are too many.
func (w *writer) bury(s *state, id chat.SegmentID) error {
	res, err := w.c.exec("INSERT INTO gone(c, id) VALUES(?, ?) ON CONFLICT DO NOTHING", s.c, id[:])
	if err != nil {
		return err
	}
	if rows, err := res.RowsAffected(); err != nil || rows == 0 {
		return err
	}
	w.gone++
	if w.gone > maxPruned {
		_, err = w.c.exec("DELETE FROM gone WHERE i = (SELECT min(i) FROM gone)")
		w.gone--
	}
	return err
}
