// Package testnet runs many real libp2p hosts (real Noise, yamux, DHT and
// gossipsub) in one test, over a network in memory and in fake time.
//
// Use it inside testing/synctest: there two minutes pass at once, and a
// goroutine left over fails the test.
//
//	synctest.Test(t, func(t *testing.T) {
//		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
//		alice, bob := net.Host(), net.Host()
//		net.Connect(alice, bob)
//		net.Cut(alice, bob)
//		time.Sleep(time.Minute)
//	})
//
// Hosts are built by package host, so tests run what users run; only TCP is
// replaced. Each host has an address 10.x.y.z of its own, and ports: libp2p,
// the DHT and gossipsub see ordinary TCP addresses.
//
// The Network closes every host when the test ends, before the bubble is
// checked. What is built on top of a host (DHT, pubsub) must be closed by the
// test, in a t.Cleanup registered after New.
//
// # Time
//
// Fake time stands still while any goroutine of the bubble computes, so every
// duration measured inside is exact. It also stands still while one waits for a
// sync.Mutex: code that sleeps, or waits for the network, with a mutex locked
// that another goroutine wants, hangs the test for ever. That is a fault of the
// code (channels and sync.Cond are fine), and the goroutine dump of
// go test -timeout 30s shows it.
package testnet

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/host"
)

// Port is where hosts listen unless told otherwise.
const Port = 4001

// Config configures a Network. The zero value is a perfect one.
type Config struct {
	// Latency is how long a packet travels one way. If zero, it does not.
	Latency time.Duration
	// Bandwidth is the bytes per second of each direction between two hosts. If
	// zero, it has no limit.
	Bandwidth int64
	// Seed makes other keys, hence other peer IDs and DHT neighbours. Equal
	// seeds give equal keys.
	Seed string
}

// A Peer is whatever has a peer ID: a host, or what a test builds around one.
type Peer interface{ ID() peer.ID }

// A Network is a set of hosts and the links between them. All methods may be
// called from any goroutine of the bubble.
type Network struct {
	t   testing.TB
	cfg Config

	mu      sync.Mutex
	made    int // keys handed out
	placed  int // addresses handed out
	all     []*node
	at      map[netip.Addr]*node
	of      map[peer.ID]*node
	links   map[[2]*node]*link
	pairs   map[*pair]struct{}
	closing sync.Once
}

// A pair is a connection, seen from outside.
type pair struct {
	a, b *conn
	open atomic.Int32 // ends not closed yet
}

// New makes a network which closes its hosts when t ends.
func New(t testing.TB, cfg Config) *Network {
	oneProcessor()
	n := &Network{
		t:     t,
		cfg:   cfg,
		at:    make(map[netip.Addr]*node),
		of:    make(map[peer.ID]*node),
		links: make(map[[2]*node]*link),
		pairs: make(map[*pair]struct{}),
	}
	t.Cleanup(n.Close)
	return n
}

// Key is the i-th key of the network's seed, the one that the i-th call of Host
// (from 0) would use.
func (n *Network) Key(i int) crypto.PrivKey {
	n.t.Helper()
	seed := sha256.Sum256(fmt.Appendf(nil, "testnet %s %d", n.cfg.Seed, i))
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		n.t.Fatalf("testnet: key %d: %v", i, err)
	}
	return key
}

// Host starts a host with the next key and the next address.
func (n *Network) Host() *host.Host {
	n.t.Helper()
	return n.HostWith(host.Config{})
}

// Hosts starts count hosts.
func (n *Network) Hosts(count int) []*host.Host {
	n.t.Helper()
	hosts := make([]*host.Host, count)
	for i := range hosts {
		hosts[i] = n.Host()
	}
	return hosts
}

// HostWithKey starts a host with the given key and the next address.
func (n *Network) HostWithKey(key crypto.PrivKey) *host.Host {
	n.t.Helper()
	return n.HostWith(host.Config{Key: key})
}

// HostWith starts a host from cfg, filling in Key (the next), Listen (Port on
// the next address) and Transport. To bring a host back where it was, killed or
// closed, give its key and its listen address.
func (n *Network) HostWith(cfg host.Config) *host.Host {
	n.t.Helper()
	h, err := n.NewHost(n.t.Context(), cfg)
	if err != nil {
		n.t.Fatalf("testnet: %v", err)
	}
	return h
}

