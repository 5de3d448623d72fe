package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// served is a node that is none, behind the real interface.
type served struct {
	t      *testing.T
	f      *apitest.Node
	server *api.Server
	client *api.Client
	node   Node
}

func serveNode(t *testing.T) *served {
	t.Helper()
	s := &served{t: t, f: apitest.New(t)}
	s.serve()
	var err error
	if s.client, err = api.Dial(t.Context(), s.f.Folder.Dir(), api.Options{Patience: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	st, err := s.client.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.client.Close()
		s.end()
	})
	s.node = Attach(s.client, st)
	return s
}

func (s *served) serve() {
	s.t.Helper()
	var err error
	s.server, err = api.Serve(context.Background(), api.Config{Node: s.f, Events: s.f, History: s.f.Log, Folder: s.f.Folder, Version: "1.2.3"})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *served) end() {
	if s.server == nil {
		return
	}
	if err := s.server.Close(); err != nil {
		s.t.Error(err)
	}
	s.f.Die()
	s.server = nil
}

// await reads events until one fits.
func (s *served) await(what string, fits func(chat.Event) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		all, err := s.node.Next(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("no %s: %v", what, err)
		}
		if slices.ContainsFunc(all, fits) {
			return
		}
	}
}

func (s *served) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func words(all []chat.Message) (out []string) {
	for _, m := range all {
		out = append(out, m.Text.Raw())
	}
	return out
}

func isText(words string) func(chat.Event) bool {
	return func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.Text.Raw() == words
	}
}

func TestAttachPages(t *testing.T) {
	s := serveNode(t)
	lobby := chat.InRoom("lobby")
	s.f.Fill(lobby, 30)
	s.must(s.node.Open(t.Context(), lobby))
	p, err := s.node.Page(t.Context(), lobby, PageQuery{Limit: 10})
	s.must(err)
	if got := words(p.Messages); len(got) != 10 || got[0] != "message 21 of 30" || got[9] != "message 30 of 30" {
		t.Errorf("newest: %q", got)
	}
	if len(p.Deliveries) != 3 {
		t.Errorf("%d deliveries of 3 own messages: %v", len(p.Deliveries), p.Deliveries)
	}
	older, err := s.node.Page(t.Context(), lobby, PageQuery{Before: p.Messages[0].Place(), Limit: 5})
	s.must(err)
	if got := words(older.Messages); len(got) != 5 || got[4] != "message 20 of 30" {
		t.Errorf("older: %q", got)
	}
	newer, err := s.node.Page(t.Context(), lobby, PageQuery{After: older.Messages[0].Place(), Limit: 2})
	s.must(err)
	if got := fmt.Sprint(words(newer.Messages)); got != "[message 17 of 30 message 18 of 30]" {
		t.Errorf("newer: %q", got)
	}
	first, err := s.node.Page(t.Context(), lobby, PageQuery{After: chat.Place{Time: 1}, Limit: 1})
	s.must(err)
	if got := fmt.Sprint(words(first.Messages)); got != "[message 1 of 30]" {
		t.Errorf("oldest: %q", got)
	}
	end, err := s.node.Page(t.Context(), lobby, PageQuery{After: p.Messages[9].Place(), Limit: 5})
	s.must(err)
	if len(end.Messages) != 0 {
		t.Errorf("after the newest: %q", words(end.Messages))
	}
	// A message that the history does not have any more.
	pruned := chat.Place{Time: p.Messages[3].Clock, ID: chat.MessageID{1}}
	after, err := s.node.Page(t.Context(), lobby, PageQuery{After: pruned, Limit: 50})
	s.must(err)
	if got := words(after.Messages); len(got) < 6 || got[len(got)-1] != "message 30 of 30" {
		t.Errorf("after a pruned one: %q", got)
	}
	before, err := s.node.Page(t.Context(), lobby, PageQuery{Before: pruned, Limit: 50})
	if err != nil || len(before.Messages) != 0 {
		t.Errorf("before a pruned one: %q, %v", words(before.Messages), err)
	}
}

