package history

import (
	"context"
	"fmt"

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
	nextN   int64     // of the next segment, or 0 if not known
	nextM   int64     // of the next message
	gone    int64     // how many pruned IDs are remembered, at most
	words   []wording // not written yet
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
	w.nextN, w.nextM, w.touched, w.words = 0, 0, nil, nil
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
		w.c.rollback()
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
	n, err := w.c.number("SELECT max(ifnull((SELECT max(n) FROM segment), 0), ifnull((SELECT v FROM meta WHERE k = 'last'), 0))")
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
	if err := w.flushWords(); err != nil {
		return err
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
