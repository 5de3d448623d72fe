package line

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// What the other side was told that we have must be shown, also what comes while
// we leave.
func TestPrintsUntilLeft(t *testing.T) {
	fake(t, func(t *testing.T) {
		bob := peerN(1)
		private := chat.With(bob)
		here := chat.Member{Conversation: private, Peer: bob, Nick: nick("bob"), Online: true}
		last := chat.Message{Conversation: private, Author: bob, Nick: nick("bob"), Time: noon(), Kind: chat.KindText, Text: nick("wait, one more")}
		for _, end := range []struct {
			name string
			by   func(*session)
			want error
		}{
			{"input", func(s *session) { s.in.Close() }, nil},
			{"exit", func(s *session) { s.write("exit") }, nil},
			{"interrupt", func(s *session) { s.stop() }, context.Canceled},
		} {
			node := newFake()
			node.settle = func(context.Context) (int, error) { return 0, nil }
			node.happen(here)
			s := begin(t, node, Config{Conversation: private, Leave: func(ctx context.Context) error {
				time.Sleep(time.Second)
				node.happen(last, chat.Member{Conversation: private, Peer: bob, Nick: nick("bob")}, chat.Ended{Conversation: private})
				node.happen(said(9, private, 1, "and this"))
				return ctx.Err()
			}})
			s.write("hello")
			end.by(s)
			s.goesOn(time.Second - time.Nanosecond)
			time.Sleep(time.Nanosecond)
			s.ended(Result{Said: 1, Connected: true, Over: true}, end.want)
			if got := s.out.String(); got != "12:00 bob | wait, one more\n12:00 bob | and this\n" {
				t.Errorf("%s: stdout is %q", end.name, got)
			}
			if got := s.errs.String(); strings.Contains(got, "lost the connection") || strings.Contains(got, "left the talk") {
				t.Errorf("%s: stderr is %q, but we left", end.name, got)
			}
		}
	})
}

