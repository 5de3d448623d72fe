package history

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// Name remembers what a conversation is called, as Config.Self takes part in it.
func (m *Memory) Name(ctx context.Context, conv chat.Conversation) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("name a conversation: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conversation(conv.ID(m.cfg.Self)).name = conv
	return nil
}

// Conversations tells about all conversations of which anything is known, in the
// order of their IDs.
func (m *Memory) Conversations(ctx context.Context) (all []Summary, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for id, c := range m.convs {
		all = append(all, Summary{
			ID: id, Conversation: c.name, Segments: c.segs.len(), Messages: c.messages, Bytes: c.bytes, Latest: c.latest,
		})
	}
	slices.SortFunc(all, func(a, b Summary) int { return a.ID.Compare(b.ID) })
	return all, nil
}

// SetState notes how far own segments of a conversation got, and why, where
// there is a reason. A state that would go back is left as it is (see
// PROTOCOL.md, section 5), and so are segments that are not our own.
func (m *Memory) SetState(ctx context.Context, conv chat.ConversationID, state chat.DeliveryState, reason string, ids ...chat.SegmentID) error {
	return m.change(ctx, conv, func(c *conversation) {
		for _, id := range ids {
			if was, ok := c.own[id]; ok && mayBecome(was.State, state) {
				c.own[id] = Standing{state, reason}
			}
		}
	})
}

// Drop takes an entry out of the outbox: the segment has failed, for the reason
// Dropped. If it does not wait there, the error is chat.ErrNotFound.
func (m *Memory) Drop(ctx context.Context, conv chat.ConversationID, id chat.SegmentID) error {
	found := false
	err := m.change(ctx, conv, func(c *conversation) {
		was := c.own[id].State
		if found = c.name.IsDirect() && (was == chat.Queued || was == chat.Sent); found {
			c.own[id] = Standing{chat.Failed, Dropped}
		}
	})
	if err == nil && !found {
		err = chat.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("drop a waiting message: %w", err)
	}
	return nil
}

// States says how far own segments of a conversation got. Others are not in the
// answer.
func (m *Memory) States(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (map[chat.SegmentID]Standing, error) {
	states := make(map[chat.SegmentID]Standing)
	err := m.with(ctx, conv, func(c *conversation) {
		for _, id := range ids {
			if s, ok := c.own[id]; ok {
				states[id] = s
			}
		}
	})
	return states, err
}

// Unsettled returns the own segments of a conversation that are queued, sent or
// failed, the oldest first.
func (m *Memory) Unsettled(ctx context.Context, conv chat.ConversationID) (own []Own, err error) {
	err = m.with(ctx, conv, func(c *conversation) {
		for id, s := range c.own {
			if s.State == chat.Queued || s.State == chat.Sent || s.State == chat.Failed {
				seg := c.held[id]
				own = append(own, Own{Segment: seg, State: s.State, Reason: s.Reason, Since: seg.Time.Wall()})
			}
		}
	})
	sortOwn(own)
	return own, err
}

// Outbox is what waits in private conversations: own segments that are queued or
// sent, the oldest first.
func (m *Memory) Outbox(ctx context.Context) (waiting []Waiting, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for conv, c := range m.convs {
		if !c.name.IsDirect() {
			continue
		}
		for id, s := range c.own {
			if seg := c.held[id]; s.State == chat.Queued || s.State == chat.Sent {
				waiting = append(waiting, Waiting{
					Peer: c.name.Peer, Conversation: conv, Segment: id, Since: seg.Time.Wall(),
					Messages: len(seg.Bodies), State: s.State, Reason: s.Reason,
				})
			}
		}
	}
	sortWaiting(waiting)
	return waiting, nil
}

// MarkSeen says that all that is stored of a conversation was shown.
func (m *Memory) MarkSeen(conv chat.ConversationID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.convs[conv]; c != nil {
		c.arrived = nil
	}
}

// Unseen returns what was stored since MarkSeen: how many segments, and the
// newest limit of them, the oldest of these first.
func (m *Memory) Unseen(ctx context.Context, conv chat.ConversationID, limit int) (segs []*chat.Segment, n int, err error) {
	err = m.with(ctx, conv, func(c *conversation) {
		for _, s := range c.arrived {
			if c.held[s.ID] != nil {
				segs = append(segs, s)
			}
		}
	})
	slices.SortFunc(segs, byKey)
	n = len(segs)
	return segs[max(0, n-max(limit, 0)):], n, err
}

// SetRetention says what a conversation keeps from the next Prune on.
func (m *Memory) SetRetention(ctx context.Context, conv chat.ConversationID, r Retention) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("set the retention: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conversation(conv).retention = Retention{max(r.MaxAge, 0), max(r.MaxBytes, 0)}
	return nil
}

// Retention is what SetRetention was told, or zero.
func (m *Memory) Retention(ctx context.Context, conv chat.ConversationID) (r Retention, err error) {
	err = m.with(ctx, conv, func(c *conversation) { r = c.retention })
	return r, err
}

// Prune deletes what SetRetention says is not to be kept, the oldest first, and
// returns how many segments that were. It stops in front of an own segment that
// is queued, or, in private, sent: nobody else may have it.
func (m *Memory) Prune(ctx context.Context, now time.Time) (total int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("prune history: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.convs {
		for c.excess(now) && m.prune(c) {
			total++
		}
	}
	return total, nil
}

// excess reports whether the oldest segment is one that is not to be kept.
func (c *conversation) excess(now time.Time) bool {
	s, ok := c.segs.first()
	if !ok || mustKeep(c.own[s.ID].State, c.name.IsDirect()) {
		return false
	}
	tooOld := c.retention.MaxAge > 0 && s.End() < chat.TimeOf(now.Add(-c.retention.MaxAge))
	return tooOld || c.retention.MaxBytes > 0 && c.bytes > c.retention.MaxBytes
}

// Changed is false: nobody else can change a log in memory.
func (m *Memory) Changed(context.Context) bool { return false }
