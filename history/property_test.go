package history

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A world has two conversations, three people and the segments they wrote, with
// forks, clocks that contradict themselves, and parents of any age.
func world(t *rapid.T) (convs []chat.Conversation, all []*chat.Segment) {
	people := []person{someone(1), someone(2), someone(3)}
	convs = []chat.Conversation{chat.InRoom("lobby"), chat.With(people[1].id)}
	byConv := make(map[chat.ConversationID][]*chat.Segment)
	for i := range rapid.IntRange(1, 40).Draw(t, "segments") {
		id := convs[min(1, rapid.IntRange(0, 4).Draw(t, "private"))].ID(people[0].id)
		s := &chat.Segment{
			Conversation: id, Seq: rapid.Uint64Range(1, 12).Draw(t, "seq"), Chain: chat.Chain{rapid.Byte().Draw(t, "chain") % 2},
			Time: chat.Time(i+1+rapid.IntRange(0, 5).Draw(t, "time")) << 16,
		}
		for range rapid.IntRange(1, 3).Draw(t, "messages") {
			s.Bodies = append(s.Bodies, words(fmt.Sprint("message ", i)))
		}
		if rapid.IntRange(0, 9).Draw(t, "contradiction") == 0 {
			s.Time = 1
		}
		for range rapid.IntRange(0, 3).Draw(t, "parents") {
			before := byConv[id]
			if rapid.IntRange(0, 9).Draw(t, "of another conversation") == 0 {
				before = all // somebody who wants to confuse us
			}
			if len(before) > 0 {
				p := before[len(before)-1-min(len(before)-1, rapid.IntRange(0, 6).Draw(t, "parent"))].ID
				if !slices.Contains(s.Parents, p) {
					s.Parents = append(s.Parents, p)
				}
			}
		}
		people[rapid.IntRange(0, 2).Draw(t, "author")].seal(s)
		byConv[id] = append(byConv[id], s)
		all = append(all, s)
	}
	return convs, all
}

// answers is all that a log says of a conversation, as text.
func answers(t *rapid.T, l log, c chat.ConversationID, all []*chat.Segment) string {
	ctx := context.Background()
	var out []byte
	say := func(format string, args ...any) { out = fmt.Appendf(out, format+"\n", args...) }
	failed := func(err error) {
		if err != nil {
			t.Fatalf("%T: %v", l, err)
		}
	}
	list := func(what string) func(segs []*chat.Segment, err error) {
		return func(segs []*chat.Segment, err error) {
			failed(err)
			say("%s: %v", what, idsOf(segs...))
		}
	}
	say("heads %v, latest %d, floor %v, len %d", l.Heads(c), l.Latest(c), l.Floor(c), l.Len(c))
	ids, n := l.Missing(c)
	say("missing %d: %v", n, ids)
	waiting, err := incomplete(l, c)
	failed(err)
	say("incomplete: %v", waiting)
	list("all")(l.After(ctx, c, chat.OrderKey{}, 100))
	list("newest")(l.Before(ctx, c, chat.OrderKey{}, 7))
	say("lacks %v", l.Lacks(c, idsOf(all...)...))
	for _, s := range all {
		say("has %v", l.Has(c, s.ID))
		states, err := l.States(ctx, c, s.ID)
		failed(err)
		say("state %v", states)
	}
	for i := range 3 {
		last, err := l.LastOf(ctx, c, someone(byte(i+1)).id)
		failed(err)
		if last != nil {
			say("last of %d: %v", i, last.ID)
		}
	}
	unseen, n, err := l.Unseen(ctx, c, 5)
	failed(err)
	say("%d unseen", n)
	list("unseen")(unseen, nil)
	v, err := l.View(c)
	failed(err)
	keys, err := v.Keys(0, v.Len())
	failed(err)
	sum, err := v.Sum(0, v.Len())
	failed(err)
	if sum != *sumOf(keys) {
		t.Fatalf("%T: the sum of %d is wrong", l, len(keys))
	}
	say("view %v %v", keys, v.Floor())
	for _, s := range all {
		n, err := v.Rank(wire.Bound{Time: s.Time, Prefix: s.ID[:5]})
		failed(err)
		say("rank %d", n)
	}
	failed(v.Close())
	own, err := l.Unsettled(ctx, c)
	failed(err)
	for _, o := range own {
		say("unsettled %v %v %q", o.Segment.ID, o.State, o.Reason)
	}
	outbox, err := l.Outbox(ctx)
	failed(err)
	say("outbox %v", outbox)
	sums, err := l.Conversations(ctx)
	failed(err)
	for _, s := range sums {
		if s.ID == c && s.Segments > 0 {
			say("%+v", s)
		}
	}
	return string(out)
}

