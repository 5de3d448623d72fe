package tui

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// long is a room with n messages of bob's.
func long(n int) (*fake, chat.Conversation) {
	f := newFake()
	id := f.room("lobby", 2)
	for i := range n {
		f.add(id, 2, fmt.Sprintf("message %d.", i))
	}
	f.convs[0].Read = f.said[id][n-1].Place()
	return f, id
}

func TestSay(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	s := newScreen(t, f, 80, 24)
	s.keys("hello<alt+enter>world<enter>")
	s.wantCall("say lobby 1 hello\nworld")
	s.keys("//etc/hosts<enter>/me waves<enter>/topic new one<enter>/nope<enter>")
	s.wantCall("say lobby 1 /etc/hosts")
	s.wantCall("say lobby 2 waves")
	s.wantCall("say lobby 7 new one")
	s.want("unknown command /nope", "#lobby> /nope")
	s.keys("<ctrl+c>")
	s.m.paste("one\r\ntwo\nthree")
	s.keys("<enter>")
	s.wantCall("say lobby 1 one\ntwo\nthree")

	m := f.message(id, 1, "mine")
	m.Key = "key-9"
	s.live(m)
	s.want("mine [queued]", "1 not delivered")
	for _, c := range []struct {
		state chat.DeliveryState
		mark  string
	}{{chat.Sent, "mine [sent]"}, {chat.Held, "mine [held 1/2]"}, {chat.Failed, "mine [failed]"}} {
		s.events(chat.Delivery{Conversation: id, ID: m.ID, State: c.state, HeldBy: 1, Members: 2, Reason: "no room"})
		s.want(c.mark)
		s.wantNot("1 not delivered")
	}
	s.want("+ not delivered: no room")
}

// Messages go out one after another, and what the node does not take comes back.
func TestSayInOrder(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := newScreen(t, f, 80, 24)
	var pending []tea.Cmd
	for _, w := range []string{"one", "two", "three"} {
		s.m.input.set(w)
		_, cmd := s.m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
		if cmd != nil {
			pending = append(pending, cmd)
		}
	}
	s.want("2 not delivered") // one is on its way
	for _, cmd := range pending {
		s.settle(cmd)
	}
	if got := fmt.Sprint(f.called("say")); got != "[say lobby 1 one say lobby 1 two say lobby 1 three]" {
		t.Error(got)
	}
	f.down = errDown
	s.keys("lost?<enter>")
	s.want("not sent: no node", "#lobby> lost?")
	f.down = nil
	s.keys("<enter>")
	s.wantCall("say lobby 1 lost?")

	s.keys("refused<enter>")
	s.events(chat.Refused{Conversation: s.m.cur.ID, Key: "key-" + fmt.Sprint(s.m.count), Reason: "disk full"})
	s.want("not sent: disk full", "#lobby> refused")
}

func TestScroll(t *testing.T) {
	t.Parallel()
	f, id := long(5000)
	s := newScreen(t, f, 80, 24)
	s.want("message 4999.")
	s.keys("<pgup>")
	s.wantNot("message 4999.")
	s.want("more below")
	top := func() string { return strings.Split(strings.Split(s.shown(), "\n")[1], "│")[1] }
	first := top()
	s.live(f.message(id, 3, "news"))
	if now := top(); now != first {
		t.Errorf("what is read moved from %q to %q", first, now)
	}
	s.wantNot("news")
	seen := 0
	for i := range 400 {
		s.keys("<pgup>")
		if n := len(s.m.cur.t.entries); n > maxWindow {
			t.Fatalf("%d messages in memory", n)
		}
		s.wantSize()
		s.wantNoHoles()
		if strings.Contains(s.shown(), "message 0.") {
			seen = i
			break
		}
	}
	if seen == 0 {
		t.Fatalf("the beginning was not reached:\n%s", s.shown())
	}
	s.keys("<pgup>")
	s.want("message 0.", "Saturday, 14 March 2026")
	for range 400 {
		s.keys("<pgdown>")
		s.wantNoHoles()
	}
	s.want("news")
	s.wantNot("below")
	s.keys("<alt+<>")
	s.want("message 0.")
	s.keys("<alt+>>")
	s.want("news")
	// All was seen on the way: each screen begins where the one before ended.
	s.keys("<alt+<>")
	for i := 0; i < 90; i += 19 {
		s.want(fmt.Sprintf("message %d.", i))
		s.keys("<pgdown>")
	}
}

// wantNoHoles checks that what is in memory is one stretch of the history.
func (s *screen) wantNoHoles() {
	s.t.Helper()
	all := s.m.cur.t.entries
	for i := 1; i < len(all); i++ {
		a, b := binary.BigEndian.Uint64(all[i-1].ID[:]), binary.BigEndian.Uint64(all[i].ID[:])
		if b != a+1 {
			s.t.Fatalf("message %d follows %d", b, a)
		}
	}
}

