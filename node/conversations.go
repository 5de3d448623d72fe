package node

import (
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
)

// snapshot lists the conversations; n.mu is held.
func (n *Node) snapshot() (out []*conversation) {
	for _, c := range n.convs {
		out = append(out, c)
	}
	return out
}

// find returns an open conversation, or nil.
func (n *Node) find(id chat.ConversationID) *conversation {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.convs[id]
}

// open returns the conversation, after joining it if need be.
func (n *Node) open(conv chat.Conversation) (*conversation, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := conv.ID(n.self)
	if c := n.convs[id]; c != nil {
		return c, nil
	}
	if n.ended {
		return nil, chat.ErrClosed
	}
	c := newConversation(n, conv)
	if conv.IsDirect() {
		c.start(&directLink{c: c, peer: conv.Peer})
	} else {
		l, err := n.joinRoom(c)
		if err != nil {
			c.cancel()
			return nil, err
		}
		c.start(l)
		if !conv.IsPresence() {
			n.wg.Go(func() { n.sayIfAlone(c) })
		}
	}
	n.convs[id] = c
	return c, nil
}

// sayIfAlone tells the user what an empty room waits for, and when it is not
// empty any more.
func (n *Node) sayIfAlone(c *conversation) {
	wait := time.NewTimer(waitingAfter)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-c.done:
		return
	}
	_ = c.call(c.ctx, func() {
		if c.alone() {
			text, detail := n.waitingFor()
			n.feed.publish(chat.Notice{Conversation: c.conv, Code: chat.NoticeWaiting, Text: text, Detail: detail})
		}
	})
}

// alone reports whether nobody is here. Who has just left may still be heard of, and
// is no company.
func (c *conversation) alone() bool {
	return !c.syncer.company || c.link.members() == 0 && len(c.link.connected()) == 0
}

// waitingFor says why nobody is here yet, as far as this node knows.
func (n *Node) waitingFor() (text, detail string) {
	seeds := n.seeds.Status()
	up := slices.ContainsFunc(seeds, func(s bootstrap.SeedStatus) bool { return s.Connected })
	down, detail := seedTrouble(seeds)
	switch {
	case len(n.given.all()) == 0 && n.cfg.NoMDNS:
		return "nobody is here yet, and no seed is set; waiting for people met before", ""
	case len(n.given.all()) == 0:
		return "nobody is here yet; looking on the local network", ""
	case up:
		return "nobody else is here yet; waiting", ""
	case down != "":
		return "nobody is here yet, and no seed answers (" + down + "); still trying", detail
	default:
		return "nobody is here yet, and no seed answers; still trying", ""
	}
}
