package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A pageLog is what both forms answer about messages.
type pageLog interface {
	Append(ctx context.Context, segs ...*chat.Segment) ([]*chat.Segment, error)
	Messages(ctx context.Context, q Query) ([]Entry, error)
	Find(ctx context.Context, conv chat.ConversationID, id chat.MessageID) (Entry, bool, error)
	Topic(ctx context.Context, conv chat.ConversationID) (Entry, bool, error)
	Search(ctx context.Context, s Search) ([]Entry, error)
}

// eachForm runs a test on an empty log of each form.
func eachForm(t *testing.T, test func(t *testing.T, l pageLog)) {
	t.Run("memory", func(t *testing.T) { test(t, NewMemory(Config{})) })
	t.Run("disk", func(t *testing.T) { test(t, openPages(t)) })
}

func openPages(t testing.TB) *DB {
	t.Helper()
	db, _, err := Open(context.Background(), filepath.Join(t.TempDir(), "history.db"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// A pen writes one author's segments.
type pen struct {
	t   testing.TB
	key crypto.PrivKey
	id  chat.PeerID
	seq uint64
}

// newPen is always the same for the same n.
func newPen(t testing.TB, n byte) *pen {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.NewChaCha8([32]byte{n, 1}))
	if err != nil {
		t.Fatal(err)
	}
	return &pen{t: t, key: key, seq: 1}
}

// write seals a segment at a time.
func (p *pen) write(conv chat.ConversationID, at chat.Time, parents []chat.SegmentID, bodies ...chat.Body) *chat.Segment {
	p.t.Helper()
	s := &chat.Segment{Conversation: conv, Seq: p.seq, Parents: parents, Time: at, Bodies: bodies}
	if err := wire.SealSegment(p.key, s); err != nil {
		p.t.Fatal(err)
	}
	p.id, p.seq = s.Author, s.Next()
	return s
}

func bodyOf(t testing.TB, kind chat.Kind, target chat.MessageID, text string) chat.Body {
	t.Helper()
	s, err := chat.NewText(text)
	if err != nil {
		t.Fatal(err)
	}
	if !kind.HasTarget() {
		target = chat.MessageID{}
	}
	b := chat.Body{Kind: kind, Target: target, Text: s}
	if !kind.Known() {
		b = chat.Body{Kind: kind, Data: []byte(text)}
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	return b
}

func said(t testing.TB, text string) chat.Body {
	return bodyOf(t, chat.KindText, chat.MessageID{}, text)
}

func store(t testing.TB, l pageLog, segs ...*chat.Segment) {
	t.Helper()
	if _, err := l.Append(context.Background(), segs...); err != nil {
		t.Fatal(err)
	}
}

// texts is how a test writes down a page.
func texts(entries []Entry) (list []string) {
	for _, e := range entries {
		s := e.Body.Text.Line()
		if e.Edited {
			s += " (edited)"
		}
		if e.Deleted {
			s += "(deleted)"
		}
		for _, r := range e.Reactions {
			s += fmt.Sprintf(" [%s %d]", r.Text.Line(), len(r.By))
		}
		if e.Gap {
			s = "gap, " + s
		}
		list = append(list, s)
	}
	return list
}

func wantPage(t testing.TB, l pageLog, q Query, want ...string) []Entry {
	t.Helper()
	got, err := l.Messages(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(texts(got), want) {
		t.Errorf("%+v:\n got %q\nwant %q", q, texts(got), want)
	}
	return got
}

func TestPagesOfMessages(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby := chat.RoomID("lobby")
		wantPage(t, l, Query{Conversation: lobby})
		alice, bob := newPen(t, 1), newPen(t, 2)
		// Two segments whose messages alternate, and one alone.
		one := alice.write(lobby, 100, nil, said(t, "a0"), said(t, "a1"), said(t, "a2"), said(t, "a3"))
		two := bob.write(lobby, 102, nil, said(t, "b2"), said(t, "b3"), said(t, "b4"))
		three := alice.write(lobby, 300, []chat.SegmentID{one.ID, two.ID}, said(t, "c"))
		store(t, l, three, two, one)
		store(t, l, alice.write(chat.RoomID("other"), 103, nil, said(t, "elsewhere")))
		b := []string{"a2", "b2"}
		c := []string{"a3", "b3"}
		if two.MessageID(0).String() < one.MessageID(2).String() {
			slices.Reverse(b)
		}
		if two.MessageID(1).String() < one.MessageID(3).String() {
			slices.Reverse(c)
		}
		all := append(append(append([]string{"a0", "a1"}, b...), c...), "b4", "c")
		page := wantPage(t, l, Query{Conversation: lobby}, all...)
		for i := range all {
			for n := 1; n <= len(all)-i; n++ {
				wantPage(t, l, Query{Conversation: lobby, Before: page[i].Place, Limit: n}, all[max(0, i-n):i]...)
				wantPage(t, l, Query{Conversation: lobby, After: page[i].Place, Limit: n}, all[i+1:min(len(all), i+1+n)]...)
			}
		}
		wantPage(t, l, Query{Conversation: lobby, After: Beginning(), Limit: 3}, all[:3]...)
		wantPage(t, l, Query{Conversation: lobby, After: page[1].Place, Before: page[4].Place}, all[2:4]...)
		if e := page[7]; e.Author != alice.id || e.Segment != three.ID || e.Conversation != lobby || e.Time != 300 || e.ID != three.MessageID(0) {
			t.Errorf("got %+v", e)
		}
	})
}

// Long segments stand among many short ones, so that a page's messages come from
// segments that begin far away from it.
func TestPagesAcrossManySegments(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby, alice, bob := chat.RoomID("lobby"), newPen(t, 1), newPen(t, 2)
		var segs []*chat.Segment
		for i := range 4 * walkBatch {
			segs = append(segs, alice.write(lobby, chat.Time(1000+i), nil, said(t, fmt.Sprint("short ", i))))
		}
		for i := range 3 {
			var bodies []chat.Body
			for j := range chat.MaxBodies - 1 {
				bodies = append(bodies, said(t, fmt.Sprint("long ", i, " ", j)))
			}
			segs = append(segs, bob.write(lobby, chat.Time(901+i*90), nil, append(bodies, bodyOf(t, chat.KindTopic, chat.MessageID{}, fmt.Sprint("topic ", i)))...))
		}
		// The newest topic is the last message of a segment that began before
		// many others, one of which has an older topic.
		segs = append(segs, alice.write(lobby, 1300, nil, bodyOf(t, chat.KindTopic, chat.MessageID{}, "older")))
		store(t, l, segs...)
		var all []Entry
		for _, s := range segs {
			all = append(all, EntriesOf(s)...)
		}
		slices.SortFunc(all, func(a, b Entry) int { return a.Compare(b.Place) })
		for _, limit := range []int{7, 64, 300} {
			checkWalks(t, "any", l, Query{Conversation: lobby, Limit: limit, Raw: true}, all)
		}
		if e, ok, err := l.Topic(context.Background(), lobby); err != nil || !ok || e.Body.Text.Raw() != "topic 2" {
			t.Errorf("topic: got %q, %v, %v", e.Body.Text, ok, err)
		}
	})
}

