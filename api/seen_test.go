package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// The past that is shown before a conversation is opened has nothing of what the
// node is going to show then, and one's own words in any case.
func TestSeenPage(t *testing.T) {
	f := apitest.New(t)
	c := attach(t, serve(t, f), Options{})
	lobby := chat.InRoom("lobby")
	f.Fill(lobby, 2*MaxPage)
	f.Log.MarkSeen(lobby.ID(f.Self()))
	for i := range 3 * MaxPage / 2 {
		f.Write(lobby, apitest.Person(1), chat.Draft{Body: words(t, fmt.Sprint("new ", i))})
	}
	own := f.Write(lobby, f.Self(), chat.Draft{Body: words(t, "own")})
	// Only so much is looked at, as the node shows only so much.
	first := 3*MaxPage/2 + 1 - maxUnseen
	page, more, err := c.Messages(t.Context(), lobby, PageQuery{Seen: true, Limit: 3})
	if err != nil || !more || len(page) != 3 || page[2].ID != own.ID || page[1].Text.Raw() != fmt.Sprint("new ", first-1) {
		t.Fatal(page, more, err)
	}
	page, _, err = c.Messages(t.Context(), lobby, PageQuery{Seen: true, Before: page[0].ID, Limit: first})
	if err != nil || len(page) != first || page[0].Text.Raw() != fmt.Sprintf("message %d of %d", 2*MaxPage-1, 2*MaxPage) {
		t.Fatal(page[0], len(page), err)
	}
	if _, _, err := c.Messages(t.Context(), lobby, PageQuery{Seen: true, After: own.ID}); err == nil {
		t.Error("seen and after")
	}
	if _, err := c.Join(t.Context(), "lobby"); err != nil { // now all is shown
		t.Fatal(err)
	}
	page, _, err = c.Messages(t.Context(), lobby, PageQuery{Seen: true, Limit: 2})
	if err != nil || page[0].Text.Raw() != fmt.Sprint("new ", 3*MaxPage/2-1) {
		t.Fatal(page, err)
	}
}

// How far a message got is told also while its conversation is not open.
func TestDeliveryOfClosedConversation(t *testing.T) {
	f := apitest.New(t)
	c := attach(t, serve(t, f), Options{})
	own := f.Write(chat.InRoom("lobby"), f.Self(), chat.Draft{Body: words(t, "own")})
	d, err := c.Delivery(t.Context(), chat.InRoom("lobby"), own.ID)
	if err != nil || d.State != chat.Queued || d.Known {
		t.Fatal(d, err)
	}
}

// A transport passes requests on, also to the next node.
func TestTransport(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	client := &http.Client{Transport: Transport(f.Folder.Dir())}
	defer client.CloseIdleConnections()
	for range 2 {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1:9/v1/node", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get(headerRun) != s.ring.run {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = serve(t, f)
	}
}
