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
	members, err := n.Members(ctx, chat.Presence())
	if err != nil {
		return nil, err
	}
	shown := n.roomsShown()
	out := make([]Peer, len(members))
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxPings)
	for i, m := range members {
		out[i].Member, out[i].Rooms = m, shown[m.Peer]
		p := &out[i]
		conns := n.host.Network().ConnsToPeer(m.Peer.Libp2p())
		if len(conns) == 0 {
			continue
		}
		c := best(conns)
		p.How, p.Addr = "direct", chat.SafeString(c.RemoteMultiaddr().String())
		if c.Stat().Limited {
			p.How = "relayed"
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			p.RTT = n.ping(ctx, m.Peer)
		})
	}
	wg.Wait()
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
