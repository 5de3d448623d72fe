package history

import (
	"database/sql"

	"github.com/p2pchat/p2pchat/chat"
)

// A segment is complete if each of its parents is held and complete, or pruned,
// or given up. Heads are the complete segments that no complete one names as a
// parent: whoever names a head so says that all its ancestors are held, or
// pruned, or that nobody has them (PROTOCOL.md, section 5).

// place finds out whether seg, just stored as number n, is complete, and what
// that means for others.
func (w *writer) place(s *state, seg *chat.Segment, n int64) error {
	waits, parents, err := w.parents(s, seg, n)
	if err != nil {
		return err
	}
	named, filled, err := w.arrive(s, seg.ID, n)
	if err != nil {
		return err
	}
	w.met(seg.ID, recent{s.c, n, waits == 0})
	if waits > 0 {
		s.incomplete++
		err := w.c.insert("incomplete(n, c, time, id, waits)", n, s.c, dbTime(seg.Time), seg.ID[:], waits)
		if err != nil || !filled || s.gaps > 0 {
			return err
		}
		// Nothing is missing any more.
		return w.completeAll(s)
	}
	for _, p := range parents {
		s.heads.remove(p)
	}
	if !named {
		s.heads.put(n, seg.Key())
	} else if _, err := w.c.exec(`DELETE FROM wait WHERE c = ? AND p = ? AND done = 1
		AND n NOT IN (SELECT n FROM incomplete WHERE c = ?)`, s.c, n, s.c); err != nil {
		return err
	}
	if !filled {
		return nil
	}
	return w.cascade(s, n)
}

// met remembers a segment.
func (w *writer) met(id chat.SegmentID, r recent) {
	if len(w.recent) >= maxRecent {
		clear(w.recent)
	}
	w.recent[id] = r
}

// parents looks at each parent of seg. It returns how many seg waits for, which
// it notes in wait, and the numbers of those that are complete.
func (w *writer) parents(s *state, seg *chat.Segment, n int64) (waits int, complete []int64, err error) {
	for _, id := range seg.Parents {
		p, err := w.lookUp(s, id)
		if err != nil {
			return 0, nil, err
		}
		switch {
		case p.n != 0 && p.complete:
			complete = append(complete, p.n)
			continue
		case p.n == 0:
			if gone, err := w.isGone(s, id); err != nil {
				return 0, nil, err
			} else if gone {
				continue
			}
			g, given, err := w.gap(s, id, seg.Time)
			if err != nil {
				return 0, nil, err
			}
			if err := w.wait(s, -g, n, given); err != nil {
				return 0, nil, err
			}
			if given {
				continue
			}
		default:
			if err := w.wait(s, p.n, n, false); err != nil {
				return 0, nil, err
			}
		}
		waits++
	}
	if waits > 0 {
		// When seg becomes complete, these stop being heads: remember to do it.
		for _, p := range complete {
			if s.heads.more || s.heads.has(p) {
				if err := w.wait(s, p, n, true); err != nil {
					return 0, nil, err
				}
			}
		}
	}
	return waits, complete, nil
}

func (w *writer) wait(s *state, p, n int64, done bool) error {
	return w.c.insert("wait(c, p, n, done)", s.c, p, n, done)
}

// lookUp says what is known of a segment; its n is 0 if it is not held.
func (w *writer) lookUp(s *state, id chat.SegmentID) (recent, error) {
	if r, ok := w.recent[id]; ok && r.c == s.c {
		return r, nil
	}
	n, _, err := find(w.c, s.c, s.id, id)
	if err != nil || n == 0 {
		return recent{}, err
	}
	r := recent{c: s.c, n: n, complete: true}
	if s.incomplete > 0 {
		is, err := w.c.number("SELECT count(*) FROM incomplete WHERE n = ?", n)
		if err != nil {
			return recent{}, err
		}
		r.complete = is == 0
	}
	w.met(id, r)
	return r, nil
}

// gap is the number of a missing parent, and whether it was given up. time is
// that of a segment that names it: those that the newest name are asked for
// first.
func (w *writer) gap(s *state, id chat.SegmentID, time chat.Time) (g int64, given bool, err error) {
	if s.lacking.may(id) {
		var was, is int64
		ok, err := w.c.get([]any{&g, &was, &is}, "SELECT g, time, given FROM gap WHERE c = ? AND id = ?", s.c, id[:])
		if err != nil {
			return 0, false, err
		}
		if ok {
			if dbTime(time) > was {
				_, err = w.c.exec("UPDATE gap SET time = ? WHERE g = ?", dbTime(time), g)
			}
			return g, is != 0, err
		}
	}
	res, err := w.c.exec("INSERT INTO gap(c, time, id) VALUES(?, ?, ?)", s.c, dbTime(time), id[:])
	if err != nil {
		return 0, false, err
	}
	s.gaps++
	s.lacking.add(id)
	g, err = res.LastInsertId()
	return g, false, err
}

