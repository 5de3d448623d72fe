package history

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func own(t testing.TB, l log, segs ...*chat.Segment) []*chat.Segment {
	t.Helper()
	added, err := l.AppendOwn(t.Context(), segs...)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func setState(t testing.TB, l log, s *chat.Segment, to chat.DeliveryState, reason string) {
	t.Helper()
	if err := l.SetState(t.Context(), s.Conversation, to, reason, s.ID); err != nil {
		t.Fatal(err)
	}
}

func stateOf(t testing.TB, l log, s *chat.Segment) Standing {
	t.Helper()
	states, err := l.States(t.Context(), s.Conversation, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	return states[s.ID]
}

// A delivery state never goes back; failed ends when it goes out after all.
func testStates(t *testing.T, open func(testing.TB, Config) log) {
	l := open(t, Config{Self: someone(1).id})
	states := []chat.DeliveryState{chat.Queued, chat.Sent, chat.Held, chat.Read, chat.Failed}
	n := 0
	for _, from := range states {
		for _, to := range append(states, "nonsense") {
			n++
			s := seg(n)
			own(t, l, s)
			if got := stateOf(t, l, s); got != (Standing{State: chat.Queued}) {
				t.Fatalf("an own segment begins as %v", got)
			}
			setState(t, l, s, from, "first")
			setState(t, l, s, to, "second")
			want := Standing{from, "first"}
			forward := to != chat.Failed && rank(to) >= rank(from)
			if to != "nonsense" && (from == chat.Failed || forward || to == chat.Failed && (from == chat.Queued || from == chat.Sent)) {
				want = Standing{to, "second"}
			}
			if got := stateOf(t, l, s); got != want {
				t.Errorf("from %s to %s: %v, want %v", from, to, got, want)
			}
		}
	}
	theirs := someone(2).say(conv("lobby"), 1000)
	put(t, l, theirs)
	setState(t, l, theirs, chat.Held, "")
	if got := stateOf(t, l, theirs); got != (Standing{}) {
		t.Errorf("another's segment is %v", got)
	}
	own(t, l, theirs)
	if got := stateOf(t, l, theirs); got != (Standing{}) {
		t.Errorf("what was there before is %v", got)
	}
}

// Our own segments that come from others, after the history was lost, or from an
// export: somebody has them.
func testOwnComeBack(t *testing.T, open func(testing.TB, Config) log) {
	l := open(t, Config{Self: someone(1).id})
	put(t, l, seg(1))
	if got := stateOf(t, l, seg(1)); got.State != chat.Held {
		t.Errorf("it is %v", got)
	}
	own(t, l, seg(2))
	put(t, l, seg(2))
	if got := stateOf(t, l, seg(2)); got.State != chat.Queued {
		t.Errorf("it is %v", got)
	}
	l = open(t, Config{}) // without Self nobody's are ours
	put(t, l, seg(1))
	if got := stateOf(t, l, seg(1)); got != (Standing{}) {
		t.Errorf("it is %v", got)
	}
}

func testOutbox(t *testing.T, open func(testing.TB, Config) log) {
	alice, bob, eve := someone(1), someone(2), someone(3)
	l, ctx := open(t, Config{Self: alice.id}), t.Context()
	withBob, withEve := chat.With(bob.id).ID(alice.id), chat.With(eve.id).ID(alice.id)
	for _, c := range []chat.Conversation{chat.With(bob.id), chat.With(eve.id), chat.InRoom("lobby")} {
		if err := l.Name(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	b1, b2, b3 := alice.say(withBob, 4), alice.say(withBob, 2), alice.say(withBob, 3)
	e1 := alice.seal(&chat.Segment{Conversation: withEve, Time: chat.TimeOf(time.UnixMilli(1)), Bodies: []chat.Body{words("a"), words("b")}})
	own(t, l, b1, b2, b3, e1, seg(1))
	setState(t, l, b2, chat.Sent, "")
	setState(t, l, b3, chat.Held, "")
	setState(t, l, e1, chat.Queued, "nobody is there")
	waiting := must[[]Waiting](t)(l.Outbox(ctx))
	want(t, "outbox", waiting, []Waiting{
		{eve.id, withEve, e1.ID, time.UnixMilli(1), 2, chat.Queued, "nobody is there"},
		{bob.id, withBob, b2.ID, time.UnixMilli(2), 1, chat.Sent, ""},
		{bob.id, withBob, b1.ID, time.UnixMilli(4), 1, chat.Queued, ""},
	})
	list := func() (ids []string) {
		for _, o := range must[[]Own](t)(l.Unsettled(ctx, withBob)) {
			if o.Since != o.Segment.Time.Wall() {
				t.Errorf("since %v", o.Since)
			}
			ids = append(ids, fmt.Sprint(o.Segment.ID, o.State, o.Reason))
		}
		return ids
	}
	want(t, "unsettled", list(), []string{fmt.Sprint(b2.ID, chat.Sent, ""), fmt.Sprint(b1.ID, chat.Queued, "")})
	for _, c := range []struct {
		s    *chat.Segment
		want error
	}{{b1, nil}, {b1, chat.ErrNotFound}, {b2, nil}, {b3, chat.ErrNotFound}, {seg(1), chat.ErrNotFound}, {seg(99), chat.ErrNotFound}} {
		if err := l.Drop(ctx, c.s.Conversation, c.s.ID); !errors.Is(err, c.want) {
			t.Errorf("dropping %v: %v, want %v", c.s.ID, err, c.want)
		}
	}
	if got := stateOf(t, l, b3); got.State != chat.Held {
		t.Errorf("what was delivered is %v", got)
	}
	want(t, "outbox", must[[]Waiting](t)(l.Outbox(ctx)), waiting[:1])
	want(t, "unsettled", list(), []string{fmt.Sprint(b2.ID, chat.Failed, Dropped), fmt.Sprint(b1.ID, chat.Failed, Dropped)})
}

func testUnseen(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all, ctx := open(t, Config{}), conv("lobby"), chainOf(120), t.Context()
	look := func(what string, limit int, wanted []*chat.Segment, count int) {
		t.Helper()
		segs, n, err := l.Unseen(ctx, c, limit)
		if err != nil || n != count {
			t.Errorf("%s: %d unseen, %v; want %d", what, n, err, count)
		}
		wantSegs(t, what, segs, wanted)
	}
	put(t, l, all[:100]...)
	look("nothing was shown", 5, all[95:100], 100)
	l.MarkSeen(c)
	look("all was shown", 5, nil, 0)
	// Late ones stand in the middle.
	put(t, l, someone(2).say(conv("elsewhere"), 1))
	late := someone(2).say(c, 50)
	put(t, l, all[110], late, all[100])
	look("some came", 9, []*chat.Segment{late, all[100], all[110]}, 3)
	look("some came", 2, []*chat.Segment{all[100], all[110]}, 3)
	look("only their number", 0, nil, 3)
	l.MarkSeen(c)
	put(t, l, all[101])
	look("one came", 9, all[101:102], 1)
	put(t, l, all[101])
	look("one came twice", 9, all[101:102], 1)

	// The last to come is pruned; what comes then is new all the same.
	retain(t, l, conv("old"), Retention{MaxBytes: 1})
	put(t, l, someone(2).say(conv("old"), 1), someone(2).say(conv("old"), 2))
	prune(t, l, at(0))
	l.MarkSeen(c)
	if d, ok := l.(*DB); ok { // from another process
		other := openDB(t, d.path, Config{})
		put(t, other, all[102])
		d.Changed(ctx)
	} else {
		put(t, l, all[102])
	}
	look("one came after others were pruned", 9, all[102:103], 1)
}
