package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// Holders lists who is known to hold a message of ours, by peer ID, also such as
// are not online. Of messages that were settled in an earlier run nobody is known.
// The error is chat.ErrNotFound if the conversation is not open.
func (n *Node) Holders(ctx context.Context, conv chat.Conversation, id chat.MessageID) ([]chat.PeerID, error) {
	c := n.find(conv.ID(n.self))
	if c == nil {
		return nil, fmt.Errorf("holders of %s in %s: %w", id, conv, chat.ErrNotFound)
	}
	var out []chat.PeerID
	if err := c.call(ctx, func() { out = c.ledger.holders(id) }); err != nil {
		return nil, err // out may yet be written
	}
	return out, nil
}

// holders are those known to hold a message.
func (l *ledger) holders(id chat.MessageID) (out []chat.PeerID) {
	o := l.findMessage(id)
	if o == nil || o.dropped {
		return nil
	}
	for p, upTo := range l.holds {
		if upTo >= o.ordinal {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, chat.PeerID.Compare)
	return out
}

// findMessage looks for the segment of a message, from the newest.
func (l *ledger) findMessage(id chat.MessageID) *ownSegment {
	for _, o := range slices.Backward(l.own) {
		for i := range o.seg.Bodies {
			if o.seg.MessageID(i) == id {
				return o
			}
		}
	}
	return nil
}
