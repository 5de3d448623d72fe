package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// historyOnly is a node with a room and a private talk that nobody has open.
func historyOnly() *fake {
	f := newFake()
	f.convs = []Conversation{{ID: chat.InRoom("old")}, {ID: chat.With(peer(2)), Nick: nick(2)}}
	f.add(chat.InRoom("old"), 2, "said last year")
	return f
}

// What is wanted at the start is opened, in its order and before what is history;
// the first is shown, also if it cannot be opened.
func TestOpensWhatIsWanted(t *testing.T) {
	t.Parallel()
	f := historyOnly()
	first, lobby, bob := chat.InRoom("first"), chat.InRoom("lobby"), chat.With(peer(2))
	f.cannot = map[chat.Conversation]error{first: errors.New("too many rooms")}
	s := startConfigured(t, f, Config{First: first, Rooms: []chat.RoomName{"lobby"}, Open: []chat.Conversation{bob, lobby}}, 80, 24)
	s.settle(s.m.Init())
	s.want("1 #first", "2 #lobby", "3 @bob", "4 #old", "#first>", "#first cannot be opened: too many rooms")
	if got := fmt.Sprint(f.called("open")); got != fmt.Sprintf("[open first open lobby open %s]", bob) {
		t.Error(got)
	}
	if got := s.m.openNow(); !slices.Equal(got, []chat.Conversation{lobby, bob}) {
		t.Errorf("open: %v", got)
	}
}

