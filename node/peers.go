package node

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxPings is how many peers are pinged at once for one list.
	maxPings = 32
	// pingTimeout bounds one ping.
	pingTimeout = 2 * time.Second
)

// Peers lists who is online, by peer ID, with how each is connected. It pings
// the connected ones and so takes up to about two seconds.
func (n *Node) Peers(ctx context.Context) ([]Peer, error) {
	out, err := n.Online(ctx)
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxPings)
	for i := range out {
		p := &out[i]
		if p.How == "" {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			p.RTT = n.ping(ctx, p.Peer)
		})
	}
	wg.Wait()
	return out, err
}

// Online is Peers without asking anybody, so that it can be called often. Round trips
// are the means of those measured before.
func (n *Node) Online(ctx context.Context) ([]Peer, error) {
	members, err := n.Members(ctx, chat.Presence())
	if err != nil {
		return nil, err
	}
	shown := n.roomsShown()
	out := make([]Peer, len(members))
	for i, m := range members {
		p := &out[i]
		p.Member, p.Rooms = m, shown[m.Peer]
		conns := n.host.Network().ConnsToPeer(m.Peer.Libp2p())
		if len(conns) == 0 {
			continue
		}
		c := best(conns)
		p.How, p.Addr = "direct", chat.SafeString(c.RemoteMultiaddr().String())
		if c.Stat().Limited {
			p.How = "relayed"
		}
		p.RTT = n.host.Peerstore().LatencyEWMA(m.Peer.Libp2p())
	}
	return out, nil
}

// best is the connection that new streams take: a direct one, if there is one.
func best(conns []network.Conn) network.Conn {
	for _, c := range conns {
		if !c.Stat().Limited {
			return c
		}
	}
	return conns[0]
}

// ping measures one round trip, or returns 0.
func (n *Node) ping(ctx context.Context, p chat.PeerID) time.Duration {
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "ping"), pingTimeout)
	defer cancel()
	res := <-ping.Ping(ctx, n.host, p.Libp2p())
	if res.Error != nil {
		return 0
	}
	return res.RTT
}
