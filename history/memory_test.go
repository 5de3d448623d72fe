package history

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// fake makes segment n, at time n, unsigned: a log in memory does not look.
func fake(n int, parents ...*chat.Segment) *chat.Segment {
	s := &chat.Segment{
		Author: chat.PeerID{1}, Conversation: conv("lobby"), Seq: uint64(n), Time: chat.Time(n) << 16,
		Bodies: []chat.Body{{Kind: 99, Data: []byte("hello")}}, Envelope: make([]byte, 200), Parents: idsOf(parents...),
	}
	// Descending, so that the order by ID differs from the order by time.
	binary.BigEndian.PutUint64(s.ID[:], ^uint64(n))
	return s
}

// fakes makes n segments, each the child of the one before it.
func fakes(n int) (segs []*chat.Segment) {
	for i := range n {
		segs = append(segs, fake(i+1, segs[max(i-1, 0):i]...))
	}
	return segs
}

// A log that is full prunes the oldest of the largest conversation.
func TestMemoryPrunes(t *testing.T) {
	all := fakes(1000)
	l, c := NewMemory(Config{MaxBytes: 200 * cost(all[1])}), conv("lobby")
	var quiet []*chat.Segment
	for i := range 50 {
		s := fake(i + 1)
		s.Conversation, s.ID[31] = conv("quiet"), 1
		quiet = append(quiet, s)
	}
	put(t, l, quiet...)
	for _, s := range all {
		want(t, "added", put(t, l, s), []*chat.Segment{s})
	}
	n := l.Len(c)
	if n < 100 || n > 150 {
		t.Fatalf("%d segments of the busy room held, want at most 150, and nearly so", n)
	}
	want(t, "held", segsOf(t)(l.Before(t.Context(), c, chat.OrderKey{}, 1000)), all[1000-n:])
	want(t, "the quiet room", segsOf(t)(l.Before(t.Context(), conv("quiet"), chat.OrderKey{}, 1000)), quiet)
	want(t, "heads", l.Heads(c), idsOf(all[999]))
	want(t, "missing", missing(l, c), nil)
	if l.Floor(c) != all[999-n].Key() {
		t.Error("the floor is not what was pruned last")
	}
	if last, _ := l.LastOf(t.Context(), conv("lobby"), chat.PeerID{1}); last != all[999] {
		t.Error("the author's last is not there")
	}
	for i, s := range all {
		if !l.Has(c, s.ID) {
			t.Fatalf("segment %d is not explained any more", i)
		}
	}
}

// The memory of pruned segments is bounded, and what fell out of it does not
// come back.
func TestPrunedMemoryIsBounded(t *testing.T) {
	var m memories
	m.ids = make(map[chat.SegmentID]chat.ConversationID)
	id := func(i int) (id chat.SegmentID) {
		binary.BigEndian.PutUint64(id[:], uint64(i))
		return id
	}
	for i := range maxPruned + 1000 {
		m.add(conv("lobby"), id(i))
		m.add(conv("lobby"), id(i))
	}
	if len(m.ids) != maxPruned || len(m.ring) != maxPruned || m.has(conv("lobby"), id(999)) || !m.has(conv("lobby"), id(1000)) {
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
		s := fake(i + 1)
		if last != nil {
			s.Parents = idsOf(last)
		}
		last = s
		put(t, l, s)
	}
	took, counted := heap()-before, l.cost
	runtime.KeepAlive(l)
	t.Logf("a segment of one line: %d bytes in memory, %d counted", took/n, counted/n)
	if took > counted*5/4 || took < counted/2 {
		t.Errorf("%d bytes in memory, %d counted", took, counted)
	}
}

func BenchmarkAppend(b *testing.B) {
	const n = 100_000
	all := fakes(n)
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
