package history

import (
	"context"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// Append stores the segments that were never stored, in the order given, and
// returns those, once all are on disk; if that fails, none is. A segment older
// than what was pruned of its conversation counts as pruned too and is not
// stored. The errors are ErrFull, ErrReadOnly, ErrInUse and ErrDamaged.
func (d *DB) Append(ctx context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error) {
	return d.append(ctx, segs, false)
}

// AppendOwn is Append for segments that we have just written: they are stored as
// queued.
func (d *DB) AppendOwn(ctx context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error) {
	return d.append(ctx, segs, true)
}

func (d *DB) append(ctx context.Context, segs []*chat.Segment, own bool) (added []*chat.Segment, err error) {
	if len(segs) == 0 {
		return nil, ctx.Err()
	}
	j := &job{segments: len(segs)}
	for _, s := range segs {
		j.bytes += len(s.Envelope)
	}
	j.run = func(w *writer) error {
		added = added[:0] // it may be the second try
		for _, s := range segs {
			is, err := w.append(s, own)
			if err != nil {
				return err
			}
			if is {
				added = append(added, s)
			}
		}
		return nil
	}
	if err := d.write(ctx, j); err != nil {
		return nil, fmt.Errorf("append to history: %w", err)
	}
	d.remember(segs)
	if len(added) == 0 {
		return nil, nil
	}
	return added, nil
}

// append stores one segment, and reports whether it is new.
func (w *writer) append(seg *chat.Segment, own bool) (bool, error) {
	s, err := w.state(seg.Conversation, true)
	if err != nil {
		return false, err
	}
	if r, ok := w.recent[seg.ID]; ok && r.c == s.c {
		return false, nil
	}
	key := seg.Key()
	if key.Compare(s.floor) <= 0 {
		return false, w.below(s, seg)
	}
	if is, err := w.take(s, key); err != nil || !is {
		return false, err
	}
	n := w.nextN
	if err := w.c.insert("place(c, time, id, n)", s.c, dbTime(key.Time), key.ID[:], n); err != nil {
		return false, err
	}
	w.nextN++
	w.touch(s)
	s.latest = max(s.latest, seg.End())
	s.segments++
	s.messages += int64(len(seg.Bodies))
	s.bytes += int64(len(seg.Envelope))
	k, err := w.link(s, seg)
	if err != nil {
		return false, err
	}
	if err := w.c.insert("segment(n, k, seq, count, id8, body)",
		n, k, int64(seg.Seq), len(seg.Bodies), head8(seg.ID[:]), pack(seg.Author, seg.Envelope)); err != nil {
		return false, err
	}
	if err := w.messages(s, seg, n); err != nil {
		return false, err
	}
	if state := ownState(own, seg.Author == w.db.cfg.Self && !seg.Author.IsZero()); state != "" {
		if _, err := w.c.exec("INSERT INTO own(n, c, state) VALUES(?, ?, ?)", n, s.c, rank(state)); err != nil {
			return false, err
		}
	}
	if err := w.addToBlock(s, key); err != nil {
		return false, err
	}
	return true, w.place(s, seg, n)
}

// ownState is the first state of a segment: queued if we have just written it,
// held if it is ours and came from somebody, or none.
func ownState(own, bySelf bool) chat.DeliveryState {
	switch {
	case own:
		return chat.Queued
	case bySelf:
		return chat.Held
	default:
		return ""
	}
}

// below notes a segment that is older than what was pruned: it is as if it had
// been pruned too.
func (w *writer) below(s *state, seg *chat.Segment) error {
	is, err := w.isGone(s, seg.ID)
	if err != nil || is {
		return err
	}
	w.touch(s)
	s.latest = max(s.latest, seg.End())
	if err := w.bury(s, seg.ID); err != nil {
		return err
	}
	return w.fillGap(s, seg.ID)
}

// messages writes a row for each message of seg, and the words of those that are
// searched.
func (w *writer) messages(s *state, seg *chat.Segment, n int64) error {
	for i, b := range seg.Bodies {
		id := seg.MessageID(i)
		var target any
		if b.Kind.HasTarget() {
			target = head8(b.Target[:])
		}
		m := w.nextM
		w.nextM++
		if err := w.c.insert("message(m, n, idx, c, time, id8, kind, target8)",
			m, n, i, s.c, dbTime(seg.Time+chat.Time(i)), head8(id[:]), int64(b.Kind), target); err != nil {
			return err
		}
		if !searchable(b.Kind) || b.Text.Empty() {
			continue
		}
		w.words = append(w.words, wording{m, b.Text})
	}
	return nil
}

// A wording is the text of message m, to be searched.
type wording struct {
	m    int64
	text chat.Text
}

// flushWords writes the words that are gathered. It comes last in a transaction:
// the index writes what it has gathered itself whenever another statement begins
// that might be undone by itself, and then has many small parts to merge.
func (w *writer) flushWords() error {
	for _, t := range w.words {
		if _, err := w.c.exec("INSERT INTO words(rowid, text) VALUES(?, ?)", t.m, t.text.Raw()); err != nil {
			return err
		}
	}
	clear(w.words) // the texts may go
	w.words = w.words[:0]
	return nil
}

type chainKey struct {
	c int64
	chainID
}

// A chainState is what the writer remembers of a chain.
type chainState struct {
	k      int64
	forked bool
	// next is above all numbers of the chain.
	next    int64
	last    chat.OrderKey // the newest segment
	touched bool
	// free are numbers below next that no segment has; it is not kept of a chain
	// with a fork.
	free vacancies
}

// link puts seg into its author's chain, and returns the chain's number.
func (w *writer) link(s *state, seg *chat.Segment) (int64, error) {
	ch, err := w.chain(s, seg)
	if err != nil {
		return 0, err
	}
	if seg.Key().Compare(ch.last) > 0 {
		ch.last, ch.touched = seg.Key(), true
	}
	if !ch.forked && int64(seg.Seq) < ch.next && !ch.free.take(int64(seg.Seq), int64(seg.Next())) {
		if err := w.findFork(s, ch, seg); err != nil {
			return 0, err
		}
	}
	if next := int64(seg.Next()); next > ch.next {
		ch.next, ch.touched = next, true
	}
	return ch.k, nil
}

func (w *writer) chain(s *state, seg *chat.Segment) (*chainState, error) {
	key := chainKey{s.c, chainID{seg.Author, seg.Chain}}
	if ch := w.chains[key]; ch != nil {
		return ch, nil
	}
	if len(w.chains) >= maxChains {
		if err := w.flushChains(); err != nil {
			return nil, err
		}
		clear(w.chains)
	}
	a, err := w.author(seg.Author)
	if err != nil {
		return nil, err
	}
	ch := &chainState{}
	var forked, lastTime int64
	var lastID []byte
	ok, err := w.c.get([]any{&ch.k, &forked, &ch.next, &lastTime, &lastID},
		"SELECT k, forked, next, last_time, last_id FROM chain WHERE c = ? AND a = ? AND chain = ?", s.c, a, seg.Chain[:])
	if err != nil {
		return nil, err
	}
	if ok {
		ch.forked, ch.last.Time = forked != 0, timeOf(lastTime)
		copy(ch.last.ID[:], lastID)
	} else {
		ch.last, ch.next = seg.Key(), int64(seg.Next())
		res, err := w.c.exec("INSERT INTO chain(c, a, chain, next, last_time, last_id) VALUES(?, ?, ?, ?, ?, ?)",
			s.c, a, seg.Chain[:], ch.next, dbTime(seg.Time), seg.ID[:])
		if err != nil {
			return nil, err
		}
		if ch.k, err = res.LastInsertId(); err != nil {
			return nil, err
		}
		ch.next = int64(seg.Seq) // nothing is in it yet
		ch.free.below.to = ch.next
		ch.touched = true
	}
	w.chains[key] = ch
	return ch, nil
}

func (w *writer) author(p chat.PeerID) (int64, error) {
	if a := w.authors[p]; a != 0 {
		return a, nil
	}
	a, err := w.c.number("SELECT a FROM author WHERE key = ?", p[:])
	if err != nil {
		return 0, err
	}
	if a == 0 {
		res, err := w.c.exec("INSERT INTO author(key) VALUES(?)", p[:])
		if err != nil {
			return 0, err
		}
		if a, err = res.LastInsertId(); err != nil {
			return 0, err
		}
	}
	if len(w.authors) >= maxAuthors {
		clear(w.authors)
	}
	w.authors[p] = a
	return a, nil
}

// flushChains writes the chains that have changed.
func (w *writer) flushChains() error {
	for _, ch := range w.chains {
		if !ch.touched {
			continue
		}
		forked := 0
		if ch.forked {
			forked = 1
		}
		if _, err := w.c.exec("UPDATE chain SET forked = ?, next = ?, last_time = ?, last_id = ? WHERE k = ?",
			forked, ch.next, dbTime(ch.last.Time), ch.last.ID[:], ch.k); err != nil {
			return err
		}
		ch.touched = false
	}
	return nil
}

// findFork looks whether seg shares a number with another segment of its chain,
// which as yet has no fork: then it can only be with a neighbour. If it does not,
// what is free about it is remembered.
func (w *writer) findFork(s *state, ch *chainState, seg *chat.Segment) error {
	from, to := int64(seg.Seq), int64(seg.Next())
	var before, end, behind, begin, other int64
	if _, err := w.c.get([]any{&before, &end}, "SELECT n, seq + count FROM segment WHERE k = ? AND seq <= ? ORDER BY seq DESC LIMIT 1", ch.k, from); err != nil {
		return err
	}
	if end > from {
		other = before
	}
	if _, err := w.c.get([]any{&behind, &begin}, "SELECT n, seq FROM segment WHERE k = ? AND seq > ? ORDER BY seq LIMIT 1", ch.k, from); err != nil {
		return err
	}
	if behind == 0 {
		begin = max(ch.next, to)
	}
	if begin < to {
		other = behind // rather than the one before: so it is in memory too
	}
	if other == 0 {
		ch.free = vacancies{below: vacancy{end, from}, above: vacancy{to, begin}}
		return nil
	}
	ch.forked, ch.touched = true, true
	count, err := w.c.number("SELECT count(*) FROM fork WHERE c = ?", s.c)
	if err != nil || count >= maxForks {
		return err
	}
	first, err := w.c.segment(s.id, other)
	if err != nil {
		return err
	}
	_, err = w.c.exec("INSERT INTO fork(c, k, first, second) VALUES(?, ?, ?, ?)", s.c, ch.k, first.ID[:], seg.ID[:])
	return err
}

// segment is segment n, of conversation conv.
func (c *conn) segment(conv chat.ConversationID, n int64) (*chat.Segment, error) {
	var body, author []byte
	ok, err := c.get([]any{&body, &author}, `SELECT s.body, a.key FROM segment s CROSS JOIN chain k ON k.k = s.k
		CROSS JOIN author a ON a.a = k.a WHERE s.n = ?`, n)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: segment number %d is not there", ErrDamaged, n)
	}
	return open(conv, author, body)
}

// open is a stored segment.
func open(conv chat.ConversationID, author, body []byte) (*chat.Segment, error) {
	seg, err := wire.ReadSegment(conv, unpack(author, body))
	if err != nil {
		return nil, fmt.Errorf("%w: a segment: %w", ErrDamaged, err)
	}
	return seg, nil
}
