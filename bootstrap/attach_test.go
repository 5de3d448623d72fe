package bootstrap

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

func infoOf(h *host.Host) peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }

func connected(a, b testnet.Peer) bool {
	return a.(*host.Host).Network().Connectedness(b.ID()) == network.Connected
}

// within waits until cond holds and tells how long that took.
func within(t *testing.T, d time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !cond() {
		if time.Since(began) > d {
			t.Fatalf("not within %v: %s", d, what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

// attach is Attach, closed at the end of the test.
func attach(t *testing.T, h *host.Host, cfg Config) *Attachment {
	a := Attach(h, cfg)
	t.Cleanup(a.Close)
	return a
}

func TestAllSeedsAreDialledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		seeds := net.Hosts(3)
		alice := net.Host()
		nobody := peer.AddrInfo{ID: net.Host().ID(), Addrs: seeds[0].Addrs()} // somebody else answers there
		var changes atomic.Int32
		a := attach(t, alice, Config{
			Seeds:   []peer.AddrInfo{nobody, infoOf(seeds[0]), infoOf(seeds[1]), infoOf(seeds[2]), infoOf(alice)},
			Changed: func() { changes.Add(1) },
		})
		took := within(t, time.Second, "all seeds connected", func() bool {
			return connected(alice, seeds[0]) && connected(alice, seeds[1]) && connected(alice, seeds[2])
		})
		if took > 500*time.Millisecond {
			t.Errorf("took %v: one after the other?", took)
		}
		time.Sleep(time.Second)
		st := a.Status()
		if len(st) != 5 || st[0].Connected || st[0].LastError == nil || st[4].LastError == nil {
			t.Fatalf("status: %+v", st)
		}
		for _, s := range st[1:4] {
			if !s.Connected || s.LastError != nil || s.Since.IsZero() || len(s.Addrs) == 0 {
				t.Errorf("status of a seed that is connected: %+v", s)
			}
			if !alice.ConnManager().IsProtected(s.Peer.Libp2p(), protection) {
				t.Errorf("the connection manager may drop seed %s", s.Peer)
			}
		}
		if a, b := st[0].Trouble(), st[4].Trouble(); a != "another peer ID answers there" || b != "this is our own address" || st[1].Trouble() != "" {
			t.Errorf("in words for people: %q, %q, %q", a, b, st[1].Trouble())
		}
		if strings.ContainsAny(st[0].LastError.Error(), "\n\x1b") {
			t.Errorf("unsafe error: %q", st[0].LastError)
		}
		if changes.Load() < 3 {
			t.Errorf("told of %d changes", changes.Load())
		}
	})
}

func TestRestartedSeedIsRejoined(t *testing.T) {
	for _, gone := range []time.Duration{0, 3 * time.Second, 38 * time.Second} {
		t.Run(gone.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
				key := net.Key(0)
				seed := net.Host()
				where := seed.Network().ListenAddresses()
				alice := net.Host()
				a := attach(t, alice, Config{Seeds: []peer.AddrInfo{infoOf(seed)}})
				within(t, time.Second, "attached", func() bool { return a.Status()[0].Connected })
				time.Sleep(settled)

				if err := seed.Close(); err != nil {
					t.Fatal(err)
				}
				within(t, time.Second, "loss noticed", func() bool { return !a.Status()[0].Connected })
				time.Sleep(gone)
				net.HostWith(host.Config{Key: key, Listen: where})
				took := within(t, 3*time.Second, "rejoined", func() bool { return a.Status()[0].Connected })
				if took > 2200*time.Millisecond {
					t.Errorf("rejoined after %v", took)
				}
			})
		})
	}
}

func TestDeadSeedIsAskedEverLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed := net.Host()
		info := infoOf(seed)
		_ = seed.Close()
		alice := net.Host()
		var attempts atomic.Int32
		attach(t, alice, Config{Seeds: []peer.AddrInfo{info}, Changed: func() { attempts.Add(1) }})
		time.Sleep(time.Minute)
		first := attempts.Swap(0)
		if first < 25 || first > 45 {
			t.Errorf("%d attempts in the first minute", first)
		}
		time.Sleep(3 * time.Hour)
		attempts.Store(0)
		time.Sleep(time.Hour)
		if late := attempts.Load(); late < 55 || late > 76 {
			t.Errorf("%d attempts in an hour, hours later", late)
		}
	})
}

// A seed that accepts us and then throws us out must not be asked five times a
// second.
func TestSeedThatThrowsUsOutIsAskedLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: time.Millisecond})
		seed, alice := net.Host(), net.Host()
		var visits atomic.Int32
		seed.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
			visits.Add(1)
			time.AfterFunc(50*time.Millisecond, func() { _ = c.Close() })
		}})
		attach(t, alice, Config{Seeds: []peer.AddrInfo{infoOf(seed)}})
		time.Sleep(time.Minute)
		if n := visits.Load(); n < 5 || n > 45 {
			t.Errorf("%d visits in a minute", n)
		}
	})
}

func TestMutualSeedsJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		one, two := net.Host(), net.Host()
		attach(t, one, Config{Seed: true, Seeds: []peer.AddrInfo{infoOf(two)}})
		attach(t, two, Config{Seed: true, Seeds: []peer.AddrInfo{infoOf(one)}})
		within(t, time.Second, "joined", func() bool { return connected(one, two) })
		time.Sleep(5 * time.Second)
		if n := len(one.Network().ConnsToPeer(two.ID())); n != 1 {
			t.Errorf("%d connections: they dialled each other at the same time", n)
		}
	})
}

func TestCloseLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed, alice := net.Host(), net.Host()
		a := Attach(alice, Config{Seeds: []peer.AddrInfo{infoOf(seed)}})
		within(t, time.Second, "attached", func() bool { return a.Status()[0].Connected })
		a.Close()
		a.Close()
		if alice.ConnManager().IsProtected(seed.ID(), protection) {
			t.Error("still protected")
		}
		net.Reset(alice, seed)
		time.Sleep(time.Minute)
		if connected(alice, seed) {
			t.Error("redialled after Close")
		}
	})
}
