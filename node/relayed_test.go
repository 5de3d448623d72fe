package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// apart cuts people off from each other, so that only the seeds are left to carry
// what they say.
func (w *world) apart(people ...*person) {
	for i, p := range people {
		for _, o := range people[:i] {
			w.net.Cut(p.host, o.host)
		}
	}
}

// direct connects two people who were apart directly.
func (w *world) direct(p, o *person) {
	w.t.Helper()
	w.net.Heal(p.host, o.host)
	ctx := network.WithForceDirectDial(w.t.Context(), "test")
	var err error
	for range 10 { // a dial that began when they were apart may have to end first
		if err = p.host.Connect(ctx, peer.AddrInfo{ID: o.host.ID(), Addrs: o.host.Addrs()}); err == nil {
			return
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("connect %s with %s: %v", p.nick, o.nick, err)
}

// TestRelayedTalk: two who only have a seed in common talk in private through it
// at once, and directly as soon as they can. That is told, and that they came, once.
func TestRelayedTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		w.apart(alice, bob)
		time.Sleep(3 * time.Second)
		with := chat.With(bob.Self())
		if err := alice.Dial(t.Context(), bob.Self()); err != nil {
			t.Fatal(err)
		}
		alice.tell(with, "one")
		bob.wantText(3*time.Second, "one")
		if how := alice.how(bob); how != "relayed" {
			t.Errorf("connected %q, want relayed", how)
		}
		bob.tell(chat.With(alice.Self()), "two")
		alice.wantText(time.Second, "two")

		w.direct(alice, bob)
		time.Sleep(2 * time.Second)
		if how := alice.how(bob); how != "direct" {
			t.Errorf("connected %q, want direct", how)
		}
		alice.tell(with, "three")
		bob.wantText(100*time.Millisecond, "three")
		for _, p := range []*person{alice, bob} {
			if n := p.flaps(); n != 1 {
				t.Errorf("%s: the other came or went %d times, want once", p.nick, n)
			}
		}
		told := alice.paths(with, bob)
		if len(told) != 2 || told[0].Path != chat.PathRelayed || told[1].Path != chat.PathDirect || told[1].Since != told[0].Since {
			t.Errorf("alice was told %+v, want relayed and then direct", told)
		}
	})
}

// how tells how p is connected with o, as Connections has it.
func (p *person) how(o *person) string {
	p.t.Helper()
	conns, err := p.Connections(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	how := ""
	for _, c := range conns {
		switch {
		case c.Peer != o.Self():
		case !c.Relayed:
			return "direct"
		default:
			how = "relayed"
		}
	}
	return how
}

// flaps counts how often the other of a private talk came or went.
func (p *person) flaps() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	up := false
	for _, ev := range p.events {
		if m, ok := ev.(chat.Member); ok && m.Conversation.IsDirect() && m.Online != up {
			up = m.Online
			n++
		}
	}
	return n
}

// TestRelayedRoom: people whom only a seed connects are a room: they see each
// other, hear everything, know what the others hold, and catch up on what they
// missed.
func TestRelayedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50*time.Millisecond)
		w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		w.apart(alice, bob)
		time.Sleep(3 * time.Second)
		alice.join("den")
		alice.say("den", "is anybody here?")
		time.Sleep(10 * time.Second)
		bob.join("den")
		bob.wantText(5*time.Second, "is anybody here?")
		for i := range 20 {
			alice.say("den", fmt.Sprint("a", i))
			bob.say("den", fmt.Sprint("b", i))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		room := chat.InRoom("den")
		if a, b := alice.shown(room), bob.shown(room); len(a) != 41 || len(b) != 41 {
			t.Errorf("alice was shown %d and bob %d messages, want 41", len(a), len(b))
		}
		if n := alice.waited(); n != 1 {
			t.Errorf("alice was told %d times that nobody is here, want once", n)
		}
		if n := bob.waited(); n != 0 {
			t.Errorf("bob was told %d times that nobody is here", n)
		}
		for _, p := range []*person{alice, bob} {
			if left, err := p.Settle(t.Context(), room); left != 0 || err != nil {
				t.Errorf("%s: %d messages are held by nobody: %v", p.nick, left, err)
			}
		}
	})
}

// waited counts how often somebody was told to be alone.
func (p *person) waited() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.events {
		if m, ok := ev.(chat.Notice); ok && m.Code == chat.NoticeWaiting {
			n++
		}
	}
	return n
}
