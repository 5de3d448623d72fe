package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// What one transaction takes at most of what waits to be written. A single call
// may be larger: it is stored whole or not at all.
const (
	groupJobs     = 1024
	groupSegments = 4096
	groupBytes    = 16 << 20
)

// What the writer remembers, so that it need not be read again; beyond that it
// forgets all and reads.
const (
	maxRecent  = 8192
	maxChains  = 1024
	maxAuthors = 4096
)

// A job is one call that writes.
type job struct {
	run func(*writer) error
	// segments and bytes are what the call stores.
	segments, bytes int
	err             chan error
}

// write hands run to the writer and waits until it is on disk. A context that
// ends before the writer has taken it up ends the wait.
func (d *DB) write(ctx context.Context, j *job) error {
	if d.readOnly {
		return fmt.Errorf("%w: %s was opened for reading", ErrReadOnly, d.path)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j.err = make(chan error, 1)
	select {
	case d.jobs <- j:
		return explain(d.path, <-j.err)
	case <-ctx.Done():
		return ctx.Err()
	case <-d.quit:
		return fmt.Errorf("history %s: %w", d.path, chat.ErrClosed)
	}
}

// loop owns d.writer. Others send jobs; every sender also watches d.quit.
func (d *DB) loop() {
	defer close(d.done)
	for {
		select {
		case j := <-d.jobs:
			d.writer.group(d.gather(j))
		case <-d.quit:
			return
		}
	}
}

// gather takes what waits besides first, without waiting for more.
func (d *DB) gather(first *job) []*job {
	jobs := []*job{first}
	segments, bytes := first.segments, first.bytes
	for len(jobs) < groupJobs && segments < groupSegments && bytes < groupBytes {
		select {
		case j := <-d.jobs:
			jobs = append(jobs, j)
			segments += j.segments
			bytes += j.bytes
		default:
			return jobs
		}
	}
	return jobs
}

// A writer changes the file. What it remembers of it is as the last commit left
// it, or as the transaction that runs will; a transaction that fails makes it
// forget all.
type writer struct {
	db *DB
	c  *conn

	convs   map[chat.ConversationID]*state
	chains  map[chainKey]*chainState
	authors map[chat.PeerID]int64
	recent  map[chat.SegmentID]recent
	nextN   int64 // of the next segment, or 0 if not known
	nextM   int64 // of the next message
	gone    int64 // how many pruned IDs are remembered, at most
	// touched are the conversations that the transaction changes, in order.
	touched []*state
	// version is the file's data_version when the last transaction began.
	version int64
	// foreign is set when another process has changed the file, until it is told.
	foreign bool
}

// recent is a segment that was met lately.
type recent struct {
	c, n     int64
	complete bool
}

func newWriter(d *DB, c *conn) *writer {
	w := &writer{db: d, c: c}
	w.forget()
	return w
}

// forget drops all that is remembered.
func (w *writer) forget() {
	w.convs = make(map[chat.ConversationID]*state)
	w.chains = make(map[chainKey]*chainState)
	w.authors = make(map[chat.PeerID]int64)
	w.recent = make(map[chat.SegmentID]recent)
	w.nextN, w.nextM, w.touched = 0, 0, nil
}

// group writes jobs in one transaction. If that fails, each is tried by itself,
// so that none fails for another's reason.
func (w *writer) group(jobs []*job) {
	err := w.transact(jobs...)
	if err == nil || len(jobs) == 1 {
		for _, j := range jobs {
			j.err <- err
		}
		return
	}
	for _, j := range jobs {
		j.err <- w.transact(j)
	}
}

// transact runs jobs in one transaction.
func (w *writer) transact(jobs ...*job) error {
	err := w.try(jobs)
	if err != nil {
		_, _ = w.c.exec("ROLLBACK") // it may be over already
		w.forget()
	}
	return err
}

func (w *writer) try(jobs []*job) error {
	if err := w.begin(); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := j.run(w); err != nil {
			return err
		}
	}
	return w.commit()
}

// begin starts a transaction, and looks whether another process has written
// since the last one.
func (w *writer) begin() error {
	if _, err := w.c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return w.heed()
}

// heed forgets what is remembered if another process has changed the file.
func (w *writer) heed() error {
	v, err := w.c.number("PRAGMA data_version")
	if err != nil {
		return err
	}
	if v != w.version {
		if w.version != 0 {
			w.db.drop()
			w.foreign = true
		}
		w.forget()
		w.version = v
	}
	if w.nextN != 0 {
		return nil
	}
	n, err := w.c.number("SELECT max(ifnull((SELECT max(n) FROM segment), 0), ifnull((SELECT max(seen) FROM conversation), 0))")
	if err != nil {
		return err
	}
	m, err := w.c.number("SELECT max(m) FROM message")
	if err != nil {
		return err
	}
	if w.gone, err = w.c.number("SELECT count(*) FROM gone"); err != nil {
		return err
	}
	w.nextN, w.nextM = n+1, m+1
	return nil
}

// commit writes what was gathered, makes it last, and shows it to readers.
func (w *writer) commit() error {
	if err := w.marks(); err != nil {
		return err
	}
	for _, s := range w.touched {
		if err := w.flush(s); err != nil {
			return err
		}
	}
	// Whoever takes a View must see either both the file and what is published
	// of it as before, or both as after.
	w.db.commit.Lock()
	defer w.db.commit.Unlock()
	if _, err := w.c.exec("COMMIT"); err != nil {
		return err
	}
	w.db.publish(w.nextN-1, w.touched)
	w.touched = w.touched[:0]
	return nil
}

// touch says that the transaction changes s.
func (w *writer) touch(s *state) {
	if !s.touched {
		s.touched = true
		w.touched = append(w.touched, s)
	}
}

