package history

import (
	"fmt"
	"slices"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

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
	want(t, "missing", missing(l, c), nil)

	// The other way round: children first. Nothing is a head before all its
	// ancestors are here.
	l = open(t, Config{})
	put(t, l, e)
	want(t, "heads", l.Heads(c), nil)
	want(t, "missing", missing(l, c), sorted(b.ID, d.ID))
	put(t, l, b)
	want(t, "heads", l.Heads(c), nil)
	want(t, "missing, those of the newest first", missing(l, c), idsOf(d, a))
	put(t, l, d)
	want(t, "missing", missing(l, c), idsOf(a))
	want(t, "incomplete", must[[]chat.SegmentID](t)(incomplete(l, c)), idsOf(b, d, e))
	put(t, l, a)
	want(t, "heads", l.Heads(c), idsOf(e))
	want(t, "missing", missing(l, c), nil)
	want(t, "incomplete", must[[]chat.SegmentID](t)(incomplete(l, c)), nil)
}

func testManyHeads(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	var all []*chat.Segment
	for i := range 1000 {
		all = append(all, seg(i+1))
	}
	put(t, l, all...)
	newest := func(segs []*chat.Segment) (ids []chat.SegmentID) {
		for _, s := range slices.Backward(segs) {
			if ids = append(ids, s.ID); len(ids) == chat.MaxHeads {
				break
			}
		}
		return ids
	}
	want(t, "heads", l.Heads(c), newest(all))
}

// Heads that are hidden behind newer ones come into sight as those are joined.
func testHeadsComeAndGo(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	var old []*chat.Segment
	for i := range 2000 {
		old = append(old, seg(i+1))
	}
	for chunk := range slices.Chunk(old, 500) {
		put(t, l, chunk...)
	}
	// All but the first eight are joined, two by two, by segments that are
	// joined themselves into one.
	var tips []*chat.Segment
	for i := 8; i < len(old); i += 8 {
		tips = append(tips, seg(3000+i, old[i:i+8]...))
	}
	for n := 5000; len(tips) > 1; n++ {
		k := min(8, len(tips))
		put(t, l, tips...)
		tips = append(tips[k:], seg(n, tips[:k]...))
	}
	put(t, l, tips...)
	wanted := idsOf(tips[0])
	for _, s := range slices.Backward(old[:8]) {
		wanted = append(wanted, s.ID)
	}
	want(t, "heads", l.Heads(c), wanted)
}

// Whatever comes when, nothing is a head before all its ancestors are here, and
// as soon as they are it is.
func testComplete(t *testing.T, open func(testing.TB, Config) log) {
	c := conv("lobby")
	all := chainOf(40)
	side := seg(50, all[20])
	for name, order := range map[string][]int{
		"newest first":         {39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20},
		"a hole in the middle": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21},
	} {
		l := open(t, Config{})
		for _, i := range order {
			put(t, l, all[i])
		}
		put(t, l, side)
		if name == "newest first" {
			want(t, name, l.Heads(c), nil)
		} else {
			want(t, name, l.Heads(c), idsOf(all[10]))
			want(t, name+": missing", missing(l, c), idsOf(all[11]))
		}
		// A second hole that stays open keeps the shortcut from being taken.
		stranger := seg(60, seg(59))
		put(t, l, stranger)
		for i := range 20 {
			put(t, l, all[i])
		}
		put(t, l, all[20])
		wanted := idsOf(side)
		if slices.Contains(order, 39) {
			wanted = append(wanted, all[39].ID)
		} else {
			wanted = append(wanted, all[21].ID)
		}
		want(t, name+": heads", l.Heads(c), wanted)
		want(t, name+": missing", missing(l, c), stranger.Parents)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		put(t, l, seg(59))
		want(t, name+": heads", l.Heads(c), append(idsOf(stranger), wanted...))
	}
}

func testManyMissing(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	var all []*chat.Segment
	for i := range 1000 {
		all = append(all, seg(i+2000, seg(i+1)))
	}
	put(t, l, all...)
	ids, n := l.Missing(c)
	if len(ids) != maxMissing || n != 1000 || ids[0] != seg(1000).ID {
		t.Errorf("%d of %d missing, the first %v; want %d, and that of the newest", len(ids), n, ids[0], maxMissing)
	}
	// One that several miss is missed once, at the place of the newest of them.
	put(t, l, seg(5000, seg(1)))
	if ids, n := l.Missing(c); n != 1000 || ids[0] != seg(1).ID {
		t.Errorf("%d missing, the first %v", n, ids[0])
	}
}

