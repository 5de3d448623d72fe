package direct

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// crowd are strangers who greet bob and say nothing.
func crowd(t *testing.T, net *testnet.Network, bob *person) (es []*eve, sts []network.Stream) {
	t.Helper()
	for range maxInbound / maxInboundOfPeer {
		h := net.Host()
		net.Connect(h, bob.host)
		e := &eve{t: t, host: h, self: peerID(t, h)}
		es = append(es, e)
		st, _ := e.greet(bob)
		sts = append(sts, st)
		time.Sleep(time.Millisecond) // so that one is the first
	}
	return es, sts
}

// TestSilentStrangersMakeRoom: when all places are taken, the one who has said
// nothing for longest goes, but nobody before a minute is over.
func TestSilentStrangersMakeRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		bob := talker(t, net, net.Host())
		es, sts := crowd(t, net, bob)
		bob.fill(maxInbound - len(es))
		late := func() *person {
			p := talker(t, net, net.Host())
			p.knows(bob)
			return p
		}
		carol := late()
		carol.say(bob, "too early")
		time.Sleep(time.Second)
		bob.want()
		es[0].write(sts[0], es[0].segment(bob, "not silent"))
		time.Sleep(silentTime) // the pauses are shorter than a minute by now
		carol.Open(bob.self)
		time.Sleep(time.Second)
		bob.want("not silent", "too early")
		es[1].wantCut(sts[1], time.Second) // the first of the silent ones
		if n := bob.served(); n != maxInbound {
			t.Errorf("%d streams are served, want %d", n, maxInbound)
		}
		es[0].write(sts[0], es[0].segment(bob, "still here"))
		time.Sleep(time.Second)
		bob.want("not silent", "too early", "still here")
		bob.fill(len(es) - maxInbound)
	})
}

// fill counts more streams of strangers than there are.
func (p *person) fill(n int) {
	p.Service.mu.Lock()
	defer p.Service.mu.Unlock()
	p.Service.streams += n
}

// TestKnownPeopleAreNotShutOut: nor those this node wants to talk to.
func TestKnownPeopleAreNotShutOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var carol, dave *person
		bob := talker(t, net, net.Host(), func(c *Config) {
			c.Known = func(p chat.PeerID) bool { return p == carol.self }
		})
		carol, dave = talker(t, net, net.Host()), talker(t, net, net.Host())
		bob.fill(maxInbound)
		carol.knows(bob)
		carol.say(bob, "known")
		dave.knows(bob)
		dave.say(bob, "wanted")
		time.Sleep(time.Second)
		bob.want("known")
		if bob.Wanted(dave.self) {
			t.Error("wanted before we said so")
		}
		bob.Open(dave.self) // finds nobody: it is dave who must come in
		if !bob.Wanted(dave.self) {
			t.Error("not wanted")
		}
		dave.Open(bob.self)
		time.Sleep(time.Second)
		bob.want("known", "wanted")
		if n := bob.served(); n != maxInbound {
			t.Errorf("%d are counted as strangers', want %d", n, maxInbound)
		}
		_ = bob.Goodbye(t.Context(), dave.self)
		if bob.Wanted(dave.self) {
			t.Error("wanted after goodbye")
		}
		if _, linked := bob.Linked(dave.self); linked {
			t.Error("linked after goodbye")
		}
		if ev, linked := bob.Linked(carol.self); !linked || ev.Peer != carol.self || ev.Nick.Raw() == "" {
			t.Errorf("the talk with carol: %+v, %v", ev, linked)
		}
		bob.fill(-maxInbound)
	})
}

// TestOpenTellsOfTheTalkThereIs: who opens a talk that stands already is told so.
func TestOpenTellsOfTheTalkThereIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{})
		alice.Open(bob.self)
		time.Sleep(time.Second)
		bob.Open(alice.self)
		time.Sleep(time.Second)
		alice.wantLog("connected by us")
		bob.wantLog("connected by them", "connected by them")
	})
}
