package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// TestForkIsTold: two different messages with one number are both shown, and
// everybody is told, once.
func TestForkIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alice, bob := duo(t)
		s := w.stranger("lobby", 0, alice, bob)
		s.say("one", 0)
		s.next-- // the same number again
		s.say("another one", time.Millisecond)
		for _, p := range []*person{alice, bob} {
			p.wantText(5*time.Second, "one")
			p.wantText(5*time.Second, "another one")
			p.want(10*time.Second, "warning", func(ev chat.Event) bool {
				n, ok := ev.(chat.Notice)
				return ok && n.Code == chat.NoticeFork
			})
		}
		s.say("two", 2*time.Millisecond)
		alice.wantText(5*time.Second, "two")
		time.Sleep(10 * time.Second)
		n := 0
		alice.mu.Lock()
		defer alice.mu.Unlock()
		for _, ev := range alice.events {
			if notice, ok := ev.(chat.Notice); ok && notice.Code == chat.NoticeFork {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d warnings, want 1", n)
		}
	})
}
