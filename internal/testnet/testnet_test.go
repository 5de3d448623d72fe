package testnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/host"
)

const echoProtocol = "/testnet/echo"

// echo makes h send back what it is sent.
func echo(h *host.Host) {
	h.SetStreamHandler(echoProtocol, func(s network.Stream) {
		defer s.Close()
		_, _ = io.Copy(s, s)
	})
}

// open opens an echo stream from a to b and makes sure that it works.
func open(t *testing.T, a, b *host.Host) network.Stream {
	t.Helper()
	s, err := a.NewStream(t.Context(), b.ID(), echoProtocol)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, s)
	return s
}

func roundTrip(t *testing.T, s network.Stream) {
	t.Helper()
	if _, err := s.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2)
	if _, err := io.ReadFull(s, got); err != nil || string(got) != "hi" {
		t.Fatalf("echo: got %q, %v", got, err)
	}
}

func TestPingTakesTwiceTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 50 * time.Millisecond
		net := New(t, Config{Latency: latency})
		a, b := net.Host(), net.Host()

		start := time.Now()
		net.Connect(a, b)
		// TCP, choice of Noise, Noise, identify: a round trip each, but that the
		// listener is half a round trip behind the caller from Noise's end on.
		if took := time.Since(start); took%latency != 0 || took > 10*latency {
			t.Errorf("connecting took %v", took)
		} else {
			t.Logf("connecting took %v", took)
		}
		time.Sleep(time.Second)

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		answers := ping.Ping(ctx, a, b.ID())
		for range 3 {
			r := <-answers
			if r.Error != nil || r.RTT != 2*latency {
				t.Errorf("ping: got %v, %v, want %v", r.RTT, r.Error, 2*latency)
			}
		}
	})
}

func TestLinksHaveTheirOwnLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: time.Millisecond})
		a, b, c := net.Host(), net.Host(), net.Host()
		echo(b)
		echo(c)
		net.Connect(a, b)
		net.Connect(a, c)
		toB, toC := open(t, a, b), open(t, a, c)
		net.SetLatency(a, b, time.Second)
		for s, want := range map[network.Stream]time.Duration{toB: 2 * time.Second, toC: 2 * time.Millisecond} {
			start := time.Now()
			roundTrip(t, s)
			if got := time.Since(start); got != want {
				t.Errorf("round trip took %v, want %v", got, want)
			}
		}
	})
}

func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
		a, b := net.Host(), net.Host()
		got := make(chan int64)
		b.SetStreamHandler("/sink", func(s network.Stream) {
			n, _ := io.Copy(io.Discard, s)
			got <- n
		})
		net.Connect(a, b)
		time.Sleep(time.Second)
		s, err := a.NewStream(t.Context(), b.ID(), "/sink")
		if err != nil {
			t.Fatal(err)
		}
		sent, _ := net.BytesOf(a)
		start := time.Now()
		const size = 4 << 20
		if _, err := s.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		_ = s.CloseWrite()
		if n := <-got; n != size {
			t.Fatalf("%d bytes arrived, want %d", n, size)
		}
		if took := time.Since(start); took < 4*time.Second || took > 4200*time.Millisecond {
			t.Errorf("4 MiB at 1 MiB/s took %v", took)
		}
		now, _ := net.BytesOf(a)
		if more := now - sent; more < size || more > size+size/100 {
			t.Errorf("counted %d bytes for %d", more, size)
		}
	})
}

func TestCutStallsAndHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: 5 * time.Millisecond})
		a, b := net.Host(), net.Host()
		echo(b)
		net.Connect(a, b)
		s := open(t, a, b)

		net.Cut(a, b)
		if _, err := s.Write([]byte("hi")); err != nil {
			t.Fatal(err)
		}
		_ = s.SetReadDeadline(time.Now().Add(3 * time.Second))
		got := make([]byte, 2)
		if _, err := s.Read(got); !os.IsTimeout(err) {
			t.Fatalf("read over a cut link: %v", err)
		}
		net.Heal(a, b)
		start := time.Now()
		_ = s.SetReadDeadline(time.Time{})
		if _, err := io.ReadFull(s, got); err != nil || string(got) != "hi" {
			t.Fatalf("after healing: %q, %v", got, err)
		}
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("what was held took %v", took)
		}
	})
}

func TestCutIsNoticedByKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: 5 * time.Millisecond})
		a, b := net.Host(), net.Host()
		echo(b)
		net.Connect(a, b)
		s := open(t, a, b)
		net.Cut(a, b)
		start := time.Now()
		if _, err := s.Read(make([]byte, 1)); err == nil {
			t.Fatal("read over a cut link succeeded")
		}
		if took := time.Since(start); took < 10*time.Second || took > 20*time.Second {
			t.Errorf("a dead peer was noticed after %v", took)
		}
		// New dials find no answer, and take their time to say so.
		start = time.Now()
		err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()})
		if took := time.Since(start); err == nil || took != 5*time.Second {
			t.Errorf("dial over a cut link: %v after %v", err, took)
		}
		net.Heal(a, b)
		time.Sleep(10 * time.Second) // libp2p's dial backoff
		net.Connect(a, b)
	})
}

func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: 5 * time.Millisecond})
		a, b := net.Host(), net.Host()
		echo(b)
		net.Connect(a, b)
		s := open(t, a, b)
		net.Reset(a, b)
		start := time.Now()
		if _, err := s.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("read after a reset: %v", err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the reset was noticed after %v", took)
		}
		net.Connect(a, b)
		open(t, a, b)
	})
}

func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: time.Millisecond})
		hs := net.Hosts(5)
		reach := func(a, b *host.Host) bool {
			_ = a.Network().ClosePeer(b.ID())
			ctx, cancel := context.WithTimeout(network.WithForceDirectDial(t.Context(), "no backoff"), time.Second)
			defer cancel()
			return a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}) == nil
		}
		net.Partition(GroupOf(hs[:2]...), GroupOf(hs[2]))
		for i, a := range hs {
			for j, b := range hs {
				same := i == j || (i < 2 && j < 2) || (i > 2 && j > 2)
				if i != j && reach(a, b) != same {
					t.Errorf("%d reaches %d: %v", i, j, !same)
				}
			}
		}
		net.HealAll()
		if !reach(hs[0], hs[4]) || !reach(hs[2], hs[1]) {
			t.Error("not healed")
		}
	})
}

func TestKillAndReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: 5 * time.Millisecond})
		a, b := net.Host(), net.Host()
		echo(b)
		net.Connect(a, b)
		s := open(t, a, b)
		net.Kill(b)
		start := time.Now()
		if _, err := s.Read(make([]byte, 1)); err == nil {
			t.Fatal("read from the dead")
		}
		if took := time.Since(start); took < 10*time.Second {
			t.Errorf("the dead peer said goodbye after %v", took)
		}
		addrs := a.Peerstore().Addrs(b.ID())
		again := net.HostWith(host.Config{Key: net.Key(1), Listen: addrs[:1]})
		if again.ID() != b.ID() {
			t.Fatal("came back as another")
		}
		net.Connect(a, again)
	})
}

func TestKeysAndAddressesRepeat(t *testing.T) {
	var first []string
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			var got []string
			for _, h := range New(t, Config{}).Hosts(3) {
				got = append(got, fmt.Sprint(h.ID(), h.Addrs()))
			}
			if first == nil {
				first = got
			} else if fmt.Sprint(got) != fmt.Sprint(first) {
				t.Errorf("got %v, then %v", first, got)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(t, Config{Latency: 5 * time.Millisecond})
		a := net.Host()
		start := time.Now()
		err := a.Connect(t.Context(), peer.AddrInfo{
			ID:    net.HostWith(host.Config{Listen: []ma.Multiaddr{}}).ID(),
			Addrs: []ma.Multiaddr{ma.StringCast("/ip4/10.2.0.1/tcp/4001")},
		})
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Since(start) != 10*time.Millisecond {
			t.Errorf("dial to a machine that does not listen: %v after %v", err, time.Since(start))
		}
		_, err = net.NewHost(t.Context(), host.Config{Listen: a.Addrs()})
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second host on a port: %v", err)
		}
	})
}

