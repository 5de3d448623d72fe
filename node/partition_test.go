package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// TestLongPartition: a room of five parts into three and two for an hour, and
// both sides write. Ten seconds after it is whole again all have everything, and
// it took little more than what had to be brought.
func TestLongPartition(t *testing.T) {
	for _, seed := range []string{"on one side", "gone"} {
		t.Run("the seed is "+seed, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 20*time.Millisecond)
				s := w.seed()
				var all []*person
				for i := range 5 {
					p := w.person(fmt.Sprint("person", i))
					p.join("lobby")
					all = append(all, p)
				}
				time.Sleep(30 * time.Second)
				three, two := w.group(all[:3]...), w.group(all[3:]...)
				if seed == "gone" {
					s.leave()
				} else {
					three = append(three, s.host)
				}
				w.net.Partition(three, two)
				n := 0
				for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(9 * time.Second) {
					all[n%5].say("lobby", fmt.Sprintf("line %d of %s", n, all[n%5].nick))
					n++
				}
				w.net.HealAll()
				before, healed := w.net.Bytes(), time.Now()
				equal := func() bool {
					for _, p := range all {
						if p.Node.log.Len(lobby().ID(p.Self())) != n {
							return false
						}
					}
					return true
				}
				for !equal() && time.Since(healed) < time.Minute {
					time.Sleep(100 * time.Millisecond)
				}
				took := time.Since(healed)
				bytes := w.net.Bytes() - before
				carried := int64(0)
				for _, s := range all[0].logged(lobby()) {
					carried += int64(len(s.Envelope))
				}
				t.Logf("%d messages equal %v after the healing; %d bytes for %d bytes of messages", n, took, bytes, carried)
				if took > 10*time.Second {
					t.Errorf("equal only after %v", took)
				}
				// Each of five lacks about half, and more than one tells them.
				if bytes > 20*carried {
					t.Errorf("%d bytes for %d bytes of messages", bytes, carried)
				}
				time.Sleep(30 * time.Second)
				accepted := make(map[chat.MessageID]string)
				for _, p := range all {
					p.accepted(lobby(), accepted)
				}
				if len(accepted) != n {
					t.Errorf("%d of %d messages were accepted", len(accepted), n)
				}
				w.checkAll(lobby(), accepted, all...)
			})
		})
	}
}
