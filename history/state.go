package history

import (
	"database/sql"
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

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
	lacking      lacking
	hole         hole
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
	if err := s.lacking.load(w.c, s.c, s.gaps+s.given); err != nil {
		return err
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