// swarmed is a host with DHT and gossipsub, subscribed to one topic.
type swarmed struct {
	*host.Host
	dht   *dht.IpfsDHT
	topic *pubsub.Topic
	sub   *pubsub.Subscription
}

func swarmOf(t testing.TB, net *Network, count int) []*swarmed {
	t.Helper()
	var all []*swarmed
	for range count {
		all = append(all, join(t, net.Host()))
	}
	for _, s := range all[1:] {
		net.Connect(s.Host, all[0].Host)
	}
	return all
}

func join(t testing.TB, h *host.Host) *swarmed {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d, err := dht.New(h, dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/p2pchat"))
	if err != nil {
		t.Fatal(err)
	}
	ps, err := pubsub.NewGossipSub(ctx, h, pubsub.WithFloodPublish(true))
	if err != nil {
		t.Fatal(err)
	}
	topic, err := ps.Join("room")
	if err != nil {
		t.Fatal(err)
	}
	sub, err := topic.Subscribe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = d.Close()
	})
	return &swarmed{h, d, topic, sub}
}

func TestCrowdWithDHTAndGossip(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	synctest.Test(t, func(t *testing.T) {
		real, fake := realNow(), time.Now()
		net := New(t, Config{Latency: 20 * time.Millisecond})
		all := swarmOf(t, net, crowd)
		for _, s := range all {
			if err := s.dht.Bootstrap(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%d hosts with DHT and gossipsub connected: %v real, %v fake", crowd, realNow()-real, time.Since(fake))

		real = realNow()
		time.Sleep(time.Minute)
		t.Logf("a minute of fake time: %v real, %d KiB sent since the start", realNow()-real, net.Bytes()>>10)

		found, err := all[1].dht.FindPeer(t.Context(), all[crowd-1].ID())
		if err != nil || len(found.Addrs) == 0 {
			t.Fatalf("look-up: %v, %v", found, err)
		}
		fake = time.Now()
		if err := all[3].topic.Publish(t.Context(), []byte("hi")); err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			m, err := s.sub.Next(t.Context())
			if err != nil || string(m.Data) != "hi" {
				t.Fatalf("host %d got %v, %v", i, m, err)
			}
		}
		t.Logf("heard by all after %v", time.Since(fake))
	})
}

func TestPeerAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 10 * time.Millisecond
		net := New(t, Config{Latency: latency})
		a, b := net.Host(), net.Host()
		start := time.Now()
		if id, err := a.PeerAt(t.Context(), b.Addrs()[0]); id != b.ID() || err != nil {
			t.Errorf("got %s, %v", id, err)
		}
		// TCP, the choice of Noise, Noise: a round trip each, and a way for the
		// listener to learn of the connection.
		if took := time.Since(start); took > 7*latency {
			t.Errorf("took %v", took)
		}
		for at, want := range map[string]error{"10.2.0.1:99": host.ErrNobodyListens, "10.99.0.1:4001": host.ErrNoAnswer} {
			addr, err := host.ParseHostPort(at)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.PeerAt(t.Context(), addr); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", at, err, want)
			}
		}
	})
}

// BenchmarkHosts50 builds and closes 50 hosts, without a bubble, which only
// tests can have.
func BenchmarkHosts50(b *testing.B) {
	for b.Loop() {
		n := New(b, Config{})
		n.Hosts(50)
		n.Close()
	}
}
