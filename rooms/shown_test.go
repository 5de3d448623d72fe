package rooms

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// joinPresence enters the list of who is online, showing what rooms says.
func (n *node) joinPresence(rooms func() []chat.RoomName) {
	n.t.Helper()
	h := n.handler()
	h.Rooms = rooms
	r, err := n.svc.Join(chat.PresenceID(), h)
	if err != nil {
		n.t.Fatal(err)
	}
	n.room = r
}

// seen are the rooms in which n sees the other.
func (n *node) seen(other *node) []chat.RoomName {
	for _, m := range n.room.Roster() {
		if m.Peer == other.self {
			return m.Rooms
		}
	}
	return nil
}

// The rooms that somebody shows are told within two seconds, many changes at once,
// and no more often than beacons are sent anyway.
func TestShownRoomsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		nodes := newNodes(t, net, 2)
		alice, bob := nodes[0], nodes[1]
		net.Connect(alice.Host, bob.Host)
		var shown []chat.RoomName
		alice.joinPresence(func() (out []chat.RoomName) { alice.with(func() { out = shown }); return out })
		bob.joinPresence(nil)
		time.Sleep(10 * time.Second)
		if got := bob.seen(alice); got != nil {
			t.Errorf("alice shows %q", got)
		}
		show := func(rooms ...chat.RoomName) {
			alice.with(func() { shown = rooms })
			alice.room.RoomsChanged()
		}
		show("den", "lobby")
		time.Sleep(2 * time.Second)
		if got := bob.seen(alice); !slices.Equal(got, []chat.RoomName{"den", "lobby"}) {
			t.Errorf("alice shows %q", got)
		}
		before := len(bob.beacons)
		const changes, every = 300, 100 * time.Millisecond
		for i := range changes {
			show(chat.RoomName(fmt.Sprint("room", i)))
			time.Sleep(every)
		}
		time.Sleep(2 * time.Second)
		if got := bob.seen(alice); !slices.Equal(got, []chat.RoomName{"room299"}) {
			t.Errorf("alice shows %q", got)
		}
		// Two members: a beacon is earned in two seconds.
		if n, most := len(bob.beacons)-before, beaconBurst+int(changes*every/(2*time.Second))+2; n > most || n < 2 {
			t.Errorf("%d changes gave %d beacons, want at most %d", changes, n, most)
		}
		nine := make([]chat.RoomName, chat.MaxShownRooms+1)
		for i := range nine {
			nine[i] = chat.RoomName(fmt.Sprint("room", i))
		}
		show(nine...)
		time.Sleep(6 * time.Second)
		if got := bob.seen(alice); !slices.Equal(got, nine[:chat.MaxShownRooms]) {
			t.Errorf("alice shows %q", got)
		}
		alice.leave()
		time.Sleep(time.Second)
		if got := bob.seen(alice); got != nil {
			t.Errorf("alice, who left, shows %q", got)
		}
		if bob.members[alice.self].Rooms != nil {
			t.Error("the goodbye names rooms")
		}
	})
}
