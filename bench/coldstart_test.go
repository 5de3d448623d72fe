package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	drouting "github.com/libp2p/go-libp2p/p2p/discovery/routing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/node"
)

const (
	// servers is how many DHT servers the network has.
	servers = 50
	// coldRuns is how many newcomers start, one after the other, and stockRuns
	// how many of stock libp2p, which take long.
	coldRuns, stockRuns = 30, 8
	// speakEvery is how often the member in the room says something.
	speakEvery = 10 * time.Millisecond
	// giveUp is the longest that a newcomer is waited for.
	giveUp = 3 * time.Minute
)

// BenchmarkColdStart starts newcomers that know one seed of a network of 50 DHT
// servers, in a room where one member speaks, and takes the time until the first
// message of the room is shown. The same is done with bare gossipsub and
// pubsub.WithDiscovery on hosts of the same kind.
func BenchmarkColdStart(b *testing.B) {
	b.Run("member", func(b *testing.B) {
		for b.Loop() {
			ours := coldStarts(b)
			stock := stockStarts(b)
			b.ReportMetric(ms(quantile(ours, 0.5)), "p50-ms")
			b.ReportMetric(ms(quantile(ours, 0.9)), "p90-ms")
			b.ReportMetric(ms(quantile(stock, 0.5)), "stock-p50-ms")
			b.ReportMetric(ms(quantile(stock, 0.9)), "stock-p90-ms")
			b.ReportMetric(ms(quantile(ours, 0.9))/ms(quantile(stock, 0.9)), "p90-ratio")
		}
	})
	b.Run("empty", func(b *testing.B) {
		for b.Loop() {
			took := emptyRooms(b)
			b.ReportMetric(ms(quantile(took, 0.5)), "p50-ms")
			b.ReportMetric(ms(quantile(took, 0.9)), "p90-ms")
			b.ReportMetric(ms(slices.Max(took)), "max-ms")
		}
	})
}

// network starts the DHT servers, each knowing the first, and waits until they
// know each other.
func network(b *testing.B) []peer.AddrInfo {
	b.Helper()
	var first []peer.AddrInfo
	for range servers {
		n := startNode(b, nil, node.Config{Seed: true, Seeds: first})
		if first == nil {
			first = []peer.AddrInfo{infoOf(b, n)}
		}
	}
	time.Sleep(10 * time.Second) // the tables fill
	return first
}

// speak lets somebody talk in a room until the benchmark ends it.
func speak(b *testing.B, say func(i int)) (stop func()) {
	b.Helper()
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(speakEvery)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				say(i)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-over }
}

// firstMessage waits for the first message of somebody else.
func firstMessage(b *testing.B, sub *node.Subscription) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), giveUp)
	defer cancel()
	for {
		evs, err := sub.Next(ctx)
		if err != nil {
			b.Fatalf("no message: %v", err)
		}
		for _, ev := range evs {
			if m, ok := ev.(chat.Message); ok && !m.Mine {
				return
			}
		}
	}
}

func coldStarts(b *testing.B) (took []time.Duration) {
	seeds := network(b)
	member := startNode(b, nil, node.Config{Seeds: seeds})
	c := &crowd{nodes: []*node.Node{member}}
	if err := member.Join(b.Context(), room); err != nil {
		b.Fatal(err)
	}
	time.Sleep(5 * time.Second) // the member is announced
	defer speak(b, func(i int) { c.say(b, 0, line(i, 100)) })()
	for range coldRuns {
		key := newKey(b)
		began := time.Now()
		n := startNode(b, nil, node.Config{Key: key, Seeds: seeds})
		sub := n.Subscribe()
		if err := n.Join(b.Context(), room); err != nil {
			b.Fatal(err)
		}
		firstMessage(b, sub)
		took = append(took, time.Since(began))
		sub.Close()
		_ = n.Close(context.Background())
	}
	return took
}

