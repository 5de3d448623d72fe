package history

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/binary"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A log is what every form of the history does.
type log interface {
	Append(ctx context.Context, segs ...*chat.Segment) ([]*chat.Segment, error)
	AppendOwn(ctx context.Context, segs ...*chat.Segment) ([]*chat.Segment, error)
	Has(conv chat.ConversationID, id chat.SegmentID) bool
	Lacks(conv chat.ConversationID, ids ...chat.SegmentID) []chat.SegmentID
	Get(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) ([]*chat.Segment, error)
	Heads(conv chat.ConversationID) []chat.SegmentID
	Missing(conv chat.ConversationID) (ids []chat.SegmentID, n int)
	GiveUp(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) error
	Latest(conv chat.ConversationID) chat.Time
	Floor(conv chat.ConversationID) chat.OrderKey
	Len(conv chat.ConversationID) int
	Before(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, limit int) ([]*chat.Segment, error)
	After(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, limit int) ([]*chat.Segment, error)
	LastOf(ctx context.Context, conv chat.ConversationID, author chat.PeerID) (*chat.Segment, error)
	Forks(conv chat.ConversationID) []Fork
	View(conv chat.ConversationID) (*View, error)
	Name(ctx context.Context, conv chat.Conversation) error
	Conversations(ctx context.Context) ([]Summary, error)
	SetState(ctx context.Context, conv chat.ConversationID, state chat.DeliveryState, reason string, ids ...chat.SegmentID) error
	States(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (map[chat.SegmentID]Standing, error)
	Unsettled(ctx context.Context, conv chat.ConversationID) ([]Own, error)
	Outbox(ctx context.Context) ([]Waiting, error)
	Drop(ctx context.Context, conv chat.ConversationID, id chat.SegmentID) error
	MarkSeen(conv chat.ConversationID)
	Unseen(ctx context.Context, conv chat.ConversationID, limit int) ([]*chat.Segment, int, error)
	SetRetention(ctx context.Context, conv chat.ConversationID, r Retention) error
	Retention(ctx context.Context, conv chat.ConversationID) (Retention, error)
	Prune(ctx context.Context, now time.Time) (int, error)
	Messages(ctx context.Context, q Query) ([]Entry, error)
	Search(ctx context.Context, s Search) ([]Entry, error)
	Find(ctx context.Context, conv chat.ConversationID, id chat.MessageID) (Entry, bool, error)
	Topic(ctx context.Context, conv chat.ConversationID) (Entry, bool, error)
	Changed(ctx context.Context) bool
	Check(ctx context.Context) error
	Close() error
}

// forms are the two forms of the history.
func forms() iter.Seq2[string, func(testing.TB, Config) log] {
	return func(yield func(string, func(testing.TB, Config) log) bool) {
		_ = yield("in memory", func(_ testing.TB, cfg Config) log { return NewMemory(cfg) }) &&
			yield("on disk", func(t testing.TB, cfg Config) log { return openDB(t, filepath.Join(t.TempDir(), "history.db"), cfg) })
	}
}

// openDB opens a log that is closed, and checked, when the test ends.
func openDB(t testing.TB, path string, cfg Config) *DB {
	t.Helper()
	d, report, err := Open(t.Context(), path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report != (Report{}) {
		t.Fatalf("opened with %+v", report)
	}
	t.Cleanup(func() {
		if d.isClosed() {
			return
		}
		if err := d.Check(context.Background()); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// isClosed reports whether Close was called.
func (d *DB) isClosed() bool {
	select {
	case <-d.quit:
		return true
	default:
		return false
	}
}

// Every form of the history does the same.
func TestForms(t *testing.T) {
	for name, open := range forms() {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				name string
				test func(*testing.T, func(testing.TB, Config) log)
			}{
				{"an empty log", testEmpty},
				{"each segment is stored once", testOnce},
				{"heads and missing parents", testHeads},
				{"heads are the newest 16", testManyHeads},
				{"heads that come and go", testHeadsComeAndGo},
				{"heads have all their ancestors", testComplete},
				{"missing parents are bounded", testManyMissing},
				{"parents that nobody has", testGiveUp},
				{"the order, page by page", testPages},
				{"an author's last", testLastOf},
				{"forks", testForks},
				{"own segments", testStates},
				{"own segments that come back", testOwnComeBack},
				{"the outbox", testOutbox},
				{"what was not seen yet", testUnseen},
				{"conversations", testConversations},
				{"retention by age", testRetainAge},
				{"retention by size", testRetainBytes},
				{"what is pruned never comes back", testPrunedForGood},
				{"what nobody else has is not pruned", testPruneKeepsQueued},
				{"views", testViews},
				{"a view stays as it was", testViewStays},
				{"a canceled context", testCanceled},
				{"many goroutines", testConcurrent},
			} {
				t.Run(c.name, func(t *testing.T) { c.test(t, open) })
			}
		})
	}
}

func conv(name string) chat.ConversationID { return chat.RoomID(chat.RoomName(name)) }

// A person writes segments that could have come from anywhere.
type person struct {
	key crypto.PrivKey
	id  chat.PeerID
}

func someone(n byte) person {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		panic(err)
	}
	raw, err := key.GetPublic().Raw()
	if err != nil {
		panic(err)
	}
	return person{key, chat.PeerID(raw)}
}

// seal signs s.
func (p person) seal(s *chat.Segment) *chat.Segment {
	if len(s.Bodies) == 0 {
		s.Bodies = []chat.Body{words("hello")}
	}
	s.Seq = max(s.Seq, 1)
	if err := wire.SealSegment(p.key, s); err != nil {
		panic(err)
	}
	return s
}

// say makes the segment n of a conversation, at time n, as number n of one chain.
func (p person) say(in chat.ConversationID, n int, parents ...*chat.Segment) *chat.Segment {
	return p.seal(&chat.Segment{Conversation: in, Seq: uint64(n), Time: chat.Time(n) << 16, Parents: idsOf(parents...)})
}

func words(s string) chat.Body {
	text, err := chat.NewText(s)
	if err != nil {
		panic(err)
	}
	return chat.Body{Kind: chat.KindText, Text: text}
}

// seg makes the segment n of the lobby, at time n, by alice.
func seg(n int, parents ...*chat.Segment) *chat.Segment {
	return someone(1).say(conv("lobby"), n, parents...)
}

// chainOf makes n segments, each the child of the one before it.
func chainOf(n int) (segs []*chat.Segment) {
	for i := range n {
		if i == 0 {
			segs = append(segs, seg(1))
		} else {
			segs = append(segs, seg(i+1, segs[i-1]))
		}
	}
	return segs
}

func idsOf(segs ...*chat.Segment) (ids []chat.SegmentID) {
	for _, s := range segs {
		ids = append(ids, s.ID)
	}
	return ids
}

func put(t testing.TB, l log, segs ...*chat.Segment) []*chat.Segment {
	t.Helper()
	added, err := l.Append(context.Background(), segs...)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// must is the answer of a method that must not fail.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// segsOf is must for segments.
func segsOf(t testing.TB) func([]*chat.Segment, error) []*chat.Segment {
	return must[[]*chat.Segment](t)
}

func want[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// wantSegs compares segments, and that they are whole.
func wantSegs(t testing.TB, what string, got, wanted []*chat.Segment) {
	t.Helper()
	want(t, what, idsOf(got...), idsOf(wanted...))
	for i := range min(len(got), len(wanted)) {
		if !bytes.Equal(got[i].Envelope, wanted[i].Envelope) || fmt.Sprint(got[i]) != fmt.Sprint(wanted[i]) {
			t.Fatalf("%s: number %d is %+v, want %+v", what, i, got[i], wanted[i])
		}
	}
}

func missing(l log, c chat.ConversationID) []chat.SegmentID {
	ids, _ := l.Missing(c)
	return ids
}

// incomplete are the segments of which an ancestor is missing, in their order. Nobody
// asks a log for them, but what it says of heads follows from them.
func incomplete(l log, c chat.ConversationID) (ids []chat.SegmentID, err error) {
	switch l := l.(type) {
	case *Memory:
		l.ask(c, func(c *conversation) {
			for s := range c.incomplete.ascend(func(*chat.Segment) bool { return true }) {
				ids = append(ids, s.ID)
			}
		})
	case *DB:
		err = l.read(context.Background(), func(conn *conn) error {
			return conn.query(func(rows *sql.Rows) error {
				var id []byte
				err := rows.Scan(&id)
				ids = append(ids, chat.SegmentID(id))
				return err
			}, "SELECT id FROM incomplete WHERE c = (SELECT c FROM conversation WHERE id = ?) ORDER BY time, id", c[:])
		})
	}
	return ids, err
}

func sorted(ids ...chat.SegmentID) []chat.SegmentID {
	slices.SortFunc(ids, chat.SegmentID.Compare)
	return ids
}

func testEmpty(t *testing.T, open func(testing.TB, Config) log) {
	l, c, ctx := open(t, Config{}), conv("lobby"), t.Context()
	if l.Has(c, chat.SegmentID{}) || l.Len(c) != 0 || l.Latest(c) != 0 || l.Heads(c) != nil || l.Forks(c) != nil ||
		l.Floor(c) != (chat.OrderKey{}) || put(t, l) != nil || missing(l, c) != nil || l.Changed(ctx) {
		t.Error("an empty log has something")
	}
	for _, segs := range [][]*chat.Segment{
		segsOf(t)(l.Get(ctx, c, chat.SegmentID{})), segsOf(t)(l.Before(ctx, c, chat.OrderKey{}, 10)),
		segsOf(t)(l.After(ctx, c, chat.OrderKey{}, 10)),
	} {
		if segs != nil {
			t.Error("an empty log has segments")
		}
	}
	if last, err := l.LastOf(ctx, c, someone(1).id); last != nil || err != nil {
		t.Errorf("an empty log's last is %v, %v", last, err)
	}
	if err := l.SetState(ctx, c, chat.Sent, "", chat.SegmentID{}); err != nil {
		t.Error(err)
	}
	if err := l.GiveUp(ctx, c, chat.SegmentID{}); err != nil {
		t.Error(err)
	}
	l.MarkSeen(c)
	if segs, n, err := l.Unseen(ctx, c, 10); segs != nil || n != 0 || err != nil {
		t.Errorf("%d unseen, %v", n, err)
	}
	v := must[*View](t)(l.View(c))
	defer v.Close()
	if n, err := v.Rank(wire.Bound{}); v.Len() != 0 || n != 0 || err != nil {
		t.Errorf("a view of nothing has %d, %v", n, err)
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

func testOnce(t *testing.T, open func(testing.TB, Config) log) {
	l, segs, ctx := open(t, Config{}), chainOf(3), t.Context()
	want(t, "added", put(t, l, segs[1], segs[0], segs[1]), []*chat.Segment{segs[1], segs[0]})
	want(t, "added again", put(t, l, segs...), segs[2:])
	want(t, "added once more", put(t, l, segs...), nil)
	c := conv("lobby")
	wantSegs(t, "got", segsOf(t)(l.Get(ctx, c, segs[2].ID, chat.SegmentID{}, segs[0].ID)), []*chat.Segment{segs[2], segs[0]})
	if l.Len(c) != 3 || !l.Has(c, segs[1].ID) || l.Has(conv("elsewhere"), segs[1].ID) || l.Has(c, chat.SegmentID{}) ||
		segsOf(t)(l.Get(ctx, conv("elsewhere"), segs[1].ID)) != nil {
		t.Error("not the three segments, in their conversation")
	}
	all := append(idsOf(segs...), chat.SegmentID{}, chat.SegmentID{1}, segs[1].ID)
	want(t, "lacking", l.Lacks(c, all...), all[3:5])
	want(t, "lacking elsewhere", l.Lacks(conv("elsewhere"), all...), all)
	if l.Latest(c) != segs[2].End() {
		t.Errorf("latest is %d, want %d", l.Latest(c), segs[2].End())
	}
	// Whatever a segment can hold comes back as it was.
	odd := someone(2).seal(&chat.Segment{
		Conversation: c, Chain: chat.Chain{9}, Seq: 1 << 48, Time: 1<<64 - 1 - chat.MaxBodies,
		Bodies: []chat.Body{
			words("\x1b[31m\u202e"),
			{Kind: 99, Data: []byte{0}},
			{Kind: 1 << 31},
			{Kind: chat.KindDelete, Target: chat.MessageID{1}},
			{Kind: chat.KindTopic},
		},
	})
	put(t, l, odd)
	wantSegs(t, "got", segsOf(t)(l.Get(ctx, c, odd.ID)), []*chat.Segment{odd})
	if l.Latest(c) != odd.End() {
		t.Errorf("latest is %d, want %d", l.Latest(c), odd.End())
	}
	wantSegs(t, "the newest", segsOf(t)(l.Before(ctx, c, chat.OrderKey{}, 1)), []*chat.Segment{odd})
}

func testCanceled(t *testing.T, open func(testing.TB, Config) log) {
	l := open(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if added, err := l.Append(ctx, seg(1)); err == nil || added != nil || l.Len(conv("lobby")) != 0 {
		t.Errorf("added %v, %v", added, err)
	}
}

// Many store the same, all at once: each segment is added by one of them, and
// whoever looks sees a log that only grows.
func testConcurrent(t *testing.T, open func(testing.TB, Config) log) {
	all := chainOf(500)
	l, c := open(t, Config{}), conv("lobby")
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := 0
	for g := range 4 {
		wg.Go(func() {
			for i := range all {
				s := all[(i+g*125)%len(all)]
				added, err := l.Append(context.Background(), s)
				if err != nil {
					t.Error(err)
				}
				if !l.Has(c, s.ID) {
					t.Error("stored, and not there")
				}
				mu.Lock()
				count += len(added)
				mu.Unlock()
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			last := 0
			for last < len(all) {
				v, err := l.View(c)
				if err != nil {
					t.Error(err)
					return
				}
				keys, err := v.Keys(0, v.Len())
				if err != nil || !slices.IsSortedFunc(keys, chat.OrderKey.Compare) || len(keys) < last {
					t.Errorf("%d places after %d, %v", len(keys), last, err)
				}
				sum, err := v.Sum(0, v.Len())
				if err != nil || sum != *sumOf(keys) {
					t.Errorf("the sum of %d is wrong; %v", len(keys), err)
				}
				last = len(keys)
				v.Close()
				l.Missing(c)
				l.Heads(c)
			}
		})
	}
	wg.Wait()
	if count != len(all) {
		t.Errorf("%d segments were added of %d", count, len(all))
	}
	want(t, "heads", l.Heads(c), idsOf(all[len(all)-1]))
}

// number is id with n in front, for many that differ.
func number(n int) (id chat.SegmentID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}
