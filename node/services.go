package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// This file holds what the protocol packages ask of the node.

// blocks reports peers that must not be connected at all.
func (n *Node) blocks(p peer.ID) bool {
	id, err := chat.PeerIDFromLibp2p(p)
	return err != nil || n.cfg.blocked(id)
}

// received is how many bytes came in over a connection.
func (n *Node) received(c network.Conn) uint64 {
	in, _ := n.host.Traffic(c)
	return in
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
	case !n.takes(p):
		return errors.New("too many people talk to this node")
	}
	if c := n.find(chat.DirectID(n.self, p)); c != nil && c.enough() {
		return errEnough
	}
	return nil
}

// takes reports whether there is room for a private talk with p. With somebody
// the user has to do with it is opened at once. A stranger has said nothing yet:
// the first message opens it, so that nobody fills the list by mere presence.
func (n *Node) takes(p chat.PeerID) bool {
	id := chat.DirectID(n.self, p)
	if n.knows(p) || n.log.Latest(id) > 0 {
		return n.directWith(p) != nil
	}
	return n.find(id) != nil || n.hasRoom()
}

// knows reports whether the user has to do with p: has a name for it, or wrote
// to it. Strangers never shut such people out.
func (n *Node) knows(p chat.PeerID) bool {
	if n.cfg.ContactName != nil {
		if _, named := n.cfg.ContactName(p); named {
			return true
		}
	}
	own, err := n.log.LastOf(n.ctx, chat.DirectID(n.self, p), n.self)
	return err == nil && own != nil
}

// directWith returns the private conversation with p, opened if there is room.
func (n *Node) directWith(p chat.PeerID) *conversation {
	if c := n.find(chat.DirectID(n.self, p)); c != nil {
		return c
	}
	if !n.knows(p) && !n.hasRoom() {
		return nil
	}
	c, err := n.open(chat.With(p))
	if err != nil {
		return nil
	}
	return c
}

// hasRoom reports whether one more stranger may have a conversation. If there
// are too many, one makes room that holds no message, has no stream, and that
// our user did not open: what it brought was refused.
func (n *Node) hasRoom() bool {
	n.mu.Lock()
	convs := n.snapshot()
	n.mu.Unlock()
	convs = slices.DeleteFunc(convs, func(c *conversation) bool { return !c.conv.IsDirect() })
	if len(convs) < maxConversations {
		return true
	}
	select {
	case <-n.attaching: // n.direct is set
	case <-n.ctx.Done():
		return false
	}
	gone, cancel := context.WithCancel(n.ctx)
	cancel()
	for _, c := range convs {
		if _, up := n.direct.Linked(c.conv.Peer); up || n.direct.Wanted(c.conv.Peer) || n.log.Latest(c.id) > 0 {
			continue
		}
		if err := n.Leave(gone, c.conv); err != nil {
			c.log.Debug("leave", "err", err)
		}
		return true
	}
	return false
}

// receiveDirect takes what came over a private stream. It returns when the
// node holds it.
func (n *Node) receiveDirect(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
	first := n.find(chat.DirectID(n.self, p)) == nil
	c := n.directWith(p)
	if c == nil {
		return fmt.Errorf("message of %s: %w", p, chat.ErrRefused)
	}
	if first { // Connected was told to nobody
		select {
		case <-n.attaching:
		case <-ctx.Done():
			return ctx.Err()
		}
		if ev, up := n.direct.Linked(p); up {
			c.do(func() { c.directEvent(c.link.(*directLink), ev) })
		}
	}
	if c.enough() {
		return fmt.Errorf("message of %s: %w: %w", p, chat.ErrRefused, errEnough)
	}
	return c.hand(ctx, p, true, segs)
}

// hand hands segments to the loop and returns when the log has them.
func (c *conversation) hand(ctx context.Context, from chat.PeerID, live bool, segs []*chat.Segment) error {
	done := make(chan error, 1)
	if err := c.call(ctx, func() {
		room := true
		for _, s := range segs {
			room = c.receive(arrival{from: from, seg: s, live: live}) && room
		}
		if !room {
			done <- errNoRoom
			return
		}
		c.await(done)
	}); err != nil {
		return err
	}
	stored, err := outcome(ctx, c, done)
	if err != nil {
		return err
	}
	return stored
}

// errEnough is what a stranger is told whose request waits for an answer.
var errEnough = errors.New("wait until your first messages are accepted")

// errNoRoom makes the other side try again later.
var errNoRoom = errors.New("too many messages wait for others")

// await has done told when all that is in line now is stored.
func (c *conversation) await(done chan<- error) {
	if c.store.busy && len(c.store.arriving) == 0 {
		c.store.current = append(c.store.current, done)
	} else {
		c.store.waiters = append(c.store.waiters, done)
	}
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
		if c.enough() {
			return fmt.Errorf("catch-up: %w: %w", chat.ErrRefused, errEnough)
		}
		segs = slices.DeleteFunc(slices.Clone(segs), func(s *chat.Segment) bool {
			return s.Author != n.self && s.Author != c.conv.Peer
		})
	}
	return c.hand(ctx, from, false, segs)
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
	if c := n.find(chat.Presence().ID(n.self)); c != nil {
		c.try(c.peersChanged) // they know who is online
	}
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
			if !c.node.cfg.blocked(m.Peer) { // as the event is not shown either
				out = append(out, c.node.memberEvent(c.conv, m))
			}
		}
	case *directLink:
		out = append(out, l.memberEvent())
	}
	slices.SortFunc(out, func(a, b chat.Member) int { return a.Peer.Compare(b.Peer) })
	return out
}

// Peer is one line of the list of who is online.
type Peer struct {
	chat.Member
	// Rooms are those that the peer shows to be in.
	Rooms []chat.RoomName
	// How is "direct", "relayed", "self", or "" when not connected.
	How string
	// Addr is the address of the connection, if there is one.
	Addr string
	// RTT is the round-trip time, or 0 where it is not known.
	RTT time.Duration
}
