package node

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// This file is the way of our own messages: from lines to segments, into the log,
// out to the others, and what is told of them.

const (
	// maxInFlight is how many segments of ours may be on their way: published
	// and not yet known to have landed at half of the members.
	maxInFlight = 64
	// minInFlight is what is left of it when the network drops our segments.
	minInFlight = 4
	// landAfter is when a published segment counts as landed though nobody
	// said so: members who cannot keep up are repaired, not waited for.
	landAfter = time.Second
	// leaveAfter and meetTime say which messages to an empty room are not for
	// those who come: see stale.
	leaveAfter = 500 * time.Millisecond
	meetTime   = 5 * time.Second
	// maxUnsent is how many sealed segments wait for somebody to come. Beyond,
	// lines stay with the writer.
	maxUnsent = 1024
	// tellAfter merges changes of delivery states.
	tellAfter = 50 * time.Millisecond
)

// gather takes a line and all that wait behind it into the batch.
func (c *conversation) gather(d chat.Draft) {
	now := time.Now()
	c.batch.take(d, now)
	for !c.batch.full() {
		select {
		case d := <-c.drafts:
			c.batch.take(d, now)
		default:
			return
		}
	}
}

// send moves our messages on: from the batch into a segment, from there to the
// other members, as far as the window allows.
func (c *conversation) send(ctx context.Context) {
	for {
		now := time.Now()
		c.land(now)
		c.ship(ctx, now)
		switch {
		case c.batch.empty() || c.store.sealing > 0 || len(c.unsent) >= maxUnsent:
			return
		case len(c.unsent) == 0: // the way is free
		case c.batch.full() || now.Sub(c.batch.since) >= shareAfter:
		default:
			return
		}
		c.seal(now)
	}
}

// seal makes a segment of the batch and stores it. While that goes on, further
// lines gather: the next segment names this one as its parent, so it must not be
// made before this one is safe.
func (c *conversation) seal(now time.Time) {
	drafts := c.batch.drain(now)
	log := c.node.log
	seg, err := c.sealer.seal(drafts, log.Heads(c.id), now.Add(c.skew.correction()), log.Latest(c.id))
	if err != nil {
		c.refuse(drafts, err)
		return
	}
	c.store.sealing = len(drafts)
	c.kept.add(seg.ID)
	c.runs.Go(func() {
		_, err := log.AppendOwn(c.ctx, seg)
		c.do(func() { c.sealed(seg, drafts, err) })
	})
}

// sealed goes on with a segment of ours that was stored, or was not.
func (c *conversation) sealed(seg *chat.Segment, drafts []chat.Draft, err error) {
	c.store.sealing = 0
	c.kept.drop(seg.ID)
	c.stored(err)
	if err != nil {
		c.refuse(drafts, err)
		return
	}
	c.sealer.accepted(seg)
	c.ours.add(seg)
	c.wrote.Store(true)
	c.ledger.add(seg, true)
	c.headsMoved()
	c.node.feed.publish(c.messages(seg, drafts)...)
	c.unsent = append(c.unsent, seg)
	c.tell() // "queued", before anything else is said of them
	c.show(c.intake.shown(seg.ID))
}

// refuse tells that lines were not accepted.
func (c *conversation) refuse(drafts []chat.Draft, err error) {
	evs := make([]chat.Event, 0, len(drafts))
	for _, d := range drafts {
		evs = append(evs, chat.Refused{Conversation: c.conv, Key: d.Key, Reason: chat.SafeString(err.Error())})
	}
	c.node.feed.publish(evs...)
}

// ship hands over what waits, oldest first.
func (c *conversation) ship(ctx context.Context, now time.Time) {
	for len(c.unsent) > 0 && len(c.flying) < c.window {
		s := c.unsent[0]
		reached, taken, err := c.link.ship(ctx, s)
		if err != nil {
			c.log.Debug("cannot hand over", "segment", s.ID, "err", err)
		}
		switch {
		case err != nil:
			return
		case !taken && !c.stale(s, now):
			return
		case !taken:
			c.unsent = c.unsent[1:]
			continue
		}
		c.unsent = c.unsent[1:]
		c.ledger.sent(s.ID, reached)
		if o := c.ledger.find(s.ID); o != nil {
			c.flying = append(c.flying, flight{o.ordinal, now})
		}
		c.tellDue = true
	}
}

// stale reports whether a segment that nobody in the room was there for is left
// to catch-up: who comes later gets it as a part of the past, in its order. A
// newcomer's first words are for those it is about to meet.
func (c *conversation) stale(s *chat.Segment, now time.Time) bool {
	now = now.Add(c.skew.correction())
	return !c.conv.IsDirect() && now.Sub(s.End().Wall()) >= leaveAfter && now.Sub(c.joined) >= meetTime
}

// land frees the window of what half of the members hold, or had time to get.
func (c *conversation) land(now time.Time) {
	want := (c.link.members() + 1) / 2
	for len(c.flying) > 0 {
		f := c.flying[0]
		if !c.ledger.landed(f.ordinal, max(want, 1)) && now.Sub(f.since) < landAfter {
			return
		}
		c.flying = c.flying[1:]
	}
}

// tell reports every delivery state that changed.
func (c *conversation) tell() {
	changed := c.ledger.take()
	if len(changed) == 0 {
		return
	}
	members := c.link.members()
	var evs []chat.Event
	for _, o := range changed {
		c.states.note(o)
		for i := range o.seg.Bodies {
			evs = append(evs, chat.Delivery{
				Conversation: c.conv, ID: o.seg.MessageID(i), State: o.state,
				Reached: o.reached, HeldBy: o.heldBy, Members: max(members, o.heldBy), Reason: o.reason,
			})
		}
	}
	c.node.feed.publish(evs...)
}

// settle wakes those who wait until all is handed over.
func (c *conversation) settle() {
	if len(c.settling) == 0 || !c.settled() {
		return
	}
	c.tell() // who waits then leaves, and is to have seen how far it all got
	for _, w := range c.settling {
		close(w.done)
	}
	c.settling = nil
}

// settled reports whether somebody else holds all that was said, or what is
// left has failed.
func (c *conversation) settled() bool {
	return len(c.drafts) == 0 && c.batch.empty() && c.store.sealing == 0 && !c.ledger.waiting()
}

// unsettled counts the messages that nobody else says to hold.
func (c *conversation) unsettled() int {
	n := len(c.drafts) + len(c.batch.drafts) + c.store.sealing + c.ledger.unheld()
	if c.batch.next != nil {
		n++
	}
	return n
}
