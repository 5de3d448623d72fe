package tui

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// until polls.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within time:", what)
		}
	}
}

// The screens on the real interface: another face speaks, the node ends while the
// person writes, and the next one takes what was said meanwhile.
func TestRunAttached(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("face", func(t *testing.T) {
		s := serveNode(t)
		lobby := chat.InRoom("lobby")
		s.must(s.node.SetName(t.Context(), text("ann")))
		s.f.Fill(lobby, 30)
		p := newPty(t, 80, 24)
		before := p.modes()
		var left []chat.Conversation
		done := p.face(t.Context(), Config{Node: s.node, First: lobby, Rooms: []chat.RoomName{"dev"}, Closed: func(all []chat.Conversation) { left = all }})
		p.await(0, "message 30 of 30")
		until(t, "the rooms are open", func() bool { return s.f.Opened(lobby) > 0 && s.f.Opened(chat.InRoom("dev")) > 0 })

		script, err := api.Dial(t.Context(), s.f.Folder.Dir(), api.Options{})
		s.must(err)
		_, err = script.Join(t.Context(), "lobby")
		s.must(err)
		_, err = script.Send(t.Context(), lobby, chat.Body{Kind: chat.KindText, Text: text("build-is-green")})
		s.must(err)
		script.Close()
		p.await(0, "build-is-green")
		s.f.Hear(lobby, 1, "so-it-is")
		at := p.await(0, "so-it-is")

		s.end()
		at = p.await(at, "NO NODE")
		p.paste("kept-for-later")
		at = p.await(at, "kept-for-later")
		p.press("\r")
		at = p.await(at, "kept-for-later") // in the timeline
		p.paste("and-half-a-li")
		p.await(at, "and-half-a-li")
		stored := s.f.Count()
		s.f = s.f.Heir()
		s.serve()
		until(t, "what was kept is stored", func() bool { return s.f.Count() == stored+1 })
		p.press("ne\r")
		until(t, "the half line is stored", func() bool { return s.f.Count() == stored+2 })
		page, err := s.node.Page(t.Context(), lobby, PageQuery{Limit: 2})
		s.must(err)
		if got := words(page.Messages); len(got) != 2 || got[0] != "kept-for-later" || got[1] != "and-half-a-line" {
			t.Errorf("%q", got)
		}
		if page.Messages[0].Author != apitest.Person(0) {
			t.Errorf("said by %s", page.Messages[0].Author)
		}
		p.press("\x03\x03")
		s.must(p.result(done))
		p.wantRestored(before)
		if len(left) != 2 {
			t.Errorf("open at the end: %v", left)
		}
	})
}