// Leaving may not keep the program, and is of no use to who cannot be shown
// anything.
func TestLeavingIsBounded(t *testing.T) {
	fake(t, func(t *testing.T) {
		s := begin(t, newFake(), Config{Leave: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		s.in.Close()
		s.goesOn(leaveGrace - time.Millisecond)
		time.Sleep(time.Millisecond)
		s.ended(Result{}, nil)

		left := false
		node := newFake()
		s = begin(t, node, Config{Out: broken{}, Leave: func(context.Context) error {
			left = true
			return nil
		}})
		node.happen(chat.Message{Conversation: lobby(), Author: peerN(1), Nick: nick("bob"), Kind: chat.KindText, Text: nick("hi")})
		s.ended(Result{}, io.ErrClosedPipe)
		if left {
			t.Error("messages are acknowledged that nobody can be shown")
		}
	})
}

// The past comes first, as a page of history has it, and can be spoken of.
func TestPast(t *testing.T) {
	fake(t, func(t *testing.T) {
		past := []chat.Message{
			with(script(1, 1, chat.KindText, 0, "one"), func(m *chat.Message) { m.Old, m.Edited = true, true }),
			with(script(2, 0, chat.KindText, 0, "two"), func(m *chat.Message) { m.Old, m.Mine = true, true }),
		}
		past[1].Reactions = []chat.Reaction{{Text: nick("+1"), By: []chat.PeerID{peerN(1)}}}
		node := newFake()
		node.happen(script(3, 1, chat.KindText, 0, "three"))
		s := begin(t, node, Config{Past: past})
		synctest.Wait()
		want := "one\n      + edited\n12:02 "
		if got := s.out.String(); !strings.Contains(got, want) || !strings.Contains(got, "two\n      + +1 1\n") || !strings.HasSuffix(got, "bob | three\n") {
			t.Errorf("stdout is %q", got)
		}
		s.write("/reply #2 yes")
		if got := node.heard(); got != "yes" || node.sent[0].Body.Target != past[0].ID {
			t.Errorf("said was %q about %v", got, node.sent)
		}

		// Programs ask for what they want.
		s = begin(t, newFake(), Config{Past: past, JSON: true})
		synctest.Wait()
		if got := s.out.String(); got != "" {
			t.Errorf("in JSON, stdout is %q", got)
		}
	})
}

// An ordinary start says nothing of the history; who was sent something, or knew
// of something missing, is told when that is all.
func TestCompleteIsToldWhenItIsNews(t *testing.T) {
	t.Parallel()
	says := func(old bool) chat.Message {
		m := script(1, 1, chat.KindText, 0, "hi")
		m.Old = old
		return m
	}
	whole := chat.History{Conversation: lobby(), Complete: true}
	const told = "p2pchat: history: complete\n"
	for _, c := range []struct {
		name string
		evs  []chat.Event
		want int
	}{
		{"an ordinary start", []chat.Event{whole, says(false), whole}, 0},
		{"old messages before", []chat.Event{says(true), whole, whole}, 1},
		{"and after it", []chat.Event{whole, says(true), says(true)}, 1},
		{"something was fetched", []chat.Event{chat.History{Conversation: lobby(), Complete: true, Fetched: 7, Total: 7}}, 1},
		{"something was missing", []chat.Event{chat.History{Conversation: lobby(), Missing: 1}, whole}, 1},
		{"elsewhere", []chat.Event{says(true), chat.History{Conversation: chat.With(peerN(1)), Complete: true}}, 0},
		{"while it goes on", []chat.Event{says(true), chat.History{Conversation: lobby(), Fetched: 1, Total: 9}}, 0},
	} {
		_, errs := played(t, Config{}, c.evs...)
		if got := strings.Count(errs, told); got != c.want {
			t.Errorf("%s: told %d times, want %d: %q", c.name, got, c.want, errs)
		}
	}
	out, _ := played(t, Config{JSON: true}, whole)
	if want := `{"type":"history","conversation":"lobby","complete":true,`; !strings.HasPrefix(out, want) {
		t.Errorf("in JSON it is always told: %q", out)
	}
}

func TestGap(t *testing.T) {
	t.Parallel()
	m := script(1, 1, chat.KindText, 0, "hi")
	m.Gap = true
	const line = "p2pchat: something that was said before the next line is missing\n"
	if out, errs := played(t, Config{}, m); errs != line || strings.Count(out, "\n") != 1 {
		t.Errorf("stdout is %q, stderr %q", out, errs)
	}
	m.Gap = false
	if _, errs := played(t, Config{}, m); errs != "" {
		t.Errorf("without a gap, stderr is %q", errs)
	}
	m.Gap, m.Kind, m.Target = true, chat.KindEdit, idOf(9)
	m.Author = peerN(2)
	first := script(9, 1, chat.KindText, 0, "bob's")
	if _, errs := played(t, Config{}, first, m); errs != "" {
		t.Errorf("before what is not shown, stderr is %q", errs)
	}
}

// The topic is told at the start, and once more if the history brings another
// that was not on the screen.
func TestTopicIsTold(t *testing.T) {
	fake(t, func(t *testing.T) {
		topic := script(1, 1, chat.KindTopic, 0, "fishing")
		node := newFake()
		s := begin(t, node, Config{Topic: func(context.Context, chat.Conversation) (chat.Message, error) { return topic, nil }})
		synctest.Wait()
		const fishing, hunting = "p2pchat: the topic is: fishing (set by bob)\n", "p2pchat: the topic is: hunting (set by bob)\n"
		if got := s.errs.String(); got != fishing {
			t.Errorf("stderr is %q", got)
		}
		old := script(2, 1, chat.KindText, 0, "hi")
		old.Old = true
		node.happen(old, chat.History{Conversation: lobby(), Complete: true})
		synctest.Wait()
		if got := strings.Count(s.errs.String(), fishing); got != 1 {
			t.Errorf("told %d times", got)
		}
		topic = script(3, 1, chat.KindTopic, 0, "hunting")
		node.happen(chat.History{Conversation: lobby(), Missing: 1}, chat.History{Conversation: lobby(), Complete: true})
		synctest.Wait()
		if got := s.errs.String(); !strings.HasSuffix(got, hunting) {
			t.Errorf("stderr is %q", got)
		}
		topic = script(4, 1, chat.KindTopic, 0, "sleeping")
		node.happen(topic, chat.History{Conversation: lobby(), Missing: 1}, chat.History{Conversation: lobby(), Complete: true})
		synctest.Wait()
		if got := s.errs.String(); strings.Contains(got, "the topic is: sleeping") {
			t.Errorf("it was on the screen: %q", got)
		}
	})
}

// What a person sees in private is marked as read once it is printed, the newest
// of it, and only there.
func TestMarksAsRead(t *testing.T) {
	fake(t, func(t *testing.T) {
		private := chat.With(peerN(1))
		says := func(n byte, mine bool) chat.Message {
			m := script(n, 1, chat.KindText, 0, "hi")
			m.Conversation, m.Mine = private, mine
			if m.Time = noon().Add(time.Duration(n) * time.Second); mine {
				m.Author = peerN(0)
			}
			return m
		}
		for _, c := range []struct {
			name string
			cfg  Config
			want []chat.MessageID
		}{
			{"a person", Config{Conversation: private, MarkRead: true}, []chat.MessageID{idOf(3), idOf(5)}},
			{"a pipe", Config{Conversation: private}, nil},
			{"a program", Config{Conversation: private, MarkRead: true, JSON: true}, nil},
			{"a room", Config{MarkRead: true}, nil},
		} {
			node := newFake()
			s := begin(t, node, c.cfg)
			node.happen(says(1, false), says(3, false), says(2, false), says(4, true))
			synctest.Wait()
			node.happen(says(2, false)) // older than what was read
			synctest.Wait()
			node.happen(says(5, false))
			synctest.Wait()
			s.in.Close()
			if !slices.Equal(node.read, c.want) {
				t.Errorf("%s: read was %v, want %v", c.name, node.read, c.want)
			}
		}
		// Not what could not be printed.
		node := newFake()
		s := begin(t, node, Config{Conversation: private, MarkRead: true, Out: broken{}})
		node.happen(says(1, false))
		synctest.Wait()
		s.in.Close()
		if len(node.read) > 0 {
			t.Error("what was not printed was read")
		}
	})
}

// A program says itself what was read.
func TestReadObject(t *testing.T) {
	fake(t, func(t *testing.T) {
		private := chat.With(peerN(1))
		node := newFake()
		s := begin(t, node, Config{Conversation: private, JSON: true})
		id := idOf(7)
		s.write(`{"read":"`+id.String()+`"}`, `{"read":"`+id.String()+`","text":"x"}`, `{"read":"yes"}`, `{"read":"#1"}`)
		if !slices.Equal(node.read, []chat.MessageID{id}) {
			t.Errorf("read was %v", node.read)
		}
		for _, want := range []string{
			`{"type":"rejected","line":2,"reason":"not a message object: beside a \"read\" nothing can be in it"}`,
			`{"type":"rejected","line":3,"reason":"not a message object: a message is named by its ID"}`,
			`{"type":"rejected","line":4,"reason":"no message of anybody has been shown here`,
		} {
			if got := s.out.String(); !strings.Contains(got, want) {
				t.Errorf("stdout is %q, want %q", got, want)
			}
		}
		if node.heard() != "" {
			t.Errorf("said was %q", node.heard())
		}
		s.in.Close()

		node = newFake()
		s = begin(t, node, Config{JSON: true})
		s.write(`{"read":"` + id.String() + `"}`)
		if got := s.out.String(); !strings.Contains(got, `"reason":"only in private it is told what was read"`) || len(node.read) > 0 {
			t.Errorf("in a room, stdout is %q", got)
		}
	})
}
