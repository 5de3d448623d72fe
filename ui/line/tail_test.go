package line

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// A following is a Tail in fake time.
type following struct {
	t         *testing.T
	node      *fakeNode
	out, errs *output
	stop      context.CancelFunc
	done      chan error
}

func follow(t *testing.T, cfg TailConfig) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &following{t: t, node: newFake(), out: new(output), errs: new(output), stop: cancel, done: make(chan error, 1)}
	cfg.Events, cfg.Self, cfg.Name = f.node, peerN(0), nick("alice")
	if cfg.Out == nil {
		cfg.Out = f.out
	}
	cfg.Err = f.errs
	go func() { f.done <- Tail(ctx, cfg) }()
	t.Cleanup(cancel)
	return f
}

// happen makes events happen, and waits until they are shown.
func (f *following) happen(evs ...chat.Event) {
	f.t.Helper()
	f.node.happen(evs...)
	synctest.Wait()
}

func (f *following) wrote(out, errs string) {
	f.t.Helper()
	if f.out.String() != out {
		f.t.Errorf("stdout:\n%swant:\n%s", f.out, out)
	}
	if f.errs.String() != errs {
		f.t.Errorf("stderr:\n%swant:\n%s", f.errs, errs)
	}
}

func (f *following) ended(want error) {
	f.t.Helper()
	synctest.Wait()
	select {
	case err := <-f.done:
		if !errors.Is(err, want) {
			f.t.Errorf("ended with %v, want %v", err, want)
		}
	default:
		f.t.Fatal("it goes on")
	}
}

func TestTail(t *testing.T) {
	fake(t, func(t *testing.T) {
		den, bob, at := chat.InRoom("@den"), chat.With(peerN(1)), chat.InRoom("lobby")
		past := said(1, at, 1, "before")
		reply := said(5, at, 0, "me too")
		reply.Kind, reply.Target = chat.KindReply, idOf(2)
		stranger := said(6, chat.With(peerN(2)), 2, "buy this")
		stranger.Request = true
		evs := []chat.Event{
			chat.Ready{Peer: peerN(0)},
			past,
			said(2, at, 1, "hello\nall"),
			chat.Member{Conversation: at, Peer: peerN(2), Nick: nick("carol"), Online: true},
			said(3, den, 2, "psst"),
			said(4, bob, 0, "hi bob"),
			chat.Delivery{Conversation: bob, ID: idOf(4), State: chat.Held},
			reply, stranger,
			said(7, bob, 1, "hi alice"),
			chat.Notice{Conversation: at, Code: chat.NoticeWaiting, Text: "nobody"},
			chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed"},
		}
		all := follow(t, TailConfig{Past: []chat.Message{past}})
		all.happen(evs...)
		const day = "2026-01-02 12:00 "
		all.wrote(day+"lobby bob | before\n"+day+"lobby bob | hello\n      | all\n"+day+"#@den carol | psst\n"+
			day+"@~"+peerN(1).Short()+" alice | hi bob\n"+day+"lobby alice | (re bob: \"hello all\") me too\n"+day+"@bob bob | hi alice\n",
			"p2pchat: no seed\n")
		all.stop()
		all.ended(context.Canceled)

		some := follow(t, TailConfig{Conversations: []chat.Conversation{den, chat.With(peerN(2))}})
		some.happen(evs...)
		some.wrote(day+"#@den carol | psst\n"+day+"@carol carol | buy this\n", "p2pchat: no seed\n")

		objects := follow(t, TailConfig{JSON: true, Past: []chat.Message{past}, Addrs: []string{"/ip4/192.0.2.1/tcp/1"}})
		objects.happen(evs...)
		var want strings.Builder
		want.Write(object(chat.Ready{Peer: peerN(0), Addrs: []string{"/ip4/192.0.2.1/tcp/1"}}))
		for _, ev := range evs {
			if m, ok := ev.(chat.Message); ok {
				want.Write(object(m))
			}
		}
		objects.wrote(want.String(), "p2pchat: no seed\n")
	})
}

// The own new name is shown, and is nobody else's from then on; what was written
// under the old one and comes late does not bring that back.
func TestTailOfRenamed(t *testing.T) {
	fake(t, func(t *testing.T) {
		named := func(m chat.Message, name string) chat.Message {
			return with(m, func(m *chat.Message) { m.Nick = nick(name) })
		}
		f := follow(t, TailConfig{})
		f.happen(said(1, lobby(), 0, "one"), named(said(2, lobby(), 0, "two"), "Alicia"))
		f.happen(chat.Notice{Code: "node-lost", Text: "lost"}, missed(), named(said(3, lobby(), 0, "three"), "Alicia"))
		f.happen(with(said(4, lobby(), 0, "old"), func(m *chat.Message) { m.Old = true }), named(said(5, lobby(), 1, "trick"), "alicia"))
		got := strings.ReplaceAll(f.out.String(), "2026-01-02 12:00 lobby ", "")
		if want := "alice | one\nAlicia | two\nAlicia | three\nAlicia | old\nalicia~" + peerN(1).Short() + " | trick\n"; got != want {
			t.Errorf("shown is %q, want %q", got, want)
		}
	})
}