// arrive notes that a segment which others may have named is here, as number n.
// named reports whether one that is complete names it; filled whether some wait
// for it.
func (w *writer) arrive(s *state, id chat.SegmentID, n int64) (named, filled bool, err error) {
	if !s.lacking.may(id) {
		return false, false, nil
	}
	var g, given int64
	ok, err := w.c.get([]any{&g, &given}, "SELECT g, given FROM gap WHERE c = ? AND id = ?", s.c, id[:])
	if err != nil || !ok {
		return false, false, err
	}
	if given != 0 {
		s.given--
		if named, err = w.named(s, -g); err != nil {
			return false, false, err
		}
	} else {
		s.gaps--
		filled = true
	}
	if _, err := w.c.exec("UPDATE wait SET p = ? WHERE c = ? AND p = ?", n, s.c, -g); err != nil {
		return false, false, err
	}
	s.lacking.remove(id)
	_, err = w.c.exec("DELETE FROM gap WHERE g = ?", g)
	return named, filled, err
}

// named reports whether a complete segment names p, which was given up before it
// came.
func (w *writer) named(s *state, p int64) (bool, error) {
	n, err := w.c.number(`SELECT count(*) FROM wait t WHERE t.c = ? AND t.p = ? AND t.done = 1
		AND NOT EXISTS (SELECT 1 FROM incomplete i WHERE i.n = t.n)`, s.c, p)
	return n > 0, err
}

// A waitingChild is an incomplete segment.
type waitingChild struct {
	n     int64
	key   chat.OrderKey
	waits int64
	done  bool
}

// cascade tells those that wait for segment p, which is complete now, or gone,
// and then those that wait for them.
func (w *writer) cascade(s *state, p int64) error {
	for todo := []int64{p}; len(todo) > 0; {
		if s.incomplete == 0 {
			return nil
		}
		if s.gaps == 0 {
			return w.completeAll(s)
		}
		p, todo = todo[len(todo)-1], todo[:len(todo)-1]
		children, err := w.children(s, p)
		if err != nil {
			return err
		}
		for _, child := range children {
			if child.done {
				continue
			}
			if child.waits > 1 {
				if _, err := w.c.exec("UPDATE incomplete SET waits = waits - 1 WHERE n = ?", child.n); err != nil {
					return err
				}
				continue
			}
			if err := w.complete(s, child); err != nil {
				return err
			}
			todo = append(todo, child.n)
		}
		// Who still waits for others, and names p, will take it from the heads:
		// such rows stay, as done.
		if _, err := w.c.exec("UPDATE wait SET done = 1 WHERE c = ? AND p = ?", s.c, p); err != nil {
			return err
		}
	}
	return nil
}

// children are the incomplete segments that name p.
func (w *writer) children(s *state, p int64) (children []waitingChild, err error) {
	err = w.c.query(func(rows *sql.Rows) error {
		var ch waitingChild
		var time int64
		var id sql.RawBytes
		if err := rows.Scan(&ch.n, &time, &id, &ch.waits, &ch.done); err != nil {
			return err
		}
		ch.key.Time = timeOf(time)
		copy(ch.key.ID[:], id)
		children = append(children, ch)
		return nil
	}, `SELECT i.n, i.time, i.id, i.waits, t.done FROM wait t CROSS JOIN incomplete i ON i.n = t.n
		WHERE t.c = ? AND t.p = ?`, s.c, p)
	return children, err
}

// complete makes a segment complete: its parents are no heads any more, and it
// is one, since those that name it are not complete yet.
func (w *writer) complete(s *state, child waitingChild) error {
	if _, err := w.c.exec("DELETE FROM incomplete WHERE n = ?", child.n); err != nil {
		return err
	}
	s.incomplete--
	if r, ok := w.recent[child.key.ID]; ok {
		w.recent[child.key.ID] = recent{s.c, r.n, true}
	}
	seg, err := w.c.segment(s.id, child.n)
	if err != nil {
		return err
	}
	for _, id := range seg.Parents {
		p, err := w.lookUp(s, id)
		if err != nil {
			return err
		}
		if p.n == 0 {
			continue // a given up one: its row tells, should it come, that it is named
		}
		if !p.complete {
			continue // it was given up, and came without its own parents: the row tells that it is named
		}
		s.heads.remove(p.n)
		if _, err := w.c.exec("DELETE FROM wait WHERE c = ? AND p = ? AND n = ?", s.c, p.n, child.n); err != nil {
			return err
		}
	}
	named, err := w.named(s, child.n)
	if err != nil || named {
		return err
	}
	s.heads.put(child.n, child.key)
	return nil
}

