package apitest

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/node"
)

// A Link says how the node is connected, for tests of faces, which know no other
// package's words.
type Link struct {
	// Public is set if others reach the node, and Seeds are the people who are its
	// seeds: those of Lost do not answer.
	Public      bool
	Seeds, Lost []int
	// In and Out are all bytes so far.
	In, Out uint64
}

// SetLink says how the node is connected.
func (f *Node) SetLink(l Link) {
	n := node.Network{In: l.In, Out: l.Out}
	n.Reach.NAT, n.Reach.Reachability = "unknown", network.ReachabilityPrivate
	if l.Public {
		n.Reach.NAT, n.Reach.Reachability = "none", network.ReachabilityPublic
	}
	n.Discovery.Mode, n.Discovery.TableSize = "client", len(l.Seeds)
	for _, i := range l.Seeds {
		n.Seeds = append(n.Seeds, seedOf(i, nil))
	}
	for _, i := range l.Lost {
		n.Seeds = append(n.Seeds, seedOf(i, fmt.Errorf("failed to dial: %w", syscall.ECONNREFUSED)))
	}
	f.SetNetwork(n)
}

func seedOf(n int, err error) bootstrap.SeedStatus {
	return bootstrap.SeedStatus{
		Peer: Person(n), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/4747")}, Connected: err == nil,
		Since: since(), LastError: err,
	}
}

// SetNetwork says what Network tells.
func (f *Node) SetNetwork(n node.Network) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.network = n
}

// Network implements api.Networker.
func (f *Node) Network(context.Context) (node.Network, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.network, nil
}

// since is when everybody was first heard of.
func since() time.Time { return time.UnixMilli(1e12) }
