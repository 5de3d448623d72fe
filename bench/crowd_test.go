package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/node"
)

const room = chat.RoomName("bench")

func newKey(b testing.TB) crypto.PrivKey {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return key
}

// loopback is where every host of a benchmark listens.
func loopback() []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")} }

// hostMaker builds hosts on loopback, or in memory where bytes are counted.
type hostMaker func(context.Context, host.Config) (*host.Host, error)

// A crowd is n nodes in one room, all of whom know each other.
type crowd struct {
	nodes []*node.Node
	infos map[chat.PeerID]*node.Node
}

// startNode runs one node with these seeds.
func startNode(b testing.TB, mk hostMaker, cfg node.Config) *node.Node {
	b.Helper()
	if cfg.Key == nil {
		cfg.Key = newKey(b)
	}
	cfg.NoMDNS, cfg.NewHost = true, mk
	if mk == nil {
		cfg.Listen = loopback()
	}
	n, err := node.Start(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Close(context.Background()) })
	return n
}

// infoOf is how others reach a node.
func infoOf(b testing.TB, n *node.Node) peer.AddrInfo {
	b.Helper()
	var info peer.AddrInfo
	for _, s := range n.Addrs() {
		i, err := peer.AddrInfoFromString(s)
		if err != nil {
			b.Fatal(err)
		}
		info.ID, info.Addrs = i.ID, append(info.Addrs, i.Addrs...)
	}
	return info
}

// newCrowd starts a seed and n nodes, joins them, and waits until each knows
// all others.
func newCrowd(b testing.TB, mk hostMaker, n int) *crowd {
	b.Helper()
	seeds := []peer.AddrInfo{infoOf(b, startNode(b, mk, node.Config{Seed: true}))}
	c := &crowd{infos: make(map[chat.PeerID]*node.Node)}
	for range n {
		p := startNode(b, mk, node.Config{Seeds: seeds})
		if err := p.Join(b.Context(), room); err != nil {
			b.Fatal(err)
		}
		c.nodes = append(c.nodes, p)
		c.infos[p.Self()] = p
	}
	deadline := time.Now().Add(2 * time.Minute)
	for _, p := range c.nodes {
		for {
			m, err := p.Members(b.Context(), chat.InRoom(room))
			if err != nil {
				b.Fatal(err)
			}
			if len(m) == n-1 {
				break
			}
			if time.Now().After(deadline) {
				b.Fatalf("a node knows %d of %d members", len(m), n-1)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	time.Sleep(3 * time.Second) // the meshes settle
	return c
}

// say lets node i say text.
func (c *crowd) say(b testing.TB, i int, text string) {
	t, err := chat.NewText(text)
	if err != nil {
		b.Fatal(err)
	}
	d := chat.Draft{Key: "k", Body: chat.Body{Kind: chat.KindText, Text: t}}
	if err := c.nodes[i].Say(b.Context(), chat.InRoom(room), d); err != nil {
		b.Fatal(err)
	}
}

// listen calls f for every message that a node is shown and did not write.
func (c *crowd) listen(b testing.TB, f func(receiver int, text string, at time.Time)) {
	for i, n := range c.nodes {
		sub := n.Subscribe()
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				evs, err := sub.Next(ctx)
				if err != nil {
					return
				}
				now := time.Now()
				for _, ev := range evs {
					if m, ok := ev.(chat.Message); ok && !m.Mine {
						f(i, m.Text.Raw(), now)
					}
				}
			}
		})
		b.Cleanup(func() { cancel(); wg.Wait(); sub.Close() })
	}
}

// links lists who is connected with whom, so that bare hosts can be connected
// in the same way.
func (c *crowd) links() (pairs [][2]int) {
	for i, n := range c.nodes {
		for j := i + 1; j < len(c.nodes); j++ {
			if n.Connected(c.nodes[j].Self()) {
				pairs = append(pairs, [2]int{i, j})
			}
		}
	}
	return pairs
}

// bare is gossipsub as it comes, one topic, on hosts connected like a crowd.
type bare struct {
	selves []peer.ID
	topics []*pubsub.Topic
	subs   []*pubsub.Subscription
}

func newBare(b testing.TB, mk hostMaker, n int, pairs [][2]int) *bare {
	b.Helper()
	if mk == nil {
		mk = func(ctx context.Context, cfg host.Config) (*host.Host, error) {
			cfg.Listen = loopback()
			return host.New(ctx, cfg)
		}
	}
	var hosts []*host.Host
	out := &bare{}
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	for range n {
		h, err := mk(b.Context(), host.Config{Key: newKey(b)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = h.Close() })
		ps, err := pubsub.NewGossipSub(ctx, h)
		if err != nil {
			b.Fatal(err)
		}
		topic, err := ps.Join("/p2pchat/room/1/" + chat.RoomID(room).Base32())
		if err != nil {
			b.Fatal(err)
		}
		sub, err := topic.Subscribe()
		if err != nil {
			b.Fatal(err)
		}
		out.selves = append(out.selves, h.ID())
		hosts, out.topics, out.subs = append(hosts, h), append(out.topics, topic), append(out.subs, sub)
	}
	for _, p := range pairs {
		if err := hosts[p[0]].Connect(b.Context(), peer.AddrInfo{ID: hosts[p[1]].ID(), Addrs: hosts[p[1]].Addrs()}); err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(5 * time.Second) // the meshes settle
	return out
}

func (x *bare) listen(b testing.TB, f func(receiver int, text string, at time.Time)) {
	for i, sub := range x.subs {
		ctx, cancel := context.WithCancel(context.Background())
		self := x.selves[i]
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				m, err := sub.Next(ctx)
				if err != nil {
					return
				}
				if m.ReceivedFrom != self {
					f(i, string(m.Data), time.Now())
				}
			}
		})
		b.Cleanup(func() { cancel(); wg.Wait() })
	}
}

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// line is a message of size bytes that says its number and when it was written.
func line(i, size int) string {
	s := fmt.Sprintf("%08d %020d ", i, time.Now().UnixNano())
	for len(s) < size {
		s += "x"
	}
	return s
}

// written reads back when a line was written.
func written(s string) (i int, at time.Time) {
	var ns int64
	_, _ = fmt.Sscanf(s, "%d %d", &i, &ns)
	return i, time.Unix(0, ns)
}

// waitCount waits until n reaches want, or stands still for quiet.
func waitCount(n *atomic.Int64, want int64, quiet time.Duration) (last time.Time) {
	before, last := n.Load(), time.Now()
	for {
		time.Sleep(5 * time.Millisecond)
		switch now := n.Load(); {
		case now >= want:
			return time.Now()
		case now != before:
			before, last = now, time.Now()
		case time.Since(last) > quiet:
			return last
		}
	}
}

// inMemory makes hosts whose bytes are counted.
func inMemory(b testing.TB) (hostMaker, *testnet.Network) {
	net := testnet.New(b, testnet.Config{})
	return func(ctx context.Context, cfg host.Config) (*host.Host, error) { return net.NewHost(ctx, cfg) }, net
}
