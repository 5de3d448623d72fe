package rooms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// twice connects two nodes who dial each other at the same moment, and so have
// two connections.
func twice(t *testing.T, a, b *node) {
	t.Helper()
	var wg sync.WaitGroup
	for _, p := range [][2]*host.Host{{a.Host, b.Host}, {b.Host, a.Host}} {
		wg.Go(func() {
			if err := p[0].Connect(t.Context(), peer.AddrInfo{ID: p[1].ID(), Addrs: p[1].Addrs()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(a.Network().ConnsToPeer(b.ID())); n != 2 {
		t.Fatalf("%d connections, want two", n)
	}
}

// gossips returns the connections to o that carry gossip streams of ours.
func (n *node) gossips(o *node) (conns []network.Conn) {
	for _, c := range n.Network().ConnsToPeer(o.ID()) {
		for _, st := range c.GetStreams() {
			if strings.HasPrefix(string(st.Protocol()), "/meshsub/") && st.Stat().Direction == network.DirOutbound {
				conns = append(conns, c)
			}
		}
	}
	return conns
}

// forgetting makes a node that redials whom it was told to, and counts.
func forgetting(t *testing.T, net *testnet.Network, key int, forgot *atomic.Int32) *node {
	var n *node
	n = newNodeWith(t, net, key, func(c *Config) {
		c.Forgotten = func(p chat.PeerID) {
			forgot.Add(1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				_ = n.Connect(ctx, peer.AddrInfo{ID: p.Libp2p()})
			}()
		}
	})
	return n
}

// heal returns how long it takes until a and b are neighbours in the room again.
func heal(t *testing.T, a, b *node, most time.Duration) time.Duration {
	t.Helper()
	for began := time.Now(); ; wait(10 * time.Millisecond) {
		if len(a.room.Peers()) == 1 && len(b.room.Peers()) == 1 {
			return time.Since(began)
		}
		if time.Since(began) > most {
			t.Fatalf("after %v a neighbour is still forgotten", most)
		}
	}
}

// Gossipsub forgets a neighbour, for ever, when the connection ends on which it
// writes, and the neighbour writes on another. It is reminded, and nothing else
// is disturbed.
func TestMendForgotten(t *testing.T) {
	for key := 1; key <= 5; key++ {
		synctest.Test(t, func(t *testing.T) {
			net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
			var forgot atomic.Int32
			alice, bob := forgetting(t, net, 0, &forgot), forgetting(t, net, key, &forgot)
			alice.join()
			bob.join()
			twice(t, alice, bob)
			wait(10 * time.Second)
			for _, c := range alice.gossips(bob) {
				_ = c.Close()
			}
			wait(mendEvery - 100*time.Millisecond)
			if a, b := len(alice.room.Peers()), len(bob.room.Peers()); a+b == 2 {
				t.Fatal("nobody was forgotten: this test tests nothing")
			}
			t.Logf("healed %v after the connection ended", mendEvery+heal(t, alice, bob, 5*time.Second))
			wait(2 * time.Second)
			alice.say("hello")
			bob.say("hi")
			wait(20 * time.Millisecond)
			alice.wantHeard("hi")
			bob.wantHeard("hello")
			if n := forgot.Load(); n > 0 {
				t.Errorf("disconnected %d times", n)
			}
			if n := len(alice.Network().ConnsToPeer(bob.ID())); n != 1 {
				t.Errorf("%d connections, want the one that was left", n)
			}
		})
	}
}

// After some ends of its stream within ten minutes gossipsub does not open
// another one. Then only a new connection helps.
func TestMendGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		var forgot atomic.Int32
		alice, bob := forgetting(t, net, 0, &forgot), forgetting(t, net, 1, &forgot)
		alice.join()
		bob.join()
		net.Connect(alice.Host, bob.Host)
		wait(5 * time.Second)
		for range 4 {
			alice.svc.resetStreams(alice.Network().ConnsToPeer(bob.ID()))
			wait(20 * time.Second)
			if len(alice.room.Peers()) != 1 {
				t.Fatal("not even the first few times")
			}
		}
		alice.svc.resetStreams(alice.Network().ConnsToPeer(bob.ID()))
		wait(mendEvery)
		t.Logf("healed after %v", mendEvery+heal(t, alice, bob, 10*time.Second))
		wait(2 * time.Second)
		alice.say("hello")
		wait(20 * time.Millisecond)
		bob.wantHeard("hello")
		if n := forgot.Load(); n < 1 || n > 2 {
			t.Errorf("disconnected %d times, want once, or each once", n)
		}
	})
}

// The same if it is the neighbour who gave up writing to us.
func TestMendSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		var forgot atomic.Int32
		alice := newNodeWith(t, net, 0, func(c *Config) { c.Forgotten = func(chat.PeerID) { forgot.Add(1) } })
		alice.join()
		silent := newHostile(t, net, alice.Host, false)
		silent.send(&pb.RPC{Subscriptions: []*pb.RPC_SubOpts{sub(topicOf(lobby()), true)}})
		wait(5 * time.Second)
		if len(alice.room.Peers()) != 1 || forgot.Load() > 0 {
			t.Fatal("not a neighbour")
		}
		_ = silent.st.Reset()
		wait((closeAfter + 1) * mendEvery)
		if n := forgot.Load(); n != 1 {
			t.Fatalf("disconnected %d times, want once", n)
		}
	})
}

