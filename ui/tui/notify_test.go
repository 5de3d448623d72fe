package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// called is what a model writes to the terminal because of an event.
func called(m *model, ev chat.Event) (out string) {
	var look func(cmd tea.Cmd)
	look = func(cmd tea.Cmd) {
		if cmd == nil {
			return
		}
		switch msg := cmd().(type) {
		case tea.RawMsg:
			out += fmt.Sprint(msg.Msg)
		case tea.BatchMsg:
			for _, c := range msg {
				look(c)
			}
		}
	}
	_, cmd := m.Update(eventsMsg{events: []chat.Event{ev}})
	look(cmd)
	return out
}

func TestNotify(t *testing.T) {
	t.Parallel()
	all := []Occasion{OnMention, OnPrivate, OnRequest}
	for _, c := range []struct {
		name   string
		notify Notify
		where  string // "lobby" is shown, "dev" and "bob" are not
		words  string
		change func(m *model, x *chat.Message)
		want   string
	}{
		{name: "off", where: "bob", words: "psst"},
		{name: "private", notify: Notify{Bell: all}, where: "bob", words: "psst", want: "\a"},
		{name: "mention", notify: Notify{Bell: all}, where: "dev", words: "hey alice", want: "\a"},
		{name: "any", notify: Notify{Bell: all}, where: "dev", words: "hey"},
		{name: "any wanted", notify: Notify{Bell: []Occasion{OnMessage}}, where: "dev", words: "hey", want: "\a"},
		{name: "any is private too", notify: Notify{Bell: []Occasion{OnMessage}}, where: "bob", words: "hey", want: "\a"},
		{name: "mention only", notify: Notify{Bell: []Occasion{OnMention}}, where: "bob", words: "hey"},
		{name: "looked at", notify: Notify{Bell: all}, where: "lobby", words: "hey alice"},
		{name: "shown, but looked away", notify: Notify{Bell: all}, where: "lobby", words: "hey alice", change: func(m *model, _ *chat.Message) { m.blur = true }, want: "\a"},
		{name: "own", notify: Notify{Bell: []Occasion{OnMessage}}, where: "dev", words: "hey", change: func(_ *model, x *chat.Message) { x.Mine, x.Author = true, peer(1) }},
		{name: "history", notify: Notify{Bell: all}, where: "bob", words: "hey", change: func(_ *model, x *chat.Message) { x.Old = true }},
		{name: "late", notify: Notify{Bell: all}, where: "bob", words: "hey", change: func(_ *model, x *chat.Message) { x.Time = day.Add(-notifyFresh - time.Second) }},
		{name: "a reaction", notify: Notify{Bell: []Occasion{OnMessage}}, where: "dev", words: "x", change: func(_ *model, x *chat.Message) { x.Kind = chat.KindReaction }},
		{name: "desktop", notify: Notify{Desktop: all}, where: "bob", words: "psst", want: "\x1b]9;bob: psst\a"},
		{name: "both", notify: Notify{Desktop: all, Bell: all}, where: "dev", words: "hey alice", want: "\x1b]9;carol in #dev: hey alice\a\a"},
		{
			name: "hostile", notify: Notify{Desktop: all}, where: "bob", words: "a\x1b]0;x\x07\u009b31m;b\nc\u202e",
			want: "\x1b]9;bob: a]0,x31m,b c\a",
		},
		{
			name: "long", notify: Notify{Desktop: all}, where: "bob", words: strings.Repeat("x", 1000),
			want: "\x1b]9;bob: " + strings.Repeat("x", maxNotice-1) + "…\a",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.room("lobby", 2)
			f.room("dev", 2)
			bob := chat.With(peer(2))
			f.convs = append(f.convs, Conversation{ID: bob, Nick: nick(2)})
			cfg := Config{Notify: c.notify, Env: []string{"TERM=xterm-256color"}}
			s := startConfigured(t, f, cfg, 80, 24)
			s.settle(s.m.Init())
			id, by := chat.InRoom(chat.RoomName(c.where)), 3
			if c.where == "bob" {
				id, by = bob, 2
			}
			x := f.message(id, by, c.words)
			x.Time = day
			if c.change != nil {
				c.change(s.m, &x)
			}
			if got := called(s.m, x); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestNotifyOfRequest(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := startConfigured(t, f, Config{Notify: Notify{Bell: []Occasion{OnRequest}}}, 80, 24)
	s.settle(s.m.Init())
	n := chat.Notice{Conversation: chat.With(peer(9)), Code: chat.NoticeRequest, Text: "somebody unknown wrote"}
	if got := called(s.m, n); got != "\a" {
		t.Errorf("%q", got)
	}
}

// However much happens, the person is called once a second.
func TestNotifyIsRare(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	dev := f.room("dev", 1)
	now := day
	s := startConfigured(t, f, Config{Notify: Notify{Bell: []Occasion{OnMessage}}, clock: func() time.Time { return now }}, 80, 24)
	s.settle(s.m.Init())
	n := 0
	for range 100 {
		x := f.message(dev, 2, "news")
		x.Time = now
		n += len(called(s.m, x))
		now = now.Add(notifyEvery / 10)
	}
	if n != 10 {
		t.Errorf("called %d times in ten seconds", n)
	}
}

func TestDesktop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ env, want string }{
		{"TERM=xterm-256color", "\x1b]9;bob: a,b\a"},
		{"TERM=xterm-kitty", "\x1b]9;bob: a,b\a"},
		{"TERM=xterm-256color VTE_VERSION=7600", "\x1b]777;notify;bob;a,b\a"},
		{"TERM=rxvt-unicode-256color", "\x1b]777;notify;bob;a,b\a"},
		{"TERM=foot", "\x1b]777;notify;bob;a,b\a"},
		{"TERM=linux", ""},
		{"TERM=tmux-256color TMUX=/tmp/x", "\x1bPtmux;\x1b\x1b]9;bob: a,b\a\x1b\\"},
		{"TERM=screen STY=1.x", "\x1bP\x1b]9;bob: a,b\a\x1b\\"},
	} {
		if got := desktop(strings.Fields(c.env), "bob", "a;b"); got != c.want {
			t.Errorf("%s: %q, want %q", c.env, got, c.want)
		}
	}
}

func TestNotifyCommand(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := startConfigured(t, f, Config{Notify: Notify{Bell: []Occasion{OnMention, OnPrivate}}}, 80, 24)
	s.settle(s.m.Init())
	s.keys("/notify<enter>")
	s.want("bell     mention, private", "desktop  nothing")
}
