package api

import (
	"context"
	"testing"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

func TestMentions(t *testing.T) {
	for _, x := range []struct {
		text, name string
		want       bool
	}{
		{"hi Ann!", "ann", true},
		{"ann", "ann", true},
		{"Annie", "ann", false},
		{"joann, ann?", "ann", true},
		{"ännchen", "änn", false},
		{"@ÄNN", "änn", true},
		{"", "ann", false},
		{"x", "", false},
		{"ann_b", "ann", false},
	} {
		if got := mentions(x.text, x.name); got != x.want {
			t.Errorf("%q in %q: %v", x.name, x.text, got)
		}
	}
}

// unreadIn is what a new look at a conversation says.
func unreadIn(t testing.TB, c *Client, conv chat.Conversation) int {
	t.Helper()
	o, err := c.Conversation(context.Background(), conv)
	if err != nil {
		t.Fatal(err)
	}
	return o.Unread
}

func TestUnread(t *testing.T) {
	f := apitest.New(t)
	folder := folderOf(t, t.TempDir()+"/data")
	s := serveIn(t, f, folder)
	c := attach(t, s, Options{})
	lobby := chat.InRoom("lobby")
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	f.Hear(lobby, 1, "one")
	two := f.Hear(lobby, 1, "two")
	until(t, "two are unread", func() bool { return unreadIn(t, c, lobby) == 2 })
	f.Hear(lobby, 1, "three")
	if _, err := c.Send(t.Context(), lobby, chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "mine")}); err != nil {
		t.Fatal(err)
	}
	until(t, "three are unread, and ours is not", func() bool { return unreadIn(t, c, lobby) == 3 })
	c.MarkRead(lobby, two.ID)
	if got := unreadIn(t, c, lobby); got != 1 {
		t.Fatal(got)
	}
	c.MarkRead(lobby, chat.MessageID{1}) // of which nothing is known
	if got := unreadIn(t, c, lobby); got != 1 {
		t.Fatal(got)
	}
	for range MaxUnread + 5 {
		f.Hear(lobby, 1, "more")
	}
	until(t, "more are not counted than must", func() bool { return unreadIn(t, c, lobby) == MaxUnread })
	// The mark outlives the node.
	c.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	g := apitest.New(t)
	g.Log = f.Log
	c = attach(t, serveIn(t, g, folder), Options{})
	o, err := c.Conversation(t.Context(), lobby)
	if err != nil || o.Read == nil || *o.Read != two.ID {
		t.Fatal(o, err)
	}
}

// Marks that cannot be read are begun anew.
func TestDamagedMarks(t *testing.T) {
	folder := folderOf(t, t.TempDir()+"/data")
	if err := folder.WriteFile(marksFile, []byte("{")); err != nil {
		t.Fatal(err)
	}
	attach(t, serveIn(t, apitest.New(t), folder), Options{})
}
