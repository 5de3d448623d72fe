package node

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// A foreignLog is a log that another process writes, too: what is done to it
// directly, Changed tells.
type foreignLog struct {
	*history.Memory
	changed atomic.Bool
}

func (l *foreignLog) Changed(context.Context) bool { return l.changed.Swap(false) }

// TestImportIsShown: what another process puts into the log of a running node is
// shown there, once and as a part of the past, and reaches those who are there.
func TestImportIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		lobby := chat.InRoom("lobby")
		id := lobby.ID(chat.PeerID{})
		author := w.person("author")
		author.join("lobby")
		for _, text := range []string{"one", "two", "three"} {
			author.say("lobby", text)
		}
		author.wantText(time.Second, "three")
		author.leave()
		old, err := author.Node.log.(*history.Memory).Before(t.Context(), id, chat.OrderKey{}, 10)
		if err != nil || len(old) == 0 {
			t.Fatalf("%d segments: %v", len(old), err)
		}

		w.seed()
		log := &foreignLog{Memory: history.NewMemory(history.Config{})}
		alice := w.with(Config{Seeds: w.seeds, History: log}, "alice")
		bob := w.person("bob")
		alice.join("lobby")
		bob.join("lobby")
		alice.wantMember(10*time.Second, lobby, bob, true)
		alice.say("lobby", "shall I?")
		bob.wantText(5*time.Second, "shall I?")
		if _, err := log.Append(t.Context(), old...); err != nil {
			t.Fatal(err)
		}
		// Words of her own in the same moment must not make it count as seen.
		alice.say("lobby", "now")
		log.changed.Store(true)
		bob.wantText(10*time.Second, "three")
		alice.wantText(10*time.Second, "three")
		time.Sleep(10 * time.Second)
		log.changed.Store(true) // somebody wrote elsewhere
		time.Sleep(10 * time.Second)
		w.check(lobby, alice, bob)
		if got, want := alice.shown(lobby), []string{"shall I?", "now", "one", "two", "three"}; !equalTexts(got, want) {
			t.Errorf("alice saw %q, want %q", got, want)
		}
		if _, _, ok := alice.find(func(ev chat.Event) bool {
			m, ok := ev.(chat.Message)
			return ok && m.Text.Raw() == "one" && m.Old
		}); !ok {
			t.Error("what was imported is not shown as old")
		}
		if _, n, err := log.Unseen(t.Context(), id, 10); err != nil || n != 0 {
			t.Errorf("%d segments would be shown again: %v", n, err)
		}
	})
}

// TestDropped: what another process takes out of the outbox of a running node is
// not sent any more, also if it waits for its turn, and that is told.
func TestDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		bob := w.person("bob")
		bob.leave()
		key := w.net.Key(7)
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		self, err := chat.PeerIDFromLibp2p(id)
		if err != nil {
			t.Fatal(err)
		}
		log := &foreignLog{Memory: history.NewMemory(history.Config{Self: self})}
		alice := w.with(Config{Seeds: w.seeds, History: log, Key: key}, "alice")
		with := chat.With(bob.Self())
		alice.dial(bob)
		alice.tell(with, "not this")
		alice.wantDelivery(time.Second, "not this", chat.Queued, 0)
		waiting, err := log.Outbox(t.Context())
		if err != nil || len(waiting) != 1 {
			t.Fatalf("%d entries wait: %v", len(waiting), err)
		}
		if n := alice.direct.Pending(bob.Self()); n != 1 {
			t.Fatalf("%d segments are with direct", n)
		}
		if err := log.Drop(t.Context(), waiting[0].Conversation, waiting[0].Segment); err != nil {
			t.Fatal(err)
		}
		log.changed.Store(true)
		alice.want(5*time.Second, "failed", func(ev chat.Event) bool {
			d, ok := ev.(chat.Delivery)
			return ok && d.State == chat.Failed && d.Reason == "dropped"
		})
		if n := alice.direct.Pending(bob.Self()); n != 0 {
			t.Errorf("%d segments are still with direct", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if left, err := alice.Settle(ctx, with); left != 1 || err != nil {
			t.Errorf("settled with %d left, %v; nothing is waited for", left, err)
		}

		// Nor does it go out when they compare, though what follows it names it.
		alice.tell(with, "but this")
		bob = bob.again(Config{})
		bob.dial(alice)
		bob.wantText(time.Minute, "but this")
		alice.wantDelivery(10*time.Second, "but this", chat.Held, 1)
		time.Sleep(time.Minute)
		if got := bob.shown(chat.With(self)); !equalTexts(got, []string{"but this"}) {
			t.Errorf("bob saw %q", got)
		}
		if is, err := log.States(t.Context(), waiting[0].Conversation, waiting[0].Segment); err != nil || is[waiting[0].Segment].State != chat.Failed {
			t.Errorf("its state is %v, %v", is, err)
		}
		alice.leave()
		alice = w.with(Config{Seeds: w.seeds, History: log, Key: key}, "alice")
		alice.dial(bob)
		alice.tell(with, "and this")
		bob.wantText(time.Minute, "and this")
		time.Sleep(time.Minute)
		if got := bob.shown(chat.With(self)); !equalTexts(got, []string{"but this", "and this"}) {
			t.Errorf("after a restart bob saw %q", got)
		}
	})
}

// TestStoredIsBounded: beyond what is remembered, nothing is taken for imported.
func TestStoredIsBounded(t *testing.T) {
	t.Parallel()
	var s storedSet
	for i := range maxStored + 1 {
		if s.many {
			t.Fatalf("too many after %d", i)
		}
		s.add(&chat.Segment{ID: chat.SegmentID{byte(i), byte(i >> 8), byte(i >> 16)}})
	}
	if !s.many || len(s.ids) != maxStored {
		t.Errorf("%d are remembered, many is %t", len(s.ids), s.many)
	}
}
