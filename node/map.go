package node

import (
	"context"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// A Link is a connection as a map of the network shows it.
type Link struct {
	Peer chat.PeerID
	// Relayed is set if it goes through another peer.
	Relayed bool
	Since   time.Time
	// RTT is the mean of the last round trips that Measure found, or zero.
	RTT time.Duration
}

// Links lists the connections, one for each peer: a direct one, if there is one.
// It asks nobody, so it can be called often.
func (n *Node) Links() []Link {
	peers := n.host.Network().Peers()
	out := make([]Link, 0, len(peers))
	for _, id := range peers {
		p, err := chat.PeerIDFromLibp2p(id)
		conns := n.host.Network().ConnsToPeer(id)
		if err != nil || len(conns) == 0 {
			continue
		}
		c := best(conns)
		out = append(out, Link{
			Peer: p, Relayed: c.Stat().Limited, Since: c.Stat().Opened, RTT: n.host.Peerstore().LatencyEWMA(id),
		})
	}
	return out
}

// Measure pings every connected peer once, maxPings at a time.
func (n *Node) Measure(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, maxPings)
	for _, l := range n.Links() {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			n.ping(ctx, l.Peer) // which remembers what it finds
		})
	}
}

// Started is when this node began.
func (n *Node) Started() time.Time { return n.started }
