package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// This file holds what a face asks of a node.

// PeerAt learns which peer listens at a bare host:port.
func (n *Node) PeerAt(ctx context.Context, addr ma.Multiaddr) (chat.PeerID, error) {
	id, err := n.host.PeerAt(ctx, addr)
	if err != nil {
		return chat.PeerID{}, err
	}
	p, err := chat.PeerIDFromLibp2p(id)
	if err == nil {
		n.discovery.AddAddrs(peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{addr}})
	}
	return p, err
}

// AddAddrs tells the node where a peer may be found.
func (n *Node) AddAddrs(info peer.AddrInfo) { n.discovery.AddAddrs(info) }

// Connect connects to a peer, wherever it is found, if it is not connected.
func (n *Node) Connect(ctx context.Context, p chat.PeerID) error {
	if p == n.self || n.cfg.blocked(p) || n.Connected(p) {
		return nil
	}
	return n.connect(ctx, p)
}

// SetName changes the nickname.
func (n *Node) SetName(name chat.Text) {
	n.mu.Lock()
	n.name = name
	convs := n.snapshot()
	n.mu.Unlock()
	for _, c := range convs {
		if l, ok := c.link.(*roomLink); ok {
			l.room.NickChanged()
		}
	}
}

// Join opens a room.
func (n *Node) Join(_ context.Context, room chat.RoomName) error {
	c, err := n.open(chat.InRoom(room))
	if err != nil {
		return fmt.Errorf("join %s: %w", room, err)
	}
	n.tellShown(c.conv)
	c.watch()
	return nil
}

// Dial opens a private talk and keeps trying to connect it; how that goes is
// told by events.
func (n *Node) Dial(_ context.Context, p chat.PeerID) error {
	if p == n.self {
		return fmt.Errorf("%w: this is your own peer ID", chat.ErrBadPeerID)
	}
	c, err := n.open(chat.With(p))
	if err != nil {
		return fmt.Errorf("dial %s: %w", p, err)
	}
	c.watch()
	n.direct.Open(p)
	return nil
}

// Say hands a message to a conversation that was joined or dialled. It waits
// only while more is being written than can go out. What becomes of the message
// is told by events; see chat.Draft for how to recognise it.
func (n *Node) Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error {
	c := n.find(conv.ID(n.self))
	if c == nil || conv.IsPresence() {
		return fmt.Errorf("say in %s: %w", conv, chat.ErrNotFound)
	}
	err := d.Body.Check()
	if err == nil && !d.Body.Kind.Known() {
		err = fmt.Errorf("%w: kind %d", chat.ErrMalformed, d.Body.Kind)
	}
	if err != nil { // it would spoil the segment it shares
		return fmt.Errorf("say in %s: %w", conv, err)
	}
	select {
	case c.drafts <- d:
		return nil
	case <-c.done:
		return fmt.Errorf("say in %s: %w", conv, chat.ErrClosed)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Settle waits until somebody else says to hold everything that was said in a
// conversation, or it failed, or ctx ends. It returns how many messages nobody
// is known to hold.
func (n *Node) Settle(ctx context.Context, conv chat.Conversation) (left int, err error) {
	c := n.find(conv.ID(n.self))
	if c == nil {
		return 0, fmt.Errorf("settle %s: %w", conv, chat.ErrNotFound)
	}
	w := &settling{done: make(chan struct{})}
	err = c.call(ctx, func() {
		c.settling = append(c.settling, w)
		c.syncAny()
	})
	if err == nil {
		select {
		case <-w.done:
		case <-c.done:
			err = chat.ErrClosed
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	count := make(chan int, 1)
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if c.call(ask, func() {
		c.settling = slices.DeleteFunc(c.settling, func(o *settling) bool { return o == w })
		count <- c.unsettled()
	}) == nil {
		left = <-count
	}
	return left, err
}

// Leave leaves a conversation: members see it at once.
func (n *Node) Leave(ctx context.Context, conv chat.Conversation) error {
	id := conv.ID(n.self)
	c := n.find(id)
	if c == nil {
		return nil
	}
	err := c.end(ctx)
	n.drop(id, c)
	n.tellShown(conv)
	return err
}

func (n *Node) drop(id chat.ConversationID, c *conversation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.convs[id] == c {
		delete(n.convs, id)
	}
}

// Members lists who else is in a conversation, by peer ID.
func (n *Node) Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error) {
	c := n.find(conv.ID(n.self))
	if c == nil {
		return nil, fmt.Errorf("members of %s: %w", conv, chat.ErrNotFound)
	}
	var out []chat.Member
	if err := c.call(ctx, func() { out = c.memberEvents() }); err != nil {
		return nil, err // out may yet be written
	}
	return out, nil
}