// NewHost is HostWith for tests in which starting may fail. An empty slice (not
// nil) as Listen makes a host that only dials, as behind a NAT.
func (n *Network) NewHost(ctx context.Context, cfg host.Config) (*host.Host, error) {
	if cfg.Key == nil {
		cfg.Key = n.nextKey()
	}
	nd, err := n.place(&cfg)
	if err != nil {
		return nil, err
	}
	cfg.Transport = func(u transport.Upgrader, rm network.ResourceManager) (host.Transport, error) {
		return &memTransport{node: nd, upgrader: u, rm: rm}, nil
	}
	h, err := host.New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	nd.hosts = append(nd.hosts, h)
	n.of[h.ID()] = nd
	return h, nil
}

func (n *Network) nextKey() crypto.PrivKey {
	n.mu.Lock()
	i := n.made
	n.made++
	n.mu.Unlock()
	return n.Key(i)
}

// place gives the host a node: at the address it wants to listen on, or at the
// next free one.
func (n *Network) place(cfg *host.Config) (*node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ip netip.Addr
	if len(cfg.Listen) > 0 {
		a, err := addrPort(cfg.Listen[0])
		if err != nil {
			return nil, err
		}
		ip = a.Addr()
	}
	if !ip.IsValid() || ip.IsUnspecified() {
		n.placed++
		ip = address(n.placed)
	}
	if cfg.Listen == nil {
		cfg.Listen = []ma.Multiaddr{multiaddr(netip.AddrPortFrom(ip, Port))}
	}
	old := n.at[ip]
	if old != nil && !old.off.Load() {
		return old, nil // the same machine: the old host closed, or a second one
	}
	nd := &node{net: n, ip: ip, listeners: make(map[uint16]*listener)}
	n.at[ip] = nd
	n.all = append(n.all, nd)
	return nd, nil
}

// address spreads hosts over 10.0.0.0/8, each in a /16 of its own as far as
// they reach: the DHT allows only a few neighbours out of one.
func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i), byte(i >> 8), 1})
}

// Close closes all hosts. It may be called again, and by hand, to look at what
// is left afterwards.
func (n *Network) Close() {
	n.closing.Do(func() {
		var wg sync.WaitGroup
		for _, h := range n.hosts() {
			wg.Go(func() { _ = h.Close() })
		}
		wg.Wait()
	})
}

func (n *Network) hosts() (hs []*host.Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, nd := range n.all {
		hs = append(hs, nd.hosts...)
	}
	return hs
}

// Connect connects a to b and waits until identify is done on a's side.
func (n *Network) Connect(a, b *host.Host) {
	n.t.Helper()
	if err := a.Connect(n.t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		n.t.Fatalf("testnet: connect: %v", err)
	}
}

// Bytes is how many bytes all hosts together have sent.
func (n *Network) Bytes() (sum int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, nd := range n.all {
		sum += nd.sent.Load()
	}
	return sum
}

// BytesOf is how many bytes one host has sent and was sent.
func (n *Network) BytesOf(p Peer) (sent, received int64) {
	nd := n.node(p)
	return nd.sent.Load(), nd.received.Load()
}

// Dials is where a host has tried to connect to, and how often.
func (n *Network) Dials(p Peer) map[netip.AddrPort]int {
	nd := n.node(p)
	nd.mu.Lock()
	defer nd.mu.Unlock()
	return maps.Clone(nd.knocked)
}

func (n *Network) node(p Peer) *node {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	nd := n.of[p.ID()]
	if nd == nil {
		n.t.Fatalf("testnet: no host %s", p.ID())
	}
	return nd
}

func (n *Network) nodeAt(ip netip.Addr) *node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at[ip]
}

func (n *Network) link(from, to *node) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[[2]*node{from, to}]
	if l == nil {
		l = &link{from: from, to: to, latency: n.cfg.Latency, bandwidth: n.cfg.Bandwidth}
		if from == to {
			l.latency, l.bandwidth = 0, 0
		}
		n.links[[2]*node{from, to}] = l
	}
	return l
}

func (n *Network) began(p *pair) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pairs[p] = struct{}{}
}

func (n *Network) ended(p *pair) {
	if p.open.Add(-1) > 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pairs, p)
}