// A conversation of the history is opened when it is selected, and once.
func TestOpensWhatIsSelected(t *testing.T) {
	t.Parallel()
	f := historyOnly()
	f.room("lobby", 1)
	f.convs[2].Open = true // by another face
	s := newScreen(t, f, 80, 24)
	s.want("1 #lobby", "2 #old")
	s.wantCall("open lobby")
	s.keys("<alt+2>")
	s.want("said last year", "#old>")
	s.keys("<alt+1><alt+2>")
	if got := f.called("open old"); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// What is said before a conversation is open waits until it is.
func TestSaysOnceOpen(t *testing.T) {
	t.Parallel()
	f := historyOnly()
	s := startScreen(t, f, 80, 24)
	var opening []tea.Cmd
	s.update(answer[[]Conversation]{value: f.convs[:0]})
	c := s.m.open(chat.InRoom("old"))
	opening = append(opening, s.m.openHere(c))
	s.m.cur, c.loaded = c, true
	s.keys("hello<enter>")
	if got := f.called("say"); len(got) != 0 {
		t.Errorf("%q before it is open", got)
	}
	s.want("1 not delivered")
	s.settle(opening[0])
	s.wantCall("say old 1 hello")
}

// Others' faces open conversations, and speak with the same name.
func TestOtherFaces(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	s := newScreen(t, f, 80, 24)
	news := chat.InRoom("news")
	f.convs = append(f.convs, Conversation{ID: news, Open: true, Topic: text("all the news")})
	s.events(chat.Member{Conversation: news, Peer: peer(3), Nick: nick(3), Online: true})
	s.want("2 #news")
	s.live(f.message(news, 3, "it happened"))
	s.want("2 #news     1")
	x := f.message(id, 1, "build is green") // a script's
	s.live(x)
	s.want("alice | build is green [queued]", "1 not delivered")
	s.events(chat.Delivery{Conversation: id, ID: x.ID, State: chat.Sent})
	s.want("build is green [sent]")

	// Another face reads it: the count goes with the next look at the list.
	f.convs[1].Read, f.convs[1].Unread = f.said[news][0].Place(), 0
	s.update(tickMsg{})
	s.wantNot("2 #news     1")
}

// What was left is not listed again because another face has it open, but who
// writes in private comes back.
func TestLeft(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	bob := chat.With(peer(2))
	f.convs = append(f.convs, Conversation{ID: bob, Nick: nick(2)})
	s := newScreen(t, f, 80, 24)
	s.keys("/leave<enter>")
	s.wantCall("leave lobby")
	s.keys("/leave<enter>")
	s.want("Welcome to p2pchat")
	s.live(f.message(id, 2, "anybody?"))
	s.update(tickMsg{})
	s.wantNot("#lobby>", "1 #lobby")
	s.live(f.message(bob, 2, "psst"))
	s.want("1 @bob")
	s.wantNot("#lobby")
	s.keys("/join lobby<enter>")
	s.want("#lobby>", "anybody?")
}

func TestOtherPeerIsAsked(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := newScreen(t, f, 80, 24)
	s.keys("/dial moved.example:4747<enter>")
	s.want("Another peer answers", "another peer answers at moved.example:4747")
	s.keys("<enter>n")
	s.wantNot("Another peer answers ─")
	s.keys("/dial moved.example:4747<enter>y")
	s.wantCall("dial moved.example:4747 anew")
}

// A name is dialled as the screen shows it.
func TestDialMember(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := newScreen(t, f, 80, 24)
	s.keys("/dial car<tab><enter>")
	s.wantCall("dial " + peer(3).String())
}

// What is said while the node is gone is shown, kept, and said once it is back.
func TestSayWhileGone(t *testing.T) {
	t.Parallel()
	f, _ := long(3)
	s := newScreen(t, f, 80, 24)
	s.update(eventsMsg{err: errors.New("it has ended")})
	s.want("NO NODE")
	s.keys("one<enter>two<enter>")
	s.want("alice | one [queued]", "alice | two [queued]", "2 not delivered", "#lobby>")
	s.keys("half a li")
	if got := f.called("say"); len(got) != 0 {
		t.Errorf("%q while it is gone", got)
	}
	s.keys("<ctrl+c><ctrl+c><ctrl+c>")
	s.want("2 unsent messages would be lost. Quit? [y/N]")
	s.keys("nhalf a li")
	s.update(eventsMsg{}) // it is back
	if got := fmt.Sprint(f.called("say")); got != "[say lobby 1 one say lobby 1 two]" {
		t.Error(got)
	}
	s.want("the node is back", "#lobby> half a li")
	s.wantNot("not delivered")

	// It ends while a message is on its way.
	f.down = fmt.Errorf("%w: it has ended", ErrGone)
	s.keys("<ctrl+c>three<enter>")
	s.want("1 not delivered", "#lobby>")
	s.wantNot("not sent", "#lobby> three")
	s.update(eventsMsg{err: f.down})
	s.want("alice | three [queued]")
	f.down = nil
	s.update(eventsMsg{})
	if got := f.called("say lobby 1 three"); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// Notes go when they were there long enough, and /log keeps them.
func TestNotesPass(t *testing.T) {
	t.Parallel()
	f, _ := long(3)
	now := day
	s := startConfigured(t, f, Config{clock: func() time.Time { return now }}, 80, 24)
	s.settle(s.m.Init())
	s.events(chat.Notice{Text: "connected to a seed"})
	s.want("connected to a seed")
	now = now.Add(noteLasts)
	s.update(tickMsg{})
	s.wantNot("connected to a seed")
	s.keys("/log<enter>")
	s.want("connected to a seed")
}

// What takes long on its way to the node is shown as what waits.
func TestSlowSay(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	s := newScreen(t, f, 80, 24)
	s.m.input.set("patience")
	_, cmd := s.m.Update(tea.KeyPressMsg{Code: tea.KeyEnter}) // the call is not made yet
	s.wantNot("patience", "not delivered")
	key := s.m.saying.draft.Key
	s.update(slowMsg(key))
	s.want("alice | patience [queued]", "1 not delivered")
	s.settle(cmd)
	s.wantCall("say lobby 1 patience")
	s.wantNot("patience")
	x := f.message(id, 1, "patience")
	x.Key = key
	s.live(x)
	s.update(slowMsg(key)) // late
	s.want("1 not delivered")
	if strings.Count(s.shown(), "patience") != 1 {
		t.Error(s.shown())
	}
}

// A newcomer pastes what a friend sent; where there is a conversation, that is said.
func TestPastedInvite(t *testing.T) {
	t.Parallel()
	text := "p2pchat1" + strings.Repeat("abcdefgh", 10)
	s := newScreen(t, newFake(), 80, 24)
	s.m.paste(text)
	s.keys("<enter>")
	s.wantCall("join " + text)

	f, _ := long(1)
	s = newScreen(t, f, 80, 24)
	s.m.paste(text)
	s.keys("<enter>")
	s.wantCall("say lobby 1 " + text)
}

// The question for a name stays, whatever comes meanwhile.
func TestNameIsAskedFirst(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.self.Name = chat.Text{}
	id := f.room("lobby", 1)
	s := startConfigured(t, f, Config{First: id}, 80, 24)
	s.settle(s.m.Init())
	s.keys("<backspace>x")
	s.events(chat.Notice{Text: "something happened"})
	s.live(f.message(id, 2, "hello"))
	s.want("Choose your name", "your name> alicx", "hello")
	s.wantNot("something happened")
	s.keys("<enter>")
	s.wantCall("name alicx")
	s.want("#lobby>")

	// It was not stored, so it is asked for once more, and what is being written stays.
	s.keys("half a li")
	s.update(answer[Self]{value: Self{Peer: peer(1)}})
	s.want("your name> alice")
	s.keys("<enter>")
	s.want("#lobby> half a li")
}

// An invite that is longer than the window is one word for a shell all the same.
func TestLongInvite(t *testing.T) {
	t.Parallel()
	f, _ := long(1)
	s := newScreen(t, f, 80, 24)
	s.m.dialog = &invitation{invite: inviteMsg{text: "p2pchat1" + strings.Repeat("abcdefgh", 30)}}
	d := s.m.dialog.(*invitation)
	got := ""
	for _, r := range d.lines(s.m, 80)[2:] {
		if r.cells > 80 {
			t.Errorf("%q has %d cells", r.text, r.cells)
		}
		got += r.text
	}
	if want := "p2pchat dial '" + d.invite.text + "'"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.want("c copies the line")
	s.keys("<tab>")
	s.want("The QR code needs a window of")
	s.resize(100, 60)
	s.wantNot("needs a window")
	s.wantSize()
}

// The node hears a moment later what the person has read: till then its list is old.
func TestListIsOlderThanReading(t *testing.T) {
	t.Parallel()
	f, _ := long(3)
	dev := f.room("dev", 1)
	s := newScreen(t, f, 80, 24)
	s.live(f.message(dev, 2, "one"), f.message(dev, 2, "two"))
	s.keys("<alt+2><alt+1>") // it is read
	old := []Conversation{f.convs[0], {ID: dev, Unread: 2}}
	s.update(answer[[]Conversation]{value: old})
	s.wantNot("#dev      2")
	s.live(f.message(dev, 2, "three"))
	s.want("#dev      1")
	old[1] = Conversation{ID: dev, Unread: 3, Read: f.said[dev][2].Place()}
	s.update(answer[[]Conversation]{value: old})
	s.want("#dev      3") // the node's word where it is not older
}
