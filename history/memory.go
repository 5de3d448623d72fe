package history

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A Memory is a log in memory. Its methods may be called from many goroutines
// at once. Segments that go in or come out must not be changed.
type Memory struct {
	cfg Config

	// mu guards all below; nothing waits while it is locked.
	mu     sync.RWMutex
	convs  map[chat.ConversationID]*conversation
	pruned memories
	cost   int64
}

// NewMemory makes an empty log.
func NewMemory(cfg Config) *Memory {
	return &Memory{
		cfg:    cfg,
		convs:  make(map[chat.ConversationID]*conversation),
		pruned: memories{ids: make(map[chat.SegmentID]chat.ConversationID)},
	}
}

// Append stores the segments that were never stored, in the order given, and
// returns those. A segment older than what was pruned of its conversation
// counts as pruned too and is not stored. The context is looked at once, at the
// start.
func (m *Memory) Append(ctx context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error) {
	return m.append(ctx, segs, false)
}

// AppendOwn is Append for segments that we have just written: they are stored as
// queued.
func (m *Memory) AppendOwn(ctx context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error) {
	return m.append(ctx, segs, true)
}

func (m *Memory) append(ctx context.Context, segs []*chat.Segment, own bool) (added []*chat.Segment, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("append to history: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range segs {
		c := m.conversation(s.Conversation)
		c.latest = max(c.latest, s.End())
		switch {
		case c.held[s.ID] != nil || m.pruned.has(s.Conversation, s.ID):
			continue
		case s.Key().Compare(c.floor) <= 0:
			m.pruned.add(s.Conversation, s.ID)
			c.without(s.ID)
			delete(c.given, s.ID)
			continue
		}
		before := c.cost
		c.add(s, &m.pruned)
		m.cost += c.cost - before
		if state := ownState(own, s.Author == m.cfg.Self && !s.Author.IsZero()); state != "" {
			c.own[s.ID] = Standing{State: state}
		}
		added = append(added, s)
	}
	if m.cost > m.cfg.maxBytes() {
		m.makeRoom()
	}
	return added, nil
}

// conversation is the log of a conversation, begun if need be. The lock is held.
func (m *Memory) conversation(id chat.ConversationID) *conversation {
	c := m.convs[id]
	if c == nil {
		c = newConversation()
		m.convs[id] = c
	}
	return c
}

// makeRoom prunes, and a little more than is needed, so that a full log does
// not prune at every Append. It takes from the largest conversation, so that a
// busy room does not cost a quiet one its history.
func (m *Memory) makeRoom() {
	goal := m.cfg.maxBytes() - m.cfg.maxBytes()/16
	for m.cost > goal {
		var largest *conversation
		second := int64(0)
		for _, c := range m.convs {
			switch {
			case largest == nil || c.cost > largest.cost:
				if largest != nil {
					second = largest.cost
				}
				largest = c
			default:
				second = max(second, c.cost)
			}
		}
		for m.cost > goal && largest.cost >= second {
			if !m.prune(largest) {
				return
			}
		}
	}
}

// prune takes out the oldest segment of c, if there is one.
func (m *Memory) prune(c *conversation) bool {
	s := c.prune()
	if s == nil {
		return false
	}
	m.cost -= cost(s)
	m.pruned.add(s.Conversation, s.ID)
	return true
}

// Close does nothing; it is there because a DB has it.
func (m *Memory) Close() error { return nil }

// Check finds nothing wrong; it is there because a DB has it.
func (m *Memory) Check(ctx context.Context) error { return ctx.Err() }

// Has reports whether a segment is held, or was and is pruned.
func (m *Memory) Has(conv chat.ConversationID, id chat.SegmentID) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.convs[conv]
	return c != nil && (c.held[id] != nil || m.pruned.has(conv, id))
}

// Lacks returns those of the segments that are neither held nor were pruned, in
// the order asked.
func (m *Memory) Lacks(conv chat.ConversationID, ids ...chat.SegmentID) []chat.SegmentID {
	return slices.DeleteFunc(slices.Clone(ids), func(id chat.SegmentID) bool { return m.Has(conv, id) })
}