// A page that comes when something else is shown already is not put beside it.
func TestLatePage(t *testing.T) {
	t.Parallel()
	f, id := long(3000)
	s := newScreen(t, f, 80, 24)
	late := s.m.load(s.m.cur, older, PageQuery{Before: s.m.cur.t.entries[0].at})
	msg := late()
	for range maxWindow + 1 { // the window moves on
		s.live(f.message(id, 2, "more"))
	}
	s.update(msg)
	s.wantNoHoles()
	late = s.m.load(s.m.cur, older, PageQuery{Before: s.m.cur.t.entries[0].at})
	msg = late()
	s.events(chat.Notice{Code: chat.NoticeMissed, Text: "missed"})
	s.update(msg)
	s.wantNoHoles()
	if n := len(s.m.cur.t.entries); n > maxWindow {
		t.Errorf("%d messages in memory", n)
	}
}

func TestSearchJumps(t *testing.T) {
	t.Parallel()
	f, _ := long(5000)
	dev := f.room("dev", 1)
	f.add(dev, 3, "needle in dev")
	s := newScreen(t, f, 80, 24)
	s.keys("<alt+s>message 777.<enter>")
	s.want("Search: message 777. (1 found)")
	s.keys("<enter>")
	s.want("message 777.", "message 776.", "message 778.", "more below")
	s.keys("<esc><alt+>>")
	s.want("message 4999.")
	s.keys("/search needle<enter><enter>")
	s.want("#dev", "needle in dev")
	s.keys("<esc><ctrl+n>")
	s.want("message 4999.")
}

func TestConversations(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	dev := f.room("dev", 1)
	bob := chat.With(peer(2))
	f.convs = append(f.convs, Conversation{ID: bob, Nick: nick(2)})
	s := newScreen(t, f, 80, 24)
	s.live(f.message(dev, 3, "one"), f.message(dev, 3, "two"))
	s.want("2 #dev      2")
	s.live(f.message(dev, 3, "hey Alice!"))
	s.want("2 #dev     !3")
	s.live(f.message(bob, 2, "psst"))
	s.want("3 @bob     !1")
	s.keys("a draft<alt+a>")
	s.want("hey Alice!", "#dev>")
	s.wantCall("read dev")
	s.keys("<alt+a>")
	s.want("psst", "@bob>")
	s.keys("<alt+1>")
	s.want("message 2.", "#lobby> a draft")
	s.keys("<ctrl+p>")
	s.want("@bob>")
	s.keys("<alt+down>")
	s.want("#lobby> a draft")
	s.keys("<ctrl+c>/leave<enter>")
	s.wantCall("leave " + id.String())
	s.wantNot("#lobby>")
}

// While the person looks elsewhere nothing counts as read.
func TestUnreadWhileAway(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	s := newScreen(t, f, 80, 24)
	s.update(tea.BlurMsg{})
	s.live(f.message(id, 2, "while away"), f.message(id, 3, "and more"))
	s.want("1 #lobby    2", "── unread")
	if got := f.called("read"); len(got) != 0 {
		t.Error(got)
	}
	s.update(tea.FocusMsg{})
	s.want("── unread")
	s.wantNot("1 #lobby    2")
	s.wantCall("read lobby 0000000000000005")
	s.keys("ok<enter>")
	m := f.message(id, 1, "ok")
	s.live(m)
	s.wantNot("── unread")
}

func TestEditsAndReactions(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	mine := f.add(id, 1, "helo")
	s := newScreen(t, f, 80, 24)
	about := func(n int, k chat.Kind, target chat.Message, words string) chat.Message {
		m := f.message(id, n, words)
		m.Kind, m.Target = k, target.ID
		return m
	}
	first, second := about(1, chat.KindEdit, mine, "hello"), about(1, chat.KindEdit, mine, "hello!")
	s.events(second, first) // the order does not matter
	s.want("alice | hello!", "+ edited")
	s.events(about(2, chat.KindEdit, mine, "forged"))
	s.wantNot("forged")
	r := about(2, chat.KindReaction, mine, "👍")
	s.events(r, r, about(3, chat.KindReaction, mine, "👍"))
	s.want("+ edited, 👍 2")
	s.events(about(2, chat.KindReaction, mine, ""))
	s.want("+ edited, 👍 1")
	s.events(about(3, chat.KindReaction, mine, "🎉"))
	s.want("+ edited, 🎉 1")
	s.events(about(1, chat.KindDelete, mine, ""))
	s.want("alice - (deleted)")
	s.wantNot("🎉")

	s.keys("/reply well<enter>/react 👍<enter>")
	s.wantCall("say lobby 3 well")
	s.wantCall("say lobby 6 👍")
	s.live(f.message(id, 1, "tpyo"))
	s.keys("<ctrl+o>e")
	s.want("edit> tpyo")
	s.keys("<ctrl+u>typo<enter>")
	s.wantCall("say lobby 4 typo")
	s.keys("a draft<ctrl+o><up><up>r")
	s.want("reply to bob>")
	s.keys("<esc>")
	s.want("#lobby> a draft")
	s.keys("<ctrl+c>/del<enter>")
	s.want("Take back: tpyo? [y/N]")
	s.keys("y")
	s.wantCall("say lobby 5 ")
	s.keys("<ctrl+o><up><up>e")
	s.want("only your own messages can be changed")
}

