package bootstrap

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// A seed that is gone for long is asked once a minute; after a move at once.
func TestMovedDialsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		seed, alice := net.Host(), net.Host()
		a := attach(t, alice, Config{Seeds: []peer.AddrInfo{infoOf(seed)}})
		within(t, time.Second, "attached", func() bool { return a.Status()[0].Connected })
		net.Cut(alice, seed)
		time.Sleep(3 * time.Hour)
		if a.Status()[0].Connected {
			t.Fatal("attached over a cut")
		}
		net.HealAll()
		a.Moved()
		took := within(t, time.Second, "attached", func() bool { return a.Status()[0].Connected })
		t.Logf("attached %v after the move", took)
	})
}

// An attempt that is on its way left by the old network, and would hold up the
// new one for seconds.
func TestMovedGivesUpTheAttemptOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		seed, alice := net.Host(), net.Host()
		net.Cut(alice, seed)
		a := attach(t, alice, Config{Seeds: []peer.AddrInfo{infoOf(seed)}})
		time.Sleep(1500 * time.Millisecond) // the second packet is lost, the next is due at 3 s
		net.HealAll()
		a.Moved()
		within(t, 500*time.Millisecond, "attached", func() bool { return a.Status()[0].Connected })
	})
}

// A connection that looks sound may be dead after a move; one that lives is
// left alone.
func TestMovedProbesConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		key := net.Key(0)
		dead, alive, alice := net.Host(), net.Host(), net.Host()
		where := dead.Network().ListenAddresses()
		a := attach(t, alice, Config{Seeds: []peer.AddrInfo{infoOf(dead), infoOf(alive)}})
		all := func() bool { return a.Status()[0].Connected && a.Status()[1].Connected }
		within(t, time.Second, "attached", all)
		since := a.Status()[1].Since
		time.Sleep(time.Second)
		net.Kill(dead)
		net.HostWith(host.Config{Key: key, Listen: where}) // it is back, but does not know us
		a.Moved()
		took := within(t, 4*time.Second, "the loss is noticed", func() bool { return !a.Status()[0].Connected })
		if took > probeTimeout+100*time.Millisecond {
			t.Errorf("noticed after %v", took)
		}
		again := within(t, time.Second, "attached again", all)
		t.Logf("noticed after %v, attached %v later", took, again)
		if !a.Status()[1].Since.Equal(since) {
			t.Error("a seed that answers was let go")
		}
		for range 1000 { // a nervous machine
			a.Moved()
		}
		time.Sleep(time.Minute)
		if !all() || !a.Status()[1].Since.Equal(since) {
			t.Error("not attached any more")
		}
	})
}
