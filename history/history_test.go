package history

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A log is what every form of the history does.
type log interface {
	Append(ctx context.Context, segs ...*chat.Segment) ([]*chat.Segment, error)
	Has(conv chat.ConversationID, id chat.SegmentID) bool
	Get(conv chat.ConversationID, ids ...chat.SegmentID) []*chat.Segment
	Heads(conv chat.ConversationID) []chat.SegmentID
	Missing(conv chat.ConversationID) []chat.SegmentID
	Latest(conv chat.ConversationID) chat.Time
	Floor(conv chat.ConversationID) chat.OrderKey
	Len(conv chat.ConversationID) int
	Ascend(conv chat.ConversationID, from wire.Bound, fn func(chat.OrderKey) bool)
	Before(conv chat.ConversationID, key chat.OrderKey, limit int) []*chat.Segment
	Forks(conv chat.ConversationID) []Fork
}

func TestMemory(t *testing.T) {
	testLog(t, func(_ testing.TB, cfg Config) log { return NewMemory(cfg) })
}

// testLog tests any form of the history, made by open.
func testLog(t *testing.T, open func(testing.TB, Config) log) {
	for _, c := range []struct {
		name string
		test func(*testing.T, func(testing.TB, Config) log)
	}{
		{"an empty log", testEmpty},
		{"each segment is stored once", testOnce},
		{"heads and missing parents", testHeads},
		{"heads are the newest 16", testManyHeads},
		{"missing parents are bounded", testManyMissing},
		{"the order, page by page", testPages},
		{"walks", testWalks},
		{"forks", testForks},
		{"pruning", testPrune},
		{"pruning spares the quiet", testPruneLargest},
		{"what is pruned never comes back", testPrunedForGood},
		{"a canceled context", testCanceled},
		{"many goroutines", testConcurrent},
		{"any order of arrival", testAnyOrder},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

func conv(name string) chat.ConversationID { return chat.RoomID(chat.RoomName(name)) }

// seg makes the segment n of the lobby, at time n, by alice.
func seg(n int, parents ...*chat.Segment) *chat.Segment {
	s := &chat.Segment{
		Author: chat.PeerID{1}, Conversation: conv("lobby"), Seq: uint64(n), Time: chat.Time(n) << 16,
		Bodies: []chat.Body{{Kind: 99, Data: []byte("hello")}}, Envelope: make([]byte, 200),
	}
	// Descending, so that the order by ID differs from the order by time.
	binary.BigEndian.PutUint64(s.ID[:], ^uint64(n))
	for _, p := range parents {
		s.Parents = append(s.Parents, p.ID)
	}
	return s
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

func want[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func testEmpty(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	l.Ascend(c, wire.Bound{}, func(chat.OrderKey) bool { t.Error("a segment"); return true })
	if l.Has(c, chat.SegmentID{}) || l.Len(c) != 0 || l.Latest(c) != 0 || l.Get(c, chat.SegmentID{}) != nil ||
		l.Heads(c) != nil || l.Missing(c) != nil || l.Before(c, chat.OrderKey{}, 10) != nil || l.Forks(c) != nil ||
		l.Floor(c) != (chat.OrderKey{}) || put(t, l) != nil {
		t.Error("an empty log has something")
	}
}

func testOnce(t *testing.T, open func(testing.TB, Config) log) {
	l, segs := open(t, Config{}), chainOf(3)
	want(t, "added", put(t, l, segs[1], segs[0], segs[1]), []*chat.Segment{segs[1], segs[0]})
	want(t, "added again", put(t, l, segs...), segs[2:])
	c := conv("lobby")
	want(t, "got", l.Get(c, segs[2].ID, chat.SegmentID{}, segs[0].ID), []*chat.Segment{segs[2], segs[0]})
	if l.Len(c) != 3 || !l.Has(c, segs[1].ID) || l.Has(conv("elsewhere"), segs[1].ID) || l.Get(conv("elsewhere"), segs[1].ID) != nil {
		t.Error("not the three segments, in their conversation")
	}
	if l.Latest(c) != segs[2].End() {
		t.Errorf("latest is %d, want %d", l.Latest(c), segs[2].End())
	}
}

func testHeads(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	a := seg(1)
	b, d := seg(2, a), seg(3, a)
	e := seg(4, d, b)
	put(t, l, a)
	want(t, "heads", l.Heads(c), idsOf(a))
	put(t, l, d, b)
	want(t, "heads, newest first", l.Heads(c), idsOf(d, b))
	put(t, l, e)
	want(t, "heads", l.Heads(c), idsOf(e))
	want(t, "missing", l.Missing(c), nil)

	// The other way round: children first.
	l = open(t, Config{})
	put(t, l, e)
	want(t, "heads", l.Heads(c), idsOf(e))
	want(t, "missing", l.Missing(c), idsOf(d, b))
	put(t, l, b)
	want(t, "heads", l.Heads(c), idsOf(e))
	want(t, "missing, those of the newest first", l.Missing(c), idsOf(d, a))
	put(t, l, d)
	want(t, "missing", l.Missing(c), idsOf(a))
	put(t, l, a)
	want(t, "heads", l.Heads(c), idsOf(e))
	want(t, "missing", l.Missing(c), nil)
}

func testManyHeads(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	var all []*chat.Segment
	for i := range 1000 {
		all = append(all, seg(i+1))
	}
	put(t, l, all...)
	var newest []chat.SegmentID
	for _, s := range slices.Backward(all[1000-chat.MaxHeads:]) {
		newest = append(newest, s.ID)
	}
	want(t, "heads", l.Heads(c), newest)
}

func testManyMissing(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	for i := range 1000 {
		put(t, l, seg(i+2000, seg(i+1)))
	}
	missing := l.Missing(c)
	if len(missing) != maxMissing || missing[0] != seg(1000).ID {
		t.Errorf("%d missing, the first %v; want %d, and that of the newest", len(missing), missing[0], maxMissing)
	}
}

func testPages(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all := open(t, Config{}), conv("lobby"), chainOf(2500)
	shuffled := slices.Clone(all)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	put(t, l, shuffled...)
	var pages []*chat.Segment
	at := chat.OrderKey{}
	for {
		page := l.Before(c, at, 100)
		if len(page) == 0 {
			break
		}
		pages = append(slices.Clone(page), pages...)
		at = page[0].Key()
	}
	want(t, "all pages", pages, all)
	if l.Before(c, chat.OrderKey{}, 0) != nil || l.Before(c, chat.OrderKey{}, -1) != nil {
		t.Error("a page of nothing has something")
	}
}

func testWalks(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all := open(t, Config{}), conv("lobby"), chainOf(2500)
	put(t, l, all...)
	var keys []chat.OrderKey
	for _, s := range all {
		keys = append(keys, s.Key())
	}
	walk := func(from wire.Bound, limit int) (met []chat.OrderKey) {
		l.Ascend(c, from, func(k chat.OrderKey) bool {
			l.Has(c, k.ID) // allowed
			met = append(met, k)
			return len(met) < limit
		})
		return met
	}
	want(t, "all", walk(wire.Bound{}, 1e6), keys)
	want(t, "from a time", walk(wire.Bound{Time: all[1000].Time}, 1e6), keys[1000:])
	want(t, "from an ID", walk(wire.Bound{Time: all[1000].Time, Prefix: all[1000].ID[:]}, 3), keys[1000:1003])
	want(t, "from behind an ID", walk(wire.Bound{Time: all[1000].Time, Prefix: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, 3), keys[1001:1004])
	want(t, "from behind all", walk(wire.Bound{Time: 1 << 60}, 3), nil)
}

func testForks(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	wide := func(n, count int, chain byte) *chat.Segment {
		s := seg(n)
		s.Chain, s.Seq = chat.Chain{chain}, uint64(n)
		s.ID[31] = chain
		for len(s.Bodies) < count {
			s.Bodies = append(s.Bodies, s.Bodies[0])
		}
		return s
	}
	// 1 to 10, 11 to 20, 31 to 40: a gap is no fork, nor are other chains.
	put(t, l, wide(31, 10, 1), wide(1, 10, 1), wide(11, 10, 1), wide(1, 10, 2))
	want(t, "forks", l.Forks(c), nil)
	a, b := wide(31, 10, 1), wide(26, 6, 1)
	put(t, l, b)
	fork := Fork{Author: chat.PeerID{1}, Chain: chat.Chain{1}, Segments: [2]chat.SegmentID{a.ID, b.ID}}
	want(t, "forks", l.Forks(c), []Fork{fork})
	if l.Len(c) != 5 {
		t.Error("a fork was not kept")
	}
	put(t, l, wide(27, 1, 1), wide(5, 1, 1))
	want(t, "forks, once a chain", l.Forks(c), []Fork{fork})
	other := wide(8, 1, 2)
	put(t, l, other)
	if forks := l.Forks(c); len(forks) != 2 || forks[1].Segments[1] != other.ID {
		t.Errorf("forks of two chains: %v", forks)
	}
	for i := range 2 * maxForks {
		s, twin := wide(1, 1, 3), wide(1, 2, 3)
		binary.BigEndian.PutUint32(s.Chain[4:], uint32(i))
		binary.BigEndian.PutUint32(s.ID[20:], uint32(i))
		twin.Chain, twin.ID = s.Chain, s.ID
		twin.ID[30] = 1
		put(t, l, s, twin)
	}
	if n := len(l.Forks(c)); n != maxForks {
		t.Errorf("%d forks remembered, want %d", n, maxForks)
	}
}

func testPrune(t *testing.T, open func(testing.TB, Config) log) {
	all := chainOf(1000)
	l, c := open(t, Config{MaxBytes: 200 * cost(all[1])}), conv("lobby")
	for _, s := range all {
		want(t, "added", put(t, l, s), []*chat.Segment{s})
	}
	n := l.Len(c)
	if n < 150 || n > 200 {
		t.Fatalf("%d segments held, want at most 200, and nearly so", n)
	}
	want(t, "held", l.Before(c, chat.OrderKey{}, 1000), all[1000-n:])
	want(t, "heads", l.Heads(c), idsOf(all[999]))
	want(t, "missing", l.Missing(c), nil)
	if l.Floor(c) != all[999-n].Key() {
		t.Error("the floor is not what was pruned last")
	}
	for i, s := range all {
		if !l.Has(c, s.ID) {
			t.Fatalf("segment %d is not explained any more", i)
		}
		if held := l.Get(c, s.ID) != nil; held != (i >= 1000-n) {
			t.Fatalf("segment %d held: %v", i, held)
		}
	}
}

func testPruneLargest(t *testing.T, open func(testing.TB, Config) log) {
	all := chainOf(1000)
	l := open(t, Config{MaxBytes: 200 * cost(all[1])})
	var quiet []*chat.Segment
	for i := range 50 {
		s := seg(i + 1)
		s.Conversation, s.ID[31] = conv("quiet"), 1
		quiet = append(quiet, s)
	}
	put(t, l, quiet...)
	put(t, l, all...)
	want(t, "the quiet room", l.Before(conv("quiet"), chat.OrderKey{}, 1000), quiet)
	if n := l.Len(conv("lobby")); n < 100 || n > 150 {
		t.Errorf("%d segments of the busy room held", n)
	}
}

func testPrunedForGood(t *testing.T, open func(testing.TB, Config) log) {
	all := chainOf(1000)
	l, c := open(t, Config{MaxBytes: 200 * cost(all[1])}), conv("lobby")
	put(t, l, all[500:]...)
	put(t, l, all[500:]...)
	want(t, "what is older than what was pruned, added", put(t, l, all[:10]...), nil)
	for _, s := range all[:10] {
		if !l.Has(c, s.ID) {
			t.Error("would be asked for again and again")
		}
	}
	want(t, "what was pruned, added", put(t, l, all[500:510]...), nil)
	// A parent of a segment that was pruned, and of one that is held.
	put(t, l, seg(2000, all[500], all[999]))
	want(t, "missing", l.Missing(c), nil)
}

func testCanceled(t *testing.T, open func(testing.TB, Config) log) {
	l := open(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if added, err := l.Append(ctx, seg(1)); err == nil || added != nil || l.Len(conv("lobby")) != 0 {
		t.Errorf("added %v, %v", added, err)
	}
}

func testConcurrent(t *testing.T, open func(testing.TB, Config) log) {
	all := chainOf(2000)
	l, c := open(t, Config{MaxBytes: 1000 * cost(all[1])}), conv("lobby")
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := 0
	for g := range 4 {
		wg.Go(func() {
			for i := range all {
				added, err := l.Append(context.Background(), all[(i+g*500)%len(all)])
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				count += len(added)
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for range 100 {
			l.Missing(c)
			l.Heads(c)
			last := chat.OrderKey{}
			l.Ascend(c, wire.Bound{}, func(k chat.OrderKey) bool {
				if k.Compare(last) <= 0 {
					t.Error("a walk went backwards")
				}
				last = k
				return true
			})
		}
	})
	wg.Wait()
	if count > len(all) {
		t.Errorf("%d segments were added of %d", count, len(all))
	}
}

// Whatever the order of arrival, the answers are those for the set.
func testAnyOrder(t *testing.T, open func(testing.TB, Config) log) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(rt, "n")
		var all []*chat.Segment
		for i := range n {
			s := seg(i + 1)
			for range rapid.IntRange(0, min(i, 3)).Draw(rt, "parents") {
				p := all[rapid.IntRange(0, i-1).Draw(rt, "parent")].ID
				if !slices.Contains(s.Parents, p) {
					s.Parents = append(s.Parents, p)
				}
			}
			all = append(all, s)
		}
		held := rapid.Permutation(all).Draw(rt, "arrival")[:rapid.IntRange(1, n).Draw(rt, "held")]
		l, c := open(t, Config{}), conv("lobby")
		is, named := make(map[chat.SegmentID]bool), make(map[chat.SegmentID]bool)
		for _, s := range held {
			put(t, l, s)
			l.Missing(c) // it tidies up on the way
			is[s.ID] = true
			for _, p := range s.Parents {
				named[p] = true
			}
		}
		var heads []chat.SegmentID
		missing := make(map[chat.SegmentID]bool)
		for _, s := range slices.Backward(all) {
			if is[s.ID] && !named[s.ID] && len(heads) < chat.MaxHeads {
				heads = append(heads, s.ID)
			}
			if named[s.ID] && !is[s.ID] {
				missing[s.ID] = true
			}
		}
		if got := l.Heads(c); !slices.Equal(got, heads) {
			rt.Fatalf("heads %v, want %v", got, heads)
		}
		got := l.Missing(c)
		for _, id := range got {
			if !missing[id] {
				rt.Fatalf("%v is not missing", id)
			}
		}
		if len(got) != len(missing) {
			rt.Fatalf("%d missing, want %d", len(got), len(missing))
		}
	})
}

// The memory of pruned segments is bounded, and what fell out of it does not
// come back.
func TestPrunedMemoryIsBounded(t *testing.T) {
	var m memories
	m.ids = make(map[chat.SegmentID]bool)
	id := func(i int) (id chat.SegmentID) {
		binary.BigEndian.PutUint64(id[:], uint64(i))
		return id
	}
	for i := range maxPruned + 1000 {
		m.add(id(i))
		m.add(id(i))
	}
	if len(m.ids) != maxPruned || len(m.ring) != maxPruned || m.has(id(999)) || !m.has(id(1000)) {
		t.Errorf("%d and %d remembered", len(m.ids), len(m.ring))
	}
}

// MaxBytes means bytes of memory, as well as it can.
func TestCostIsAboutMemory(t *testing.T) {
	const n = 20_000
	l := NewMemory(Config{})
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var last *chat.Segment
	for i := range n {
		s := seg(i + 1)
		if last != nil {
			s.Parents = idsOf(last)
		}
		last = s
		put(t, l, s)
	}
	took, counted := heap()-before, l.bytes
	runtime.KeepAlive(l)
	t.Logf("a segment of one line: %d bytes in memory, %d counted", took/n, counted/n)
	if took > counted*5/4 || took < counted/2 {
		t.Errorf("%d bytes in memory, %d counted", took, counted)
	}
}

func BenchmarkAppend(b *testing.B) {
	const n = 100_000
	all := chainOf(n)
	rng := rand.New(rand.NewPCG(1, 2))
	near := slices.Clone(all)
	for i := range near {
		j := min(n-1, i+rng.IntN(32))
		near[i], near[j] = near[j], near[i]
	}
	random := slices.Clone(all)
	rng.Shuffle(n, func(i, j int) { random[i], random[j] = random[j], random[i] })
	back := slices.Clone(all)
	slices.Reverse(back)
	for _, c := range []struct {
		name string
		segs []*chat.Segment
	}{{"sorted", all}, {"nearly sorted", near}, {"backwards", back}, {"at random", random}} {
		b.Run(fmt.Sprintf("100,000 %s", c.name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l := NewMemory(Config{MaxBytes: 1 << 40})
				for chunk := range slices.Chunk(c.segs, 16) {
					put(b, l, chunk...)
					l.Heads(conv("lobby"))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/segment")
		})
	}
	b.Run("full, each prunes another", func(b *testing.B) {
		for b.Loop() {
			l := NewMemory(Config{MaxBytes: 10_000 * cost(all[1])})
			for _, s := range all {
				put(b, l, s)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/segment")
	})
}
