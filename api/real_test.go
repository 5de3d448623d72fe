package api

import (
	"context"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/node"
)

// What the real things have is what is asked of them.
var (
	_ Node    = (*node.Node)(nil)
	_ Events  = (*node.Subscription)(nil)
	_ History = (*history.DB)(nil)
	_ History = (*history.Memory)(nil)
)

// realNode is a node on loopback, served, with a face.
func realNode(t *testing.T, seeds ...peer.AddrInfo) (*node.Node, *Client) {
	t.Helper()
	folder := folderOf(t, t.TempDir()+"/data")
	unlock, err := folder.Lock()
	if err != nil {
		t.Fatal(err)
	}
	key, self, err := folder.Key()
	if err != nil {
		t.Fatal(err)
	}
	db, _, err := history.Open(t.Context(), folder.Dir()+"/history.db", history.Config{Self: self})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(t.Context(), node.Config{
		Key: key, Listen: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")}, Seeds: seeds, NoMDNS: true, NoPortMapping: true, History: db,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(t.Context(), Config{Node: n, Events: n.Subscribe(), History: db, Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, end := range []func() error{s.Close, func() error { return n.Close(context.Background()) }, db.Close, unlock} {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	})
	return n, attach(t, s, Options{})
}

// Two real nodes talk in a room and in private, each through its face.
func TestRealNodes(t *testing.T) {
	an, a := realNode(t)
	info, err := peer.AddrInfoFromString(an.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	_, b := realNode(t, *info)
	as, bs := listenTo(t, a), listenTo(t, b)
	lobby := chat.InRoom("lobby")
	for _, c := range []*Client{a, b} {
		if _, err := c.Join(t.Context(), "lobby"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	sent, err := a.Send(ctx, lobby, chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "hi all")})
	if err != nil || !sent.Accepted {
		t.Fatal(sent, err)
	}
	await(t, bs, "message in the room", saysText("hi all"))
	if left, err := a.Settle(ctx, lobby); left != 0 || err != nil {
		t.Fatal(left, err)
	}
	await(t, as, "delivery", func(ev chat.Event) bool {
		d, ok := ev.(chat.Delivery)
		return ok && d.ID == *sent.ID && d.State == chat.Held
	})
	d, err := a.Delivery(ctx, lobby, *sent.ID)
	if err != nil || d.State != chat.Held || d.HeldBy != 1 {
		t.Fatal(d, err)
	}
	if err := a.Leave(ctx, lobby); err != nil {
		t.Fatal(err)
	}
	if d, err := a.Delivery(ctx, lobby, *sent.ID); err != nil || d.State != chat.Held || d.Known {
		t.Fatal("of a room that was left:", d, err)
	}
	if _, err := b.DialPeer(ctx, a.Self()); err != nil {
		t.Fatal(err)
	}
	if err := b.Say(ctx, chat.With(a.Self()), chat.Draft{Key: "1", Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "in private")}}); err != nil {
		t.Fatal(err)
	}
	await(t, as, "private message", saysText("in private"))
	until(t, "it is in the list", func() bool {
		o, err := a.Conversation(ctx, chat.With(b.Self()))
		return err == nil && o.Unread == 1 && !o.Open
	})
	page, _, err := b.Messages(ctx, lobby, PageQuery{})
	if err != nil || len(page) != 1 || page[0].ID != *sent.ID || page[0].Mine {
		t.Fatal(page, err)
	}
	conns, err := a.Connections(ctx)
	if err != nil || len(conns) == 0 || conns[0].Peer != b.Self() {
		t.Fatal(conns, err)
	}
	if st, err := b.Status(ctx); err != nil || st.Connections == 0 || st.Open != 2 {
		t.Fatal(st, err)
	}
}
