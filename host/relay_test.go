package host_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

func infoOf(h *host.Host) peer.AddrInfo {
	return peer.AddrInfo{ID: h.ID(), Addrs: h.Network().ListenAddresses()}
}

func circuits(as []ma.Multiaddr) (cs []ma.Multiaddr) {
	for _, a := range as {
		if strings.Contains(a.String(), "/p2p-circuit") {
			cs = append(cs, a)
		}
	}
	return cs
}

// until waits, in fake time, and says how long it took.
func until(t *testing.T, what string, within time.Duration, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > within {
			t.Fatalf("%s: not within %s", what, within)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(began)
}

func reserved(h *host.Host) func() bool {
	return func() bool {
		for _, r := range h.Reach().Relays {
			if !r.Reserved {
				return false
			}
		}
		return len(circuits(h.Addrs())) > 0
	}
}

// dial connects a to b through a relay alone.
func dial(t *testing.T, a, b *host.Host) network.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(t.Context(), "test"), 10*time.Second)
	defer cancel()
	if err := a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: circuits(b.Addrs())}); err != nil {
		t.Fatal(err)
	}
	return a.Network().ConnsToPeer(b.ID())[0]
}

const echo = protocol.ID("/echo")

func serveEcho(h *host.Host) {
	h.SetStreamHandler(echo, func(s network.Stream) {
		defer s.Close()
		_, _ = io.Copy(s, s)
	})
}

// say sends n bytes and reads them back.
func say(ctx context.Context, from *host.Host, to peer.ID, n int) error {
	s, err := from.NewStream(network.WithAllowLimitedConn(ctx, "test"), to, echo)
	if err != nil {
		return err
	}
	defer func() { _ = s.Reset() }()
	said := bytes.Repeat([]byte("x"), n)
	go func() {
		_, _ = s.Write(said)
		_ = s.CloseWrite()
	}()
	heard, err := io.ReadAll(s)
	if err == nil && !bytes.Equal(heard, said) {
		err = fmt.Errorf("heard %d of %d bytes", len(heard), n)
	}
	return err
}

func TestReachedThroughASeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		seed := net.HostWith(host.Config{Seed: true})
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}})
		bob := net.Host()
		serveEcho(alice)
		sub, err := alice.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()

		go func() { _ = alice.Connect(t.Context(), infoOf(seed)) }()
		took := until(t, "relay address", time.Second, reserved(alice))
		t.Logf("relay address after %s", took)
		if !seed.Reserved(alice.ID()) || seed.Reserved(bob.ID()) {
			t.Error("the seed does not know who holds a reservation")
		}
		synctest.Wait() // for goroutines, not for time
		told := false
		for len(sub.Out()) > 0 {
			ev := (<-sub.Out()).(event.EvtLocalAddressesUpdated)
			for _, a := range ev.Current {
				told = told || len(circuits([]ma.Multiaddr{a.Address})) > 0
			}
		}
		if !told {
			t.Error("EvtLocalAddressesUpdated does not tell of the relay at once")
		}

		c := dial(t, bob, alice)
		if !c.Stat().Limited || c.ConnState().Transport != "p2p-circuit" {
			t.Errorf("connection is %+v, %+v", c.Stat(), c.ConnState())
		}
		began := time.Now()
		if err := say(t.Context(), bob, alice.ID(), 10_000); err != nil {
			t.Error(err)
		}
		t.Logf("echo over the relay took %s", time.Since(began))
		for name, h := range map[string]*host.Host{"bob": bob, "alice": alice} {
			for _, c := range h.Network().Conns() {
				if in, out := h.Traffic(c); c.Stat().Limited && (in < 10_000 || out < 10_000) {
					t.Errorf("%s's relayed connection carried %d in, %d out", name, in, out)
				}
			}
		}
		sent, received := net.BytesOf(alice)
		if in, out := alice.TotalTraffic(); in != uint64(received) || out != uint64(sent) {
			t.Errorf("counted %d in, %d out, the network says %d, %d", in, out, received, sent)
		}
	})
}

func TestReservationComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		key := net.Key(100)
		seed := net.HostWith(host.Config{Seed: true, Key: key})
		where := seed.Network().ListenAddresses()
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}})
		net.Connect(alice, seed)
		until(t, "relay address", time.Second, reserved(alice))

		_ = seed.Close()
		until(t, "the loss of it", time.Second, func() bool { return len(circuits(alice.Addrs())) == 0 })
		if r := alice.Reach().Relays[0]; r.Reserved || r.LastError == nil {
			t.Errorf("the relay is gone, but %+v", r)
		}
		seed = net.HostWith(host.Config{Seed: true, Key: key, Listen: where})
		time.Sleep(10 * time.Second)
		go func() { _ = alice.Connect(t.Context(), infoOf(seed)) }()
		t.Logf("again after %s", until(t, "relay address again", time.Second, reserved(alice)))
	})
}

func TestReservationIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed := net.HostWith(host.Config{Seed: true})
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}})
		net.Connect(alice, seed)
		until(t, "relay address", time.Second, reserved(alice))
		for range 5 {
			time.Sleep(50 * time.Minute)
			if r := alice.Reach().Relays[0]; !r.Reserved || time.Until(r.Expires) < 4*time.Minute || !seed.Reserved(alice.ID()) {
				t.Fatalf("reservation is %+v", r)
			}
		}
	})
}

func TestRelayLimitCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: time.Millisecond})
		seed := net.HostWith(host.Config{Seed: true, RelayLimit: host.RelayLimit{Duration: time.Minute, Data: 64 << 10}})
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}})
		bob := net.Host()
		net.Cut(alice, bob) // only the relay connects them
		serveEcho(alice)
		net.Connect(alice, seed)
		until(t, "relay address", time.Second, reserved(alice))
		if got := alice.Reach().Relays[0].Limit; got.Duration != time.Minute || got.Data != 64<<10 {
			t.Errorf("the relay says its limit is %+v", got)
		}
		dial(t, bob, alice)
		if err := say(t.Context(), bob, alice.ID(), 20_000); err != nil {
			t.Error(err)
		}
		if err := say(t.Context(), bob, alice.ID(), 60_000); err == nil {
			t.Error("more data than the limit went through")
		}
		until(t, "the end of the connection", time.Second, func() bool { return len(bob.Network().ConnsToPeer(alice.ID())) == 0 })

		dial(t, bob, alice) // at once again
		until(t, "the end of the minute", 70*time.Second, func() bool { return len(bob.Network().ConnsToPeer(alice.ID())) == 0 })
	})
}

func TestSeedRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var blocked peer.ID
		seed := net.HostWith(host.Config{Seed: true, Blocked: func(p peer.ID) bool { return p == blocked }})
		other := net.Host() // no seed, though asked like one
		alice := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed), infoOf(other)}})
		mallory := net.HostWith(host.Config{Relays: []peer.AddrInfo{infoOf(seed)}})
		blockedLater := mallory.ID()
		net.Connect(mallory, seed)
		until(t, "relay address", time.Second, reserved(mallory))
		blocked = blockedLater
		net.Connect(alice, seed)
		net.Connect(alice, other)
		until(t, "relay address", time.Second, func() bool { return alice.Reach().Relays[0].Reserved })
		until(t, "refusal", 11*time.Second, func() bool { return alice.Reach().Relays[1].LastError != nil })
		if r := alice.Reach().Relays[1]; r.Reserved || !strings.Contains(r.LastError.Error(), "does not relay") {
			t.Errorf("who does not relay: %+v", r)
		}
		// A circuit to nowhere, one to somebody blocked, and one over a circuit.
		bob := net.Host()
		net.Connect(bob, seed)
		for name, to := range map[string]peer.ID{"without reservation": other.ID(), "blocked": mallory.ID()} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			via := ma.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", infoOf(seed).Addrs[0], seed.ID()))
			if err := bob.Connect(network.WithAllowLimitedConn(ctx, "test"), peer.AddrInfo{ID: to, Addrs: []ma.Multiaddr{via}}); err == nil {
				t.Errorf("%s: relayed", name)
			}
			cancel()
		}
	})
}

func TestOnePublicAddressHoldsSoManyReservations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed := net.HostWith(host.Config{Seed: true})
		var all []*host.Host
		for i := range host.MaxReservationsOfIP + 2 { // on one machine, each at its port
			h := net.HostWith(host.Config{
				Relays: []peer.AddrInfo{infoOf(seed)},
				Listen: []ma.Multiaddr{ma.StringCast(fmt.Sprintf("/ip4/10.99.0.1/tcp/%d", 5000+i))},
			})
			all = append(all, h)
			net.Connect(h, seed)
		}
		time.Sleep(5 * time.Second)
		n := 0
		for _, h := range all {
			if r := h.Reach().Relays[0]; r.Reserved {
				n++
			} else if r.LastError == nil {
				t.Error("refused without a word")
			}
		}
		if n != host.MaxReservationsOfIP {
			t.Errorf("%d reservations from one address, want %d", n, host.MaxReservationsOfIP)
		}
		// Who leaves makes room for another.
		_ = all[0].Close()
		until(t, "room", 15*time.Second, func() bool {
			n := 0
			for _, h := range all[1:] {
				if h.Reach().Relays[0].Reserved {
					n++
				}
			}
			return n == host.MaxReservationsOfIP
		})
	})
}
