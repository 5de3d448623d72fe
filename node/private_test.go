package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// hello says Hello in private and goes, or tells text first.
func (e *enemy) hello(text string) {
	e.t.Helper()
	b, err := wire.AppendDirect(nil, wire.Hello{Sent: time.Now()})
	if err != nil {
		e.t.Fatal(err)
	}
	if text != "" {
		self, err := chat.PeerIDFromLibp2p(e.ID())
		if err != nil {
			e.t.Fatal(err)
		}
		seg := sealed(e.t, e.key, chat.DirectID(self, e.to.Self()), text)
		if b, err = wire.AppendDirect(b, wire.DirectSegment(seg.Envelope)); err != nil {
			e.t.Fatal(err)
		}
	}
	e.throw(wire.DirectProtocol, b)
	_ = e.Close()
}

// TestStrangersDoNotShutOthersOut: throwaway identities that say Hello once do
// not fill the list of private talks.
func TestStrangersDoNotShutOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, time.Millisecond)
		w.seed()
		alice := w.person("alice")
		for range maxConversations {
			w.enemy(alice).hello("")
		}
		time.Sleep(time.Minute)
		bob := w.person("bob")
		if err := bob.Dial(t.Context(), alice.Self()); err != nil {
			t.Fatal(err)
		}
		bob.tell(chat.With(alice.Self()), "let me in")
		alice.wantText(10*time.Second, "let me in")
	})
}

// TestKnownPeopleComeIn: when strangers who did write have filled the list, a
// further stranger is refused, and people the user knows are not.
func TestKnownPeopleComeIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, time.Millisecond)
		w.seed()
		bob, carol, dave := w.person("bob"), w.person("carol"), w.person("dave")
		alice := w.with(Config{Seeds: w.seeds, ContactName: func(p chat.PeerID) (chat.Text, bool) {
			return chat.Text{}, p == bob.Self()
		}}, "alice")
		if err := alice.Dial(t.Context(), carol.Self()); err != nil {
			t.Fatal(err)
		}
		alice.tell(chat.With(carol.Self()), "write to me")
		carol.wantText(5*time.Second, "write to me")
		if err := alice.Leave(t.Context(), chat.With(carol.Self())); err != nil {
			t.Fatal(err)
		}
		for i := range maxConversations {
			w.enemy(alice).hello(fmt.Sprint("spam ", i))
		}
		alice.wantText(time.Second, fmt.Sprint("spam ", maxConversations-1))
		for _, p := range []*person{bob, carol, dave} {
			if err := p.Dial(t.Context(), alice.Self()); err != nil {
				t.Fatal(err)
			}
			p.tell(chat.With(alice.Self()), "from "+p.nick)
		}
		alice.wantText(5*time.Second, "from bob")
		alice.wantText(5*time.Second, "from carol")
		dave.want(5*time.Second, "refusal", func(ev chat.Event) bool {
			e, ok := ev.(chat.Ended)
			return ok && e.Refused
		})
		if alice.saw("from dave") {
			t.Error("the limit does not hold")
		}
	})
}

// TestSilentStranger: one who has said nothing is not shown; the first message
// shows them as here, and so does our user's own wish.
func TestSilentStranger(t *testing.T) {
	for _, weDial := range []bool{false, true} {
		t.Run(fmt.Sprint("we dial: ", weDial), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, time.Millisecond)
				w.seed()
				alice, bob := w.person("alice"), w.person("bob")
				if err := bob.Dial(t.Context(), alice.Self()); err != nil {
					t.Fatal(err)
				}
				bob.wantMember(5*time.Second, chat.With(alice.Self()), alice, true)
				time.Sleep(time.Second)
				if _, _, shown := alice.find(func(ev chat.Event) bool {
					m, ok := ev.(chat.Member)
					return ok && m.Conversation == chat.With(bob.Self())
				}); shown {
					t.Error("a stranger who said nothing is shown")
				}
				if weDial {
					if err := alice.Dial(t.Context(), bob.Self()); err != nil {
						t.Fatal(err)
					}
				} else {
					bob.tell(chat.With(alice.Self()), "hi")
					alice.wantText(time.Second, "hi")
				}
				alice.wantMember(time.Second, chat.With(bob.Self()), bob, true)
				alice.tell(chat.With(bob.Self()), "who is it?")
				bob.wantText(time.Second, "who is it?")
				bob.leave()
				alice.wantMember(5*time.Second, chat.With(bob.Self()), bob, false)
			})
		})
	}
}

// TestRefusedMessagesMakeRoom: a conversation that holds nothing, because what
// came was refused, goes first.
func TestRefusedMessagesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, time.Millisecond)
		w.seed()
		alice := w.person("alice")
		for range maxConversations {
			e := w.enemy(alice)
			self, err := chat.PeerIDFromLibp2p(e.ID())
			if err != nil {
				t.Fatal(err)
			}
			hello, _ := wire.AppendDirect(nil, wire.Hello{Sent: time.Now()})
			seg := &chat.Segment{
				Conversation: chat.DirectID(self, alice.Self()), Seq: 1,
				Time: chat.TimeOf(time.Now().Add(2 * maxAhead)), Bodies: []chat.Body{draft(t, "", "from the future").Body},
			}
			if err := wire.SealSegment(e.key, seg); err != nil {
				t.Fatal(err)
			}
			frames, err := wire.AppendDirect(hello, wire.DirectSegment(seg.Envelope))
			if err != nil {
				t.Fatal(err)
			}
			e.throw(wire.DirectProtocol, frames)
			_ = e.Close()
		}
		bob := w.person("bob")
		if err := bob.Dial(t.Context(), alice.Self()); err != nil {
			t.Fatal(err)
		}
		bob.tell(chat.With(alice.Self()), "let me in")
		alice.wantText(10*time.Second, "let me in")
		if alice.saw("from the future") {
			t.Error("what was refused is shown")
		}
	})
}