// Nobody is disturbed who is not forgotten.
func TestMendFalseAlarm(t *testing.T) {
	for name, happens := range map[string]func(net *testnet.Network, alice, bob *node){
		"leaves the room":       func(_ *testnet.Network, _, bob *node) { bob.leave() },
		"leaves without a word": func(_ *testnet.Network, _, bob *node) { bob.room.end() },
		"stops gossiping":       func(_ *testnet.Network, _, bob *node) { _ = bob.svc.Close() },
		"stops without a word": func(_ *testnet.Network, _, bob *node) {
			bob.svc.cancel()
			for _, id := range protocols() {
				bob.RemoveStreamHandler(id)
			}
			bob.svc.resetStreams(bob.Network().Conns())
		},
		"disconnects":         func(_ *testnet.Network, _, bob *node) { _ = bob.Close() },
		"vanishes":            func(net *testnet.Network, _, bob *node) { net.Kill(bob) },
		"is reset":            func(net *testnet.Network, alice, bob *node) { net.Reset(alice, bob) },
		"streams end at both": func(_ *testnet.Network, a, b *node) { a.svc.resetStreams(a.Network().ConnsToPeer(b.ID())) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Config{Latency: 300 * time.Millisecond})
				var forgot atomic.Int32
				alice, bob := forgetting(t, net, 0, &forgot), forgetting(t, net, 1, &forgot)
				alice.join()
				bob.join()
				net.Connect(alice.Host, bob.Host)
				wait(5 * time.Second)
				happens(net, alice, bob)
				wait(2 * time.Minute)
				if n := forgot.Load(); n > 0 {
					t.Errorf("disconnected %d times", n)
				}
				if name == "streams end at both" {
					alice.wantRoster(bob)
				} else {
					alice.wantRoster() // whatever we remember of him
				}
				alice.svc.guard.mu.Lock()
				defer alice.svc.guard.mu.Unlock()
				if n := len(alice.svc.mender.ward.treated); n > 0 {
					t.Errorf("%d neighbours were treated", n)
				}
			})
		})
	}
}

func TestWard(t *testing.T) {
	now := time.Unix(1e9, 0)
	w := newWard()
	days := func(p peer.ID, checks int) (out []remedy) {
		w.admit(p)
		for range checks {
			now = now.Add(mendEvery)
			what := w.check(now, p)
			out = append(out, what)
			if what == closeConnections {
				w.discharge(p)
				break
			}
		}
		return out
	}
	if got := days("a", 9); !slices.Equal(got, []remedy{leaveAlone, renewStreams, leaveAlone, closeConnections}) {
		t.Fatalf("remedies %v", got)
	}
	for _, what := range days("a", 30) {
		if what != leaveAlone {
			t.Fatal("treated again within a minute")
		}
	}
	if got := days("a", 60); got[len(got)-1] != closeConnections {
		t.Fatal("not closed again after a minute")
	}
	for i := range 2 * maxDoubts {
		w.admit(peer.ID(fmt.Sprint(i)))
	}
	if len(w.missing) > maxDoubts {
		t.Fatalf("%d are looked after", len(w.missing))
	}
	for i := range 2 * maxDoubts {
		w.check(now, peer.ID(fmt.Sprint(i)))
		w.check(now, peer.ID(fmt.Sprint(i)))
	}
	if len(w.treated) > maxDoubts {
		t.Fatalf("%d treatments are remembered", len(w.treated))
	}
	now = now.Add(mendPause)
	w.check(now, "b")
	if w.check(now, "b") != renewStreams {
		t.Fatal("nobody can be treated any more")
	}
}