// Get returns those of the segments that are held, in the order asked.
func (m *Memory) Get(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (segs []*chat.Segment, err error) {
	err = m.with(ctx, conv, func(c *conversation) {
		for _, id := range ids {
			if s := c.held[id]; s != nil {
				segs = append(segs, s)
			}
		}
	})
	return segs, err
}

// with reads a conversation of which something is known.
func (m *Memory) with(ctx context.Context, conv chat.ConversationID, fn func(*conversation)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c := m.convs[conv]; c != nil {
		fn(c)
	}
	return nil
}

// ask is with for the methods that have no context and no error.
func (m *Memory) ask(conv chat.ConversationID, fn func(*conversation)) {
	_ = m.with(context.Background(), conv, fn) // that context has no end
}

// page takes at most limit elements of a walk.
func page(walk iter.Seq[*chat.Segment], limit int) (segs []*chat.Segment) {
	if limit <= 0 {
		return nil
	}
	for s := range walk {
		if segs = append(segs, s); len(segs) == limit {
			break
		}
	}
	return segs
}

// Heads are the complete segments that no complete one names as a parent, the
// newest first, at most chat.MaxHeads.
func (m *Memory) Heads(conv chat.ConversationID) (ids []chat.SegmentID) {
	m.ask(conv, func(c *conversation) {
		for s := range c.heads.descend(newest) {
			if ids = append(ids, s.ID); len(ids) == chat.MaxHeads {
				break
			}
		}
	})
	return ids
}

// Missing are the segments that held ones name as parents and that are neither
// held nor pruned nor given up: n of them, of which ids has at most 256, those
// that the newest segments name first.
func (m *Memory) Missing(conv chat.ConversationID) (ids []chat.SegmentID, n int) {
	m.ask(conv, func(c *conversation) {
		n = c.gaps.len()
		for g := range c.gaps.descend(newest) {
			if ids = append(ids, g.id); len(ids) == maxMissing {
				break
			}
		}
	})
	return ids, n
}

// GiveUp says that nobody has these missing segments: what waits for them waits
// no longer. They are stored all the same if they come.
func (m *Memory) GiveUp(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) error {
	return m.change(ctx, conv, func(c *conversation) {
		for _, id := range ids {
			c.giveUp(id)
		}
	})
}

// change is with for methods that change what is known.
func (m *Memory) change(ctx context.Context, conv chat.ConversationID, fn func(*conversation)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("change history: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.convs[conv]; c != nil {
		fn(c)
	}
	return nil
}

// Latest is the highest time of any message that was ever stored, or zero.
func (m *Memory) Latest(conv chat.ConversationID) (at chat.Time) {
	m.ask(conv, func(c *conversation) { at = c.latest })
	return at
}

// Floor is the highest place from which a segment was pruned, or zero. Nothing
// at or below it is held, or would be stored.
func (m *Memory) Floor(conv chat.ConversationID) (floor chat.OrderKey) {
	m.ask(conv, func(c *conversation) { floor = c.floor })
	return floor
}

// Len is how many segments are held.
func (m *Memory) Len(conv chat.ConversationID) (n int) {
	m.ask(conv, func(c *conversation) { n = c.segs.len() })
	return n
}

// Before returns the newest limit segments that stand before key, the oldest of
// them first, as a screen shows a page; its first segment's Key leads to the
// page before. The zero key is the end of all.
func (m *Memory) Before(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, limit int) (segs []*chat.Segment, err error) {
	behind := func(s *chat.Segment) bool { return key != chat.OrderKey{} && s.Key().Compare(key) >= 0 }
	err = m.with(ctx, conv, func(c *conversation) { segs = page(c.segs.descend(behind), limit) })
	slices.Reverse(segs)
	return segs, err
}

// After returns the oldest limit segments that stand behind key, the oldest of
// them first; its last segment's Key leads to the next page. The zero key is the
// beginning of all.
func (m *Memory) After(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, limit int) (segs []*chat.Segment, err error) {
	behind := func(s *chat.Segment) bool { return s.Key().Compare(key) > 0 }
	err = m.with(ctx, conv, func(c *conversation) { segs = page(c.segs.ascend(behind), limit) })
	return segs, err
}

// LastOf is an author's newest segment, or nil.
func (m *Memory) LastOf(ctx context.Context, conv chat.ConversationID, author chat.PeerID) (seg *chat.Segment, err error) {
	err = m.with(ctx, conv, func(c *conversation) { seg = c.last[author] })
	return seg, err
}

// Forks are the chains of the conversation in which two segments share a
// number, at most 256, in the order found.
func (m *Memory) Forks(conv chat.ConversationID) (forks []Fork) {
	m.ask(conv, func(c *conversation) { forks = slices.Clone(c.forks) })
	return forks
}

// View is the order of a conversation as it is now. It must be closed.
func (m *Memory) View(conv chat.ConversationID) (*View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.convs[conv]
	if c == nil {
		return newView(nil, chat.OrderKey{}), nil
	}
	chunks := slices.Clone(c.segs.chunks)
	items := make([][]*chat.Segment, len(chunks))
	blocks := make([]*block, len(chunks))
	for i, ch := range chunks {
		ch.frozen = true
		items[i] = ch.items
		blocks[i] = &block{first: ch.items[0].Key(), count: len(ch.items)}
		blocks[i].sum.Store(ch.sum)
	}
	v := newView(blocks, c.floor)
	v.keys = func(i, lo, hi int) (keys []chat.OrderKey, err error) {
		for _, s := range items[i][lo:hi] {
			keys = append(keys, s.Key())
		}
		return keys, nil
	}
	v.sum = func(i int) (*wire.SetSum, error) {
		if sum := blocks[i].sum.Load(); sum != nil {
			return sum, nil
		}
		sum := new(wire.SetSum)
		for _, s := range items[i] {
			sum.Add(s.ID)
		}
		blocks[i].sum.Store(sum)
		m.mu.Lock()
		defer m.mu.Unlock()
		// For the next View, if the chunk still has the same items.
		if now := chunks[i].items; len(now) == len(items[i]) && &now[0] == &items[i][0] {
			chunks[i].sum = sum
		}
		return sum, nil
	}
	return v, nil
}
