package node

import (
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
)

// This file tells the faces how members are connected: straight or through a relay.

// pathPause is the least time between two changes that are told of one member: a
// connection that comes and goes is no news each time.
const pathPause = 10 * time.Second

// paths is what was last told of how members are connected. It is pure; the
// conversation's loop owns it.
type paths map[chat.PeerID]toldPath

// A toldPath is what was last told of one member.
type toldPath struct {
	path    chat.Path
	changed time.Time // when a change was last told
	late    bool      // there is one that was not
}

// said notes that a member event named a path.
func (p paths) said(who chat.PeerID, path chat.Path) {
	t := p[who]
	t.path, t.late = path, false
	p[who] = t
}

// forget is called when a member has gone.
func (p paths) forget(who chat.PeerID) { delete(p, who) }

// due reports whether to tell now that a member is connected by a path, and takes
// it for told if so. What is not told yet is late.
func (p paths) due(who chat.PeerID, path chat.Path, now time.Time) bool {
	t, known := p[who]
	if !known {
		return false
	}
	first := t.path == chat.PathNone // that there is a connection at last is told at once
	t.late = t.path != path
	tell := t.late && (first || t.changed.IsZero() || now.Sub(t.changed) >= pathPause)
	if tell {
		t.path, t.late = path, false
		if !first {
			t.changed = now
		}
	}
	p[who] = t
	return tell
}

// late lists those of whom a change is to be told when its time has come.
func (p paths) late() (out []chat.PeerID) {
	for who, t := range p {
		if t.late {
			out = append(out, who)
		}
	}
	slices.SortFunc(out, chat.PeerID.Compare)
	return out
}

// path is how p is connected and, if that is through a relay, through which.
func (n *Node) path(p chat.PeerID) (chat.Path, chat.PeerID) {
	switch n.host.Network().Connectedness(p.Libp2p()) {
	case network.Connected:
		return chat.PathDirect, chat.PeerID{}
	case network.Limited:
		for _, c := range n.host.Network().ConnsToPeer(p.Libp2p()) {
			if relayed, relay := via(c.RemoteMultiaddr()); relayed {
				return chat.PathRelayed, relay
			}
		}
		return chat.PathRelayed, chat.PeerID{} // it is just ending
	default:
		return chat.PathNone, chat.PeerID{}
	}
}

// pathChanged has every conversation look how p is connected. The list of who is
// online does not tell of it: it is long, and nobody is talked with there.
func (n *Node) pathChanged(p chat.PeerID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.convs {
		if c.conv.IsPresence() || c.conv.IsDirect() && c.conv.Peer != p {
			continue
		}
		select {
		case c.work <- func() { c.tellPath(p, time.Now()) }:
		default:
			c.pathsMissed.Store(true)
		}
	}
}

// tellMember publishes a member event and notes what it says.
func (c *conversation) tellMember(m chat.Member) {
	switch {
	case c.conv.IsPresence():
	case m.Online:
		c.paths.said(m.Peer, m.Path)
	default:
		c.paths.forget(m.Peer)
	}
	c.node.feed.publish(m)
}

// tellPath tells how a member is connected, if that is news and not too soon. That
// there is no connection is no news in private: the end of the talk is.
func (c *conversation) tellPath(p chat.PeerID, now time.Time) {
	path, _ := c.node.path(p)
	if path == chat.PathNone && c.conv.IsDirect() || !c.paths.due(p, path, now) {
		return
	}
	if m, there := c.memberEvent(p); there {
		c.node.feed.publish(m)
	}
}

// tellLatePaths tells what came too soon after something else, or when there was
// too much to do.
func (c *conversation) tellLatePaths(now time.Time) {
	late := c.paths.late()
	if c.pathsMissed.Swap(false) {
		late = slices.SortedFunc(maps.Keys(c.paths), chat.PeerID.Compare)
	}
	for _, p := range late {
		c.tellPath(p, now)
	}
}

// memberEvent is a member as an event; the loop calls it.
func (c *conversation) memberEvent(p chat.PeerID) (_ chat.Member, there bool) {
	switch l := c.link.(type) {
	case *roomLink:
		m, known := l.roster[p]
		if !known || !m.Online || c.node.cfg.blocked(p) {
			return chat.Member{}, false
		}
		return c.node.memberEvent(c.conv, m), true
	case *directLink:
		return l.memberEvent(), l.up && p == l.peer
	}
	return chat.Member{}, false
}

// memberEvent is the other one of a private talk as an event.
func (l *directLink) memberEvent() chat.Member {
	n := l.c.node
	m := chat.Member{Conversation: l.c.conv, Peer: l.peer, Nick: n.Name(l.peer), Online: l.up, Since: l.since}
	if l.up {
		m.Path, m.Via = n.path(l.peer)
	}
	return m
}