// Each own message of a page comes with how far it got, also while the conversation
// is not open.
func TestAttachDeliveries(t *testing.T) {
	s := serveNode(t)
	lobby := chat.InRoom("lobby")
	s.f.Fill(lobby, 300)
	p, err := s.node.Page(t.Context(), lobby, PageQuery{Limit: pageSize})
	s.must(err)
	var mine []chat.MessageID
	for _, m := range p.Messages {
		if m.Mine {
			mine = append(mine, m.ID)
		}
	}
	if len(mine) < pageSize/4 || len(p.Deliveries) != len(mine) || p.Deliveries[0] != (chat.Delivery{Conversation: lobby, ID: mine[0], State: chat.Queued}) {
		t.Fatalf("of %d own messages: %v", len(mine), p.Deliveries)
	}
	held := chat.Delivery{Conversation: lobby, ID: mine[1], State: chat.Held, Reached: 2, HeldBy: 1, Members: 3}
	s.f.Deliver(held)
	s.await("the delivery", func(ev chat.Event) bool { return ev == chat.Event(held) })
	for _, q := range []PageQuery{{Limit: pageSize}, {Before: p.Messages[pageSize-1].Place(), Limit: pageSize}, {After: p.Messages[0].Place(), Limit: pageSize}} {
		p, err := s.node.Page(t.Context(), lobby, q)
		if err != nil || !slices.Contains(p.Deliveries, held) {
			t.Errorf("%v: %v, %v", q, p.Deliveries, err)
		}
	}
}

func TestAttachTalks(t *testing.T) {
	s := serveNode(t)
	ctx := t.Context()
	s.must(s.node.SetName(ctx, text("ann")))
	self, err := s.node.Self(ctx)
	if err != nil || self.Name != text("ann") || self.Peer != apitest.Person(0) {
		t.Errorf("self: %v, %v", self, err)
	}
	lobby, err := s.node.Join(ctx, "#Lobby")
	if err != nil || lobby != chat.InRoom("lobby") {
		t.Fatalf("join: %v, %v", lobby, err)
	}
	s.must(s.node.Say(ctx, lobby, chat.Draft{Key: "k1", Body: chat.Body{Kind: chat.KindText, Text: text("hello")}}))
	var mine chat.Message
	s.await("own message", func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		mine = m
		return ok && m.Key == "k1" && m.Mine
	})
	s.f.Hear(lobby, 1, "hi Ann")
	s.await("answer", isText("hi Ann"))
	s.f.Meet(lobby, 1, "bob")
	s.f.Meet(lobby, 2, "carol")
	members, err := s.node.Members(ctx, lobby)
	if err != nil || len(members) != 2 {
		t.Errorf("members: %v, %v", members, err)
	}
	s.f.Deliver(chat.Delivery{Conversation: lobby, ID: mine.ID, State: chat.Held, HeldBy: 1, Members: 2}, 1)
	s.await("delivery", func(ev chat.Event) bool { _, ok := ev.(chat.Delivery); return ok })
	h, err := s.node.Holders(ctx, lobby, mine.ID)
	if err != nil || h.Delivery.HeldBy != 1 || len(h.Holding) != 1 || len(h.Missing) != 1 ||
		h.Holding[0].Peer != apitest.Person(1) || h.Missing[0].Nick != text("carol") {
		t.Errorf("holders: %+v, %v", h, err)
	}
	list, err := s.node.Conversations(ctx)
	s.must(err)
	if len(list) != 1 || list[0].ID != lobby || !list[0].Open || list[0].Unread != 1 || list[0].Mentions != 1 || list[0].Read != (chat.Place{}) {
		t.Errorf("conversations: %+v", list)
	}
	hits, err := s.node.Search(ctx, SearchQuery{Words: "hello", In: &lobby, Limit: 10})
	if err != nil || fmt.Sprint(words(hits)) != "[hello]" {
		t.Errorf("search: %q, %v", words(hits), err)
	}
	s.must(s.node.MarkRead(ctx, lobby, mine.ID))
	list, err = s.node.Conversations(ctx)
	if err != nil || list[0].Unread != 1 || list[0].Read != mine.Place() {
		t.Errorf("read up to %v, want %v: %+v, %v", list[0].Read, mine.Place(), list, err)
	}
	s.must(s.node.Leave(ctx, lobby))
	if s.f.Opened(lobby) != 0 {
		t.Error("the room is open")
	}
	s.must(s.node.Open(ctx, lobby))
	if s.f.Opened(lobby) == 0 {
		t.Error("the room is not open")
	}
}

