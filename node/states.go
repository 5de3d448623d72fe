package node

import (
	"context"

	"github.com/p2pchat/p2pchat/chat"
)

// states are the delivery states that the log does not have yet. They are
// written every now and then and at the end, not at every change: what is lost
// with a crash is found out again, and nobody is shown anything twice for it.
// The loop owns it.
type states struct {
	due    map[chat.SegmentID]ownState
	saving bool
}

type ownState struct {
	state  chat.DeliveryState
	reason string
}

func (s *states) note(o *ownSegment) {
	if o.state == chat.Queued {
		return
	}
	if s.due == nil {
		s.due = make(map[chat.SegmentID]ownState)
	}
	s.due[o.seg.ID] = ownState{o.state, o.reason}
}

// take returns what is due, by state.
func (s *states) take() map[ownState][]chat.SegmentID {
	by := make(map[ownState][]chat.SegmentID)
	for id, st := range s.due {
		by[st] = append(by[st], id)
	}
	clear(s.due)
	return by
}

// keepStates begins to write what is due.
func (c *conversation) keepStates() {
	if c.states.saving || len(c.states.due) == 0 {
		return
	}
	by := c.states.take()
	c.states.saving = true
	c.runs.Go(func() {
		c.writeStates(c.ctx, by)
		c.do(func() { c.states.saving = false })
	})
}

// saveStates writes what is left when the conversation has ended.
func (c *conversation) saveStates(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	c.writeStates(ctx, c.states.take())
}

func (c *conversation) writeStates(ctx context.Context, by map[ownState][]chat.SegmentID) {
	for st, ids := range by {
		if err := c.node.log.SetState(ctx, c.id, st.state, st.reason, ids...); err != nil && ctx.Err() == nil {
			c.log.Debug("delivery states were not stored", "err", err)
		}
	}
}