// completeAll makes all segments complete, since nothing is missing: as the end
// of a catch-up that went from new to old, in few statements whatever their
// number.
func (w *writer) completeAll(s *state) error {
	if s.incomplete == 0 {
		return nil
	}
	heads, err := w.c.headsAt(`SELECT n, time, id FROM incomplete i WHERE c = ? AND NOT EXISTS (SELECT 1 FROM wait t WHERE t.c = ? AND t.p = i.n)`, s.c, s.c)
	if err != nil {
		return err
	}
	var named []int64
	err = w.c.query(func(rows *sql.Rows) error {
		var p int64
		err := rows.Scan(&p)
		named = append(named, p)
		return err
	}, "SELECT DISTINCT t.p FROM wait t WHERE t.c = ? AND t.p > 0 AND NOT EXISTS (SELECT 1 FROM incomplete i WHERE i.n = t.p)", s.c)
	if err != nil {
		return err
	}
	if err := w.noneWaits(s); err != nil {
		return err
	}
	s.incomplete = 0
	clear(w.recent)
	for _, p := range named {
		s.heads.remove(p)
	}
	for _, a := range heads {
		s.heads.put(a.n, a.key)
	}
	return nil
}

// noneWaits empties incomplete and wait of a conversation of which nothing is
// missing. Where no other has anything in them, which is usual, it costs nothing:
// SQLite drops all rows at once.
func (w *writer) noneWaits(s *state) error {
	for _, t := range []struct{ others, all, own string }{
		{
			"SELECT (SELECT min(c) FROM incomplete) <> ?1 OR (SELECT max(c) FROM incomplete) <> ?1",
			"DELETE FROM incomplete",
			"DELETE FROM incomplete WHERE c = ?",
		},
		{
			"SELECT (SELECT min(c) FROM wait) <> ?1 OR (SELECT max(c) FROM wait) <> ?1 OR EXISTS (SELECT 1 FROM wait WHERE c = ?1 AND p <= 0)",
			"DELETE FROM wait",
			"DELETE FROM wait WHERE c = ? AND p > 0",
		},
	} {
		others, err := w.c.number(t.others, s.c)
		if err != nil {
			return err
		}
		query, args := t.all, []any(nil)
		if others != 0 {
			query, args = t.own, []any{s.c}
		}
		if _, err := w.c.exec(query, args...); err != nil {
			return err
		}
	}
	_, err := w.c.exec("UPDATE wait SET done = 1 WHERE c = ?", s.c) // what is left is about those given up
	return err
}

// fillGap tells those that wait for a missing segment that it will not come: it
// counts as pruned.
func (w *writer) fillGap(s *state, id chat.SegmentID) error {
	if !s.lacking.may(id) {
		return nil
	}
	var g, given int64
	ok, err := w.c.get([]any{&g, &given}, "SELECT g, given FROM gap WHERE c = ? AND id = ?", s.c, id[:])
	if err != nil || !ok {
		return err
	}
	if given != 0 {
		s.given--
	} else {
		s.gaps--
	}
	s.lacking.remove(id)
	if _, err := w.c.exec("DELETE FROM gap WHERE g = ?", g); err != nil {
		return err
	}
	if err := w.cascade(s, -g); err != nil {
		return err
	}
	_, err = w.c.exec("DELETE FROM wait WHERE c = ? AND p = ?", s.c, -g)
	return err
}

// giveUp marks a missing parent as one that nobody has.
func (w *writer) giveUp(s *state, id chat.SegmentID) error {
	g, err := w.c.number("SELECT g FROM gap WHERE c = ? AND id = ? AND given = 0", s.c, id[:])
	if err != nil || g == 0 {
		return err
	}
	w.touch(s)
	if _, err := w.c.exec("UPDATE gap SET given = 1 WHERE g = ?", g); err != nil {
		return err
	}
	s.gaps--
	s.given++
	return w.cascade(s, -g)
}
