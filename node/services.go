package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// This file holds what the protocol packages ask of the node.

// blocks reports peers that must not be connected at all.
func (n *Node) blocks(p peer.ID) bool {
	id, err := chat.PeerIDFromLibp2p(p)
	return err != nil || n.cfg.blocked(id)
}

// connect is how direct gets a connection.
func (n *Node) connect(ctx context.Context, p chat.PeerID) error {
	return n.discovery.Find(ctx, p.Libp2p())
}

// admits decides who may open a private talk.
func (n *Node) admits(p chat.PeerID) error {
	switch {
	case n.cfg.Seed:
		return errors.New("this is a seed node, it takes no private messages")
	case n.cfg.blocked(p):
		return errors.New("not accepted")
	case n.directWith(p) == nil:
		return errors.New("too many people talk to this node")
	}
	return nil
}

// directWith returns the private conversation with p, opened if there is room.
func (n *Node) directWith(p chat.PeerID) *conversation {
	n.mu.Lock()
	direct := 0
	for _, c := range n.convs {
		if c.conv.IsDirect() {
			direct++
		}
	}
	known := n.convs[chat.DirectID(n.self, p)]
	n.mu.Unlock()
	if known != nil {
		return known
	}
	if direct >= maxConversations {
		return nil
	}
	c, err := n.open(chat.With(p))
	if err != nil {
		return nil
	}
	return c
}

// receiveDirect takes what came over a private stream. It returns when the
// node holds it.
func (n *Node) receiveDirect(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
	c := n.directWith(p)
	if c == nil {
		return fmt.Errorf("message of %s: %w", p, chat.ErrRefused)
	}
	return c.take(ctx, p, segs)
}

// take hands segments to the loop and returns when it has them.
func (c *conversation) take(ctx context.Context, from chat.PeerID, segs []*chat.Segment) error {
	return c.call(ctx, func() {
		for _, s := range segs {
			c.receive(from, s)
		}
	})
}

// serves decides who may compare which log with ours: members of a room we are
// in, and the two of a private talk.
func (n *Node) serves(from chat.PeerID, id chat.ConversationID) bool {
	c := n.find(id)
	if c == nil || n.cfg.blocked(from) {
		return false
	}
	return !c.conv.IsDirect() || c.conv.Peer == from
}

// accept takes what catch-up brought.
func (n *Node) accept(ctx context.Context, from chat.PeerID, segs []*chat.Segment) error {
	if len(segs) == 0 {
		return nil
	}
	c := n.find(segs[0].Conversation)
	switch {
	case c == nil:
		return fmt.Errorf("catch-up: %w", chat.ErrClosed)
	case c.conv.IsPresence():
		return fmt.Errorf("catch-up: %w: nobody can speak there", chat.ErrRefused)
	}
	if c.conv.IsDirect() {
		segs = slices.DeleteFunc(slices.Clone(segs), func(s *chat.Segment) bool {
			return s.Author != n.self && s.Author != c.conv.Peer
		})
	}
	return c.take(ctx, from, segs)
}

func (n *Node) roomOf(id chat.ConversationID) *roomLink {
	if c := n.find(id); c != nil {
		l, _ := c.link.(*roomLink)
		return l
	}
	return nil
}

func (n *Node) beacon(id chat.ConversationID) []byte {
	if l := n.roomOf(id); l != nil {
		return l.room.Beacon()
	}
	return nil
}

func (n *Node) beacons(id chat.ConversationID) [][]byte {
	if l := n.roomOf(id); l != nil {
		return l.room.Beacons()
	}
	return nil
}

func (n *Node) knownBeacon(id chat.ConversationID, envelope []byte) bool {
	l := n.roomOf(id)
	return l != nil && l.room.Knows(envelope)
}

func (n *Node) hearBeacon(_ chat.PeerID, b *chat.Beacon) {
	if l := n.roomOf(b.Conversation); l != nil && b.Author != n.self {
		n.meet(b) // at once: messages of theirs may follow
		l.room.Hear(b)
	}
}

// seedsChanged tells when the last seed is lost or none answers, and when one
// is back.
func (n *Node) seedsChanged() {
	<-n.attaching
	seeds := n.seeds.Status()
	up, untried := false, false
	for _, s := range seeds {
		up = up || s.Connected
		untried = untried || !s.Connected && s.LastError == nil
	}
	n.mu.Lock() // also while telling: Subscribe must see both or neither
	defer n.mu.Unlock()
	was, before := n.lost, n.attached
	n.lost, n.attached = !up && (before || !untried), before || up
	switch {
	case n.lost && !was:
		n.feed.publish(n.lostNotice())
	case up && was && before:
		n.feed.publish(chat.Notice{Code: chat.NoticeSeedBack, Text: "connected to a seed again"})
	case up && was:
		n.feed.publish(chat.Notice{Code: chat.NoticeSeedBack, Text: "connected to a seed"})
	}
}

// lostNotice says that no seed is connected; n.mu is held.
func (n *Node) lostNotice() chat.Notice {
	if n.attached {
		return chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed is connected; those already connected stay so, and the seeds are tried again"}
	}
	text, detail := seedTrouble(n.seeds.Status())
	return chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed answers (" + text + "); still trying", Detail: detail}
}

// memberEvents lists the members as events; the loop calls it.
func (c *conversation) memberEvents() (out []chat.Member) {
	switch l := c.link.(type) {
	case *roomLink:
		for _, m := range l.roster {
			out = append(out, c.node.memberEvent(c.conv, m))
		}
	case *directLink:
		out = append(out, chat.Member{Conversation: c.conv, Peer: l.peer, Nick: c.node.Name(l.peer), Online: l.up})
	}
	slices.SortFunc(out, func(a, b chat.Member) int { return a.Peer.Compare(b.Peer) })
	return out
}

// Peer is one line of the list of who is online.
type Peer struct {
	chat.Member
	// How is "direct", "relayed", "self", or "" when not connected.
	How string
	// Addr is the address of the connection, if there is one.
	Addr string
	// RTT is the round-trip time, or 0 where it is not known.
	RTT time.Duration
}
