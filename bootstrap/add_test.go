package bootstrap

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/internal/testnet"
)

// A seed that comes later is reached at once, kept, and rejoined, like the first.
func TestSeedAddedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		first, late := net.Host(), net.Host()
		for name, begin := range map[string][]peer.AddrInfo{"with a seed": {infoOf(first)}, "with none": nil} {
			alice := net.Host()
			a := attach(t, alice, Config{Seeds: begin})
			time.Sleep(time.Minute)
			if added := a.Add([]peer.AddrInfo{infoOf(late)}); len(added) != 1 {
				t.Fatalf("%s: added %v", name, added)
			}
			within(t, time.Second, name+": attached", func() bool { return connected(alice, late) })
			if !alice.ConnManager().IsProtected(late.ID(), protection) {
				t.Error(name, ": not protected")
			}
			_ = alice.Network().ClosePeer(late.ID())
			within(t, 5*time.Second, name+": attached again", func() bool { return connected(alice, late) })
			if added := a.Add([]peer.AddrInfo{infoOf(late), infoOf(alice)}); len(added) != 1 || len(a.Status()) != len(begin)+2 {
				t.Errorf("%s: added %v to %v", name, added, a.Status())
			}
			a.Close()
			if a.Add([]peer.AddrInfo{infoOf(first)}) != nil || alice.ConnManager().IsProtected(late.ID(), protection) {
				t.Error(name, ": added after the end")
			}
		}
	})
}

// A seed that could not be reached is, at a new address, and without waiting for the
// pause to end.
func TestSeedWithNewAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		seed, alice := net.Host(), net.Host()
		a := attach(t, alice, Config{Seeds: []peer.AddrInfo{{ID: seed.ID(), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/9")}}}})
		time.Sleep(time.Hour)
		if connected(alice, seed) {
			t.Fatal("connected")
		}
		a.Add([]peer.AddrInfo{infoOf(seed)})
		within(t, time.Second, "attached", func() bool { return connected(alice, seed) })
		if st := a.Status(); len(st) != 1 || len(st[0].Addrs) != 2 {
			t.Fatal(st)
		}
	})
}

// Neither seeds nor a seed's addresses grow without end.
func TestSeedsHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		alice := net.Host()
		a := attach(t, alice, Config{})
		info := infoOf(net.Host())
		for i := range 2 * maxSeedAddrs {
			a.Add([]peer.AddrInfo{{ID: info.ID, Addrs: []ma.Multiaddr{ma.StringCast(fmt.Sprint("/ip4/192.0.2.1/tcp/", i+1))}}})
		}
		if n := len(a.Status()[0].Addrs); n != maxSeedAddrs {
			t.Errorf("%d addresses", n)
		}
		for i := range 2 * MaxSeeds {
			id, err := peer.IDFromPrivateKey(net.Key(100 + i))
			if err != nil {
				t.Fatal(err)
			}
			a.Add([]peer.AddrInfo{{ID: id, Addrs: info.Addrs}})
		}
		if n := len(a.Status()); n != MaxSeeds {
			t.Errorf("%d seeds", n)
		}
	})
}
