package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// again starts a person's node again, with its key and its log.
func (p *person) again(cfg Config) *person {
	p.t.Helper()
	p.leave()
	cfg.Seeds, cfg.Key, cfg.Listen, cfg.History = p.w.seeds, p.key, p.info.Addrs, p.Node.log
	return p.w.with(cfg, p.nick)
}

// dial opens a private talk.
func (p *person) dial(other *person) {
	p.t.Helper()
	if err := p.Dial(p.t.Context(), other.Self()); err != nil {
		p.t.Fatal(err)
	}
}

// TestOutboxSurvivesRestarts: private messages to somebody who is away are kept
// over restarts of the writer, and arrive in order, once, when the other comes.
func TestOutboxSurvivesRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		bob.leave()
		var want []string
		for run := range 3 {
			alice.dial(bob)
			for i := range 3 {
				text := fmt.Sprintf("run %d, line %d", run, i)
				alice.tell(chat.With(bob.Self()), text)
				want = append(want, text)
			}
			time.Sleep(time.Second)
			alice = alice.again(Config{})
		}
		alice.dial(bob)
		bob = bob.again(Config{})
		bob.dial(alice)
		bob.wantText(time.Minute, want[len(want)-1])
		time.Sleep(10 * time.Second)
		if got := bob.shown(chat.With(alice.Self())); !equalTexts(got, want) {
			t.Errorf("bob saw %q, want %q", got, want)
		}
		// Alice knows it, and does not send it again the next time.
		if own, err := alice.Node.log.Unsettled(t.Context(), chat.DirectID(alice.Self(), bob.Self())); err != nil || len(own) != 0 {
			t.Errorf("%d messages still wait: %v", len(own), err)
		}
		alice = alice.again(Config{})
		alice.dial(bob)
		time.Sleep(10 * time.Second)
		if got := bob.shown(chat.With(alice.Self())); !equalTexts(got, want) {
			t.Errorf("after one more start bob saw %q", got)
		}
	})
}

// TestReceiverRestarts: what was acknowledged is not shown again when it comes
// once more, and what was written meanwhile comes once.
func TestReceiverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		alice.dial(bob)
		bob.dial(alice)
		alice.tell(chat.With(bob.Self()), "one")
		bob.wantText(5*time.Second, "one")
		time.Sleep(5 * time.Second) // so that the log knows it was shown
		bob.leave()
		alice.tell(chat.With(bob.Self()), "two")
		time.Sleep(5 * time.Second)
		bob = bob.again(Config{})
		bob.dial(alice)
		bob.wantText(time.Minute, "two")
		time.Sleep(10 * time.Second)
		if got := bob.shown(chat.With(alice.Self())); !equalTexts(got, []string{"two"}) {
			t.Errorf("after the restart bob saw %q, want what came meanwhile", got)
		}
		alice.wantDelivery(10*time.Second, "two", chat.Held, 1)
	})
}

// TestReturnerSeesWhatWasMissed: who was away is shown what was said meanwhile,
// in order, and not what was seen before; and goes on in the same history.
func TestReturnerSeesWhatWasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alice, bob := duo(t)
		alice.say("lobby", "seen")
		bob.wantText(5*time.Second, "seen")
		bob.say("lobby", "mine")
		alice.wantText(5*time.Second, "mine")
		time.Sleep(10 * time.Second)
		bob.leave()
		var want []string
		for i := range 200 {
			want = append(want, fmt.Sprint("missed ", i))
			alice.say("lobby", want[i])
			time.Sleep(100 * time.Millisecond)
		}
		bob = bob.again(Config{})
		bob.join("lobby")
		bob.wantText(10*time.Second, want[len(want)-1])
		time.Sleep(10 * time.Second)
		if got := bob.shown(lobby()); !equalTexts(got, want) {
			t.Errorf("bob saw %d messages, from %q to %q", len(got), got[:min(len(got), 3)], got[max(0, len(got)-3):])
		}
		bob.say("lobby", "back")
		alice.wantText(5*time.Second, "back")
		bob.want(time.Minute, "history: complete", func(ev chat.Event) bool {
			h, ok := ev.(chat.History)
			return ok && h.Complete
		})
		accepted := make(map[chat.MessageID]string)
		alice.accepted(lobby(), accepted)
		bob.accepted(lobby(), accepted)
		w.checkAll(lobby(), accepted, alice, bob)
	})
}

// TestUnsentSurvivesRestarts: what was written in an empty room, and the writer
// left, is there when somebody comes later.
func TestUnsentSurvivesRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice := w.person("alice")
		alice.join("lobby")
		alice.say("lobby", "anybody?")
		time.Sleep(5 * time.Second)
		alice = alice.again(Config{})
		alice.join("lobby")
		bob := w.person("bob")
		bob.join("lobby")
		bob.wantText(10*time.Second, "anybody?")
		alice.want(10*time.Second, "delivery", func(ev chat.Event) bool {
			d, ok := ev.(chat.Delivery)
			return ok && d.State == chat.Held
		})
		time.Sleep(10 * time.Second)
		if got := bob.shown(lobby()); !equalTexts(got, []string{"anybody?"}) {
			t.Errorf("bob saw %q", got)
		}
		if got := alice.shown(lobby()); len(got) != 0 {
			t.Errorf("alice was shown her own words again: %q", got)
		}
	})
}

// TestNewcomerToALongHistory: the newest screen comes first and at once, the
// rest behind it, and nobody scrolls through it all.
func TestNewcomerToALongHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice := w.person("alice")
		alice.join("lobby")
		n := scaled(5000, 2500)
		for i := range n {
			alice.say("lobby", fmt.Sprintf("old %05d", i))
			time.Sleep(30 * time.Millisecond) // a segment each
		}
		time.Sleep(time.Second)
		bob := w.person("bob")
		came := time.Now()
		bob.join("lobby")
		at := bob.wantText(10*time.Second, fmt.Sprintf("old %05d", n-1))
		t.Logf("newest of %d messages after %v", n, at.Sub(came))
		if at.Sub(came) > 2*time.Second {
			t.Errorf("the newest message was shown after %v", at.Sub(came))
		}
		bob.want(5*time.Minute, "history: complete", func(ev chat.Event) bool {
			h, ok := ev.(chat.History)
			return ok && h.Complete
		})
		got := bob.shown(lobby())
		if len(got) < screenful || len(got) > maxBacklog {
			t.Errorf("%d messages of the past were shown", len(got))
		}
		for i, text := range got {
			if want := fmt.Sprintf("old %05d", n-len(got)+i); text != want {
				t.Fatalf("line %d is %q, want %q", i, text, want)
			}
		}
		if !bob.told(chat.NoticeEarlier) {
			t.Error("bob was not told that there is more")
		}
		accepted := make(map[chat.MessageID]string)
		alice.accepted(lobby(), accepted)
		w.checkAll(lobby(), accepted, alice, bob)
		// Now bob's own words prove that he holds all of it.
		bob.say("lobby", "hello")
		alice.wantText(time.Second, "hello")
		time.Sleep(5 * time.Second)
		held := make(map[chat.MessageID]bool)
		alice.mu.Lock()
		defer alice.mu.Unlock()
		for _, ev := range alice.events {
			if d, ok := ev.(chat.Delivery); ok && d.State == chat.Held {
				held[d.ID] = true
			}
		}
		if len(held) < min(n, maxLedger) {
			t.Errorf("alice knows of %d messages that bob holds, want %d", len(held), min(n, maxLedger))
		}
	})
}
