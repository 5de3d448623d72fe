package node

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
)

// TestTwoColdPeers: two who come to an empty room at the same moment are
// connected, and have each other's first message, within half a second.
func TestTwoColdPeers(t *testing.T) {
	const latency, allowed = 2 * time.Millisecond, 500 * time.Millisecond
	for name, start := range map[string]func(w *world) (alice, bob *person, began time.Time){
		"at the same moment": func(w *world) (alice, bob *person, began time.Time) {
			began = time.Now()
			alice, bob = w.person("alice"), w.person("bob")
			alice.join("lobby")
			bob.join("lobby")
			return alice, bob, began
		},
		"one a little later": func(w *world) (alice, bob *person, began time.Time) {
			alice = w.person("alice")
			alice.join("lobby")
			time.Sleep(30 * time.Millisecond)
			began = time.Now()
			bob = w.person("bob")
			bob.join("lobby")
			return alice, bob, began
		},
		"connected long before": func(w *world) (alice, bob *person, began time.Time) {
			alice, bob = w.person("alice"), w.person("bob")
			time.Sleep(time.Minute)
			began = time.Now()
			alice.join("lobby")
			bob.join("lobby")
			return alice, bob, began
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, latency)
				w.seed()
				alice, bob, began := start(w)
				alice.say("lobby", "hi bob")
				bob.say("lobby", "hi alice")
				a := bob.wantText(time.Minute, "hi bob").Sub(began)
				b := alice.wantText(time.Minute, "hi alice").Sub(began)
				t.Logf("first messages after %v and %v", a, b)
				if max(a, b) > allowed {
					t.Errorf("more than %v", allowed)
				}
				time.Sleep(time.Second)
				w.check(lobby(), alice, bob)
			})
		})
	}
}

// TestOrderDoesNotMatter: joining a room before there is anybody to connect with
// takes as long as connecting first: until the first message is shown at both.
func TestOrderDoesNotMatter(t *testing.T) {
	const latency = 20 * time.Millisecond
	took := make(map[string]time.Duration)
	for name, meet := range map[string]func(join, connect func()){
		"connect, join": func(join, connect func()) { connect(); join() },
		"join, connect": func(join, connect func()) { join(); connect() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, latency)
				alice, bob := w.person("alice"), w.person("bob")
				alice.join("lobby")
				alice.say("lobby", "who is there?")
				time.Sleep(time.Minute)
				began := time.Now()
				meet(func() {
					bob.join("lobby")
					bob.say("lobby", "it is me")
				}, func() {
					w.net.Connect(bob.host, alice.host)
				})
				bob.wantText(time.Minute, "who is there?")
				alice.wantText(time.Minute, "it is me")
				took[name] = time.Since(began)
			})
		})
	}
	a, b := took["connect, join"], took["join, connect"]
	t.Logf("%v", took)
	if max(a, b) > min(a, b)*3/2 {
		t.Errorf("more than 1.5 times: %v and %v", a, b)
	}
}

// A shelf is a Book that lives longer than a node.
type shelf struct {
	mu    sync.Mutex
	known []discovery.Known
}

func (b *shelf) Load() ([]discovery.Known, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.known), nil
}

func (b *shelf) Save(known []discovery.Known) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known = slices.Clone(known)
	return nil
}

// TestRememberedMembers: people who met in a room meet again without any seed.
// Our own first message is shown within six round trips, and so is what a single
// member has waited to say. What several members have said to each other by then
// comes by catch-up, two round trips after the connection stands.
func TestRememberedMembers(t *testing.T) {
	const latency = 50 * time.Millisecond
	const trip, slack = 2 * latency, 20 * time.Millisecond
	for name, c := range map[string]struct {
		members   int
		out, back time.Duration
	}{
		"one member":    {1, 6*trip + slack, 6*trip + slack},
		"three members": {3, 6*trip + slack, 7*trip + slack},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, latency)
				seed := w.seed()
				var book shelf
				alice := w.with(Config{Seeds: w.seeds, Book: &book}, "alice")
				alice.join("lobby")
				var members []*person
				for i := range c.members {
					// They remember nobody, so all depends on alice's book.
					p := w.person(fmt.Sprint("member", i))
					p.join("lobby")
					members = append(members, p)
				}
				time.Sleep(time.Minute)
				seed.leave()
				alice.leave()
				time.Sleep(time.Minute)

				began := time.Now()
				again := w.with(Config{Key: alice.key, Listen: alice.info.Addrs, Book: &book}, "alice")
				again.join("lobby")
				again.say("lobby", "I am back")
				for i := range 100 { // somebody is talking
					members[0].say("lobby", fmt.Sprint("as I said ", i))
					time.Sleep(10 * time.Millisecond)
				}
				var out []time.Duration
				for _, p := range members {
					out = append(out, p.wantText(time.Minute, "I am back").Sub(began))
				}
				back := again.want(time.Minute, "message of somebody else", func(ev chat.Event) bool {
					m, ok := ev.(chat.Message)
					return ok && !m.Mine
				}).Sub(began)
				t.Logf("our first message shown after %v, theirs after %v", out, back)
				if slices.Min(out) > c.out || back > c.back {
					t.Errorf("more than %v and %v", c.out, c.back)
				}
				time.Sleep(5 * time.Second)
				w.check(lobby(), members...)
			})
		})
	}
}
