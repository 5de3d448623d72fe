package history

import (
	"context"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// walkBatch is how many segments a walk takes at a time.
const walkBatch = 64

// Messages returns a page of a conversation, the oldest of it first. Each costs a
// walk over all of the conversation, to find what was said about its messages.
func (m *Memory) Messages(ctx context.Context, q Query) ([]Entry, error) {
	page, err := m.page(ctx, q)
	if err == nil && !q.Raw {
		page, err = m.apply(ctx, q.Conversation, page)
	}
	return page, wrapRead("read", err)
}

// Find returns one message of a conversation as it is to be shown, and whether
// it is here.
func (m *Memory) Find(ctx context.Context, conv chat.ConversationID, id chat.MessageID) (Entry, bool, error) {
	var found []Entry
	err := m.walkDown(ctx, conv, chat.OrderKey{}, func(s *chat.Segment) bool {
		for i := range s.Bodies {
			if s.MessageID(i) == id {
				found = []Entry{m.entry(s, i)}
			}
		}
		return found == nil
	})
	if err == nil && found != nil {
		found, err = m.apply(ctx, conv, found)
	}
	if err != nil || found == nil {
		return Entry{}, false, wrapRead("read", err)
	}
	return found[0], true, nil
}

// Topic returns the message that set the conversation's topic, and false if none
// did or it was cleared.
func (m *Memory) Topic(ctx context.Context, conv chat.ConversationID) (Entry, bool, error) {
	var best Entry
	err := m.walkDown(ctx, conv, chat.OrderKey{}, func(s *chat.Segment) bool {
		for i, b := range s.Bodies {
			if b.Kind != chat.KindTopic {
				continue
			}
			if e := m.entry(s, i); best.Body.Kind == 0 || e.Compare(best.Place) > 0 {
				best = e
			}
		}
		return best.Body.Kind == 0 || s.Time+chat.MaxBodies > best.Time
	})
	return best, err == nil && !best.Body.Text.Empty(), wrapRead("read", err)
}

// entry is message i of s as it was sent. Before the first of a segment
// something may be missing.
func (m *Memory) entry(s *chat.Segment, i int) Entry {
	e := entryOf(s, i)
	if i == 0 {
		e.Gap = slices.ContainsFunc(s.Parents, func(p chat.SegmentID) bool { return !m.Has(s.Conversation, p) })
	}
	return e
}

// page is what q asks for, as it was sent. Segments stand in the order of their
// first messages, and the messages of two may alternate: so the walk goes on
// until no segment behind it can have one that belongs on the page.
func (m *Memory) page(ctx context.Context, q Query) (page []Entry, err error) {
	limit := q.limit()
	visit := func(s *chat.Segment) {
		for i, b := range s.Bodies {
			if e := entryOf(s, i); q.wants(e.Place, b.Kind) {
				page = append(page, m.entry(s, i))
			}
		}
	}
	tidy := func() bool {
		slices.SortFunc(page, func(a, b Entry) int { return a.Compare(b.Place) })
		if len(page) < limit {
			return false
		}
		if q.up() {
			page = page[:limit]
		} else {
			page = slices.Delete(page, 0, len(page)-limit)
		}
		return true
	}
	n := 0
	if q.up() {
		from := chat.OrderKey{Time: q.After.Time - min(q.After.Time, chat.MaxBodies)}
		err = m.walkUp(ctx, q.Conversation, from, func(s *chat.Segment) bool {
			visit(s)
			n++
			return n%walkBatch != 0 || !tidy() || s.Time <= page[limit-1].Time
		})
	} else {
		var from chat.OrderKey
		if q.Before != (Place{}) {
			from.Time = q.Before.Time + 1
		}
		err = m.walkDown(ctx, q.Conversation, from, func(s *chat.Segment) bool {
			visit(s)
			n++
			return n%walkBatch != 0 || !tidy() || s.Time+chat.MaxBodies >= page[0].Time
		})
	}
	tidy()
	return page, err
}

// apply changes entries as the messages about them say.
func (m *Memory) apply(ctx context.Context, conv chat.ConversationID, page []Entry) ([]Entry, error) {
	var t chat.Timeline
	about := make(map[chat.MessageID]bool, len(page))
	for _, e := range page {
		about[e.ID] = true
		t.Add(e.post())
	}
	err := m.walkDown(ctx, conv, chat.OrderKey{}, func(s *chat.Segment) bool {
		for i, b := range s.Bodies {
			if folded(b.Kind) && about[b.Target] {
				t.Add(entryOf(s, i).post())
			}
		}
		return true
	})
	for i := range page {
		page[i] = page[i].shown(&t)
	}
	return page, err
}

// walkDown visits a conversation's segments before key from new to old, until
// visit returns false.
func (m *Memory) walkDown(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, visit func(*chat.Segment) bool) error {
	for {
		segs, err := m.Before(ctx, conv, key, walkBatch)
		if err != nil {
			return err
		}
		for _, s := range slices.Backward(segs) {
			if !visit(s) {
				return nil
			}
			key = s.Key()
		}
		if len(segs) < walkBatch {
			return nil
		}
	}
}

// walkUp visits those behind key from old to new.
func (m *Memory) walkUp(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, visit func(*chat.Segment) bool) error {
	for {
		segs, err := m.After(ctx, conv, key, walkBatch)
		if err != nil {
			return err
		}
		for _, s := range segs {
			if !visit(s) {
				return nil
			}
			key = s.Key()
		}
		if len(segs) < walkBatch {
			return nil
		}
	}
}