// A state is what the writer remembers of a conversation.
type state struct {
	c                         int64
	id                        chat.ConversationID
	gen                       int64
	segments, messages, bytes int64
	latest                    chat.Time
	floor                     chat.OrderKey // zero if nothing was pruned
	seen                      int64
	// incomplete, gaps and given count rows of those tables.
	incomplete, gaps, given int64
	heads                   heads
	blocks                  []*block
	// dirty are the blocks without a blocksum; fresh those that the transaction
	// has made, and so may change in place.
	dirty, fresh map[*block]bool
	touched      bool
}

const conversationColumns = `c, id, gen, segments, messages, bytes, latest, floor_time, floor_id, seen`

func scanConversation(rows interface{ Scan(...any) error }) (s *state, err error) {
	var id, floorID []byte
	var latest int64
	var floorTime sql.NullInt64
	s = &state{}
	if err := rows.Scan(&s.c, &id, &s.gen, &s.segments, &s.messages, &s.bytes, &latest, &floorTime, &floorID, &s.seen); err != nil {
		return nil, err
	}
	copy(s.id[:], id)
	s.latest = timeOf(latest)
	if floorTime.Valid {
		s.floor.Time = timeOf(floorTime.Int64)
		copy(s.floor.ID[:], floorID)
	}
	return s, nil
}

// readState reads what stands in the row of a conversation, or nil.
func readState(c *conn, id chat.ConversationID) (s *state, err error) {
	err = c.query(func(rows *sql.Rows) (err error) {
		s, err = scanConversation(rows)
		return err
	}, "SELECT "+conversationColumns+" FROM conversation WHERE id = ?", id[:])
	return s, err
}

// state is the state of a conversation. Without create it is nil if nothing is
// known of it.
func (w *writer) state(id chat.ConversationID, create bool) (*state, error) {
	if s := w.convs[id]; s != nil {
		return s, nil
	}
	s, err := readState(w.c, id)
	if err != nil {
		return nil, err
	}
	if s == nil {
		if !create {
			return nil, nil
		}
		if _, err := w.c.exec("INSERT INTO conversation(id, latest) VALUES(?, ?)", id[:], dbTime(0)); err != nil {
			return nil, err
		}
		if s, err = readState(w.c, id); err != nil {
			return nil, err
		}
	} else if err := w.fill(s); err != nil {
		return nil, err
	}
	s.fresh = make(map[*block]bool)
	if s.dirty == nil {
		s.dirty = make(map[*block]bool)
	}
	w.convs[id] = s
	return s, nil
}

// fill reads what the other tables have of s.
func (w *writer) fill(s *state) (err error) {
	for _, n := range []struct {
		to    *int64
		query string
	}{
		{&s.incomplete, "SELECT count(*) FROM incomplete WHERE c = ?"},
		{&s.gaps, "SELECT count(*) FROM gap WHERE c = ? AND given = 0"},
		{&s.given, "SELECT count(*) FROM gap WHERE c = ? AND given = 1"},
	} {
		if *n.to, err = w.c.number(n.query, s.c); err != nil {
			return err
		}
	}
	if err := s.heads.load(w.c, s.c); err != nil {
		return err
	}
	s.blocks, s.dirty, err = loadBlocks(w.c, s.c)
	return err
}

// flush writes what is gathered for a conversation until the end of a
// transaction.
func (w *writer) flush(s *state) error {
	if err := s.heads.flush(w.c, s.c); err != nil {
		return err
	}
	if err := w.settleBlocks(s, maxDirty); err != nil {
		return err
	}
	s.gen++
	var floorTime, floorID any
	if s.floor != (chat.OrderKey{}) {
		floorTime, floorID = dbTime(s.floor.Time), s.floor.ID[:]
	}
	if _, err := w.c.exec(`UPDATE conversation SET gen = ?, segments = ?, messages = ?, bytes = ?, latest = ?,
		floor_time = ?, floor_id = ?, seen = ? WHERE c = ?`,
		s.gen, s.segments, s.messages, s.bytes, dbTime(s.latest), floorTime, floorID, s.seen, s.c); err != nil {
		return err
	}
	return w.flushChains()
}

// known is what readers are told of a conversation without asking the file. It
// never changes.
type known struct {
	c      int64
	gen    int64
	len    int
	latest chat.Time
	floor  chat.OrderKey
	heads  []chat.SegmentID
	gaps   int
	seen   int64
	blocks []*block
}

func (s *state) known() *known {
	return &known{
		c: s.c, gen: s.gen, len: int(s.segments), latest: s.latest, floor: s.floor,
		heads: s.heads.newest(chat.MaxHeads), gaps: int(s.gaps), seen: s.seen, blocks: slices.Clone(s.blocks),
	}
}

// A shelf is what readers share with the writer.
type shelf struct {
	// mu guards what is below; nothing waits while it is locked.
	mu    sync.RWMutex
	known map[chat.ConversationID]*known
	last  int64 // the highest n that was committed
	// marks are what MarkSeen said and the writer has not stored yet.
	marks map[chat.ConversationID]int64
	// ids are segments that are held or were pruned, so that most repetitions
	// cost no look into the file; the value is the conversation's number.
	ids map[chat.SegmentID]int64
}

// publish shows to readers what was committed. The lock commit is held.
func (d *DB) publish(last int64, touched []*state) {
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	d.shelf.last = last
	for _, s := range touched {
		d.shelf.known[s.id] = s.known()
		s.touched = false
		if mark, ok := d.shelf.marks[s.id]; ok && mark <= s.seen {
			delete(d.shelf.marks, s.id)
		}
	}
}

// drop forgets what readers are told: another process has changed the file.
func (d *DB) drop() {
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	clear(d.shelf.known)
	clear(d.shelf.ids)
}
