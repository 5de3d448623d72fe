package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// A node that began without seeds meets others through one that it learns later.
func TestSeedsLearntLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		seed := w.seed()
		bob := w.person("bob")
		bob.join("lobby")
		alice := w.with(Config{}, "alice")
		alice.join("lobby")
		time.Sleep(5 * time.Minute)
		if n, err := alice.Network(t.Context()); err != nil || len(n.Seeds) != 0 || n.Discovery.TableSize != 0 {
			t.Fatalf("%+v: %v", n, err)
		}
		alice.AddSeeds(append([]peer.AddrInfo{alice.info}, w.seeds...))
		bob.wantMember(2*time.Minute, chat.InRoom("lobby"), alice, true)
		bob.say("lobby", "here you are")
		alice.wantText(10*time.Second, "here you are")
		n, err := alice.Network(t.Context())
		if err != nil || len(n.Seeds) != 1 || !n.Seeds[0].Connected || n.Discovery.TableSize == 0 || n.In == 0 || n.Out == 0 {
			t.Errorf("%+v: %v", n, err)
		}
		if conv := n.Conversations[chat.InRoom("lobby").ID(alice.Self())]; conv != chat.InRoom("lobby") {
			t.Errorf("the searches have no names: %v", n.Conversations)
		}
		if !alice.isSeed(seed.info.ID) || alice.isSeed(alice.info.ID) {
			t.Error("who is a seed is not known")
		}
		if n, err := seed.Network(t.Context()); err != nil || !n.Seed {
			t.Errorf("the seed does not tell that it is one: %v", err)
		}
		seed.leave()
		alice.want(time.Minute, "seed lost", func(ev chat.Event) bool {
			n, ok := ev.(chat.Notice)
			return ok && n.Code == chat.NoticeSeedLost
		})
	})
}

// More seeds than can be kept are no harm.
func TestGivenSeedsHaveALimit(t *testing.T) {
	var s seedSet
	for i := range 1000 {
		s.add([]peer.AddrInfo{{ID: peer.ID(rune('a' + i))}})
	}
	if n := len(s.all()); n != 64 {
		t.Fatal(n)
	}
}