func TestPagesAreLimited(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby, alice := chat.RoomID("lobby"), newPen(t, 1)
		for i := range 5 {
			var bodies []chat.Body
			for j := range chat.MaxBodies {
				bodies = append(bodies, said(t, fmt.Sprint("message ", i, " ", j)))
			}
			store(t, l, alice.write(lobby, chat.Time(1000*i+1), nil, bodies...))
		}
		for _, c := range []struct{ limit, want int }{{0, defaultPage}, {7, 7}, {1 << 30, maxPage}} {
			for _, after := range []Place{{}, Beginning()} {
				got, err := l.Messages(context.Background(), Query{Conversation: lobby, Limit: c.limit, After: after})
				if err != nil || len(got) != c.want {
					t.Errorf("limit %d: %d messages, %v", c.limit, len(got), err)
				}
			}
			got, err := l.Search(context.Background(), Search{Words: "message", Limit: c.limit})
			if err != nil || len(got) != c.want {
				t.Errorf("limit %d: found %d messages, %v", c.limit, len(got), err)
			}
		}
	})
}

func TestEditsDeletionsAndReactions(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby, alice, bob := chat.RoomID("lobby"), newPen(t, 1), newPen(t, 2)
		first := alice.write(lobby, 100, nil, said(t, "helo"), said(t, "secret"), said(t, "third"))
		helo, secret, third := first.MessageID(0), first.MessageID(1), first.MessageID(2)
		edit := alice.write(lobby, 200, nil, bodyOf(t, chat.KindEdit, helo, "hello"))
		// What is about a message that is not here changes nothing yet.
		store(t, l, edit)
		wantPage(t, l, Query{Conversation: lobby})
		wantPage(t, l, Query{Conversation: lobby, Raw: true}, "hello")
		store(t, l, first)
		wantPage(t, l, Query{Conversation: lobby}, "hello (edited)", "secret", "third")
		store(t, l,
			alice.write(lobby, 150, nil, bodyOf(t, chat.KindEdit, helo, "older")),
			bob.write(lobby, 300, nil, bodyOf(t, chat.KindEdit, helo, "not his"), bodyOf(t, chat.KindDelete, helo, "")),
			alice.write(lobby, 310, nil, bodyOf(t, chat.KindDelete, secret, "")),
			alice.write(lobby, 320, nil, bodyOf(t, chat.KindEdit, edit.MessageID(0), "an edit of an edit")),
			alice.write(lobby, 330, nil, bodyOf(t, chat.KindReaction, third, "+1")),
			bob.write(lobby, 331, nil, bodyOf(t, chat.KindReaction, third, "no"), bodyOf(t, chat.KindReaction, third, "+1"),
				bodyOf(t, chat.KindReaction, secret, "!"), bodyOf(t, chat.KindReaction, helo, "?"), bodyOf(t, chat.KindReaction, helo, "")),
			bob.write(lobby, 400, nil, bodyOf(t, chat.KindReply, third, "yes"), bodyOf(t, chat.KindTopic, third, "news"), bodyOf(t, 77, third, "data")),
		)
		wantPage(t, l, Query{Conversation: lobby}, "hello (edited)", "(deleted)", "third [+1 2]", "yes", "news", "")
		if page := wantPage(t, l, Query{Conversation: lobby, Raw: true, Limit: 3}, "yes", "news", ""); page[2].Body.Kind != 77 || string(page[2].Body.Data) != "data" {
			t.Errorf("got %+v", page[2])
		}
		e, ok, err := l.Find(context.Background(), lobby, third)
		if err != nil || !ok || !reflect.DeepEqual(e.Reactions, []chat.Reaction{{Text: bodyOf(t, chat.KindText, third, "+1").Text, By: []chat.PeerID{alice.id, bob.id}}}) {
			t.Errorf("got %+v, %v, %v", e, ok, err)
		}
		store(t, l, alice.write(lobby, 500, nil, bodyOf(t, chat.KindEdit, secret, "no secret")))
		wantPage(t, l, Query{Conversation: lobby, Limit: 5, After: Place{Time: 101}}, "no secret (edited) [! 1]", "third [+1 2]", "yes", "news", "")
	})
}

