package node

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// TestConnections: the list says who is at the other end of each connection, how
// it is made, what it is used for and what it carried.
func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50*time.Millisecond)
		seed := w.seed()
		bob, carol, dave := w.person("bob"), w.person("carol"), w.person("dave")
		called, err := chat.NewNick("bobby")
		if err != nil {
			t.Fatal(err)
		}
		alice := w.with(Config{Seeds: w.seeds, ContactName: func(p chat.PeerID) (chat.Text, bool) {
			return called, p == bob.Self()
		}}, "alice")
		w.apart(alice, bob)
		time.Sleep(3 * time.Second)
		if err := alice.Dial(t.Context(), bob.Self()); err != nil {
			t.Fatal(err)
		}
		alice.join("den")
		carol.join("den")
		w.net.Connect(dave.host, alice.host)
		time.Sleep(5 * time.Second)

		conns, err := alice.Connections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(conns, func(a, b Connection) int { return a.Peer.Compare(b.Peer) }) {
			t.Error("the list is not sorted")
		}
		for _, want := range []struct {
			who     *person
			role    string
			relayed bool
			uses    string
		}{
			{seed, RoleSeed, false, ">/meshsub/1.3.0"},
			{bob, RoleContact, true, ">/p2pchat/direct/1.0.0"},
			{carol, RoleMember, false, ">/meshsub/1.3.0"},
			{dave, RoleMember, false, ""}, // of the list of who is online
		} {
			i := slices.IndexFunc(conns, func(c Connection) bool { return c.Peer == want.who.Self() })
			if i < 0 {
				t.Errorf("no connection with %s %s", want.role, want.who.nick)
				continue
			}
			c := conns[i]
			if c.Role != want.role || c.Relayed != want.relayed {
				t.Errorf("%s: %+v", want.who.nick, c)
			}
			if want.relayed && (c.Via != seed.Self() || c.Name != called) {
				t.Errorf("the relayed one: %+v", c)
			}
			if !want.relayed && (c.In == 0 || c.Out == 0) {
				t.Errorf("%s: %d bytes in, %d out", want.who.nick, c.In, c.Out)
			}
			if c.RTT < 100*time.Millisecond || c.RTT > 250*time.Millisecond {
				t.Errorf("%s: a round trip of %v", want.who.nick, c.RTT)
			}
			if c.Local == "" || c.Remote == "" || c.Security != "/noise" || c.Muxer != "/yamux/1.0.0" || c.Transport == "" || c.Opened.IsZero() {
				t.Errorf("%s: %+v", want.who.nick, c)
			}
			if want.uses != "" && !slices.Contains(c.Streams, want.uses) {
				t.Errorf("%s: %q, want %q among them", want.who.nick, c.Streams, want.uses)
			}
		}
		theirs, err := seed.Connections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(theirs, func(c Connection) bool { return c.Peer == alice.Self() }); i < 0 || !theirs[i].Inbound {
			t.Errorf("the seed is connected with %+v", theirs)
		}
	})
}

// TestVia: the relay is read from the address.
func TestVia(t *testing.T) {
	relay, other := newKeyID(t, 1), newKeyID(t, 2)
	for addr, want := range map[string]struct {
		relayed bool
		via     chat.PeerID
	}{
		"/ip4/192.0.2.1/tcp/4001":                                                   {},
		"/ip4/192.0.2.1/tcp/4001/p2p/" + other.String():                             {},
		fmt.Sprintf("/ip4/192.0.2.1/tcp/4001/p2p/%s/p2p-circuit", relay):            {true, relay},
		fmt.Sprintf("/ip4/192.0.2.1/tcp/1/p2p/%s/p2p-circuit/p2p/%s", relay, other): {true, relay},
		"/ip4/192.0.2.1/tcp/4001/p2p-circuit":                                       {true, chat.PeerID{}},
	} {
		if relayed, p := via(ma.StringCast(addr)); relayed != want.relayed || p != want.via {
			t.Errorf("%s: %v via %s", addr, relayed, p)
		}
	}
}

func newKeyID(t *testing.T, n byte) chat.PeerID {
	t.Helper()
	p, err := chat.PeerIDFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
