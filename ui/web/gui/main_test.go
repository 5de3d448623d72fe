package gui_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/gui"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within bounds every wait of these tests.
const within = 20 * time.Second

// serveNode serves a node that is none.
func serveNode(t testing.TB, f *apitest.Node) *api.Server {
	t.Helper()
	s, err := api.Serve(context.Background(), api.Config{Node: f, Events: f, History: f.Log, Folder: f.Folder, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// servePage serves the page of a node's folder.
func servePage(t testing.TB, f *apitest.Node) *gui.Server {
	t.Helper()
	s, err := gui.Serve(context.Background(), gui.Config{API: api.Transport(f.Folder.Dir()), Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve serves both, and tells the node's name.
func serve(t testing.TB) (*apitest.Node, *gui.Server) {
	t.Helper()
	f := apitest.New(t)
	if err := f.Folder.SetName(apitest.Text(t, "ann")); err != nil {
		t.Fatal(err)
	}
	f.SetName(apitest.Text(t, "ann"))
	serveNode(t, f)
	return f, servePage(t, f)
}

func room(name chat.RoomName) chat.Conversation { return chat.InRoom(name) }

// attach is another face of a node.
func attach(t testing.TB, f *apitest.Node) *api.Client {
	t.Helper()
	c, err := api.Dial(context.Background(), f.Folder.Dir(), api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func apiPage(limit int) api.PageQuery { return api.PageQuery{Limit: limit} }
