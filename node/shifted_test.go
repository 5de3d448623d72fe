package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// duo is a world with alice and bob in the lobby.
func duo(t *testing.T) (w *world, alice, bob *person) {
	t.Helper()
	w = newWorld(t, 10*time.Millisecond)
	w.seed()
	alice, bob = w.person("alice"), w.person("bob")
	alice.join("lobby")
	bob.join("lobby")
	alice.wantMember(5*time.Second, lobby(), bob, true)
	bob.wantMember(5*time.Second, lobby(), alice, true)
	return w, alice, bob
}

// TestClockAhead: one member's clock is an hour ahead of everybody's. Nobody
// else minds; what it says waits until it is due and is not lost.
func TestClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alice, bob := duo(t)
		s := w.stranger("lobby", time.Hour, alice, bob)
		said := time.Now()
		s.say("from the future", 0)
		far := s.say("from next week", 7*24*time.Hour)
		s.say("a little ahead", -50*time.Minute-time.Second) // 10 minutes less a second
		alice.wantText(time.Second, "a little ahead")

		// Our own clock is not dragged along.
		alice.say("lobby", "now")
		bob.wantText(time.Second, "now")
		if ahead := time.Until(alice.timeOf("now")); ahead > maxSkew {
			t.Errorf("alice writes %v ahead of her clock", ahead)
		}
		time.Sleep(time.Until(said.Add(time.Hour - maxSkew - time.Second)))
		for _, p := range []*person{alice, bob} {
			if p.saw("from the future") {
				t.Errorf("%s saw a message before it was due", p.nick)
			}
		}
		due := said.Add(time.Hour - maxSkew)
		for _, p := range []*person{alice, bob} {
			at := p.wantText(10*time.Second, "from the future")
			if late := at.Sub(due); late < 0 || late > 2*tickEvery {
				t.Errorf("%s saw a message %v after it was due", p.nick, late)
			}
		}
		for _, p := range []*person{alice, bob} {
			if p.log.Has(s.conv, far.ID) {
				t.Errorf("%s keeps a message from next week", p.nick)
			}
			if p.told(chat.NoticeClock) {
				t.Errorf("%s was told about the clock because of one stranger", p.nick)
			}
		}
		w.check(lobby(), alice, bob)
	})
}

// TestClockBehind: with one other, whose clock is an hour behind, alice is told,
// and writes at the time of both; with two who agree with her she is not.
func TestClockBehind(t *testing.T) {
	t.Run("two people", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10*time.Millisecond)
			w.seed()
			alice := w.person("alice")
			alice.join("lobby")
			s := w.stranger("lobby", -time.Hour, alice)
			s.say("an hour ago", 0)
			alice.wantText(time.Second, "an hour ago")
			if !alice.told(chat.NoticeClock) {
				t.Error("nobody told alice that the clocks differ")
			}
			alice.say("lobby", "now")
			alice.wantText(time.Second, "now")
			if off := alice.timeOf("now").Sub(time.Now().Add(-time.Hour)).Abs(); off > time.Second {
				t.Errorf("alice writes %v away from the room's time", off)
			}
		})
	})
	t.Run("three people", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, alice, bob := duo(t)
			s := w.stranger("lobby", -time.Hour, alice, bob)
			s.say("an hour ago", 0)
			alice.wantText(time.Second, "an hour ago")
			bob.wantText(time.Second, "an hour ago")
			if alice.told(chat.NoticeClock) || bob.told(chat.NoticeClock) {
				t.Error("one stranger moved the clocks of two who agree")
			}
			alice.say("lobby", "now")
			bob.wantText(time.Second, "now")
			if off := time.Until(bob.timeOf("now")).Abs(); off > time.Second {
				t.Errorf("alice writes %v away from the room's time", off)
			}
			w.check(lobby(), alice, bob)
		})
	})
}

// TestOurClockIsWrong: everybody else agrees, an hour ahead of us or behind. We
// are told, see what they say at once, and write at their time.
func TestOurClockIsWrong(t *testing.T) {
	for name, off := range map[string]time.Duration{"behind": time.Hour, "ahead": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Millisecond)
				w.seed()
				alice := w.person("alice")
				alice.join("lobby")
				for range 3 {
					w.stranger("lobby", off, alice)
				}
				s := w.stranger("lobby", off, alice)
				alice.want(time.Second, "notice", func(ev chat.Event) bool {
					n, ok := ev.(chat.Notice)
					return ok && n.Code == chat.NoticeClock
				})
				s.say("at our time", 0)
				alice.wantText(time.Second, "at our time")
				alice.say("lobby", "mine")
				alice.wantText(time.Second, "mine")
				if d := alice.timeOf("mine").Sub(time.Now().Add(off)).Abs(); d > time.Second {
					t.Errorf("alice writes %v away from the room's time", d)
				}
			})
		})
	}
}
