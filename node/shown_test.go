package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// shows are the rooms in which p sees o.
func (p *person) shows(o *person) []chat.RoomName {
	p.t.Helper()
	list, err := p.Peers(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, l := range list {
		if l.Peer == o.Self() {
			return l.Rooms
		}
	}
	return nil
}

// Others, and seeds, see somebody in the rooms that are to be shown and are open, and
// in no other. Who wants to be invisible shows nothing.
func TestShownRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Millisecond)
		seed := w.seed()
		show := []chat.RoomName{"lobby", "Not Folded", "den", "lobby"}
		alice := w.with(Config{Seeds: w.seeds, ShowRooms: show}, "alice")
		hidden := w.with(Config{Seeds: w.seeds, ShowRooms: show, Invisible: true}, "eve")
		bob := w.person("bob")
		for _, p := range []*person{alice, hidden, bob} {
			p.join("secret")
			p.join("den")
		}
		want := func(rooms ...chat.RoomName) {
			t.Helper()
			time.Sleep(6 * time.Second)
			for _, p := range []*person{seed, bob} {
				if got := p.shows(alice); !slices.Equal(got, rooms) {
					t.Errorf("%q sees alice in %q, want %q", p.nick, got, rooms)
				}
				if got := p.shows(hidden); got != nil {
					t.Errorf("%q sees who is invisible in %q", p.nick, got)
				}
			}
			for _, p := range []*person{seed, alice} {
				if got := p.shows(bob); got != nil {
					t.Errorf("%q sees bob in %q", p.nick, got)
				}
			}
		}
		want("den")
		alice.join("lobby")
		want("lobby", "den")
		if err := alice.Leave(t.Context(), chat.InRoom("den")); err != nil {
			t.Fatal(err)
		}
		want("lobby")
		if err := alice.Leave(t.Context(), chat.InRoom("lobby")); err != nil {
			t.Fatal(err)
		}
		want()
	})
}
