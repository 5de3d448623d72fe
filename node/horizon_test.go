package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// TestPrunedEverywhereIsNotMissing: members who keep only what is new have
// nothing to hide from a newcomer: its history is complete, and what it says
// proves that it holds all there is.
func TestPrunedEverywhereIsNotMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		var old []*person
		for _, nick := range []string{"alice", "bob"} {
			log := history.NewMemory(history.Config{MaxBytes: 50_000})
			p := w.with(Config{Seeds: w.seeds, History: log}, nick)
			p.join("lobby")
			old = append(old, p)
		}
		old[0].wantMember(5*time.Second, lobby(), old[1], true)
		for i := range 200 {
			old[i%2].say("lobby", fmt.Sprint("line ", i))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		if n := old[0].Node.log.Len(lobby().ID(old[0].Self())); n > 150 {
			t.Fatalf("%d segments are kept: nothing was pruned", n)
		}
		carol := w.person("carol")
		carol.join("lobby")
		carol.want(time.Minute, "history: complete", func(ev chat.Event) bool {
			h, ok := ev.(chat.History)
			return ok && h.Complete
		})
		old[0].say("lobby", "welcome")
		old[0].wantDelivery(10*time.Second, "welcome", chat.Held, 2)
		if heads := carol.Node.log.Heads(lobby().ID(carol.Self())); len(heads) == 0 {
			t.Error("carol claims nothing")
		}
	})
}
