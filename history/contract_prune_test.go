package history

import (
	"slices"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// at is the time of segment n.
func at(n int) time.Time { return time.UnixMilli(int64(n)) }

func prune(t testing.TB, l log, now time.Time) int {
	t.Helper()
	n, err := l.Prune(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func retain(t testing.TB, l log, c chat.ConversationID, r Retention) {
	t.Helper()
	if err := l.SetRetention(t.Context(), c, r); err != nil {
		t.Fatal(err)
	}
	if got := must[Retention](t)(l.Retention(t.Context(), c)); got != r {
		t.Fatalf("retention is %v, want %v", got, r)
	}
}

func testRetainAge(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all := open(t, Config{}), conv("lobby"), chainOf(800)
	var quiet []*chat.Segment
	for i := range 5 {
		quiet = append(quiet, someone(2).say(conv("quiet"), i+1))
	}
	put(t, l, all...)
	put(t, l, quiet...)
	if n := prune(t, l, at(100_000)); n != 0 {
		t.Fatalf("%d were pruned that were to be kept", n)
	}
	retain(t, l, c, Retention{MaxAge: 300 * time.Millisecond})
	if n := prune(t, l, at(900)); n != 599 {
		t.Fatalf("%d were pruned", n)
	}
	wantSegs(t, "held", segsOf(t)(l.After(t.Context(), c, chat.OrderKey{}, 1000)), all[599:])
	wantSegs(t, "the quiet room", segsOf(t)(l.After(t.Context(), conv("quiet"), chat.OrderKey{}, 1000)), quiet)
	want(t, "heads", l.Heads(c), idsOf(all[799]))
	want(t, "missing", missing(l, c), nil)
	if l.Floor(c) != all[598].Key() || l.Len(c) != 201 || l.Latest(c) != all[799].End() {
		t.Error("the floor is not what was pruned last")
	}
	for i, s := range all {
		if !l.Has(c, s.ID) {
			t.Fatalf("segment %d is not explained any more", i)
		}
		if held := segsOf(t)(l.Get(t.Context(), c, s.ID)) != nil; held != (i >= 599) {
			t.Fatalf("segment %d held: %v", i, held)
		}
	}
	want(t, "lacking", l.Lacks(c, append(idsOf(all...), chat.SegmentID{7})...), []chat.SegmentID{{7}})
	want(t, "lacking in the quiet room", l.Lacks(conv("quiet"), idsOf(all...)...), idsOf(all...))
	v := must[*View](t)(l.View(c))
	defer v.Close()
	if v.Len() != 201 || v.Floor() != l.Floor(c) {
		t.Errorf("a view of %d", v.Len())
	}
	for _, s := range must[[]Summary](t)(l.Conversations(t.Context())) {
		if s.ID == c && (s.Segments != 201 || s.Messages != 201) {
			t.Errorf("%+v", s)
		}
	}
}

func testRetainBytes(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all := open(t, Config{}), conv("lobby"), chainOf(400)
	put(t, l, all...)
	size := int64(0)
	for _, s := range all[300:] {
		size += int64(len(s.Envelope))
	}
	retain(t, l, c, Retention{MaxBytes: size})
	if n := prune(t, l, at(0)); n != 300 {
		t.Fatalf("%d were pruned", n)
	}
	wantSegs(t, "held", segsOf(t)(l.After(t.Context(), c, chat.OrderKey{}, 1000)), all[300:])
	retain(t, l, c, Retention{MaxBytes: 1})
	if n := prune(t, l, at(0)); n != 100 || l.Len(c) != 0 || l.Heads(c) != nil {
		t.Errorf("%d were pruned, %d are left", n, l.Len(c))
	}
	next := seg(401, all[399])
	put(t, l, next)
	want(t, "heads", l.Heads(c), idsOf(next))
	want(t, "missing", missing(l, c), nil)
}

func testPrunedForGood(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all := open(t, Config{}), conv("lobby"), chainOf(1000)
	put(t, l, all[500:]...)
	want(t, "missing", missing(l, c), idsOf(all[499]))
	want(t, "heads", l.Heads(c), nil)
	retain(t, l, c, Retention{MaxAge: 100 * time.Millisecond})
	prune(t, l, at(901))
	// What had named a missing one is gone, and so is the gap.
	want(t, "missing", missing(l, c), nil)
	want(t, "heads", l.Heads(c), idsOf(all[999]))
	want(t, "what is older than what was pruned, added", put(t, l, all[:10]...), nil)
	for _, s := range all[:10] {
		if !l.Has(c, s.ID) {
			t.Error("would be asked for again and again")
		}
	}
	want(t, "what was pruned, added", put(t, l, all[500:510]...), nil)
	// Parents: one that was pruned, one that was never stored and is too old,
	// one that is held.
	s := seg(2000, all[500], all[5], all[999])
	put(t, l, s)
	want(t, "missing", missing(l, c), nil)
	want(t, "heads", l.Heads(c), idsOf(s))
	// One that is not known yet, and then turns out to be too old.
	s2 := seg(2001, all[20], s)
	put(t, l, s2)
	want(t, "missing", missing(l, c), idsOf(all[20]))
	want(t, "heads", l.Heads(c), idsOf(s))
	want(t, "added", put(t, l, all[20]), nil)
	want(t, "missing", missing(l, c), nil)
	want(t, "heads", l.Heads(c), idsOf(s2))

	// A clock that contradicts itself: the child is pruned before its parent,
	// and what waits for the child waits no more.
	l = open(t, Config{})
	parent := seg(500)
	child := seg(100, parent)
	waits := seg(600, child)
	put(t, l, child, waits)
	want(t, "heads", l.Heads(c), nil)
	retain(t, l, c, Retention{MaxAge: 100 * time.Millisecond})
	if n := prune(t, l, at(300)); n != 1 {
		t.Errorf("%d were pruned", n)
	}
	want(t, "missing", missing(l, c), nil)
	want(t, "heads", l.Heads(c), idsOf(waits))
	put(t, l, parent)
	want(t, "heads", l.Heads(c), idsOf(waits, parent))
	want(t, "incomplete", must[[]chat.SegmentID](t)(incomplete(l, c)), nil)
}

// An own segment that nobody else may have is kept, and all behind it.
func testPruneKeepsQueued(t *testing.T, open func(testing.TB, Config) log) {
	alice := someone(1)
	l, ctx := open(t, Config{Self: alice.id}), t.Context()
	room, private := chat.InRoom("lobby"), chat.With(someone(2).id)
	for _, is := range []chat.Conversation{room, private} {
		if err := l.Name(ctx, is); err != nil {
			t.Fatal(err)
		}
		c := is.ID(alice.id)
		var all []*chat.Segment
		for i := range 10 {
			all = append(all, alice.say(c, i+1))
		}
		own(t, l, all...)
		for _, s := range slices.Concat(all[:3], all[4:]) {
			setState(t, l, s, chat.Held, "")
		}
		retain(t, l, c, Retention{MaxAge: time.Millisecond})
		if n := prune(t, l, at(1000)); n != 3 {
			t.Errorf("%v: %d were pruned before the queued one", is, n)
		}
		setState(t, l, all[3], chat.Sent, "")
		wanted := 7
		if is.IsDirect() {
			wanted = 0
		}
		if n := prune(t, l, at(1000)); n != wanted {
			t.Errorf("%v: %d were pruned with a sent one", is, n)
		}
		setState(t, l, all[3], chat.Held, "")
		if n := prune(t, l, at(1000)); n != 7-wanted {
			t.Errorf("%v: %d were pruned at last", is, n)
		}
		if n := l.Len(c); n != 0 {
			t.Errorf("%v: %d are left", is, n)
		}
	}
}