func TestComplete(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	f.room("lounge", 0)
	s := newScreen(t, f, 80, 24)
	for _, c := range []struct{ keys, want string }{
		{"/jo<tab>", "> /join"},
		{"/join lo<tab>", "> /join lobby"},
		{"/join lo<tab><tab>", "> /join lounge"},
		{"ca<tab>", "> carol:"},
		{"hi ca<tab>", "> hi carol"},
		{"see #lou<tab>", "> see #lounge"},
		{"zzz<tab>", "> zzz"},
	} {
		s.keys("<ctrl+c>" + c.keys)
		s.want(c.want)
		s.keys("x<ctrl+c>")
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := newScreen(t, f, 80, 24)
	f.requests = []Request{{Peer: peer(9), Nick: text("stranger"), Count: 1, Text: text("hi")}}
	x := f.message(chat.With(peer(9)), 9, "hi")
	x.Request, x.Nick = true, text("stranger")
	s.events(x, chat.Notice{Conversation: x.Conversation, Code: chat.NoticeRequest, Text: "somebody unknown wrote"})
	s.want("1 request", "somebody unknown wrote (Alt+R)")
	s.wantNot("@")
	s.keys("<alt+r>a")
	s.wantCall("answer " + peer(9).Short() + " accept")
	s.wantCall("dial " + peer(9).String())
	s.want("@stranger>")
	s.wantNot("1 request")
}

func TestVerify(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	f.contacts = []Contact{{Peer: peer(2), Name: "bobby"}}
	s := newScreen(t, f, 80, 24)
	s.keys("/verify bobby<enter>")
	s.want(peer(2).Fingerprint(), peer(1).Fingerprint())
	s.keys("y")
	s.wantCall("verify " + peer(2).Short() + " true")
	s.want("verified bobby", "=bobby")
}

// A node that is gone shows as such and comes back by itself.
func TestNodeGone(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	s := newScreen(t, f, 80, 24)
	f.down = errDown
	s.events()
	_, cmd := s.m.Update(eventsMsg{err: errDown})
	if cmd == nil {
		t.Fatal("nobody asks again")
	}
	s.want("NO NODE, trying again", "the node does not answer: no node")
	f.add(id, 3, "said meanwhile")
	f.down = nil
	s.events()
	s.wantNot("NO NODE")
	s.want("the node is back", "said meanwhile")
	f.add(id, 3, "missed")
	s.events(chat.Notice{Code: chat.NoticeMissed, Text: "some events were missed"})
	s.want("missed")
}

// Nothing waits for the node: keys work while it is slow.
func TestSlowNode(t *testing.T) {
	t.Parallel()
	f, _ := long(50)
	f.slow = make(chan struct{})
	s := startScreen(t, f, 80, 24)
	_, cmd := s.m.Update(answer[[]Conversation]{value: f.convs})
	done := make(chan struct{})
	go func() { defer close(done); s.t.Helper(); _ = run(cmd) }()
	s.want("reading the history ...")
	s.keys("still here")
	s.want("> still here")
	close(f.slow)
	<-done
}

// run runs a command, and those of a batch, and drops what they say.
func run(cmd tea.Cmd) (n int) {
	if cmd == nil {
		return 0
	}
	if b, ok := cmd().(tea.BatchMsg); ok {
		for _, c := range b {
			n += run(c)
		}
	}
	return n + 1
}

func TestQuit(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := newScreen(t, f, 80, 24)
	s.keys("words<ctrl+c>")
	s.wantNot("words", "quits")
	s.keys("<ctrl+c>")
	s.want("Ctrl+C once more quits")
	_, cmd := s.m.Update(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	if cmd == nil {
		t.Fatal("it goes on")
	}
	if _, ok := cmd().(tea.QuitMsg); !ok {
		t.Error("it goes on")
	}
}

// Every size can be drawn, whatever is open, and what is shown stays in place.
func TestSizes(t *testing.T) {
	t.Parallel()
	f, _ := busy()
	s := newScreen(t, f, 80, 24)
	s.keys("some input that is a little longer than the window may be wide, and so wraps")
	for _, keys := range []string{"", "<f1>", "<alt+c>v", "<alt+i>"} {
		s.keys(keys)
		for w := 1; w < 130; w += 7 {
			for h := 1; h < 40; h += 5 {
				s.resize(w, h)
				if w >= minWidth && h >= minHeight {
					s.wantSize()
				}
				_ = s.m.View()
			}
		}
		s.resize(80, 24)
		s.keys("<esc><esc>")
	}
}

// What was written just before quitting still goes to the node.
func TestQuitWaitsForWhatWasWritten(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := newScreen(t, f, 80, 24)
	s.m.input.set("last words")
	_, say := s.m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	s.keys("<ctrl+c><ctrl+c>")
	s.want("leaving as soon as")
	if s.m.quit() == nil {
		t.Error("who insists must wait")
	}
	var last tea.Cmd
	_, last = s.m.Update(saidMsg{})
	if last == nil {
		t.Fatal("it goes on")
	}
	if _, ok := last().(tea.QuitMsg); !ok || say == nil {
		t.Error("it goes on")
	}
}