func testGiveUp(t *testing.T, open func(testing.TB, Config) log) {
	c, ctx := conv("lobby"), t.Context()
	lost, other := seg(1), seg(2)
	child := seg(3, lost)
	both := seg(4, lost, other)
	grand := seg(5, child, both)
	l := open(t, Config{})
	put(t, l, grand, child, both)
	want(t, "heads", l.Heads(c), nil)
	if err := l.GiveUp(ctx, c, lost.ID, seg(99).ID, child.ID); err != nil {
		t.Fatal(err)
	}
	want(t, "heads", l.Heads(c), idsOf(child))
	want(t, "missing", missing(l, c), idsOf(other))
	if l.Has(c, lost.ID) {
		t.Error("what nobody has is not had")
	}
	// Who comes later and names it waits no more.
	late := seg(6, lost)
	put(t, l, late)
	want(t, "heads", l.Heads(c), idsOf(late, child))
	put(t, l, other)
	want(t, "heads", l.Heads(c), idsOf(late, grand))
	// It comes after all: it is named, and so no head.
	want(t, "added", put(t, l, lost), []*chat.Segment{lost})
	want(t, "heads", l.Heads(c), idsOf(late, grand))

	// The same, but what was given up comes without its own parents, and they
	// come last.
	root := seg(1)
	lost = seg(2, root)
	child = seg(3, lost)
	waits := seg(4, lost, seg(99))
	for range 2 {
		l = open(t, Config{})
		put(t, l, child, waits)
		if err := l.GiveUp(ctx, c, lost.ID); err != nil {
			t.Fatal(err)
		}
		want(t, "heads", l.Heads(c), idsOf(child))
		put(t, l, lost)
		want(t, "heads", l.Heads(c), idsOf(child))
		put(t, l, root)
		want(t, "heads", l.Heads(c), idsOf(child))
		put(t, l, seg(99))
		want(t, "heads", l.Heads(c), idsOf(seg(99), waits, child)[1:])
	}

	// What was given up comes without its parents, and then the one that names
	// it waits for nothing else any more.
	l = open(t, Config{})
	lost = seg(2, seg(1))
	waits = seg(4, lost, seg(3))
	put(t, l, waits, seg(9, seg(8)))
	if err := l.GiveUp(ctx, c, lost.ID); err != nil {
		t.Fatal(err)
	}
	put(t, l, lost)
	put(t, l, seg(3))
	want(t, "heads", l.Heads(c), idsOf(waits))
	put(t, l, seg(1))
	want(t, "heads", l.Heads(c), idsOf(waits))

	// What was given up has a child that is not complete: then it is a head as
	// long as that is so.
	l = open(t, Config{})
	lost = seg(1)
	waits = seg(4, lost, seg(3))
	put(t, l, waits)
	if err := l.GiveUp(ctx, c, lost.ID); err != nil {
		t.Fatal(err)
	}
	put(t, l, lost)
	want(t, "heads", l.Heads(c), idsOf(lost))
	put(t, l, seg(3))
	want(t, "heads", l.Heads(c), idsOf(waits))
}

func testLastOf(t *testing.T, open func(testing.TB, Config) log) {
	l, c, ctx := open(t, Config{}), conv("lobby"), t.Context()
	alice, bob := someone(1), someone(2)
	a1, a2 := alice.say(c, 5), alice.say(c, 9)
	b1 := bob.say(c, 7)
	again := alice.seal(&chat.Segment{Conversation: c, Chain: chat.Chain{7}, Time: 8 << 16})
	put(t, l, a2, b1, a1, again, alice.say(conv("elsewhere"), 100))
	for p, want := range map[chat.PeerID]*chat.Segment{alice.id: a2, bob.id: b1, someone(3).id: nil} {
		got := must[*chat.Segment](t)(l.LastOf(ctx, c, p))
		if (got == nil) != (want == nil) || got != nil && got.ID != want.ID {
			t.Errorf("the last of %v is %v, want %v", p, got, want)
		}
	}
	newest := alice.seal(&chat.Segment{Conversation: c, Chain: chat.Chain{7}, Seq: 2, Time: 10 << 16})
	put(t, l, newest)
	if got := must[*chat.Segment](t)(l.LastOf(ctx, c, alice.id)); got.ID != newest.ID {
		t.Errorf("the last is %v, want %v", got, newest)
	}
}

