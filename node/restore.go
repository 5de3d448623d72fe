package node

import (
	"context"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// restore takes up where the last run of this node ended: what nobody was known
// to hold is followed and, where it must be, sent again; what came in but was
// not shown is shown. The loop calls it before anything else.
func (c *conversation) restore(ctx context.Context) {
	defer close(c.withheld.ready)
	if c.conv.IsPresence() {
		return
	}
	log := c.node.log
	fail := func(what string, err error) {
		if ctx.Err() == nil {
			c.stored(err)
			c.log.Error(what, "err", err)
		}
	}
	if err := log.Name(ctx, c.conv); err != nil {
		fail("cannot write the conversation's name", err)
	}
	c.heads = log.Heads(c.id)
	last, err := log.LastOf(ctx, c.id, c.node.self)
	switch {
	case err != nil:
		fail("cannot read the own last message", err)
	case last != nil && slices.Contains(c.heads, last.ID): // else a head is above it
		c.sealer.last = last.ID
	}
	c.wrote.Store(last != nil)
	own, err := log.Unsettled(ctx, c.id)
	if err != nil {
		fail("cannot read the messages not yet delivered", err)
	}
	for _, o := range own {
		c.note(o.Segment, history.Standing{State: o.State, Reason: o.Reason})
	}
	for _, o := range own[:min(len(own), maxUnsent)] { // the rest is left to catch-up
		if o.State == chat.Failed {
			continue
		}
		c.ledger.restore(o.Segment, o.State)
		if c.conv.IsDirect() { // in a room catch-up brings it
			c.unsent = append(c.unsent, o.Segment)
		}
	}
	unseen, n, err := log.Unseen(ctx, c.id, maxBacklog)
	if err != nil {
		fail("cannot read the messages not yet shown", err)
	}
	c.unmarked = n > 0
	c.forks = len(log.Forks(c.id)) // told when they were found
	c.ours.add(unseen...)
	c.backlog.skipped += n - len(unseen)
	for _, s := range unseen {
		if s.Author != c.node.self { // who wrote it knows it
			c.backlog.add(s, false)
		}
	}
	c.showBacklog(true)
	c.backlog.shown = false // what comes from others now may well stand before it
}

// watch says that the user opened this conversation: from now on what is shown
// counts as seen.
func (c *conversation) watch() {
	c.node.feed.begin()
	if !c.watched.Swap(true) {
		c.do(func() { c.unmarked = true })
	}
}

// seen notes, when nothing is held back, that all in the log was shown. The loop
// calls it, and stop when that has ended.
func (c *conversation) seen() {
	if !c.watched.Load() || !c.unmarked || !c.shownAll() {
		return
	}
	if log, shared := c.node.log.(sharedLog); shared { // else what was just imported would count as shown
		c.node.lookAtLog(log)
		c.heed()
	}
	if !c.imports && c.shownAll() {
		c.unmarked, c.ours = false, storedSet{}
		c.node.log.MarkSeen(c.id)
	}
}

// maxRecent is how many segments back a read mark may point.
const maxRecent = 256

// MarkRead says that a person has read a private conversation up to a message,
// and tells its author, unless Config.NoReadMarks is set. What is not known as a
// recent message of the other's is ignored.
func (n *Node) MarkRead(conv chat.Conversation, id chat.MessageID) {
	c := n.find(conv.ID(n.self))
	if c == nil || !conv.IsDirect() || n.cfg.NoReadMarks {
		return
	}
	c.do(func() {
		for _, s := range slices.Backward(c.recent) {
			for i := range s.Bodies {
				if s.MessageID(i) == id {
					c.read = s.ID
					n.direct.Read(conv.Peer, s.ID)
					return
				}
			}
		}
	})
}
