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
	const most = 400 << 10 // bytes an hour that a room of four costs each: mostly beacons
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