func testForks(t *testing.T, open func(testing.TB, Config) log) {
	l, c := open(t, Config{}), conv("lobby")
	alice := someone(1)
	wide := func(n, count int, chain uint32) *chat.Segment {
		s := &chat.Segment{Conversation: c, Seq: uint64(n), Time: chat.Time(n) << 16}
		s.Chain = chat.Chain{byte(chain >> 24), byte(chain >> 16), byte(chain >> 8), byte(chain)}
		for len(s.Bodies) < count {
			s.Bodies = append(s.Bodies, words("hello"))
		}
		return alice.seal(s)
	}
	// 1 to 10, 11 to 20, 31 to 40: a gap is no fork, nor are other chains.
	put(t, l, wide(31, 10, 1), wide(1, 10, 1), wide(11, 10, 1), wide(1, 10, 2))
	want(t, "forks", l.Forks(c), nil)
	a, b := wide(31, 10, 1), wide(26, 6, 1)
	put(t, l, b)
	fork := Fork{Author: alice.id, Chain: a.Chain, Segments: [2]chat.SegmentID{a.ID, b.ID}}
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
	var many []*chat.Segment
	for i := range uint32(2 * maxForks) {
		many = append(many, wide(1, 1, 100+i), wide(1, 2, 100+i))
	}
	put(t, l, many...)
	if n := len(l.Forks(c)); n != maxForks {
		t.Errorf("%d forks remembered, want %d", n, maxForks)
	}
}

func testPages(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all, ctx := open(t, Config{}), conv("lobby"), chainOf(1200), t.Context()
	mixed := slices.Clone(all)
	for i := range mixed {
		j := (i * 7919) % len(mixed)
		mixed[i], mixed[j] = mixed[j], mixed[i]
	}
	put(t, l, mixed...)
	var pages []*chat.Segment
	at := chat.OrderKey{}
	for {
		page := segsOf(t)(l.Before(ctx, c, at, 100))
		if len(page) == 0 {
			break
		}
		pages = append(slices.Clone(page), pages...)
		at = page[0].Key()
	}
	wantSegs(t, "all pages, backwards", pages, all)
	pages, at = nil, chat.OrderKey{}
	for {
		page := segsOf(t)(l.After(ctx, c, at, 77))
		if len(page) == 0 {
			break
		}
		pages = append(pages, page...)
		at = page[len(page)-1].Key()
	}
	wantSegs(t, "all pages, forwards", pages, all)
	for _, limit := range []int{0, -1} {
		if segsOf(t)(l.Before(ctx, c, chat.OrderKey{}, limit)) != nil || segsOf(t)(l.After(ctx, c, chat.OrderKey{}, limit)) != nil {
			t.Error("a page of nothing has something")
		}
	}
	want(t, "heads", l.Heads(c), idsOf(all[len(all)-1]))
}

func testConversations(t *testing.T, open func(testing.TB, Config) log) {
	alice, bob := someone(1), someone(2)
	l, ctx := open(t, Config{Self: alice.id}), t.Context()
	with := chat.With(bob.id)
	private := alice.say(with.ID(alice.id), 7)
	room := alice.seal(&chat.Segment{Conversation: conv("lobby"), Time: 9 << 16, Bodies: []chat.Body{words("a"), words("b")}})
	put(t, l, private, room, seg(1))
	for _, c := range []chat.Conversation{with, chat.InRoom("lobby"), chat.InRoom("quiet"), with} {
		if err := l.Name(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[chat.ConversationID]Summary)
	for _, s := range must[[]Summary](t)(l.Conversations(ctx)) {
		got[s.ID] = s
	}
	for _, w := range []Summary{
		{private.Conversation, with, 1, 1, int64(len(private.Envelope)), private.End()},
		{conv("lobby"), chat.InRoom("lobby"), 2, 3, int64(len(room.Envelope) + len(seg(1).Envelope)), room.End()},
		{conv("quiet"), chat.InRoom("quiet"), 0, 0, 0, 0},
	} {
		if fmt.Sprint(got[w.ID]) != fmt.Sprint(w) {
			t.Errorf("got %+v, want %+v", got[w.ID], w)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d conversations", len(got))
	}
}
