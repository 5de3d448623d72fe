package line

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxShown is how many messages are remembered as shown: more than come again
	// when another process takes the node over (api.MaxEvents).
	maxShown = 20_000
	// recentShown is how many of the last messages are looked at to find where
	// something can be missing.
	recentShown = 50
	// clockSlack is how much earlier than it was written a message may be dated.
	clockSlack = time.Minute
)

// A shown remembers the messages that were shown, so that none is shown twice:
// they come from the past, live, from pages of what was missed, and once more
// when there is another node. It is pure; its owner has one goroutine.
type shown struct {
	since time.Time // what is dated before belongs to the past
	ids   map[chat.MessageID]bool
	queue []chat.MessageID // of ids; the oldest is at next once it is full
	next  int
}

func newShown(since time.Time) *shown {
	return &shown{since: since.Add(-clockSlack), ids: make(map[chat.MessageID]bool)}
}

// first reports whether a message was not shown yet, and remembers that it is now.
func (s *shown) first(id chat.MessageID) bool {
	if s.ids[id] {
		return false
	}
	s.ids[id] = true
	if len(s.queue) < maxShown {
		s.queue = append(s.queue, id)
		return true
	}
	delete(s.ids, s.queue[s.next])
	s.queue[s.next] = id
	s.next = (s.next + 1) % maxShown
	return true
}

// missed reports whether m, found in the history, should have been shown.
func (s *shown) missed(m chat.Message) bool { return !m.Time.Before(s.since) && !s.ids[m.ID] }

// An edge is how far a conversation was shown. The zero value is ready to use.
type edge struct {
	recent []chat.Place // of the last that were said live, as they came
	newest chat.Place   // of all
}

// note takes note of a message that is shown.
func (e *edge) note(m chat.Message) {
	at := m.Place()
	if at.Compare(e.newest) > 0 {
		e.newest = at
	}
	if m.Old {
		return
	}
	if len(e.recent) == recentShown {
		e.recent = e.recent[1:]
	}
	e.recent = append(e.recent, at)
}

// after is the message behind which something can be missing, or zero if nothing
// was shown. It is not the newest: messages do not come in their order.
func (e *edge) after() chat.MessageID {
	if len(e.recent) == 0 {
		return e.newest.ID
	}
	oldest := e.recent[0]
	for _, p := range e.recent {
		if p.Compare(oldest) < 0 {
			oldest = p
		}
	}
	return oldest.ID
}
