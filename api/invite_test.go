package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/invite"
	"github.com/p2pchat/p2pchat/node"
)

// An invite names the node, its name and addresses, and its seeds, those that are
// connected first.
func TestInvite(t *testing.T) {
	f := apitest.New(t)
	at := func(s string) []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast(s)} }
	f.SetNetwork(node.Network{Seeds: []bootstrap.SeedStatus{
		{Peer: apitest.Person(11), Addrs: at("/ip4/192.0.2.1/tcp/4747")},
		{Peer: apitest.Person(12), Addrs: at("/dns4/seed.example.org/tcp/4747"), Connected: true},
	}})
	c := attach(t, serve(t, f), Options{})
	if err := c.SetName(apitest.Text(t, "ann")); err != nil {
		t.Fatal(err)
	}
	for _, conv := range []chat.Conversation{chat.InRoom("lobby"), chat.With(apitest.Person(5)), {}, chat.Presence()} {
		text, err := c.Invite(t.Context(), conv)
		if err != nil {
			t.Fatal(conv, err)
		}
		i, err := invite.Parse(text)
		if err != nil || i.Peer != f.Self() || i.Nick.Raw() != "ann" || i.Room != conv.Room || len(i.Addrs) != 1 {
			t.Errorf("%v: %+v: %v", conv, i, err)
		}
		if len(i.Seeds) != 2 || i.Seeds[0].ID != apitest.Person(12).Libp2p() {
			t.Errorf("seeds: %v", i.Seeds)
		}
	}
	o, err := c.Invited(t.Context(), chat.InRoom("lobby"))
	if err != nil || o.Addrs != 1 || o.Seeds != 2 || o.Conversation.Conversation != chat.InRoom("lobby") {
		t.Error(o, err)
	}
}

// The invite of a seed names it as one.
func TestInviteOfSeed(t *testing.T) {
	f := apitest.New(t)
	f.SetNetwork(node.Network{Seed: true, Seeds: []bootstrap.SeedStatus{{Peer: f.Self()}}})
	text, err := attach(t, serve(t, f), Options{}).Invite(t.Context(), chat.InRoom("lobby"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := invite.Parse(text)
	if err != nil || len(i.Seeds) != 1 || i.Seeds[0].ID != f.Self().Libp2p() || len(i.Seeds[0].Addrs) != 1 {
		t.Fatal(i.Seeds, err)
	}
}

// madeBy is an invite of somebody.
func madeBy(p chat.PeerID, room chat.RoomName) string {
	return invite.Invite{
		Peer: p, Room: room, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.9/tcp/9")},
		Seeds: []peer.AddrInfo{{ID: apitest.Person(12).Libp2p(), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/4747")}}},
	}.String()
}

// Opening an invite opens what it leads to, and keeps its seeds; the next node opens
// the same without the invite.
func TestOpenInvite(t *testing.T) {
	f := apitest.New(t)
	c := attach(t, serve(t, f), Options{})
	bob := apitest.Person(1)
	o, err := c.OpenInvite(t.Context(), " "+strings.ToUpper(madeBy(bob, "lobby"))+"\n")
	if err != nil || o.Conversation.Conversation != chat.InRoom("lobby") || f.Opened(chat.InRoom("lobby")) != 1 || !o.First {
		t.Fatal(o, err)
	}
	o, err = c.OpenInvite(t.Context(), madeBy(bob, ""))
	if err != nil || o.Conversation.Conversation != chat.With(bob) || f.Opened(chat.With(bob)) != 1 {
		t.Fatal(o, err)
	}
	if _, addrs := f.Asked(); len(addrs) != 2 || addrs[0].ID != bob.Libp2p() {
		t.Error("where bob is was not told:", addrs)
	}
	if seeds := f.Seeds(); len(seeds) != 2 || seeds[0].ID != apitest.Person(12).Libp2p() {
		t.Error("the node does not know the seeds:", seeds)
	}
	kept, err := f.Folder.Seeds()
	if want := []string{"/ip4/192.0.2.1/tcp/4747/p2p/" + apitest.Person(12).String()}; err != nil || !slices.Equal(kept, want) {
		t.Error("the folder holds", kept, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened[chat.InRoom("lobby")].Room != "lobby" || c.opened[chat.With(bob)].Peer != bob.String() {
		t.Error("the next node is told", c.opened)
	}
}

func TestOpenBadInvite(t *testing.T) {
	f := apitest.New(t)
	c := attach(t, serve(t, f), Options{})
	good := madeBy(apitest.Person(1), "lobby")
	for text, want := range map[string]error{
		"lobby":                          invite.ErrNotInvite,
		good[:len(good)-1]:               invite.ErrDamaged,
		good + strings.Repeat("a", 4000): chat.ErrTooLong,
		madeBy(f.Self(), ""):             errOwnPeer,
		madeBy(f.Self(), "den"):          nil, // one's own room
	} {
		if _, err := c.OpenInvite(t.Context(), text); !errors.Is(err, want) {
			t.Errorf("%.20s: %v, want %v", text, err, want)
		}
	}
	if kept, err := f.Folder.Seeds(); err != nil || len(kept) != 1 { // of the one that was good
		t.Error(kept, err)
	}
}

// What the folder cannot keep is used all the same.
func TestOpenInviteWithDamagedFolder(t *testing.T) {
	f := apitest.New(t)
	c := attach(t, serve(t, f), Options{})
	if err := f.Folder.WriteFile("seeds.json", []byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.OpenInvite(t.Context(), madeBy(apitest.Person(1), "lobby")); err != nil || len(f.Seeds()) != 1 {
		t.Fatal(err, f.Seeds())
	}
	if _, err := f.Folder.Seeds(); !errors.Is(err, identity.ErrDamaged) {
		t.Fatal("the damaged file was replaced:", err)
	}
}

// Two real nodes that know no seed meet by an invite.
func TestRealInvite(t *testing.T) {
	_, a := realNode(t)
	_, b := realNode(t)
	bs := listenTo(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if _, err := a.Join(ctx, "lobby"); err != nil {
		t.Fatal(err)
	}
	text, err := a.Invite(ctx, chat.InRoom("lobby"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.OpenInvite(ctx, text); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Send(ctx, chat.InRoom("lobby"), chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "welcome")}); err != nil {
		t.Fatal(err)
	}
	await(t, bs, "message", saysText("welcome"))
	st, err := b.Status(ctx)
	if err != nil || st.Network == nil || st.Network.DHT.Mode == "" || st.Traffic.In == 0 || len(st.Network.Searches) == 0 {
		t.Fatalf("%+v: %v", st.Network, err)
	}
}

// The fake's link is told as a real node's is.
func TestNetworkOfFake(t *testing.T) {
	f := apitest.New(t)
	f.SetLink(apitest.Link{Public: true, Seeds: []int{11}, Lost: []int{12}, In: 7})
	st, err := attach(t, serve(t, f), Options{}).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := st.Network
	if n.Reachability != "public" || n.NAT != "none" || len(n.Seeds) != 2 || !n.Seeds[0].Connected || n.Seeds[1].LastError != "nobody listens there" || st.Traffic.In != 7 {
		t.Errorf("%+v", n)
	}
	if n.Searches == nil || n.LAN == nil || n.Advertised == nil {
		t.Errorf("null in JSON: %+v", n)
	}
}
