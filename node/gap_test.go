package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// TestGapIsShownInTheEnd: a message whose parent nobody has is not held back for
// ever, and not shown before everybody had time to bring the parent.
func TestGapIsShownInTheEnd(t *testing.T) {
	t.Run("nobody to ask", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10*time.Millisecond)
			w.seed()
			alice := w.person("alice")
			alice.join("lobby")
			s := w.stranger("lobby", 0, alice) // who answers no questions
			lost := s.segment("lost", 0)
			said := time.Now()
			s.say("orphan", time.Millisecond, lost.ID)
			at := alice.wantText(2*gapAfter, "orphan")
			if d := at.Sub(said); d < gapAfter || d > gapAfter+time.Second {
				t.Errorf("shown after %v, want %v", d, gapAfter)
			}
			// The parent comes late, and is shown all the same.
			s.publish(lost.Envelope)
			alice.wantText(time.Second, "lost")
			alice.say("lobby", "it goes on")
			alice.wantDelivery(time.Second, "it goes on", chat.Sent, 0)
			if got := alice.shown(lobby()); !equalTexts(got, []string{"orphan", "lost", "it goes on"}) {
				t.Errorf("alice saw %q", got)
			}
		})
	})
	t.Run("members who do not have it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, alice, bob := duo(t)
			s := w.stranger("lobby", 0, alice, bob)
			lost := s.segment("lost", 0)
			said := time.Now()
			s.say("orphan", time.Millisecond, lost.ID)
			for _, p := range []*person{alice, bob} {
				at := p.wantText(2*gapAfter, "orphan")
				if d := at.Sub(said); d > gapAfter+time.Second {
					t.Errorf("%s saw it after %v, want at most %v", p.nick, d, gapAfter)
				}
			}
			w.check(lobby(), alice, bob)
		})
	})
}

// TestMissingParentIsFetched: what one member has and gossip did not bring comes
// from that member, and is shown before what follows it.
func TestMissingParentIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alice, bob := duo(t)
		s := w.stranger("lobby", 0, alice, bob)
		one := s.segment("one", 0)
		two := s.segment("two", time.Millisecond, one.ID)
		// Only bob gets the first two, as if gossip had lost them for alice.
		if err := bob.accept(t.Context(), s.self(), []*chat.Segment{one, two}); err != nil {
			t.Fatal(err)
		}
		s.say("three", 2*time.Millisecond, two.ID)
		alice.wantText(2*time.Second, "three")
		if got := alice.shown(lobby()); !equalTexts(got, []string{"one", "two", "three"}) {
			t.Errorf("alice saw %q", got)
		}
		w.check(lobby(), alice, bob)
	})
}
