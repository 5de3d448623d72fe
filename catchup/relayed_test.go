package catchup

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// TestRelayedAllowance: a peer brings relayedBytes over a relay, then little, and
// earns it back within ten minutes.
func TestRelayedAllowance(t *testing.T) {
	r, p := newRuns(defaultLimits()), chat.PeerID{1}
	now := time.Unix(0, 0)
	want := func(bytes int64) {
		t.Helper()
		if got := r.overRelay(p, now); got < bytes-1 || got > bytes+1 {
			t.Errorf("after %v: %d bytes, want %d", now.Sub(time.Unix(0, 0)), got, bytes)
		}
	}
	want(relayedBytes)
	r.chargeRelay(p, now, 3<<20)
	want(5 << 20)
	r.chargeRelay(p, now, 5<<20)
	want(relayedLeast)
	now = now.Add(relayedEvery * (4 << 20))
	want(4 << 20)
	now = now.Add(10 * time.Minute)
	want(relayedBytes)
	if hour := int64(time.Hour/relayedEvery) + relayedBytes; hour >= 64<<20 {
		t.Errorf("%d bytes in an hour is all that a relay carries", hour)
	}
}

// relayedPair are two members who reach each other through a relay only.
func relayedPair(w *world, limit host.RelayLimit) (alice, bob *member) {
	w.t.Helper()
	seed := w.net.HostWith(host.Config{Seed: true, RelayLimit: limit})
	w.made++
	at := peer.AddrInfo{ID: seed.ID(), Addrs: seed.Addrs()}
	w.relays = []peer.AddrInfo{at}
	alice, bob = w.join(), w.join()
	w.net.Cut(alice.host, bob.host)
	w.net.Connect(alice.host, seed)
	w.net.Connect(bob.host, seed)
	for began := time.Now(); !seed.Reserved(bob.host.ID()); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			w.t.Fatal("no relay reservation")
		}
	}
	w.throughRelay(alice, bob)
	return alice, bob
}

// throughRelay connects a with b by way of the relay.
func (w *world) throughRelay(a, b *member) {
	w.t.Helper()
	way := ma.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", w.relays[0].Addrs[0], w.relays[0].ID))
	if err := a.host.Connect(w.t.Context(), peer.AddrInfo{ID: b.host.ID(), Addrs: []ma.Multiaddr{way}}); err != nil {
		w.t.Fatal(err)
	}
}

// TestHistoryIsModestOverARelay: one run brings relayedBytes, the newest first, the
// next ones little; when the two are connected directly, all.
func TestHistoryIsModestOverARelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice, bob := relayedPair(w, host.RelayLimit{})
		segs := bob.writeText(lobby(), 3000, strings.Repeat("history ", 500)) // 12 MB
		bob.hold(segs...)
		run := func() Result {
			res, err := alice.svc.Run(t.Context(), bob.id, lobby())
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		res := run()
		if !res.Relayed || res.Complete || res.BytesIn > relayedBytes || res.BytesIn < relayedBytes/2 {
			t.Errorf("the first run: %+v", res)
		}
		if newest := segs[len(segs)-1]; !alice.log.Has(lobby(), newest.ID) {
			t.Error("the newest did not come first")
		}
		if res = run(); res.Complete || res.Fetched == 0 || res.BytesIn > relayedLeast+2*wire.MaxFrame {
			t.Errorf("the second run: %+v", res)
		}
		w.net.HealAll()
		ctx := network.WithForceDirectDial(t.Context(), "test")
		if err := alice.host.Connect(ctx, peer.AddrInfo{ID: bob.host.ID(), Addrs: bob.host.Addrs()}); err != nil {
			t.Fatal(err)
		}
		if res = run(); res.Relayed || !res.Complete {
			t.Errorf("the direct run: %+v", res)
		}
		if alice.log.Len(lobby()) != len(segs) {
			t.Errorf("%d segments, want %d", alice.log.Len(lobby()), len(segs))
		}
	})
}

// TestRelayEndsARun: what a run brought before the relay reset the connection
// stays, and the next run goes on from there.
func TestRelayEndsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice, bob := relayedPair(w, host.RelayLimit{Data: 600 << 10})
		segs := bob.writeText(lobby(), 3000, strings.Repeat("history ", 50)) // 1.5 MB
		bob.hold(segs...)
		runs, before := 0, 0
		for ; alice.log.Len(lobby()) < len(segs); runs++ {
			if runs == 12 {
				t.Fatalf("%d of %d segments after %d runs", alice.log.Len(lobby()), len(segs), runs)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			res, err := alice.svc.Run(ctx, bob.id, lobby())
			cancel()
			t.Logf("%d fetched, %d bytes: %v", res.Fetched, res.BytesIn, err)
			if after := alice.log.Len(lobby()); after <= before {
				t.Errorf("run %d brought nothing", runs)
			} else {
				before = after
			}
			if alice.host.Network().Connectedness(bob.host.ID()) == network.NotConnected {
				w.throughRelay(alice, bob)
			}
		}
		if runs < 2 {
			t.Error("the relay did not end a run")
		}
	})
}