func TestTopicIsTheNewest(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby, alice, bob := chat.RoomID("lobby"), newPen(t, 1), newPen(t, 2)
		topic := func(want string) {
			t.Helper()
			if e, ok, err := l.Topic(context.Background(), lobby); err != nil || ok != (want != "") || e.Body.Text.Raw() != want {
				t.Errorf("got %q, %v, %v, want %q", e.Body.Text, ok, err, want)
			}
		}
		set := func(p *pen, at chat.Time, text string) {
			store(t, l, p.write(lobby, at, nil, said(t, "about that"), bodyOf(t, chat.KindTopic, chat.MessageID{}, text)))
		}
		topic("")
		set(alice, 100, "one")
		topic("one")
		set(bob, 90, "older")
		topic("one")
		set(bob, 110, "two")
		topic("two")
		set(alice, 120, "")
		topic("")
	})
}

func TestGapIsShownBeforeWhatFollowsIt(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby, alice := chat.RoomID("lobby"), newPen(t, 1)
		one := alice.write(lobby, 100, nil, said(t, "one"))
		two := alice.write(lobby, 200, []chat.SegmentID{one.ID}, said(t, "two"))
		three := alice.write(lobby, 300, []chat.SegmentID{two.ID}, said(t, "three"), said(t, "four"))
		store(t, l, one, three)
		wantPage(t, l, Query{Conversation: lobby}, "one", "gap, three", "four")
		store(t, l, two)
		wantPage(t, l, Query{Conversation: lobby}, "one", "two", "three", "four")
	})
}

// Somebody may aim at a message whose ID only begins like another's.
func TestTargetIsTheWholeID(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby, alice := chat.RoomID("lobby"), newPen(t, 1)
		first := alice.write(lobby, 100, nil, said(t, "hello"))
		near := first.MessageID(0)
		near[31] ^= 1
		store(t, l, first, alice.write(lobby, 200, nil,
			bodyOf(t, chat.KindEdit, first.MessageID(0), "edited"), bodyOf(t, chat.KindEdit, near, "aside"), bodyOf(t, chat.KindReaction, near, "!")))
		wantPage(t, l, Query{Conversation: lobby}, "edited (edited)")
		if _, ok, err := l.Find(context.Background(), lobby, near); ok || err != nil {
			t.Errorf("got %v, %v", ok, err)
		}
		if _, ok, err := l.Find(context.Background(), chat.RoomID("other"), first.MessageID(0)); ok || err != nil {
			t.Errorf("in another conversation: got %v, %v", ok, err)
		}
		if got, err := l.Search(context.Background(), Search{Words: "aside"}); err != nil || len(got) != 0 {
			t.Errorf("found %q, %v", texts(got), err)
		}
	})
}

// Whoever reacts again and again to one message makes no page dear.
func TestReactionsLookedAtAreLimited(t *testing.T) {
	l, lobby, alice, bob := openPages(t), chat.RoomID("lobby"), newPen(t, 1), newPen(t, 2)
	hello := alice.write(lobby, 1, nil, said(t, "hello"))
	store(t, l, hello, alice.write(lobby, 2, nil, bodyOf(t, chat.KindReaction, hello.MessageID(0), "first")))
	for i := range maxReactions / chat.MaxBodies {
		bodies := slices.Repeat([]chat.Body{bodyOf(t, chat.KindReaction, hello.MessageID(0), "again")}, chat.MaxBodies)
		store(t, l, bob.write(lobby, chat.Time(1000*(i+1)), nil, bodies...))
		if i == 0 {
			wantPage(t, l, Query{Conversation: lobby}, "hello [first 1] [again 1]")
		}
	}
	wantPage(t, l, Query{Conversation: lobby}, "hello [again 1]")
}
