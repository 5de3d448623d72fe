package line

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// TestPathOfATalk: that a private talk goes through a seed is told when it lasts,
// once, and then that it does so no more.
func TestPathOfATalk(t *testing.T) {
	bob, seed := peerN(1), peerN(2)
	private := chat.With(bob)
	by := func(p chat.Path, via chat.PeerID) chat.Event {
		return chat.Member{Conversation: private, Peer: bob, Nick: nick("bob"), Online: true, Path: p, Via: via}
	}
	relayed, direct := by(chat.PathRelayed, seed), by(chat.PathDirect, chat.PeerID{})
	gone := chat.Member{Conversation: private, Peer: bob, Nick: nick("bob")}
	const (
		met  = "p2pchat: connected to bob (%ID)\n"
		lost = "p2pchat: lost the connection to bob; trying to get it back\n"
		far  = "p2pchat: connected to bob through the seed ~%SEED, not directly so far\n"
		near = "p2pchat: now connected directly to bob\n"
	)
	type step struct {
		after time.Duration
		ev    chat.Event
	}
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"direct soon":        {[]step{{0, relayed}, {relayedFor - 1, direct}}, met},
		"direct late":        {[]step{{0, relayed}, {time.Second, relayed}, {relayedFor, direct}}, met + far + near},
		"never direct":       {[]step{{0, relayed}, {time.Hour, relayed}}, met + far},
		"relayed later":      {[]step{{0, direct}, {time.Hour, relayed}, {time.Minute, direct}}, met + far + near},
		"no connection":      {[]step{{0, direct}, {time.Hour, by(chat.PathNone, chat.PeerID{})}}, met},
		"an unknown seed":    {[]step{{0, by(chat.PathRelayed, chat.PeerID{})}}, met + "p2pchat: connected to bob through a seed, not directly so far\n"},
		"lost and got again": {[]step{{0, relayed}, {time.Minute, gone}, {0, direct}}, met + far + lost + met},
		"lost before":        {[]step{{0, relayed}, {time.Second, gone}}, met + lost},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T) {
				node := newFake()
				s := begin(t, node, Config{Conversation: private})
				for _, step := range c.steps {
					time.Sleep(step.after)
					node.happen(step.ev)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				want := strings.NewReplacer("%ID", bob.String(), "%SEED", seed.Short()).Replace(c.want)
				if got := s.errs.String(); got != want {
					t.Errorf("told:\n%swant:\n%s", got, want)
				}
				s.in.Close()
				s.ended(Result{Connected: true}, nil)
			})
		})
	}
}
