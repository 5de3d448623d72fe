package history

import (
	"context"
	"errors"
	"sync"

	"github.com/gofrs/flock"

	"github.com/p2pchat/p2pchat/chat"
)

// A DB is a log on disk, in one SQLite file. Its methods may be called from many
// goroutines at once. Segments that go in must not be changed any more.
//
// One goroutine writes; calls that wait for it at the same time are committed
// together. Readers use connections of their own and never wait for a writer,
// but for the moment of a commit when they take a View. Other processes may read
// and write the same file.
type DB struct {
	path     string
	cfg      Config
	readOnly bool
	// lock is held, shared, as long as the file is open for writing, or nil.
	lock *flock.Flock

	writer *writer   // owned by loop, from its start to its end
	jobs   chan *job // without room: what waits, waits at its caller
	quit   chan struct{}
	done   chan struct{}

	readers, views *pool

	// commit is held while a transaction ends and is published.
	commit sync.RWMutex
	shelf  shelf

	once     sync.Once
	closeErr error
}

func newDB(path string, cfg Config) *DB {
	return &DB{
		path: path, cfg: cfg,
		jobs: make(chan *job), quit: make(chan struct{}), done: make(chan struct{}),
		shelf: shelf{
			known: make(map[chat.ConversationID]*known),
			marks: make(map[chat.ConversationID]int64),
			ids:   make(map[chat.SegmentID]int64),
		},
	}
}

// Close stores what is not stored yet, and closes the file. When it returns, no
// goroutine of the log is left. It may be called again. It waits for Views.
func (d *DB) Close() error {
	d.once.Do(func() {
		close(d.quit)
		<-d.done
		errs := []error{d.views.close(), d.readers.close()}
		if d.writer != nil {
			errs = append(errs, d.finish())
		}
		d.closeErr = explain(d.path, errors.Join(errs...))
	})
	return d.closeErr
}

// finish ends the writer, after the loop has ended.
func (d *DB) finish() error {
	w := d.writer
	last, err := d.lock.TryLock()
	err = errors.Join(err, w.transact(&job{run: func(w *writer) error {
		return w.parting(last)
	}}))
	return errors.Join(err, w.c.close(), d.lock.Unlock())
}

