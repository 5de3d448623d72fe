package node

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func lobby() chat.Conversation { return chat.InRoom("lobby") }

func TestStrangersMeetInARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		alice.join("lobby")
		bob.join("lobby")
		alice.wantMember(5*time.Second, lobby(), bob, true)
		bob.say("lobby", "hi alice")
		alice.wantText(time.Second, "hi alice")
		alice.say("lobby", "hi bob")
		bob.wantText(time.Second, "hi bob")
		alice.wantDelivery(5*time.Second, "hi bob", chat.Held, 1)
		bob.leave()
		alice.wantMember(time.Second, lobby(), bob, false)
		w.check(lobby(), alice, bob)
	})
}

func TestMessageToAnEmptyRoomWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice := w.person("alice")
		alice.join("lobby")
		alice.say("lobby", "anybody?")
		alice.wantDelivery(time.Second, "anybody?", chat.Queued, 0)
		time.Sleep(time.Minute)
		if _, _, ok := alice.find(func(ev chat.Event) bool {
			d, ok := ev.(chat.Delivery)
			return ok && d.State != chat.Queued
		}); ok {
			t.Fatal("a message to nobody is not sent")
		}
		alice.want(time.Second, "notice", func(ev chat.Event) bool {
			n, ok := ev.(chat.Notice)
			return ok && n.Code == chat.NoticeWaiting
		})
		bob := w.person("bob")
		bob.join("lobby")
		bob.wantText(time.Second, "anybody?")
		alice.wantDelivery(5*time.Second, "anybody?", chat.Held, 1)
		w.check(lobby(), alice, bob)
	})
}

func TestNewcomerGetsWhatMembersRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		alice.join("lobby")
		bob.join("lobby")
		for i := range 50 {
			alice.say("lobby", fmt.Sprint("a", i))
			bob.say("lobby", fmt.Sprint("b", i))
			time.Sleep(time.Second)
		}
		carol := w.person("carol")
		carol.join("lobby")
		carol.wantText(2*time.Second, "b49")
		time.Sleep(time.Second)
		w.check(lobby(), alice, bob, carol)
	})
}

func TestTwoSeedsOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		w.seed()
		alice := w.with(Config{Seeds: w.seeds[:1]}, "alice")
		bob := w.with(Config{Seeds: w.seeds[1:]}, "bob")
		alice.join("lobby")
		bob.join("lobby")
		alice.say("lobby", "from the first")
		bob.say("lobby", "from the second")
		bob.wantText(5*time.Second, "from the first")
		alice.wantText(5*time.Second, "from the second")
	})
}

func TestSeedsGoneTalkGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		seed := w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		alice.join("lobby")
		bob.join("lobby")
		alice.wantMember(5*time.Second, lobby(), bob, true)
		seed.leave()
		alice.want(5*time.Second, "notice", func(ev chat.Event) bool {
			n, ok := ev.(chat.Notice)
			return ok && n.Code == chat.NoticeSeedLost
		})
		alice.say("lobby", "still here")
		bob.wantText(time.Second, "still here")

		// The same seed comes back; somebody new finds the room through it.
		w.seeds = nil
		w.start(Config{Seed: true, Key: seed.key, Listen: seed.info.Addrs})
		w.seeds = append(w.seeds, seed.info)
		alice.want(5*time.Second, "notice", func(ev chat.Event) bool {
			n, ok := ev.(chat.Notice)
			return ok && n.Code == chat.NoticeSeedBack
		})
		carol := w.person("carol")
		carol.join("lobby")
		carol.wantText(5*time.Second, "still here")
	})
}

func TestPrivateTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		if err := alice.Dial(t.Context(), bob.Self()); err != nil {
			t.Fatal(err)
		}
		alice.tell(chat.With(bob.Self()), "psst")
		bob.wantText(5*time.Second, "psst")
		alice.wantDelivery(time.Second, "psst", chat.Held, 1)
		bob.tell(chat.With(alice.Self()), "what")
		alice.wantText(time.Second, "what")
		bob.leave()
		alice.want(time.Second, "goodbye", func(ev chat.Event) bool {
			e, ok := ev.(chat.Ended)
			return ok && !e.Refused
		})
	})
}

func TestSeedRefusesPrivateTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		seed := w.seed()
		alice := w.person("alice")
		if err := alice.Dial(t.Context(), seed.Self()); err != nil {
			t.Fatal(err)
		}
		alice.tell(chat.With(seed.Self()), "hello?")
		alice.want(5*time.Second, "refusal", func(ev chat.Event) bool {
			e, ok := ev.(chat.Ended)
			return ok && e.Refused && strings.Contains(e.Reason, "seed")
		})
		alice.wantDelivery(time.Second, "hello?", chat.Failed, 0)
	})
}

func TestBurstArrivesCompleteAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Millisecond)
		w.seed()
		members := []*person{w.person("writer")}
		for i := range 9 {
			members = append(members, w.person(fmt.Sprint("reader", i)))
		}
		for _, p := range members {
			p.join("lobby")
		}
		lines := texts(10_000, strings.Repeat("x", 90))
		for _, l := range lines {
			members[0].say("lobby", l)
		}
		for _, p := range members[1:] {
			p.wantText(30*time.Second, lines[len(lines)-1])
		}
		time.Sleep(2 * time.Second)
		for _, p := range members {
			if got := p.shown(lobby()); !equalTexts(got, lines) {
				t.Errorf("%s was shown %d lines, not %d in order", p.nick, len(got), len(lines))
			}
		}
		w.check(lobby(), members...)
	})
}

func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		seed := w.seed()
		var west, east []*person
		for i := range 3 {
			west = append(west, w.person(fmt.Sprint("west", i)))
		}
		for i := range 2 {
			east = append(east, w.person(fmt.Sprint("east", i)))
		}
		everybody := append(append([]*person(nil), west...), east...)
		for _, p := range everybody {
			p.join("lobby")
		}
		time.Sleep(5 * time.Second)
		w.net.Partition(w.group(append(west, seed)...), w.group(east...))
		for i := range 60 {
			west[i%3].say("lobby", fmt.Sprint("west ", i))
			east[i%2].say("lobby", fmt.Sprint("east ", i))
			time.Sleep(time.Second)
		}
		w.net.HealAll()
		time.Sleep(30 * time.Second)
		w.check(lobby(), everybody...)
		if got := len(west[0].shown(lobby())); got != 120 {
			t.Errorf("west0 was shown %d messages of 120", got)
		}
	})
}
