package node

import (
	"context"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/host"
)

// A Network is how a node is reached, and how it looks for others.
type Network struct {
	Reach host.Reach
	// Seed is set if this node is a seed itself.
	Seed bool
	// Seeds are those that the node stays attached to, those learnt later too.
	Seeds     []bootstrap.SeedStatus
	Discovery discovery.Detail
	// Conversations are those that are open, and so the names of what
	// Discovery.Searches are for.
	Conversations map[chat.ConversationID]chat.Conversation
	// In and Out are all bytes since the start; see host.TotalTraffic.
	In, Out uint64
	// Relayed is how many bytes a seed has passed on between others, Forwarded how
	// many messages of rooms that it is not in.
	Relayed, Forwarded uint64
}

// Network tells how this node is connected. It is cheap, asks nobody else, and
// fails only if ctx has ended.
func (n *Node) Network(ctx context.Context) (Network, error) {
	if err := ctx.Err(); err != nil {
		return Network{}, err
	}
	out := Network{
		Reach: n.host.Reach(), Seed: n.cfg.Seed, Seeds: n.seeds.Status(), Discovery: n.discovery.Detail(),
		Conversations: make(map[chat.ConversationID]chat.Conversation),
		Relayed:       n.host.Relayed(), Forwarded: n.rooms.Forwarded(),
	}
	out.In, out.Out = n.host.TotalTraffic()
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, c := range n.convs {
		out.Conversations[id] = c.conv
	}
	return out, nil
}
