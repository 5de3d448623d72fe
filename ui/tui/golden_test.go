package tui

import (
	"fmt"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// sizes are the windows that golden screens are kept for.
func sizes() [][2]int { return [][2]int{{80, 24}, {40, 20}, {160, 50}} }

// busy is a node with all that a screen can show.
func busy() (*fake, chat.Conversation) {
	f := newFake()
	id := f.room("lobby", 4)
	f.convs[0].Topic = text("All about the spring release, day by day")
	f.room("dev", 1)
	f.convs = append(f.convs, Conversation{ID: chat.With(peer(2)), Nick: nick(2), Unread: 2})
	f.contacts = []Contact{{Peer: peer(3), Name: "carol", Verified: true}}
	f.add(id, 2, "good morning")
	f.add(id, 3, "The quick brown fox jumps over the lazy dog, and then it rests in the shade of a tree for a while.")
	q := f.add(id, 1, "shall we release today?")
	f.delivery[q.ID] = chat.Delivery{Conversation: id, ID: q.ID, State: chat.Held, HeldBy: 2, Members: 4}
	r := f.message(id, 2, "yes, after lunch")
	r.Kind, r.Target = chat.KindReply, q.ID
	r.Reactions = []chat.Reaction{{Text: text("👍"), By: []chat.PeerID{peer(3), peer(4)}}}
	f.said[id] = append(f.said[id], r)
	f.n += 24 * 60 // the next day
	f.add(id, 4, "日本語のとても長い文章です。折り返しても崩れないはずです。")
	f.add(id, 4, "שלום עולם, مرحبا بالعالم 👨‍👩‍👧 🏳️‍🌈 family")
	e := f.message(id, 5, "alice: have a look")
	e.Edited = true
	f.said[id] = append(f.said[id], e)
	d := f.message(id, 3, "")
	d.Deleted, d.Text = true, chat.Text{}
	f.said[id] = append(f.said[id], d)
	a := f.message(id, 2, "waves")
	a.Kind = chat.KindAction
	f.said[id] = append(f.said[id], a)
	return f, id
}

func TestGoldenRoom(t *testing.T) {
	t.Parallel()
	for _, size := range sizes() {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			t.Parallel()
			f, id := busy()
			f.convs[0].Read = f.said[id][5].Place()
			f.convs[0].Unread = 3
			s := newScreen(t, f, size[0], size[1])
			s.live(f.message(id, 2, "one\ntwo"))
			s.keys("a reply is being wri")
			s.golden(fmt.Sprintf("room-%dx%d", size[0], size[1]))
		})
	}
}

func TestGoldenDialogs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, keys string }{
		{"help", "<f1>"},
		{"pick", "<ctrl+o><up><up>"},
		{"details", "<ctrl+o><up><up><up><up><up><up><enter>"},
		{"search", "<alt+s>release<enter>"},
		{"requests", "<alt+r>"},
		{"contacts", "<alt+c>"},
		{"verify", "<alt+c>v"},
		{"invite", "<alt+i>"},
		{"net", "<alt+n>"},
		{"conversations", "<f2>"},
		{"members", "/who<enter>"},
	} {
		for _, size := range sizes() {
			name := fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f, _ := busy()
				f.requests = []Request{{Peer: peer(7), Nick: text("stranger"), First: day, Count: 2, Text: text("hello there")}}
				s := newScreen(t, f, size[0], size[1])
				s.keys(c.keys)
				s.golden(name)
			})
		}
	}
}

func TestGoldenFirstRun(t *testing.T) {
	t.Parallel()
	for _, size := range sizes() {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.self.Name = chat.Text{}
			s := newScreen(t, f, size[0], size[1])
			s.golden(fmt.Sprintf("first-name-%dx%d", size[0], size[1]))
			s.keys("<ctrl+u>ann<enter>")
			s.wantCall("name ann")
			s.golden(fmt.Sprintf("first-welcome-%dx%d", size[0], size[1]))
			s.keys("/join lobby<enter>")
			s.wantCall("join lobby")
			s.golden(fmt.Sprintf("first-alone-%dx%d", size[0], size[1]))
		})
	}
}