// firstDifference shows where two texts part.
func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("in memory %s\non disk   %s", as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d and %d answers", len(as), len(bs))
}

// Whatever happens, a DB does what a Memory does, also when it is closed and
// opened between, when another process writes, and when its file stays in order
// is checked each time.
func TestFormsAgree(t *testing.T) {
	dir := t.TempDir()
	self := Config{Self: someone(1).id}
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		path := filepath.Join(dir, "history.db")
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + suffix)
		}
		open := func() *DB {
			d, report, err := Open(ctx, path, self)
			if err != nil || report != (Report{}) {
				t.Fatal(report, err)
			}
			return d
		}
		m, d := NewMemory(self), open()
		defer func() { d.Close() }()
		convs, all := world(t)
		some := func() (segs []*chat.Segment) {
			for range rapid.IntRange(1, 8).Draw(t, "some") {
				segs = append(segs, all[rapid.IntRange(0, len(all)-1).Draw(t, "segment")])
			}
			return segs
		}
		states := []chat.DeliveryState{chat.Queued, chat.Sent, chat.Held, chat.Read, chat.Failed}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			var act func(log) string
			switch rapid.IntRange(0, 14).Draw(t, "step") {
			default:
				segs := some()
				act = func(l log) string {
					added, err := l.Append(ctx, segs...)
					return fmt.Sprint(idsOf(added...), err)
				}
			case 0:
				segs := some()
				act = func(l log) string {
					added, err := l.AppendOwn(ctx, segs...)
					return fmt.Sprint(idsOf(added...), err)
				}
			case 1:
				s, to := some()[0], rapid.SampledFrom(states).Draw(t, "state")
				act = func(l log) string { return fmt.Sprint(l.SetState(ctx, s.Conversation, to, "why", s.ID)) }
			case 2:
				s := some()[0]
				act = func(l log) string { return fmt.Sprint(l.GiveUp(ctx, s.Conversation, append(s.Parents, s.ID)...)) }
			case 3:
				s := some()[0]
				act = func(l log) string { return fmt.Sprint(l.Drop(ctx, s.Conversation, s.ID) == nil) }
			case 4:
				c := rapid.SampledFrom(convs).Draw(t, "conversation").ID(self.Self)
				act = func(l log) string { l.MarkSeen(c); return "" }
			case 5:
				c := rapid.SampledFrom(convs).Draw(t, "conversation")
				act = func(l log) string { return fmt.Sprint(l.Name(ctx, c)) }
			case 6:
				c := rapid.SampledFrom(convs).Draw(t, "conversation").ID(self.Self)
				r := Retention{MaxAge: time.Duration(rapid.IntRange(0, 20).Draw(t, "age")) * time.Millisecond, MaxBytes: rapid.Int64Range(0, 2000).Draw(t, "bytes")}
				now := at(rapid.IntRange(1, 60).Draw(t, "now"))
				act = func(l log) string {
					n, err := l.Prune(ctx, now)
					return fmt.Sprint(n, err, l.SetRetention(ctx, c, r))
				}
			case 7:
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				d = open()
				continue
			case 8: // another process writes, and the node looks
				segs := some()
				if _, err := m.Append(ctx, segs...); err != nil {
					t.Fatal(err)
				}
				other := open()
				if _, err := other.Append(ctx, segs...); err != nil {
					t.Fatal(err)
				}
				if err := other.Close(); err != nil {
					t.Fatal(err)
				}
				d.Changed(ctx)
				continue
			}
			if a, b := act(m), act(d); a != b {
				t.Fatalf("in memory %s\non disk %s", a, b)
			}
		}
		for _, c := range convs {
			id := c.ID(self.Self)
			if a, b := answers(t, m, id, all), answers(t, d, id, all); a != b {
				t.Fatal(firstDifference(a, b))
			}
		}
		if err := d.Check(ctx); err != nil {
			t.Fatal(err)
		}
	})
}
