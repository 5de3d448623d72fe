package api

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// A stingy history counts how often it is asked how far messages got.
type stingy struct {
	*history.Memory
	asked int
}

func (h *stingy) States(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (map[chat.SegmentID]history.Standing, error) {
	h.asked++
	return h.Memory.States(ctx, conv, ids...)
}

// Own messages of a page come with how far they got: as the node said last, else as
// the history has it, which is asked once, also while the conversation is not open.
func TestDeliveriesOfPage(t *testing.T) {
	f := apitest.New(t)
	log := &stingy{Memory: f.Log}
	s, err := Serve(context.Background(), Config{Node: f, Events: f, History: log, Folder: f.Folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := attach(t, s, Options{})
	lobby := chat.InRoom("lobby")
	f.Fill(lobby, 3*MaxPage)
	p, err := c.Page(t.Context(), lobby, PageQuery{Limit: MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	var mine []chat.MessageID
	for _, m := range p.Messages {
		if m.Mine {
			mine = append(mine, m.ID)
		}
	}
	if len(mine) < MaxPage/3 || log.asked != 1 {
		t.Fatalf("%d own messages, the history was asked %d times", len(mine), log.asked)
	}
	e, _, err := f.Log.Find(t.Context(), lobby.ID(f.Self()), mine[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Log.SetState(t.Context(), lobby.ID(f.Self()), chat.Failed, "no room\x1b[31m", e.Segment); err != nil {
		t.Fatal(err)
	}
	held := chat.Delivery{Conversation: lobby, ID: mine[2], State: chat.Held, Reached: 4, HeldBy: 2, Members: 3, Reason: "so"}
	s.happen([]chat.Event{held})
	want := []chat.Delivery{
		{Conversation: lobby, ID: mine[0], State: chat.Queued},
		{Conversation: lobby, ID: mine[1], State: chat.Failed, Reason: "no room[31m"},
		held,
	}
	for _, q := range []PageQuery{{Limit: MaxPage}, {Limit: MaxPage, Seen: true}, {Limit: MaxPage, Raw: true}, {Limit: MaxPage, Around: mine[2]}, {Limit: MaxPage, Since: p.Messages[0].Time}} {
		p, err := c.Page(t.Context(), lobby, q)
		own := 0
		for _, m := range p.Messages {
			if m.Mine {
				own++
			}
		}
		if err != nil || len(p.Deliveries) != own {
			t.Errorf("%+v: %d deliveries of %d, %v", q, len(p.Deliveries), own, err)
		}
		for _, d := range want {
			if !slices.Contains(p.Deliveries, d) {
				t.Errorf("%+v: %v is not among %.500v", q, d, fmt.Sprint(p.Deliveries))
			}
		}
	}
	for i, m := range p.Messages { // what another says has none, whoever claims it
		if !m.Mine {
			s.happen([]chat.Event{chat.Delivery{Conversation: lobby, ID: p.Messages[i].ID, State: chat.Read}})
		}
	}
	if p, err = c.Page(t.Context(), lobby, PageQuery{Limit: MaxPage}); err != nil || len(p.Deliveries) != len(mine) {
		t.Errorf("%d deliveries of %d, %v", len(p.Deliveries), len(mine), err)
	}
}

// A search asks the history once for each conversation.
func TestDeliveriesOfSearch(t *testing.T) {
	f := apitest.New(t)
	log := &stingy{Memory: f.Log}
	s, err := Serve(context.Background(), Config{Node: f, Events: f, History: log, Folder: f.Folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := attach(t, s, Options{})
	for _, room := range []chat.RoomName{"lobby", "den"} {
		f.Fill(chat.InRoom(room), 30)
	}
	o, err := get[foundObject](t.Context(), c, "/v1/search?words=message")
	if err != nil || log.asked != 2 {
		t.Fatal(log.asked, err)
	}
	for _, m := range o.Messages {
		if m.Mine != (m.Delivery != nil) || m.Mine && m.Delivery.State != chat.Queued {
			t.Error(m)
		}
	}
}
