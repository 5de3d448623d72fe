package node

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/direct"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/rooms"
)

// presenceAfter lets the rooms a person waits for be looked up before the list
// of who is online, which the seeds give anyway.
const presenceAfter = 2 * time.Second

// A roomLink carries a conversation over gossip.
type roomLink struct {
	c      *conversation
	room   *rooms.Room
	search *discovery.Search

	// roster, and how many in it are people, are owned by the conversation's
	// loop.
	roster  map[chat.PeerID]rooms.Member
	people  int
	reacher reacher // likewise
	// beside counts the members connected, but not for gossip.
	beside atomic.Int32
}

// joinRoom links c to its room and begins to look for members.
func (n *Node) joinRoom(c *conversation) (*roomLink, error) {
	l := &roomLink{c: c, roster: make(map[chat.PeerID]rooms.Member), reacher: make(reacher)}
	ready := make(chan struct{}) // the handler may be called before Join returns
	defer close(ready)
	later := func(f func()) {
		select {
		case <-ready:
			c.do(f)
		case <-c.done:
		}
	}
	var options []rooms.JoinOption
	if n.cfg.Invisible && c.conv.IsPresence() {
		options = append(options, rooms.Invisible())
	}
	var shown func() []chat.RoomName
	if c.conv.IsPresence() {
		shown = n.shownRooms
	}
	room, err := n.rooms.Join(c.id, rooms.Handler{
		Rooms: shown,
		Heads: func() []chat.SegmentID { return n.log.Heads(c.id) },
		Segment: func(from chat.PeerID, s *chat.Segment) {
			c.try(func() { c.receive(arrival{from: from, seg: s, live: true}) })
		},
		Beacon: func(b *chat.Beacon) {
			n.meet(b)
			later(func() { c.hear(b.Author, b.Sent, b.Heads) })
		},
		Member: func(m rooms.Member) { later(func() { l.member(m) }) },
		Peers:  func(int) { later(c.peersChanged) },
		Lost: func() {
			c.lost.Store(true)
			c.try(func() {}) // wakes a resting loop
		},
	}, options...)
	if err != nil {
		return nil, err
	}
	l.room = room
	after := time.Duration(0)
	if c.conv.IsPresence() && !n.cfg.Invisible {
		after = presenceAfter // an invisible node is there for this list alone
	}
	l.search = n.discovery.SeekWith(c.id, discovery.Quest{
		After:     after,
		Connected: func() int { return len(room.Peers()) + int(l.beside.Load()) },
		Reached:   func(p chat.PeerID) { later(func() { c.reached(p) }) },
	})
	return l, nil
}

// reached lets a newcomer compare with the first who are said to be members as
// soon as they are connected. Gossip would tell a round trip later that they are,
// and then we compare with them again (see peersChanged), so nothing that is
// said in between is missed.
func (c *conversation) reached(p chat.PeerID) {
	if c.syncer.done+len(c.syncer.running)+len(c.syncer.wanted) < c.firstAsked() {
		c.syncer.want(p)
		c.startSyncs()
	}
}

// member keeps the roster and tells the faces.
func (l *roomLink) member(m rooms.Member) {
	if old, known := l.roster[m.Peer]; known && !old.Seed {
		l.people--
	}
	if m.Online {
		l.roster[m.Peer] = m
		if !m.Seed {
			l.people++
			l.c.syncer.company = true // heard is as good as met
		}
		l.c.node.learn(m.Peer, m.Nick)
		l.met(m.Peer)
	} else {
		delete(l.roster, m.Peer)
		l.reacher.forget(m.Peer)
		if m.Left {
			l.c.node.discovery.Parted(m.Peer)
		}
		if l.c.conv.IsPresence() {
			l.c.node.discovery.Gone(m.Peer, m.Heard)
		}
		l.c.skew.forget(m.Peer)
	}
	if l.c.node.relayed(m.Peer) { // gossip does not tell that they are connected
		l.c.peersChanged()
	}
	if !l.c.node.cfg.blocked(m.Peer) {
		l.c.tellMember(l.c.node.memberEvent(l.c.conv, m))
	}
}