// emptyRooms lets two newcomers come to an empty room at the same moment, and
// takes the time until both have seen the other's message.
func emptyRooms(b *testing.B) (took []time.Duration) {
	seeds := network(b)
	for i := range coldRuns {
		room := chat.RoomName(fmt.Sprint("empty", i))
		keys := []node.Config{{Key: newKey(b), Seeds: seeds}, {Key: newKey(b), Seeds: seeds}}
		began := time.Now()
		var nodes []*node.Node
		var subs []*node.Subscription
		for _, cfg := range keys {
			n := startNode(b, nil, cfg)
			subs = append(subs, n.Subscribe())
			if err := n.Join(b.Context(), room); err != nil {
				b.Fatal(err)
			}
			text, err := chat.NewText("hello")
			if err != nil {
				b.Fatal(err)
			}
			if err := n.Say(b.Context(), chat.InRoom(room), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: text}}); err != nil {
				b.Fatal(err)
			}
			nodes = append(nodes, n)
		}
		for _, sub := range subs {
			firstMessage(b, sub)
		}
		took = append(took, time.Since(began))
		for i, n := range nodes {
			subs[i].Close()
			_ = n.Close(context.Background())
		}
	}
	return took
}

// A stock node is what libp2p's own documentation builds: a DHT and gossipsub
// with discovery through it.
type stock struct {
	h   *host.Host
	dht *dht.IpfsDHT
	sub *pubsub.Subscription
	top *pubsub.Topic
	end context.CancelFunc
}

// stockHost starts a host and its DHT.
func stockHost(b *testing.B, mode dht.ModeOpt, seed ...peer.AddrInfo) *stock {
	b.Helper()
	h, err := host.New(b.Context(), host.Config{Key: newKey(b), Listen: loopback()})
	if err != nil {
		b.Fatal(err)
	}
	s := &stock{h: h}
	if s.dht, err = dht.New(h, dht.Mode(mode), dht.ProtocolPrefix("/stock"), dht.BootstrapPeers(seed...)); err != nil {
		b.Fatal(err)
	}
	for _, p := range seed {
		if err := h.Connect(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.dht.Bootstrap(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.close)
	return s
}

// join subscribes to the room.
func (s *stock) join(b *testing.B) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.end = cancel
	ps, err := pubsub.NewGossipSub(ctx, s.h, pubsub.WithDiscovery(drouting.NewRoutingDiscovery(s.dht)))
	if err != nil {
		b.Fatal(err)
	}
	if s.top, err = ps.Join(string(room)); err != nil {
		b.Fatal(err)
	}
	if s.sub, err = s.top.Subscribe(); err != nil {
		b.Fatal(err)
	}
}

func (s *stock) close() {
	if s.end != nil {
		s.end()
	}
	_ = s.dht.Close()
	_ = s.h.Close()
}

func stockStarts(b *testing.B) (took []time.Duration) {
	first := stockHost(b, dht.ModeServer)
	seed := peer.AddrInfo{ID: first.h.ID(), Addrs: first.h.Addrs()}
	for range servers - 1 {
		stockHost(b, dht.ModeServer, seed)
	}
	time.Sleep(10 * time.Second) // the tables fill
	member := stockHost(b, dht.ModeClient, seed)
	member.join(b)
	time.Sleep(5 * time.Second) // the member is announced
	defer speak(b, func(i int) { _ = member.top.Publish(b.Context(), []byte(line(i, 100))) })()
	for range stockRuns {
		began := time.Now()
		s := stockHost(b, dht.ModeClient, seed)
		s.join(b)
		ctx, cancel := context.WithTimeout(b.Context(), giveUp)
		for {
			m, err := s.sub.Next(ctx)
			if err != nil {
				b.Fatalf("stock: no message: %v", err)
			}
			if !m.Local {
				break
			}
		}
		took = append(took, time.Since(began))
		cancel()
		s.close()
	}
	return took
}

// quantile is the smallest of all that q of them do not exceed.
func quantile(took []time.Duration, q float64) time.Duration {
	slices.Sort(took)
	return took[min(int(q*float64(len(took))), len(took)-1)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