func TestAttachDials(t *testing.T) {
	s := serveNode(t)
	ctx := t.Context()
	one, two, three := apitest.Person(1), apitest.Person(2), apitest.Person(3)
	s.must(s.node.SaveContact(ctx, two, "Carol"))
	relayed := "/ip4/192.0.2.7/tcp/4747/p2p/" + two.String() + "/p2p-circuit"
	for _, c := range []struct {
		whom string
		want chat.PeerID
		err  string
	}{
		{one.String(), one, ""},
		{"carol", two, ""},
		{"@Carol", two, ""},
		{"/ip4/192.0.2.8/tcp/4747/p2p/" + one.String(), one, ""},
		{relayed + "/p2p/" + one.String(), one, ""},
		{"/p2p/" + one.String(), one, ""},
		{"chat.example:4747", three, ""},
		{"nobody", chat.PeerID{}, `"nobody" is no contact`},
		{"12D3KooWnonsense", chat.PeerID{}, "12D3KooWnonsense"},
		{"/ip4/192.0.2.8/tcp/4747", chat.PeerID{}, "does not end in /p2p/"},
		{apitest.Person(0).String(), chat.PeerID{}, "your own peer ID"},
		{"p2pchat1" + strings.Repeat("a", 100), chat.PeerID{}, "the invite is damaged"},
	} {
		conv, err := s.node.Dial(ctx, c.whom, false)
		if c.err == "" && err != nil || conv.Peer != c.want || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, %v", c.whom, conv, err)
		}
	}
	_, addrs := s.f.Asked()
	if got := fmt.Sprint(addrs); !strings.Contains(got, "192.0.2.8") || !strings.Contains(got, "p2p-circuit") {
		t.Error(got)
	}
	// Somebody else was at that address last time.
	known, err := s.f.Folder.KnownHosts()
	s.must(err)
	s.must(known.Replace("moved.example:4747", one))
	if _, err = s.node.Dial(ctx, "moved.example:4747", false); !errors.Is(err, ErrOtherPeer) || !strings.Contains(err.Error(), one.String()) {
		t.Error(err)
	}
	if conv, err := s.node.Dial(ctx, "moved.example:4747", true); err != nil || conv.Peer != three {
		t.Error(conv, err)
	}
}

// What one node's person invites to, another's opens.
func TestAttachInvites(t *testing.T) {
	ann, bob := serveNode(t), serveNode(t)
	ctx := t.Context()
	lobby, err := ann.node.Join(ctx, "lobby")
	ann.must(err)
	text, err := ann.node.Invite(ctx, lobby)
	ann.must(err)
	conv, err := bob.node.Join(ctx, " "+text+" ")
	if err != nil || conv != lobby || bob.f.Opened(lobby) == 0 {
		t.Errorf("%v, %v", conv, err)
	}
	if _, err := bob.node.Join(ctx, text[:len(text)-1]); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}

func TestAttachPeople(t *testing.T) {
	s := serveNode(t)
	ctx := t.Context()
	for n := range 3 {
		_, err := s.f.Request(5+n, "stranger", "hello?")
		s.must(err)
	}
	all, err := s.node.Requests(ctx)
	if err != nil || len(all) != 3 || all[0].Text != text("hello?") || all[0].Count != 1 || all[0].Nick != text("stranger") {
		t.Fatalf("%+v, %v", all, err)
	}
	if list, err := s.node.Conversations(ctx); err != nil || len(list) != 0 {
		t.Errorf("strangers are listed: %+v, %v", list, err)
	}
	s.must(s.node.Answer(ctx, apitest.Person(5), Accept))
	s.must(s.node.Answer(ctx, apitest.Person(6), Ignore))
	s.must(s.node.Answer(ctx, apitest.Person(7), Block))
	s.must(s.node.Verify(ctx, apitest.Person(5), true))
	if all, err = s.node.Requests(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	contacts, err := s.node.Contacts(ctx)
	s.must(err)
	for _, c := range contacts {
		if c.Verified != (c.Peer == apitest.Person(5)) || c.Blocked != (c.Peer == apitest.Person(7)) {
			t.Errorf("%+v", c)
		}
	}
	if list, err := s.node.Conversations(ctx); err != nil || len(list) != 1+2 {
		t.Errorf("%+v, %v", list, err)
	}
	net, err := s.node.Net(ctx)
	if err != nil || len(net) != 1 || !net[0].Relayed || net[0].Via != apitest.Person(2) {
		t.Errorf("%+v, %v", net, err)
	}
}

// While nobody serves the folder, what is said fails with ErrGone, and Next with
// the reason; the next node goes on.
func TestAttachNodeGoneAndBack(t *testing.T) {
	s := serveNode(t)
	ctx := t.Context()
	lobby, err := s.node.Join(ctx, "lobby")
	s.must(err)
	s.end()
	brief, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for err = nil; err == nil; {
		_, err = s.node.Next(brief)
	}
	if !strings.Contains(err.Error(), "the node has ended") {
		t.Error(err)
	}
	draft := chat.Draft{Key: "k", Body: chat.Body{Kind: chat.KindText, Text: text("kept")}}
	if err := s.node.Say(ctx, lobby, draft); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	s.f = s.f.Heir()
	s.serve()
	if _, err := s.node.Next(ctx); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(patience); s.f.Opened(lobby) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the room was not opened again")
		}
	}
	s.must(s.node.Say(ctx, lobby, draft))
	s.await("what was kept", isText("kept"))
	if n := s.f.Count(); n != 1 {
		t.Errorf("%d messages were stored", n)
	}
}
