package node

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// A desk of requests: what a user said about people.
type standing struct {
	mu       sync.Mutex
	known    map[chat.PeerID]bool
	ignored  map[chat.PeerID]bool
	blocked  map[chat.PeerID]bool
	requests []string
}

func (s *standing) config() Config {
	look := func(in *map[chat.PeerID]bool) func(chat.PeerID) bool {
		return func(p chat.PeerID) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return (*in)[p]
		}
	}
	known := look(&s.known)
	return Config{
		Stranger: func(p chat.PeerID) bool { return !known(p) },
		Ignored:  look(&s.ignored), Blocked: look(&s.blocked),
		Requested: func(_ chat.PeerID, nick, text chat.Text, _ time.Time) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, nick.Raw()+": "+text.Raw())
			return len(s.requests) == 1
		},
	}
}

func (s *standing) set(in *map[chat.PeerID]bool, p chat.PeerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *in == nil {
		*in = make(map[chat.PeerID]bool)
	}
	(*in)[p] = true
}

// TestRequests: what somebody unknown writes first is a request, bounded, and
// told once; after it is accepted it is an ordinary talk.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		var said standing
		cfg := said.config()
		cfg.Seeds = w.seeds
		alice, bob := w.with(cfg, "alice"), w.person("bob")
		bob.dial(alice)
		with := chat.With(bob.Self())
		for i := range 3 * maxRequestSegments {
			bob.tell(chat.With(alice.Self()), fmt.Sprint("first words ", i))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		got := alice.shown(with)
		if len(got) < maxRequestSegments/2 || len(got) > maxRequestSegments+4 { // what is under way counts afterwards
			t.Errorf("%d messages of a request were shown, want about %d", len(got), maxRequestSegments)
		}
		alice.mu.Lock()
		notices := 0
		for _, ev := range alice.events {
			switch ev := ev.(type) {
			case chat.Message:
				if ev.Conversation == with && !ev.Request {
					t.Errorf("%q is not marked as a request", ev.Text.Raw())
				}
			case chat.Notice:
				if ev.Code == chat.NoticeRequest {
					notices++
				}
			}
		}
		alice.mu.Unlock()
		if notices != 1 || len(said.requests) != len(got) || !strings.HasPrefix(said.requests[0], "bob: first words 0") {
			t.Errorf("%d notices; noted: %q", notices, said.requests)
		}
		if _, _, ok := bob.find(func(ev chat.Event) bool {
			e, ok := ev.(chat.Ended)
			return ok && e.Refused && strings.Contains(e.Reason, "accepted")
		}); !ok {
			t.Errorf("bob was not told why he must wait: %s", bob.summary())
		}

		said.set(&said.known, bob.Self())
		bob.dial(alice)
		bob.tell(chat.With(alice.Self()), "thank you")
		alice.wantText(10*time.Second, "thank you")
		ev, _, _ := alice.find(func(ev chat.Event) bool {
			m, ok := ev.(chat.Message)
			return ok && m.Text.Raw() == "thank you"
		})
		if ev.(chat.Message).Request {
			t.Error("a message of somebody accepted is a request")
		}
	})
}

// TestNoRequestFromWhomWeWroteTo: an answer is no request.
func TestNoRequestFromWhomWeWroteTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		var said standing
		cfg := said.config()
		cfg.Seeds = w.seeds
		alice, bob := w.with(cfg, "alice"), w.person("bob")
		alice.dial(bob)
		alice.tell(chat.With(bob.Self()), "hello bob")
		bob.wantText(5*time.Second, "hello bob")
		alice = alice.again(said.config())
		bob.dial(alice)
		bob.tell(chat.With(alice.Self()), "hello alice")
		alice.wantText(10*time.Second, "hello alice")
		if len(said.requests) > 0 {
			t.Errorf("noted as requests: %q", said.requests)
		}
	})
}

// TestIgnored: the words of somebody ignored are not shown, and nobody is told.
func TestIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		var said standing
		cfg := said.config()
		cfg.Seeds = w.seeds
		alice, bob := w.with(cfg, "alice"), w.person("bob")
		said.set(&said.ignored, bob.Self())
		bob.dial(alice)
		bob.tell(chat.With(alice.Self()), "hey")
		time.Sleep(10 * time.Second)
		if alice.saw("hey") || alice.told(chat.NoticeRequest) || len(said.requests) > 0 {
			t.Error("alice was bothered")
		}
	})
}

// TestBlockedAuthorInARoom: what a blocked person says is not shown, though
// others pass it on; it is kept, so that the history stays whole.
func TestBlockedAuthorInARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		bob, carol := w.person("bob"), w.person("carol")
		var said standing
		said.set(&said.blocked, bob.Self())
		cfg := said.config()
		cfg.Seeds = w.seeds
		alice := w.with(cfg, "alice")
		for _, p := range []*person{alice, bob, carol} {
			p.join("lobby")
		}
		carol.wantMember(10*time.Second, lobby(), alice, true)
		carol.wantMember(10*time.Second, lobby(), bob, true)
		bob.say("lobby", "hello alice")
		carol.wantText(5*time.Second, "hello alice")
		carol.say("lobby", "do not listen to bob")
		alice.wantText(5*time.Second, "do not listen to bob")
		time.Sleep(10 * time.Second)
		if alice.saw("hello alice") {
			t.Error("a blocked author was shown")
		}
		if _, _, ok := alice.find(func(ev chat.Event) bool {
			m, ok := ev.(chat.Member)
			return ok && m.Peer == bob.Self() && m.Conversation == lobby()
		}); ok {
			t.Error("alice was told that somebody blocked is here")
		}
		accepted := make(map[chat.MessageID]string)
		bob.accepted(lobby(), accepted)
		carol.accepted(lobby(), accepted)
		w.checkAll(lobby(), accepted, alice, bob, carol)
	})
}

// TestReadMarks: a private message is read when the other side says so, also
// after the fact, and never if that side does not tell.
func TestReadMarks(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		t.Run(fmt.Sprint("quiet ", quiet), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Millisecond)
				w.seed()
				alice, bob := w.person("alice"), w.with(Config{Seeds: w.seeds, NoReadMarks: quiet}, "bob")
				alice.dial(bob)
				bob.dial(alice)
				alice.tell(chat.With(bob.Self()), "one")
				time.Sleep(time.Second)
				alice.tell(chat.With(bob.Self()), "two")
				bob.wantText(5*time.Second, "two")
				alice.wantDelivery(5*time.Second, "two", chat.Held, 1)
				ev, _, _ := bob.find(func(ev chat.Event) bool {
					m, ok := ev.(chat.Message)
					return ok && m.Text.Raw() == "one"
				})
				bob.MarkRead(chat.With(alice.Self()), ev.(chat.Message).ID)
				read := func(text string) bool {
					_, _, ok := alice.find(func(ev chat.Event) bool {
						d, ok := ev.(chat.Delivery)
						if !ok || d.State != chat.Read {
							return false
						}
						for _, e := range alice.events {
							if m, ok := e.(chat.Message); ok && m.ID == d.ID {
								return m.Text.Raw() == text
							}
						}
						return false
					})
					return ok
				}
				time.Sleep(5 * time.Second)
				if read("one") == quiet || read("two") {
					t.Errorf("read: one %v, two %v", read("one"), read("two"))
				}
			})
		})
	}
}
