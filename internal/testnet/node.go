package testnet

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/p2pchat/p2pchat/host"
)

// A node is one machine: an address, its hosts, its counters. A host that comes
// back after Kill is on a new node with the old address.
type node struct {
	net   *Network
	ip    netip.Addr
	hosts []*host.Host // Network.mu guards it

	off            atomic.Bool // killed: hears nothing, says nothing
	sent, received atomic.Int64

	mu        sync.Mutex
	listeners map[uint16]*listener
	lastPort  uint16
	knocked   map[netip.AddrPort]int // attempts to connect, by where to
}

// knocks counts an attempt to connect.
func (n *node) knocks(at netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.knocked == nil {
		n.knocked = make(map[netip.AddrPort]int)
	}
	n.knocked[at]++
}

func (n *node) listen(at netip.AddrPort) (*listener, error) {
	if at.Addr() != n.ip && !at.Addr().IsUnspecified() {
		return nil, syscall.EADDRNOTAVAIL
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	port := at.Port()
	if port == 0 {
		port = n.nextPort()
	}
	if n.listeners[port] != nil {
		return nil, syscall.EADDRINUSE
	}
	l := &listener{
		node:  n,
		at:    netip.AddrPortFrom(n.ip, port),
		queue: make(chan *conn, backlog),
		done:  make(chan struct{}),
	}
	n.listeners[port] = l
	return l, nil
}

func (n *node) unlisten(l *listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.listeners, l.at.Port())
}

func (n *node) listener(port uint16) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listeners[port]
}

func (n *node) ephemeral() uint16 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nextPort()
}

// nextPort goes round the ephemeral ports. n.mu is held.
func (n *node) nextPort() uint16 {
	if n.lastPort++; n.lastPort < firstEphemeral {
		n.lastPort = firstEphemeral
	}
	return n.lastPort
}
