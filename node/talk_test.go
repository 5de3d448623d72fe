package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/p2pchat/p2pchat/chat"
)

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

// TestBlockedPeer: with whom we block we do not connect, we show nothing of what
// they say and do, and answer nothing, private or catch-up; nobody sees an error
// for it. That they hear what we say in a room is no fault: it is open to all who
// are in it, and a seed passes on what is said there.
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
		alice.say("lobby", "hello")
		bob.say("lobby", "not for alice")
		time.Sleep(time.Minute)
		if alice.Connected(bob.Self()) || bob.Connected(alice.Self()) {
			t.Error("a blocked peer is connected")
		}
		for _, a := range bob.info.Addrs {
			at, err := manet.ToNetAddr(a)
			if err != nil {
				t.Fatal(err)
			}
			if n := w.net.Dials(alice.host)[at.(*net.TCPAddr).AddrPort()]; n > 0 {
				t.Errorf("a blocked peer was dialled %d times", n)
			}
		}
		if alice.saw("let me in") || alice.saw("not for alice") {
			t.Error("a blocked peer was heard")
		}
		if _, _, told := alice.find(func(ev chat.Event) bool {
			m, ok := ev.(chat.Member)
			return ok && m.Peer == bob.Self()
		}); told {
			t.Error("a blocked peer was shown as a member")
		}
		members, err := alice.Members(t.Context(), lobby())
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(members, func(m chat.Member) bool { return m.Peer == bob.Self() }) {
			t.Error("a blocked peer is listed as a member")
		}
		if _, _, told := bob.find(func(ev chat.Event) bool {
			d, ok := ev.(chat.Delivery)
			return ok && d.Conversation == chat.With(alice.Self()) &&
				(d.State == chat.Sent || d.State == chat.Held || d.State == chat.Read)
		}); told {
			t.Error("a blocked peer's message was taken")
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
		time.Sleep(2 * time.Second)
		if !alice.Connected(bob.Self()) {
			t.Fatal("not connected")
		}
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

// TestSettleEnds: who gave up waiting is not waited for: catch-up runs would
// start at every tick for ever.
func TestSettleEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice := w.person("alice")
		alice.join("lobby")
		w.stranger("lobby", 0, alice) // takes everything and says it holds nothing
		alice.say("lobby", "hello?")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if left, err := alice.Settle(ctx, lobby()); err == nil || left != 1 {
			t.Fatalf("settled: %d left, %v", left, err)
		}
		time.Sleep(time.Second)
		var waiting int
		c := alice.Node.find(lobby().ID(alice.Self()))
		if err := c.call(t.Context(), func() { waiting = len(c.settling) }); err != nil {
			t.Fatal(err)
		}
		if waiting > 0 {
			t.Errorf("%d wait who have long gone", waiting)
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
