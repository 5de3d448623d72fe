package node

import (
	"context"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// This file takes up what other processes write into the log of a running node:
// an import, or an entry taken out of the outbox.

const (
	// lookEvery is how often the log is asked whether somebody else wrote.
	lookEvery = 2 * time.Second
	// maxStored is how many segments that this process stored are told apart from
	// imported ones, until all that is stored counts as seen. Beyond, imported ones
	// are not shown but in the history.
	maxStored = 8192
)

// A sharedLog is a Log that other processes may write, too.
type sharedLog interface {
	Log
	// Changed reports whether another process has written since the last call.
	Changed(ctx context.Context) bool
	States(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (map[chat.SegmentID]history.Standing, error)
}

// A storedSet holds the segments that this process stored, or has shown, since the log
// was last told that all was seen. The loop owns it.
type storedSet struct {
	ids  map[chat.SegmentID]bool
	many bool // too many to tell
}

func (s *storedSet) add(segs ...*chat.Segment) {
	if s.ids == nil {
		s.ids = make(map[chat.SegmentID]bool)
	}
	for _, seg := range segs {
		if len(s.ids) >= maxStored {
			s.many = true
			return
		}
		s.ids[seg.ID] = true
	}
}

// watchLog looks for what other processes write until the node ends.
func (n *Node) watchLog(log sharedLog) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			n.lookAtLog(log)
		case <-n.ctx.Done():
			return
		}
	}
}

// lookAtLog tells all conversations if another process has written.
func (n *Node) lookAtLog(log sharedLog) {
	if !log.Changed(n.ctx) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.convs {
		c.changed.Store(true)
		c.try(func() {}) // wakes a resting loop
	}
}

// heed takes up what another process wrote, as soon as nothing is held back that
// could be taken for it. The loop calls it.
func (c *conversation) heed() {
	log, shared := c.node.log.(sharedLog)
	if !shared || c.conv.IsPresence() {
		return
	}
	if c.changed.Swap(false) {
		c.headsMoved()
		c.heedDropped(log)
		c.imports, c.unmarked = true, true
	}
	if c.imports && c.watched.Load() && c.shownAll() && c.store.sealing == 0 {
		c.imports = false
		c.heedImported(log)
	}
}

// shownAll reports whether nothing that is stored is held back from the screen.
func (c *conversation) shownAll() bool {
	return len(c.intake.waiting)+len(c.backlog.segs)+len(c.store.arriving) == 0 && !c.store.busy
}

// heedImported shows what was stored by others as a part of the past.
func (c *conversation) heedImported(log sharedLog) {
	unseen, n, err := log.Unseen(c.node.ctx, c.id, maxBacklog)
	if err != nil {
		c.log.Debug("imported messages are not shown", "err", err)
		return
	}
	if c.ours.many {
		return
	}
	fresh := slices.DeleteFunc(slices.Clone(unseen), func(s *chat.Segment) bool { return c.ours.ids[s.ID] })
	if len(fresh) == 0 {
		return
	}
	for _, s := range fresh {
		c.ledger.add(s, false)
		c.backlog.add(s, true)
	}
	c.ours.add(fresh...)
	c.backlog.skipped += n - len(unseen)
	c.showBacklog(true)
	c.syncAny() // the others may miss it
}

// heedDropped lets go of what was taken out of the outbox.
func (c *conversation) heedDropped(log sharedLog) {
	if !c.conv.IsDirect() {
		return
	}
	var waiting []chat.SegmentID
	for _, o := range c.ledger.own {
		if o.state == chat.Queued || o.state == chat.Sent {
			waiting = append(waiting, o.seg.ID)
		}
	}
	states, err := log.States(c.node.ctx, c.id, waiting...)
	if err != nil {
		c.log.Debug("cannot read delivery states", "err", err)
		return
	}
	for id, is := range states {
		if is.State != chat.Failed {
			continue
		}
		if o := c.ledger.find(id); o != nil {
			c.note(o.seg, is)
		}
		c.unsent = slices.DeleteFunc(c.unsent, func(s *chat.Segment) bool { return s.ID == id })
		c.node.direct.Drop(c.conv.Peer, id)
		c.ledger.drop(id, is.Reason)
		c.tellDue = true
	}
}
