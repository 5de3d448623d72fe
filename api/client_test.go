package api

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// Every method of the client, against what the server says.
func TestClient(t *testing.T) {
	f := apitest.New(t)
	f.SetNetwork(node.Network{Reach: host.Reach{Reachability: network.ReachabilityPublic}, In: 1, Out: 2})
	s := serve(t, f)
	c := attach(t, s, Options{})
	ctx := t.Context()
	lobby := chat.InRoom("lobby")
	check := func(what string, err error, ok bool) {
		t.Helper()
		if err != nil || !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	info, err := c.Node(ctx)
	check("node", err, info.Peer == f.Self() && info.Version == "1.2.3" && c.Self() == f.Self())
	st, err := c.Status(ctx)
	check("status", err, st.Traffic.Out == 2 && st.Network.Reachability == "public" && st.Memory > 0 && st.Peers == 1)
	check("name", c.SetName(apitest.Text(t, "ann")), f.Name(f.Self()).Raw() == "ann")
	name, err := s.cfg.Folder.Name()
	check("name is kept", err, name.Raw() == "ann")
	peers, err := c.Peers(ctx)
	check("peers", err, len(peers) == 1 && peers[0].RTT == 1.5)
	lines, err := c.Net(ctx, false)
	check("net", err, len(lines) == 2 && !strings.Contains(strings.Join(lines, ""), "\x1b"))
	lines, err = c.Net(ctx, true)
	check("net as JSON", err, len(lines) == 1 && strings.HasPrefix(lines[0], `{"type":"connection"`))
	odd, err := c.Join(ctx, "..")
	check("an odd room", err, odd.Conversation.Room == "..")
	_, err = c.Members(ctx, chat.InRoom(".."))
	check("members of an odd room", err, true)
	_, err = c.Join(ctx, "lobby")
	check("join", err, f.Opened(lobby) == 1)
	_, err = c.DialPeer(ctx, apitest.Person(7), "/ip4/127.0.0.1/tcp/1")
	_, addrs := f.Asked()
	check("dial", err, f.Opened(chat.With(apitest.Person(7))) == 1 && len(addrs) == 1)
	at, err := c.DialAt(ctx, "localhost:1", false)
	check("dial at", err, at.Conversation.Peer == apitest.Person(3))
	members, err := c.Members(ctx, lobby)
	check("members", err, len(members) == 1 && members[0].Since.UnixMilli() == 1e12)
	first, err := c.Send(ctx, lobby, chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "first words")})
	check("send", err, first.Accepted)
	body, err := chat.NewReply(*first.ID, apitest.Text(t, "second words"))
	check("reply", err, true)
	second, err := c.Send(ctx, lobby, body)
	check("send a reply", err, second.Accepted)
	page, more, err := c.Messages(ctx, lobby, PageQuery{Limit: 1})
	check("page", err, more && len(page) == 1 && page[0].Target == *first.ID)
	page, more, err = c.Messages(ctx, lobby, PageQuery{Before: *second.ID})
	check("page before", err, !more && len(page) == 1 && page[0].ID == *first.ID)
	page, _, err = c.Messages(ctx, lobby, PageQuery{Around: *first.ID})
	check("page around", err, len(page) == 2)
	m, err := c.Message(ctx, lobby, *first.ID)
	check("message", err, m.Text.Raw() == "first words" && m.Mine)
	d, err := c.Delivery(ctx, lobby, *first.ID)
	check("delivery", err, d.Known && len(d.Holders) == 2 && d.Holders[0].Holds && d.State == chat.Queued)
	found, next, err := c.Search(ctx, SearchQuery{Words: "words", In: []chat.Conversation{lobby}, Limit: 1})
	check("search", err, len(found) == 1 && found[0].ID == *second.ID && next != "")
	found, _, err = c.Search(ctx, SearchQuery{Words: "words", Limit: 1, Next: next})
	check("search on", err, len(found) == 1 && found[0].ID == *first.ID)
	topic, err := c.Topic(ctx, lobby)
	check("topic", err, topic.Kind == 0)
	h, err := c.History(ctx, lobby)
	check("history", err, h.Messages == 2)
	c.MarkRead(lobby, *first.ID)
	read, _ := f.Asked()
	check("read", nil, len(read) == 1)
	check("contact", c.AddContact(ctx, "bob", apitest.Person(8)), true)
	check("verify", c.Verify(ctx, apitest.Person(8), true), true)
	check("block", c.Block(ctx, apitest.Person(8), true), s.contacts.Blocked(apitest.Person(8)))
	contacts, err := c.Contacts(ctx)
	check("contacts", err, len(contacts) == 1 && contacts[0].Verified && contacts[0].Name == "bob")
	check("remove", c.RemoveContact(ctx, apitest.Person(8)), true)
	check("accept", c.Accept(ctx, apitest.Person(9)), s.contacts.Standing(apitest.Person(9)) == identity.StandingKnown)
	check("ignore", c.Ignore(ctx, apitest.Person(9)), s.contacts.Standing(apitest.Person(9)) == identity.StandingIgnored)
	var checks []Check
	sum, err := c.Diagnose(ctx, DiagnoseQuery{Wait: time.Second}, func(o Check) { checks = append(checks, o) })
	check("diagnose", err, len(checks) == 1 && sum.ExitCode == 1)
	check("leave", c.Leave(ctx, lobby), f.Opened(lobby) == 0)
}

// errors.Is sees through the interface.
func TestErrorsOfClient(t *testing.T) {
	s := serve(t, apitest.New(t))
	c := attach(t, s, Options{})
	lobby := chat.InRoom("lobby")
	_, _, err := c.Messages(t.Context(), lobby, PageQuery{Limit: MaxPage + 1})
	if !errors.Is(err, errBadRequest) {
		t.Error(err)
	}
	if _, err := c.Send(t.Context(), lobby, chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "x")}); !errors.Is(err, chat.ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := c.Search(t.Context(), SearchQuery{Words: "!"}); !errors.Is(err, history.ErrNoWords) {
		t.Error(err)
	}
	if err := c.AddContact(t.Context(), "x", apitest.Person(1)); err != nil {
		t.Error(err)
	}
	if err := c.AddContact(t.Context(), "x", apitest.Person(2)); !errors.Is(err, identity.ErrNameTaken) {
		t.Error(err)
	}
}

// Settle tells what is left when it is given up.
func TestSettleIsGivenUp(t *testing.T) {
	f := apitest.New(t)
	f.Behave(apitest.Behaviour{Left: 3})
	c := attach(t, serve(t, f), Options{})
	for _, withDeadline := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		if withDeadline {
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		} else {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
		left, err := c.Settle(ctx, chat.InRoom("lobby"))
		if left != 3 || !errors.Is(err, ctx.Err()) || err == nil {
			t.Errorf("%d left, %v", left, err)
		}
		cancel()
	}
}