// A newcomer's nick is waited for, but not long, and not at the end.
func TestTailWaitsForNicks(t *testing.T) {
	fake(t, func(t *testing.T) {
		f := follow(t, TailConfig{})
		unnamed := said(1, lobby(), 1, "hi")
		unnamed.Nick = chat.Text{}
		f.happen(unnamed)
		f.wrote("", "")
		f.happen(chat.Member{Conversation: lobby(), Peer: peerN(1), Nick: nick("bob"), Online: true})
		f.wrote("2026-01-02 12:00 lobby bob | hi\n", "")
		unnamed.ID, unnamed.Author = idOf(2), peerN(2)
		f.happen(unnamed)
		time.Sleep(nickFor)
		synctest.Wait()
		if got := f.out.String(); !strings.HasSuffix(got, "lobby ~"+peerN(2).Short()+" | hi\n") {
			t.Errorf("stdout is %q", got)
		}
		unnamed.ID, unnamed.Author = idOf(3), peerN(3)
		f.happen(unnamed)
		f.stop()
		f.ended(context.Canceled)
		if got := f.out.String(); !strings.HasSuffix(got, "lobby ~"+peerN(3).Short()+" | hi\n") {
			t.Errorf("stdout is %q", got)
		}
	})
}

// What was missed is paged in each conversation, and told.
func TestTailMissed(t *testing.T) {
	fake(t, func(t *testing.T) {
		den := chat.InRoom("den")
		one, two, three := now(1, 1, "one"), now(2, 1, "two"), now(3, 1, "three")
		inDen, before := now(4, 1, "in the den"), now(5, 1, "before")
		inDen.Conversation, before.Conversation, before.Time = den, den, time.Now().Add(-time.Hour)
		pages := func(ctx context.Context, conv chat.Conversation, after chat.MessageID) ([]chat.Message, error) {
			if conv == den {
				return page(before, inDen)(ctx, after)
			}
			return page(one, two, three)(ctx, after)
		}
		cfg := TailConfig{Page: pages, All: func(context.Context) ([]chat.Conversation, error) { return []chat.Conversation{den, lobby()}, nil }}
		f := follow(t, cfg)
		f.happen(one, missed(), three)
		if got := strings.Join(lines(f.out.String()), ","); got != "one,in the den,two,three" {
			t.Errorf("shown is %s", got)
		}
		cfg.Conversations, cfg.JSON = []chat.Conversation{lobby()}, true
		f = follow(t, cfg)
		f.happen(one, missed(), three)
		f.wrote(string(object(chat.Ready{Peer: peerN(0)}))+string(object(one))+string(object(missed()))+string(object(two))+string(object(three)), "")

		cfg = TailConfig{Page: pages}
		f = follow(t, cfg)
		f.happen(one, missed()) // of the den it does not know
		if got := strings.Join(lines(f.out.String()), ","); got != "one,two,three" {
			t.Errorf("shown is %s", got)
		}
		cfg.All = func(context.Context) ([]chat.Conversation, error) { return nil, io.ErrNoProgress }
		f = follow(t, cfg)
		f.happen(missed())
		if got := f.errs.String(); !strings.Contains(got, "what was missed cannot be shown: "+io.ErrNoProgress.Error()) {
			t.Errorf("stderr is %q", got)
		}
		f = follow(t, TailConfig{})
		f.happen(missed())
		if got := f.errs.String(); !strings.HasSuffix(got, "may not be shown "+missedHint+"\n") {
			t.Errorf("stderr is %q", got)
		}
	})
}

func TestTailEnds(t *testing.T) {
	fake(t, func(t *testing.T) {
		f := follow(t, TailConfig{Out: broken{}})
		f.happen(chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed"})
		f.happen(said(1, lobby(), 1, "x"))
		f.ended(io.ErrClosedPipe)

		f = follow(t, TailConfig{Out: broken{}}) // before something is said of the node
		f.happen(said(1, lobby(), 1, "x"), chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed"})
		f.ended(io.ErrClosedPipe)

		f = follow(t, TailConfig{Out: broken{}, Past: []chat.Message{said(1, lobby(), 1, "x")}})
		f.ended(io.ErrClosedPipe)

		f = follow(t, TailConfig{})
		f.node.breakDown(chat.ErrClosed)
		f.ended(chat.ErrClosed)

		// An output that takes nothing does not keep it.
		slow := &slowPipe{open: make(chan struct{})}
		defer func() { close(slow.open) }()
		f = follow(t, TailConfig{Out: slow})
		f.happen(said(1, lobby(), 1, "x"))
		f.stop()
		time.Sleep(lastGrace)
		f.ended(context.Canceled)
	})
}

// What strangers write hurts nobody here either, and takes no memory for ever.
func TestTailOfStrangers(t *testing.T) {
	fake(t, func(t *testing.T) {
		text, objects := follow(t, TailConfig{}), follow(t, TailConfig{JSON: true})
		for i, s := range hostileTexts() {
			m := said(byte(i), lobby(), 1, strings.ToValidUTF8(s, ""))
			m.Nick = m.Text
			text.happen(m, chat.Notice{Code: chat.NoticeSeedLost, Text: s})
			objects.happen(m)
		}
		mustBeSafe(t, text.out.String())
		mustBeSafe(t, text.errs.String())
		mustBeSafe(t, objects.out.String())

		one := &tail{told: make(map[chat.Conversation]*tailed)}
		for i := range 3 * maxTailed {
			if one.of(chat.With(peerN(i))); len(one.told) > maxTailed {
				t.Fatalf("%d conversations are remembered", len(one.told))
			}
		}
	})
}
