package bench

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	_ "modernc.org/sqlite" // the raw inserts that histories are compared with

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/node"
	"github.com/p2pchat/p2pchat/wire"
)

// storeBatch is how many segments catch-up gives to the log at a time.
const storeBatch = 512

// openLog opens a history for who has this key.
func openLog(b testing.TB, path string, key crypto.PrivKey) *history.DB {
	b.Helper()
	db, _, err := history.Open(b.Context(), path, history.Config{Self: selfOf(b, key)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func selfOf(b testing.TB, key crypto.PrivKey) chat.PeerID {
	b.Helper()
	raw, err := key.GetPublic().Raw()
	if err != nil {
		b.Fatal(err)
	}
	self, err := chat.PeerIDFromKey(raw)
	if err != nil {
		b.Fatal(err)
	}
	return self
}

// talk is what was said in a room by some people in turn, in n segments of one
// message of 100 bytes: words of which some are frequent, as in a language. Each
// follows the one before it; the last was said an hour ago.
func talk(b testing.TB, room chat.RoomName, n int) []*chat.Segment {
	b.Helper()
	const people = 20
	keys := make([]crypto.PrivKey, people)
	for i := range keys {
		keys[i] = newKey(b)
	}
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 3, 20_000)
	begin := time.Now().Add(-time.Hour - time.Duration(n)*time.Second)
	segs := make([]*chat.Segment, n)
	for i := range segs {
		s := &chat.Segment{
			Conversation: chat.InRoom(room).ID(chat.PeerID{}),
			Chain:        chat.Chain{7}, Seq: uint64(i/people + 1),
			Time:   chat.TimeOf(begin.Add(time.Duration(i) * time.Second)),
			Bodies: []chat.Body{{Kind: chat.KindText, Text: text(b, phrase(zipf))}},
		}
		if i > 0 {
			s.Parents = []chat.SegmentID{segs[i-1].ID}
		}
		if err := wire.SealSegment(keys[i%people], s); err != nil {
			b.Fatal(err)
		}
		segs[i] = s
	}
	return segs
}

// phrase is 100 bytes of words. The letters of each are drawn from its number.
func phrase(zipf *rand.Zipf) string {
	var s strings.Builder
	for s.Len() < 100 {
		h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, zipf.Uint64()))
		for _, c := range h[1 : 2+h[0]%9] {
			s.WriteByte('a' + c%26)
		}
		s.WriteByte(' ')
	}
	return s.String()[:100]
}

func text(b testing.TB, s string) chat.Text {
	b.Helper()
	t, err := chat.NewText(s)
	if err != nil {
		b.Fatal(err)
	}
	return t
}

// store puts segments into a log in batches, in the given order, and returns how
// long that took.
func store(b testing.TB, db *history.DB, segs []*chat.Segment) time.Duration {
	b.Helper()
	start := time.Now()
	for batch := range slices.Chunk(segs, storeBatch) {
		if _, err := db.Append(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

// plainTable is the least in which SQLite can keep segments: one table, with one
// index to tell which are there.
func plainTable() (schema string, insert []statement) {
	return "CREATE TABLE segment(n INTEGER PRIMARY KEY, id BLOB UNIQUE, time INTEGER, envelope BLOB)", []statement{{
		"INSERT INTO segment(id, time, envelope) VALUES(?, ?, ?)",
		func(_ int, s *chat.Segment) []any { return []any{s.ID[:], int64(s.Time), s.Envelope} },
	}}
}

// searchableTables are what SQLite needs at least to do what a history does:
// find a segment and a message by its ID, give both in their order, and search
// the words.
func searchableTables() (schema string, insert []statement) {
	schema = `
		CREATE TABLE segment(n INTEGER PRIMARY KEY, id INTEGER, envelope BLOB);
		CREATE INDEX segment_id ON segment(id);
		CREATE TABLE place(time INTEGER, id BLOB, n INTEGER, PRIMARY KEY(time, id)) WITHOUT ROWID;
		CREATE TABLE message(m INTEGER PRIMARY KEY, n INTEGER, time INTEGER, id INTEGER);
		CREATE INDEX message_time ON message(time, id);
		CREATE INDEX message_id ON message(id);
		CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1)`
	short := func(id []byte) int64 { return int64(binary.BigEndian.Uint64(id)) }
	return schema, []statement{
		{
			"INSERT INTO segment(n, id, envelope) VALUES(?, ?, ?)",
			func(n int, s *chat.Segment) []any { return []any{n, short(s.ID[:]), s.Envelope} },
		},
		{
			"INSERT INTO place(time, id, n) VALUES(?, ?, ?)",
			func(n int, s *chat.Segment) []any { return []any{int64(s.Time), s.ID[:], n} },
		},
		{
			"INSERT INTO message(m, n, time, id) VALUES(?, ?, ?, ?)",
			func(n int, s *chat.Segment) []any {
				id := s.MessageID(0)
				return []any{n, n, int64(s.Time), short(id[:])}
			},
		},
		{
			"INSERT INTO words(rowid, text) VALUES(?, ?)",
			func(n int, s *chat.Segment) []any { return []any{n, s.Bodies[0].Text.Raw()} },
		},
	}
}

// A statement is run for each segment, with what it takes of the n-th.
type statement struct {
	query string
	args  func(n int, s *chat.Segment) []any
}

// storeRaw is how long SQLite alone takes for segments of one message, in like
// batches, each safe on the disk before the next.
func storeRaw(b testing.TB, segs []*chat.Segment, tables func() (string, []statement)) time.Duration {
	b.Helper()
	q := url.Values{"_pragma": {"journal_mode(wal)", "synchronous(full)", "cache_size(-4096)"}}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "raw.db")+"?"+q.Encode())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing is left to write
	db.SetMaxOpenConns(1)
	schema, insert := tables()
	if _, err := db.ExecContext(b.Context(), schema); err != nil {
		b.Fatal(err)
	}
	// Without a context that can end: with one, each statement costs a goroutine.
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var run []*sql.Stmt
	for _, s := range insert {
		st, err := conn.PrepareContext(ctx, s.query)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		run = append(run, st)
	}
	do := func(query string) {
		if _, err := conn.ExecContext(ctx, query); err != nil {
			b.Fatal(err)
		}
	}
	n := 0
	start := time.Now()
	for batch := range slices.Chunk(segs, storeBatch) {
		do("BEGIN")
		for _, s := range batch {
			n++
			for i, st := range run {
				if _, err := st.ExecContext(ctx, insert[i].args(n, s)...); err != nil {
					b.Fatal(err)
				}
			}
		}
		do("COMMIT")
	}
	return time.Since(start)
}

// fsync is the median of what it takes to write 4 KiB behind a file and to wait
// until they are on the disk.
func fsync(b testing.TB, dir string) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	page := make([]byte, 4<<10)
	var took []time.Duration
	for range 500 {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	return quantile(took, 0.5)
}

// A reader reads a node's events one by one.
type reader struct {
	sub  *node.Subscription
	rest []chat.Event
}

// until reads events until f says that it has seen what it waits for.
func (r *reader) until(b testing.TB, what string, f func(chat.Event) bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), giveUp)
	defer cancel()
	for {
		for len(r.rest) > 0 {
			ev := r.rest[0]
			r.rest = r.rest[1:]
			if f(ev) {
				return
			}
		}
		var err error
		if r.rest, err = r.sub.Next(ctx); err != nil {
			b.Fatalf("%s: %v", what, err)
		}
	}
}
