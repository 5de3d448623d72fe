package node

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// TestIdleRooms: 20 rooms in which nobody says anything for an hour cost little:
// at most one look-up a minute each, a few bytes, no goroutines that grow.
func TestIdleRooms(t *testing.T) {
	const people, roomsOfEach = 4, 20
	// The bytes an hour that a room of four costs for each of them, sent by anybody,
	// as measured and half as much again: mostly beacons, which the seed forwards
	// as well, for it relays for all of them.
	const most = 187_000 * 3 / 2
	pause := time.Hour
	if slow || testing.Short() {
		pause = 10 * time.Minute
	}
	perHour := func(n int64) int64 { return int64(float64(n) / pause.Hours()) }
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		var all []*person
		for i := range people {
			all = append(all, w.person(fmt.Sprint("p", i)))
		}
		time.Sleep(5 * time.Minute)
		bytes, before := w.net.Bytes(), runtime.NumGoroutine()
		time.Sleep(pause)
		bare := w.net.Bytes() - bytes
		t.Logf("%d nodes in no room: %d goroutines, %d bytes an hour each", people, before, perHour(bare)/people)

		for _, p := range all {
			for r := range roomsOfEach {
				p.join(fmt.Sprint("room", r))
			}
		}
		time.Sleep(5 * time.Minute)
		look := func() (sum int) {
			for _, p := range all {
				for _, c := range p.links(roomsOfEach) {
					sum += c.search.Status().Lookups
				}
			}
			return sum
		}
		lookups, start := look(), runtime.NumGoroutine()
		bytes = w.net.Bytes()
		time.Sleep(pause)
		used, goroutines, asked := w.net.Bytes()-bytes, runtime.NumGoroutine(), look()-lookups
		each := perHour(used-bare) / people / roomsOfEach
		minutes := pause.Minutes()
		t.Logf("with %d idle rooms: %d goroutines more (%.1f a room and node), %d bytes an hour for each room and node, %.2f look-ups a minute and room",
			roomsOfEach, start-before, float64(start-before)/people/roomsOfEach, each,
			float64(asked)/minutes/people/roomsOfEach)
		if each > most {
			t.Errorf("a room costs %d bytes an hour, want at most %d", each, most)
		}
		if most := int(minutes+1) * people * roomsOfEach; asked > most {
			t.Errorf("%d look-ups, want at most one a minute and room: %d", asked, most)
		}
		if goroutines > start+people*roomsOfEach/4 {
			t.Errorf("%d goroutines, and %d an hour before", goroutines, start)
		}
		// They are idle, not dead.
		all[0].say("room7", "anybody?")
		for _, p := range all[1:] {
			p.wantText(time.Second, "anybody?")
		}
	})
}

// links are those of the first n rooms.
func (p *person) links(n int) (out []*roomLink) {
	for r := range n {
		room := chat.InRoom(chat.RoomName(fmt.Sprint("room", r)))
		out = append(out, p.roomOf(room.ID(p.Self())))
	}
	return out
}

// TestIdleNode: what an ordinary node costs its user while nobody says anything:
// five contacts with whom a talk is open, three rooms with them in it, one seed.
func TestIdleNode(t *testing.T) {
	const contacts, roomsOfEach = 5, 3
	const most = idlePerHour * 3 / 2
	pause := time.Hour
	if slow || testing.Short() {
		pause = 20 * time.Minute
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 25*time.Millisecond)
		w.seed()
		alice := w.person("alice")
		for i := range contacts {
			p := w.person(fmt.Sprint("p", i))
			for r := range roomsOfEach {
				p.join(fmt.Sprint("room", r))
			}
			if err := alice.Dial(t.Context(), p.Self()); err != nil {
				t.Fatal(err)
			}
		}
		for r := range roomsOfEach {
			alice.join(fmt.Sprint("room", r))
		}
		time.Sleep(10 * time.Minute)
		in, out := alice.host.TotalTraffic()
		time.Sleep(pause)
		in2, out2 := alice.host.TotalTraffic()
		perHour := func(n uint64) int { return int(float64(n) / pause.Hours()) }
		all := perHour(in2 - in + out2 - out)
		t.Logf("%d contacts, %d rooms, a seed: %d bytes an hour in, %d out, %d bytes a second in all",
			contacts, roomsOfEach, perHour(in2-in), perHour(out2-out), all/3600)
		if all == 0 || all > most {
			t.Errorf("%d bytes an hour, want at most %d", all, most)
		}
	})
}

// idlePerHour is what TestIdleNode measured, in and out, in bytes.
const idlePerHour = 2_800_000
