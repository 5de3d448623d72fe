package node

import (
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/rooms"
)

func (n *Node) nick() chat.Text {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.name
}

// learn remembers what a peer calls itself.
func (n *Node) learn(p chat.PeerID, nick chat.Text) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.names[p]; known || len(n.names) < maxNames {
		n.names[p] = nick
	}
}

// meet remembers the nick of somebody of whom we know none. Whoever wrote a line
// and left may never be in a roster of ours: their last beacon names them.
func (n *Node) meet(b *chat.Beacon) {
	n.mu.Lock()
	unknown := n.names[b.Author].Empty()
	n.mu.Unlock()
	if b.Author != n.self && unknown {
		n.learn(b.Author, b.Nick)
	}
}

// Name is how a peer is shown: the user's own name for it, else its nickname,
// else the one it had in an earlier run, else nothing.
func (n *Node) Name(p chat.PeerID) chat.Text {
	if n.cfg.ContactName != nil {
		if name, ok := n.cfg.ContactName(p); ok {
			return name
		}
	}
	n.mu.Lock()
	name := n.names[p]
	if p == n.self {
		name = n.name
	}
	n.mu.Unlock()
	if name.Empty() && p != n.self && n.cfg.Nick != nil {
		name, _ = n.cfg.Nick(p)
	}
	return name
}

func (n *Node) memberEvent(conv chat.Conversation, m rooms.Member) chat.Member {
	ev := chat.Member{
		Conversation: conv, Peer: m.Peer, Nick: n.Name(m.Peer),
		Online: m.Online, Since: m.Since, Seed: m.Seed,
	}
	if m.Online && !conv.IsPresence() {
		ev.Path, ev.Via = n.path(m.Peer)
	}
	return ev
}