// lookup is what is known of a conversation, or nil.
func (d *DB) lookup(conv chat.ConversationID) (*known, error) {
	if d.readOnly { // nobody here sees what others write
		err := d.read(context.Background(), func(c *conn) error {
			_, err := d.version(c)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	d.shelf.mu.RLock()
	k := d.shelf.known[conv]
	d.shelf.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	// While it is read no commit may come between, or what is put on the shelf
	// would be older than what the writer has just put there.
	d.commit.RLock()
	defer d.commit.RUnlock()
	var read *known
	err := d.read(context.Background(), func(c *conn) (err error) {
		read, err = readKnown(c, conv)
		return err
	})
	if err != nil || read == nil {
		return nil, err
	}
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	if k := d.shelf.known[conv]; k != nil {
		return k, nil
	}
	d.shelf.known[conv] = read
	return read, nil
}

// readKnown reads what readers are told of a conversation.
func readKnown(c *conn, conv chat.ConversationID) (*known, error) {
	if _, err := c.exec("BEGIN"); err != nil {
		return nil, err
	}
	defer func() { _, _ = c.exec("COMMIT") }() // it has written nothing
	s, err := readState(c, conv)
	if err != nil || s == nil {
		return nil, err
	}
	if s.gaps, err = c.number("SELECT count(*) FROM gap WHERE c = ? AND given = 0", s.c); err != nil {
		return nil, err
	}
	if err := s.heads.load(c, s.c); err != nil {
		return nil, err
	}
	if s.blocks, _, err = loadBlocks(c, s.c); err != nil {
		return nil, err
	}
	return s.known(), nil
}

// must is lookup for the methods that have no error to return: what cannot be
// read is as if it were not there, and the log says why.
func (d *DB) must(conv chat.ConversationID) *known {
	k, err := d.lookup(conv)
	if err != nil {
		d.cfg.logger().Warn("history cannot be read", "err", err)
	}
	if k == nil {
		return &known{}
	}
	return k
}

// read lends fn a connection.
func (d *DB) read(ctx context.Context, fn func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := d.readers.get(ctx)
	if err != nil {
		return explain(d.path, err)
	}
	defer d.readers.put(c)
	return explain(d.path, fn(c))
}

// Has reports whether a segment is held, or was and is pruned.
func (d *DB) Has(conv chat.ConversationID, id chat.SegmentID) bool {
	k := d.must(conv)
	if k.c == 0 {
		return false
	}
	d.shelf.mu.RLock()
	c, ok := d.shelf.ids[id]
	d.shelf.mu.RUnlock()
	if ok {
		return c == k.c
	}
	has := false
	err := d.read(context.Background(), func(c *conn) (err error) {
		has, err = met(c, k.c, conv, id)
		return err
	})
	if err != nil {
		d.cfg.logger().Warn("history cannot be read", "err", err)
	}
	if has {
		d.shelf.mu.Lock()
		defer d.shelf.mu.Unlock()
		d.shelf.remember(id, k.c)
	}
	return has
}

// maxRemembered is how many IDs are kept for Has. One costs about 100 bytes.
const maxRemembered = 8192

// remember notes that a segment is held or pruned. The lock mu is held.
func (s *shelf) remember(id chat.SegmentID, c int64) {
	if len(s.ids) >= maxRemembered {
		for old := range s.ids { // any will do: half of them go
			delete(s.ids, old)
			if len(s.ids) <= maxRemembered/2 {
				break
			}
		}
	}
	s.ids[id] = c
}

// remember notes segments that were just stored.
func (d *DB) remember(segs []*chat.Segment) {
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	for _, seg := range segs {
		if k := d.shelf.known[seg.Conversation]; k != nil {
			d.shelf.remember(seg.ID, k.c)
		}
	}
}

// Heads are the complete segments that no complete one names as a parent, the
// newest first, at most chat.MaxHeads.
func (d *DB) Heads(conv chat.ConversationID) []chat.SegmentID {
	return append([]chat.SegmentID(nil), d.must(conv).heads...)
}

// Latest is the highest time of any message that was ever stored, or zero.
func (d *DB) Latest(conv chat.ConversationID) chat.Time { return d.must(conv).latest }

// Floor is the highest place from which a segment was pruned, or zero. Nothing
// at or below it is held, or would be stored.
func (d *DB) Floor(conv chat.ConversationID) chat.OrderKey { return d.must(conv).floor }

// Len is how many segments are held.
func (d *DB) Len(conv chat.ConversationID) int { return d.must(conv).len }

// Changed reports whether another process has changed the file since the last
// call, or since it was opened. It costs some microseconds.
func (d *DB) Changed(ctx context.Context) bool {
	changed := false
	if d.readOnly {
		c, err := d.readers.get(ctx)
		if err != nil {
			return false
		}
		defer d.readers.put(c)
		v, err := d.version(c)
		return err == nil && v
	}
	err := d.write(ctx, &job{run: func(w *writer) error {
		changed = w.foreign
		w.foreign = false
		return nil
	}})
	return err == nil && changed
}

// version reports whether the file has changed since c looked last.
func (d *DB) version(c *conn) (bool, error) {
	v, err := c.number("PRAGMA data_version")
	if err != nil {
		return false, err
	}
	was := c.version
	c.version = v
	if was == 0 || was == v {
		return false, nil
	}
	d.drop()
	return true, nil
}

// parting leaves things in order. If nobody else has the file open, it is as
// after a clean stop.
func (w *writer) parting(last bool) error {
	for _, s := range w.convs {
		if err := w.settleBlocks(s, 0); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	_, err := w.c.exec("DELETE FROM meta WHERE k = 'open'")
	return err
}
