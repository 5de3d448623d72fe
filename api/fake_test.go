package api

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The fake has all that a node may have.
var (
	_ Node      = (*apitest.Node)(nil)
	_ Events    = (*apitest.Node)(nil)
	_ Holders   = (*apitest.Node)(nil)
	_ Networker = (*apitest.Node)(nil)
	_ Seeder    = (*apitest.Node)(nil)
	_ Connector = (*apitest.Node)(nil)
)

// within bounds every wait of these tests.
const within = time.Minute

// folderOf makes a data folder whose lock is held.
func folderOf(t testing.TB, dir string) *identity.Folder {
	t.Helper()
	folder, err := identity.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// serve serves a fake node.
func serve(t testing.TB, f *apitest.Node) *Server {
	t.Helper()
	return serveIn(t, f, f.Folder)
}

func serveIn(t testing.TB, f *apitest.Node, folder *identity.Folder) *Server {
	t.Helper()
	s, err := Serve(context.Background(), Config{Node: f, Events: f, History: f.Log, Folder: folder, Version: "1.2.3"})
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

// attach dials a server.
func attach(t testing.TB, s *Server, o Options) *Client {
	t.Helper()
	c, err := Dial(context.Background(), s.cfg.Folder.Dir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listenTo begins a stream that the test ends.
func listenTo(t testing.TB, c *Client) *Stream {
	t.Helper()
	s, err := c.Events(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// await reads events until one fits, and returns all.
func await(t testing.TB, s *Stream, what string, fits func(chat.Event) bool) (all []chat.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		evs, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("no %s: %v; of %d events the last are %.2000v", what, err, len(all), fmt.Sprint(all[max(0, len(all)-5):]))
		}
		all = append(all, evs...)
		for _, ev := range evs {
			if fits(ev) {
				return all
			}
		}
	}
}

func saysText(words string) func(chat.Event) bool {
	return func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.Text.Raw() == words
	}
}

func hasCode(code chat.NoticeCode) func(chat.Event) bool {
	return func(ev chat.Event) bool {
		n, ok := ev.(chat.Notice)
		return ok && n.Code == code
	}
}

// until polls until a condition holds.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within time:", what)
		}
	}
}
