package rooms

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// BenchmarkDelivery says what one delivery of a lone message of 300 bytes costs
// in a room, beacons included, and in a topic of stock gossipsub, on the same
// hosts, over TCP on loopback:
//
//	go test -run '^$' -bench Delivery -benchtime 300x ./rooms
//
// Read the metrics, not the time of an operation: messages are paced.
func BenchmarkDelivery(b *testing.B) {
	for _, c := range []struct {
		name  string
		hosts int
		known int // connections that each host makes
	}{
		{"20 hosts, 4 connections", 20, 4},
		{"20 hosts, all connected", 20, 20},
		{"50 hosts, 5 connections", 50, 5},
	} {
		b.Run(c.name+"/rooms", func(b *testing.B) { newRun(b, c.hosts, c.known).rooms() })
		b.Run(c.name+"/stock", func(b *testing.B) { newRun(b, c.hosts, c.known).stock() })
	}
}

const (
	pace     = 20 * time.Millisecond
	textSize = 300
)

// A run is a set of hosts and what was measured.
type run struct {
	b         *testing.B
	hosts     []countHost
	keys      *testnet.Network
	bytes     atomic.Int64
	rpcs      atomic.Int64
	delivered atomic.Int64

	mu   sync.Mutex
	sent map[string]time.Time
	took []time.Duration
}

func newRun(b *testing.B, count, known int) *run {
	r := &run{b: b, keys: testnet.New(b, testnet.Config{}), sent: make(map[string]time.Time)}
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range count {
		h, err := host.New(context.Background(), host.Config{
			Key: r.keys.Key(i), Listen: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")},
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { h.Close() })
		for _, j := range rnd.Perm(i)[:min(i, known)] {
			o := r.hosts[j]
			if err := h.Connect(context.Background(), peer.AddrInfo{ID: o.ID(), Addrs: o.Addrs()}); err != nil {
				b.Fatal(err)
			}
		}
		r.hosts = append(r.hosts, countHost{h, r})
	}
	return r
}

func (r *run) got(text string) {
	r.delivered.Add(1)
	r.mu.Lock()
	r.took = append(r.took, time.Since(r.sent[text]))
	r.mu.Unlock()
}

// measure publishes b.N messages from all hosts in turn.
func (r *run) measure(publish func(host int, text string)) {
	time.Sleep(6 * time.Second) // the mesh forms, the first beacons are out
	r.bytes.Store(0)
	r.rpcs.Store(0)
	before := cpu()
	r.b.ResetTimer()
	for i := range r.b.N {
		text := fmt.Sprintf("%0*d", textSize, i)
		r.mu.Lock()
		r.sent[text] = time.Now()
		r.mu.Unlock()
		publish(i%len(r.hosts), text)
		time.Sleep(pace)
	}
	want := int64(r.b.N * (len(r.hosts) - 1))
	for end := time.Now().Add(3 * time.Second); r.delivered.Load() < want && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	r.b.StopTimer()
	n := float64(r.delivered.Load())
	r.b.ReportMetric(float64((cpu()-before).Microseconds())/n, "cpu-us/delivery")
	r.b.ReportMetric(float64(r.bytes.Load())/n, "B/delivery")
	r.b.ReportMetric(float64(r.rpcs.Load())/n, "rpcs/delivery")
	r.b.ReportMetric(100*n/float64(want), "%delivered")
	slices.Sort(r.took)
	r.b.ReportMetric(float64(r.took[len(r.took)/2].Microseconds()), "p50-us")
	r.b.ReportMetric(float64(r.took[len(r.took)*99/100].Microseconds()), "p99-us")
	r.b.ReportMetric(0, "ns/op")
}

func (r *run) rooms() {
	rooms := make([]*Room, len(r.hosts))
	chains := make([]uint64, len(r.hosts))
	for i, h := range r.hosts {
		self, err := chat.PeerIDFromLibp2p(h.ID())
		if err != nil {
			r.b.Fatal(err)
		}
		s, err := New(h, Config{Self: self, Key: r.keys.Key(i)})
		if err != nil {
			r.b.Fatal(err)
		}
		r.b.Cleanup(func() { s.Close() })
		head := make(chan chat.SegmentID, 1)
		var room atomic.Pointer[Room]
		rooms[i], err = s.Join(lobby(), Handler{
			Heads: func() []chat.SegmentID {
				select {
				case id := <-head:
					return []chat.SegmentID{id}
				default:
					return nil
				}
			},
			Segment: func(_ chat.PeerID, s *chat.Segment) {
				r.got(s.Bodies[0].Text.Raw())
				select {
				case head <- s.ID:
				default:
				}
				room.Load().HeadsChanged() // as a member does
			},
		})
		if err != nil {
			r.b.Fatal(err)
		}
		room.Store(rooms[i])
	}
	r.measure(func(i int, text string) {
		body, _ := chat.NewText(text)
		chains[i]++
		s := &chat.Segment{
			Conversation: lobby(), Seq: chains[i], Time: chat.TimeOf(time.Now()),
			Parents: []chat.SegmentID{{1}, {2}},
			Bodies:  []chat.Body{{Kind: chat.KindText, Text: body}},
		}
		if err := wire.SealSegment(r.keys.Key(i), s); err != nil {
			r.b.Fatal(err)
		}
		if _, err := rooms[i].Publish(context.Background(), s.Envelope); err != nil {
			r.b.Fatal(err)
		}
	})
}

func (r *run) stock() {
	ctx, cancel := context.WithCancel(context.Background())
	r.b.Cleanup(cancel)
	topics := make([]*pubsub.Topic, len(r.hosts))
	for i, h := range r.hosts {
		ps, err := pubsub.NewGossipSub(ctx, h)
		if err != nil {
			r.b.Fatal(err)
		}
		if topics[i], err = ps.Join("stock"); err != nil {
			r.b.Fatal(err)
		}
		sub, err := topics[i].Subscribe()
		if err != nil {
			r.b.Fatal(err)
		}
		go func() {
			for {
				m, err := sub.Next(ctx)
				if err != nil {
					return
				}
				if m.ReceivedFrom != h.ID() {
					r.got(strings.Clone(string(m.Data)))
				}
			}
		}()
	}
	r.measure(func(i int, text string) {
		if err := topics[i].Publish(ctx, []byte(text)); err != nil {
			r.b.Fatal(err)
		}
	})
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A countHost counts what gossipsub writes.
type countHost struct {
	corehost.Host
	run *run
}

func (h countHost) NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	st, err := h.Host.NewStream(ctx, p, protocols...)
	if err != nil {
		return nil, err
	}
	return &countStream{st, h.run}, nil
}

type countStream struct {
	network.Stream
	run *run
}

func (s *countStream) Write(b []byte) (int, error) {
	s.run.bytes.Add(int64(len(b)))
	s.run.rpcs.Add(1)
	return s.Stream.Write(b)
}
