package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// defaultMaxBytes is what a log may take in memory.
	defaultMaxBytes = 256 << 20
	// maxPruned is how many pruned segments, of all conversations, are
	// remembered by their IDs; beyond that the first pruned are forgotten. One
	// costs about 100 bytes.
	maxPruned = 1 << 16
	// maxMissing is how many IDs Missing returns.
	maxMissing = 256
	// ascendBatch is how many keys Ascend takes at a time, so that nobody
	// waits for the lock while a walk over a long log goes on.
	ascendBatch = 512
)

// Config configures a log. The zero value is ready to use.
type Config struct {
	// MaxBytes is about how much memory all segments together may take. When
	// they take more, the oldest of the largest conversation are pruned. If
	// zero, 256 MiB.
	MaxBytes int64
}

func (c Config) maxBytes() int64 { return cmp.Or(c.MaxBytes, defaultMaxBytes) }

// A Memory is a log in memory. Its methods may be called from many goroutines
// at once. Segments that go in or come out must not be changed.
type Memory struct {
	cfg Config

	// mu guards all below; nothing waits while it is locked.
	mu     sync.RWMutex
	convs  map[chat.ConversationID]*conversation
	pruned memories
	bytes  int64
}

// NewMemory makes an empty log.
func NewMemory(cfg Config) *Memory {
	return &Memory{
		cfg:    cfg,
		convs:  make(map[chat.ConversationID]*conversation),
		pruned: memories{ids: make(map[chat.SegmentID]bool)},
	}
}

// Append stores the segments that were never stored, in the order given, and
// returns those. A segment older than what was pruned of its conversation
// counts as pruned too and is not stored. The context is looked at once, at the
// start.
func (m *Memory) Append(ctx context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("append to history: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range segs {
		c := m.convs[s.Conversation]
		if c == nil {
			c = newConversation()
			m.convs[s.Conversation] = c
		}
		c.latest = max(c.latest, s.End())
		switch {
		case c.held[s.ID] != nil || m.pruned.has(s.ID):
			continue
		case s.Key().Compare(c.floor) <= 0:
			m.pruned.add(s.ID)
			continue
		}
		before := c.bytes
		c.add(s, &m.pruned)
		m.bytes += c.bytes - before
		added = append(added, s)
	}
	if m.bytes > m.cfg.maxBytes() {
		m.prune()
	}
	return added, nil
}

// prune makes room, and a little more than is needed, so that a full log does
// not prune at every Append. It takes from the largest conversation, so that a
// busy room does not cost a quiet one its history.
func (m *Memory) prune() {
	goal := m.cfg.maxBytes() - m.cfg.maxBytes()/16
	for m.bytes > goal {
		var largest *conversation
		second := int64(0)
		for _, c := range m.convs {
			switch {
			case largest == nil || c.bytes > largest.bytes:
				if largest != nil {
					second = largest.bytes
				}
				largest = c
			default:
				second = max(second, c.bytes)
			}
		}
		for m.bytes > goal && largest.bytes >= second {
			s := largest.prune()
			if s == nil {
				return
			}
			m.bytes -= cost(s)
			m.pruned.add(s.ID)
		}
	}
}

// Has reports whether a segment is held, or was and is pruned.
func (m *Memory) Has(conv chat.ConversationID, id chat.SegmentID) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.convs[conv]
	return c != nil && (c.held[id] != nil || m.pruned.has(id))
}

// Get returns those of the segments that are held, in the order asked.
func (m *Memory) Get(conv chat.ConversationID, ids ...chat.SegmentID) []*chat.Segment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.convs[conv]
	if c == nil {
		return nil
	}
	var segs []*chat.Segment
	for _, id := range ids {
		if s := c.held[id]; s != nil {
			segs = append(segs, s)
		}
	}
	return segs
}

// Heads are the segments that no other held one names as a parent, the newest
// first, at most chat.MaxHeads.
func (m *Memory) Heads(conv chat.ConversationID) []chat.SegmentID {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.convs[conv]
	if c == nil {
		return nil
	}
	var ids []chat.SegmentID
	for s := range c.heads.descend(func(*chat.Segment) bool { return false }) {
		if ids = append(ids, s.ID); len(ids) == chat.MaxHeads {
			break
		}
	}
	return ids
}

// Missing are the segments that held ones name as parents and that were never
// stored, at most 256, those that the newest segments name first.
func (m *Memory) Missing(conv chat.ConversationID) []chat.SegmentID {
	m.mu.Lock() // it tidies up
	defer m.mu.Unlock()
	c := m.convs[conv]
	if c == nil {
		return nil
	}
	return c.missing(&m.pruned, maxMissing)
}

// Latest is the highest time of any message that was ever stored, or zero.
func (m *Memory) Latest(conv chat.ConversationID) chat.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c := m.convs[conv]; c != nil {
		return c.latest
	}
	return 0
}

// Floor is the highest place from which a segment was pruned, or zero. Nothing
// at or below it is held, or would be stored.
func (m *Memory) Floor(conv chat.ConversationID) chat.OrderKey {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c := m.convs[conv]; c != nil {
		return c.floor
	}
	return chat.OrderKey{}
}

// Len is how many segments are held.
func (m *Memory) Len(conv chat.ConversationID) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c := m.convs[conv]; c != nil {
		return c.segs.len()
	}
	return 0
}

// Ascend calls fn with the places of the held segments behind from, in order,
// until fn returns false. The zero Bound, as a beginning, is the beginning of
// all. What is stored or pruned during the walk may or may not be met; fn may
// call the log.
func (m *Memory) Ascend(conv chat.ConversationID, from wire.Bound, fn func(chat.OrderKey) bool) {
	behind := func(s *chat.Segment) bool { return from.IsEnd() || from.After(s.Key()) }
	batch := make([]chat.OrderKey, 0, ascendBatch)
	for {
		batch = m.keys(conv, behind, batch[:0])
		for _, k := range batch {
			if !fn(k) {
				return
			}
		}
		if len(batch) < ascendBatch {
			return
		}
		last := batch[len(batch)-1]
		behind = func(s *chat.Segment) bool { return s.Key().Compare(last) > 0 }
	}
}

// keys fills batch with the first places that are behind.
func (m *Memory) keys(conv chat.ConversationID, behind func(*chat.Segment) bool, batch []chat.OrderKey) []chat.OrderKey {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.convs[conv]
	if c == nil {
		return batch
	}
	for s := range c.segs.ascend(behind) {
		if batch = append(batch, s.Key()); len(batch) == ascendBatch {
			break
		}
	}
	return batch
}

// Before returns the newest limit segments that stand before key, the oldest of
// them first, as a screen shows a page; its first segment's Key leads to the
// page before. The zero key is the end of all.
func (m *Memory) Before(conv chat.ConversationID, key chat.OrderKey, limit int) []*chat.Segment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.convs[conv]
	if c == nil || limit <= 0 {
		return nil
	}
	behind := func(s *chat.Segment) bool { return key != chat.OrderKey{} && s.Key().Compare(key) >= 0 }
	var page []*chat.Segment
	for s := range c.segs.descend(behind) {
		if page = append(page, s); len(page) == limit {
			break
		}
	}
	slices.Reverse(page)
	return page
}

// Forks are the chains of the conversation in which two segments share a
// number, at most 256, in the order found.
func (m *Memory) Forks(conv chat.ConversationID) []Fork {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c := m.convs[conv]; c != nil {
		return slices.Clone(c.forks)
	}
	return nil
}
