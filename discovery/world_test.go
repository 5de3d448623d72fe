package discovery

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// A world is a network in memory whose nodes run discovery.
type world struct {
	t   *testing.T
	net *testnet.Network
}

// inWorld runs a test in fake time.
func inWorld(t *testing.T, cfg testnet.Config, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &world{t, testnet.New(t, cfg)}) })
}

// A node is a host with discovery, attached to its seeds.
type node struct {
	*host.Host
	*Service
	w    *world
	book *memBook
	att  *bootstrap.Attachment
}

// ID is the host's.
func (n *node) ID() peer.ID { return n.Host.ID() }

// Close closes discovery, then the host.
func (n *node) Close() {
	n.att.Close()
	if err := n.Service.Close(); err != nil {
		n.w.t.Errorf("close discovery: %v", err)
	}
	if err := n.Host.Close(); err != nil {
		n.w.t.Errorf("close host: %v", err)
	}
}

func (n *node) info() peer.AddrInfo { return peer.AddrInfo{ID: n.ID(), Addrs: n.Host.Addrs()} }

func (n *node) peer() chat.PeerID { return n.self }

// A how changes what a node is made of.
type how func(*host.Config, *Config)

func server(_ *host.Config, c *Config) { c.Server = true }

func withBook(b *memBook) how { return func(_ *host.Config, c *Config) { c.Book = b } }

// at starts the node with the key of another, where it listened.
func at(w *world, key int, addr ma.Multiaddr) how {
	return func(c *host.Config, _ *Config) {
		c.Key, c.Listen = w.net.Key(key), []ma.Multiaddr{addr}
	}
}

// start starts a node which knows the given seeds.
func (w *world) start(seeds []peer.AddrInfo, hows ...how) *node {
	w.t.Helper()
	hc := host.Config{}
	cfg := Config{NoMDNS: true, Bootstrap: func() []peer.AddrInfo { return seeds }}
	for _, f := range hows {
		f(&hc, &cfg)
	}
	h := w.net.HostWith(hc)
	s, err := New(h, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{Host: h, Service: s, w: w, att: bootstrap.Attach(h, bootstrap.Config{Seeds: seeds, Seed: cfg.Server})}
	if b, ok := cfg.Book.(*memBook); ok {
		n.book = b
	}
	w.t.Cleanup(n.Close)
	return n
}

// seek looks for members of a room among the others, and remembers whom it
// meets, as the rooms of a whole node would.
func (n *node) seek(room string, others ...*node) *Search {
	conv := chat.RoomID(chat.RoomName(room))
	q := n.Seek(conv, func() int { return n.meets(conv, others) })
	return q
}

func (n *node) meets(conv chat.ConversationID, others []*node) (count int) {
	for _, o := range others {
		if n.sees(o) {
			count++
			n.Met(o.peer(), conv)
		}
	}
	return count
}

// knows makes a server list somebody in a room.
func (n *node) knows(room string, member peer.AddrInfo) {
	n.w.t.Helper()
	key := roomKey(chat.RoomID(chat.RoomName(room)))
	if err := n.table.dht.ProviderStore().AddProvider(n.w.t.Context(), key.cid.Hash(), member); err != nil {
		n.w.t.Fatal(err)
	}
}

func (n *node) sees(o *node) bool { return connectedTo(n.Host, o.ID()) }

func connectedTo(h corehost.Host, p peer.ID) bool {
	return h.Network().Connectedness(p) == network.Connected
}

// within waits until cond holds, and fails the test if it takes longer than d.
func (w *world) within(d time.Duration, what string, cond func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !cond() {
		if time.Since(began) > d {
			w.t.Fatalf("not within %v: %s", d, what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

// A memBook is a Book in memory.
type memBook struct {
	mu    sync.Mutex
	known []Known
	saves int
	fail  error
}

func (b *memBook) Load() ([]Known, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known, b.fail
}

func (b *memBook) Save(known []Known) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.known, b.saves = known, b.saves+1
	return nil
}

func (b *memBook) list() []Known {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known
}

func (b *memBook) times() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.saves
}

func infos(nodes ...*node) (all []peer.AddrInfo) {
	for _, n := range nodes {
		all = append(all, n.info())
	}
	return all
}

func addrOf(i int) ma.Multiaddr { return ma.StringCast(fmt.Sprintf("/ip4/10.%d.0.1/tcp/4001", i)) }

// A fakeAir is a local network on which everybody hears everybody.
type fakeAir struct {
	mu     sync.Mutex
	here   []peer.AddrInfo
	listen []func(peer.AddrInfo)
}

type fakeMDNS struct{}

func (fakeMDNS) Close() error { return nil }

func (a *fakeAir) start(h corehost.Host, found func(peer.AddrInfo)) (io.Closer, error) {
	me := peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, info := range a.here {
		found(info)
	}
	for _, f := range a.listen {
		f(me)
	}
	a.here, a.listen = append(a.here, me), append(a.listen, found)
	return fakeMDNS{}, nil
}

func (a *fakeAir) say(info peer.AddrInfo) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.listen {
		f(info)
	}
}

func mustAddr(s string) ma.Multiaddr { return ma.StringCast(s) }