// met remembers a member who is connected. Of others we only know by hearsay:
// there is no address to find them by again.
func (l *roomLink) met(p chat.PeerID) {
	if l.c.node.Connected(p) {
		l.c.node.discovery.Met(p, l.c.id)
	}
}

func (l *roomLink) ship(ctx context.Context, s *chat.Segment) (int, bool, error) {
	reached, err := l.room.Publish(ctx, s.Envelope)
	return reached, reached > 0, err
}

func (l *roomLink) dropped() uint64 { return l.room.Dropped() }
func (l *roomLink) headsChanged()   { l.room.HeadsChanged() }

func (l *roomLink) members() int { return l.people }

func (l *roomLink) close(ctx context.Context) error {
	l.search.Close()
	return l.room.Close(ctx)
}

// maxOutbox is how many segments may wait in a private talk's outbox, so that
// handing it one never blocks.
const maxOutbox = 64

// A directLink carries a private conversation over a stream.
type directLink struct {
	c    *conversation
	peer chat.PeerID
	// up, and since when, are owned by the conversation's loop.
	up    bool
	since time.Time
}

func (l *directLink) ship(ctx context.Context, s *chat.Segment) (int, bool, error) {
	if l.c.node.direct.Pending(l.peer) >= maxOutbox {
		return 0, false, nil
	}
	err := l.c.node.direct.Send(ctx, l.peer, s)
	return 0, err == nil, err
}

func (l *directLink) connected() []chat.PeerID {
	if l.up {
		return []chat.PeerID{l.peer}
	}
	return nil
}

func (l *directLink) members() int    { return 1 }
func (l *directLink) dropped() uint64 { return 0 }
func (l *directLink) headsChanged()   {}

func (l *directLink) close(ctx context.Context) error {
	if _, up := l.c.node.direct.Linked(l.peer); !up { // there is nobody to say goodbye to
		gone, cancel := context.WithCancel(ctx)
		cancel()
		ctx = gone
	}
	return l.c.node.direct.Goodbye(ctx, l.peer)
}

// directEvent brings what happens in a private talk to its conversation.
func (n *Node) directEvent(ev direct.Event) {
	// Not directWith: the end of a talk that was left must not open it again.
	if c := n.find(chat.DirectID(n.self, ev.With())); c != nil {
		c.do(func() { c.directEvent(c.link.(*directLink), ev) })
	}
}

func (c *conversation) directEvent(l *directLink, ev direct.Event) {
	n := c.node
	switch ev := ev.(type) {
	case direct.Connected:
		if l.up { // told once more
			return
		}
		l.up, l.since = true, time.Now()
		if c.read != (chat.SegmentID{}) {
			n.direct.Read(ev.Peer, c.read)
		}
		n.learn(ev.Peer, ev.Nick)
		n.discovery.Met(ev.Peer, chat.ConversationID{})
		c.skew.observe(ev.Peer, ev.Sent, time.Now())
		c.warnOfSkew()
		c.tellMember(l.memberEvent())
		if ev.ByUs { // one of the two is enough
			c.syncer.want(ev.Peer)
			c.startSyncs()
		}
	case direct.Disconnected:
		if l.up {
			l.up, l.since = false, time.Now()
			c.tellMember(l.memberEvent())
		}
	case direct.SegmentSent:
		c.ledger.sent(ev.ID, 1)
		c.tellDue = true
	case direct.SegmentDelivered:
		if o := c.ledger.find(ev.ID); o != nil {
			c.ledger.held(ev.Peer, o.ordinal)
			c.tellDue = true
		}
	case direct.SegmentRead:
		c.ledger.read(ev.Peer, ev.ID)
		c.tellDue = true
	case direct.SaidGoodbye:
		n.feed.publish(chat.Ended{Conversation: c.conv})
	case direct.Refused:
		c.ledger.fail(ev.Reason.Line())
		c.unsent = nil
		c.tell()
		n.feed.publish(chat.Ended{Conversation: c.conv, Refused: true, Reason: ev.Reason.Line()})
	case direct.Trying:
		n.feed.publish(tryingNotice(c.conv, ev.Err))
	}
}
