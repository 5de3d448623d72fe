package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// TestRoomOfFifty: in a larger room everybody hears everybody, and knows it.
func TestRoomOfFifty(t *testing.T) {
	n := scaled(50, 15)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Millisecond)
		w.seed()
		var people []*person
		for i := range n {
			p := w.person(fmt.Sprint("p", i))
			p.join("lobby")
			people = append(people, p)
		}
		time.Sleep(30 * time.Second)
		for i, p := range people {
			p.say("lobby", fmt.Sprint("from ", i))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		for _, p := range people {
			if got := len(p.shown(lobby())); got != n {
				t.Errorf("%s was shown %d messages of %d", p.nick, got, n)
			}
		}
		w.check(lobby(), people...)
		said := time.Now()
		for i, p := range people {
			p.wantDelivery(time.Minute, fmt.Sprint("from ", i), chat.Held, n-1)
		}
		t.Logf("held by all %d others %v after the last was shown", n-1, time.Since(said).Round(time.Second))
	})
}

// TestBlockedPeer: whom we block cannot connect: neither private messages nor
// catch-up come through, and nobody sees an error for it.
func TestBlockedPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		bob := w.person("bob")
		alice := w.with(Config{Seeds: w.seeds, Blocked: func(p chat.PeerID) bool { return p == bob.Self() }}, "alice")
		alice.join("lobby")
		bob.join("lobby")
		if err := bob.Dial(t.Context(), alice.Self()); err != nil {
			t.Fatal(err)
		}
		bob.tell(chat.With(alice.Self()), "let me in")
		alice.say("lobby", "not for bob")
		bob.say("lobby", "not for alice")
		time.Sleep(time.Minute)
		if alice.Connected(bob.Self()) || bob.Connected(alice.Self()) {
			t.Error("a blocked peer is connected")
		}
		if alice.saw("let me in") || alice.saw("not for alice") {
			t.Error("a blocked peer was heard")
		}
		if bob.saw("not for bob") {
			t.Error("a blocked peer heard us")
		}
		if _, err := bob.catchup.Run(t.Context(), alice.Self(), lobby().ID(bob.Self())); err == nil {
			t.Error("a blocked peer was let at the log")
		}
		bob.want(time.Second, "that alice cannot be reached", func(ev chat.Event) bool {
			n, ok := ev.(chat.Notice)
			return ok && n.Code == chat.NoticeUnreachable && n.Conversation == chat.With(alice.Self())
		})
	})
}

// TestBlockedWhileConnected: whom we block later is refused on the connection
// that still stands.
func TestBlockedWhileConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var blocked atomic.Bool
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		bob := w.person("bob")
		alice := w.with(Config{Seeds: w.seeds, Blocked: func(p chat.PeerID) bool { return blocked.Load() && p == bob.Self() }}, "alice")
		alice.join("lobby")
		bob.join("lobby")
		alice.wantMember(5*time.Second, lobby(), bob, true)
		blocked.Store(true)
		if err := bob.Dial(t.Context(), alice.Self()); err != nil {
			t.Fatal(err)
		}
		bob.tell(chat.With(alice.Self()), "let me in")
		bob.want(5*time.Second, "refusal", func(ev chat.Event) bool {
			e, ok := ev.(chat.Ended)
			return ok && e.Refused
		})
		if alice.saw("let me in") {
			t.Error("a blocked peer was heard")
		}
		if _, err := bob.catchup.Run(t.Context(), alice.Self(), lobby().ID(bob.Self())); !errors.Is(err, chat.ErrRefused) {
			t.Errorf("a blocked peer was let at the log: %v", err)
		}
	})
}

// TestLeaveTwice: whoever left a private talk does not find it open again, and
// may open it again.
func TestLeaveTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		with := chat.With(bob.Self())
		for i := range 3 {
			if err := alice.Dial(t.Context(), bob.Self()); err != nil {
				t.Fatal(err)
			}
			alice.tell(with, fmt.Sprint("hello ", i))
			alice.wantDelivery(5*time.Second, fmt.Sprint("hello ", i), chat.Held, 1)
			if err := alice.Leave(t.Context(), with); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			if alice.Node.find(with.ID(alice.Self())) != nil {
				t.Fatal("the talk is open again by itself")
			}
			if err := alice.Say(t.Context(), with, draft(t, "", "x")); !errors.Is(err, chat.ErrNotFound) {
				t.Errorf("say after leaving: %v", err)
			}
		}
		if got := bob.shown(chat.With(alice.Self())); !equalTexts(got, []string{"hello 0", "hello 1", "hello 2"}) {
			t.Errorf("bob saw %q", got)
		}
	})
}

// TestBadDraftSpoilsNothing: what cannot be sealed is refused when it is said,
// and the lines around it go out.
func TestBadDraftSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice := w.person("alice")
		alice.join("lobby")
		var want []string
		for i := range 20 {
			text := fmt.Sprint("line ", i)
			alice.say("lobby", text)
			want = append(want, text)
			for name, d := range map[string]chat.Draft{
				"empty":        draft(t, "", ""),
				"no kind":      {Body: chat.Body{Text: draft(t, "", "x").Body.Text}},
				"unknown kind": {Body: chat.Body{Kind: 99, Data: []byte("x")}},
			} {
				if err := alice.Say(t.Context(), lobby(), d); err == nil {
					t.Fatalf("%s: was accepted", name)
				}
			}
		}
		alice.say("lobby", strings.Repeat("x", chat.MaxText))
		want = append(want, strings.Repeat("x", chat.MaxText))
		time.Sleep(time.Second)
		if got := alice.shown(lobby()); !equalTexts(got, want) {
			t.Errorf("%d lines accepted, want %d", len(got), len(want))
		}
	})
}
