package history

import (
	"fmt"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxPage is how many entries one call returns at most.
	maxPage = 1000
	// defaultPage is how many it returns if it is not told.
	defaultPage = 100
	// maxReactions is how many reactions to one message are looked at, the newest;
	// a stranger may send any number.
	maxReactions = 4096
)

// A Place is where a single message stands: by its own time (its segment's and
// its index), then by its ID.
type Place = chat.Place

// Beginning is a place before all messages, for Query.After.
func Beginning() Place { return Place{ID: chat.MessageID{len(chat.MessageID{}) - 1: 1}} }

// PlaceOf is the place before all messages of t's millisecond and later.
func PlaceOf(t time.Time) Place {
	p := Beginning()
	p.Time = chat.TimeOf(t)
	return p
}

// An Entry is one message as a page of history shows it.
type Entry struct {
	Conversation chat.ConversationID
	Author       chat.PeerID
	Place
	// Segment is what the message came in.
	Segment chat.SegmentID
	// Body has the newest text, and none if the message is deleted.
	Body            chat.Body
	Edited, Deleted bool
	// Reactions are in the order of the oldest of each.
	Reactions []chat.Reaction
	// Gap is set if something that the author had seen before is not here: it
	// never came, and was not pruned here.
	Gap bool
}

// Message is the event that faces show e with. The nick is the author's, as far
// as it is known.
func (e Entry) Message(conv chat.Conversation, self chat.PeerID, nick chat.Text) chat.Message {
	return chat.Message{
		Conversation: conv, ID: e.ID, Author: e.Author, Nick: nick,
		Time: e.Time.Wall(), Clock: e.Time, Kind: e.Body.Kind, Target: e.Body.Target, Text: e.Body.Text,
		Mine: e.Author == self, Edited: e.Edited, Deleted: e.Deleted, Reactions: e.Reactions,
	}
}

// A Query asks for a page of one conversation. Without After it is the newest
// messages (before Before, if that is set), with After the first behind that.
type Query struct {
	Conversation chat.ConversationID
	// Before and After, where they are not zero, bound the page; they themselves
	// are not on it.
	Before, After Place
	// Limit is how many entries the page has at most: 1,000, or, if zero, 100.
	Limit int
	// Raw gives every message as it was sent, edits, deletions and reactions too,
	// as in the live stream. Else those are not on the page, but change what they
	// are about (PROTOCOL.md, section 4).
	Raw bool
}

func (q Query) limit() int { return pageLimit(q.Limit) }

func pageLimit(n int) int {
	if n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

// up tells whether the page is read from old to new.
func (q Query) up() bool { return q.After != Place{} }

// wants tells whether a message belongs on the page, if there is room.
func (q Query) wants(p Place, k chat.Kind) bool {
	return (q.Raw || !folded(k)) &&
		(q.Before == Place{} || p.Compare(q.Before) < 0) &&
		(q.After == Place{} || p.Compare(q.After) > 0)
}

// folded reports whether messages of kind k only change how others are shown.
func folded(k chat.Kind) bool { return k.HasTarget() && !k.IsText() }

// shown is e as the messages about it have left it.
func (e Entry) shown(t *chat.Timeline) Entry {
	s, ok := t.Shown(e.ID)
	if !ok {
		return e
	}
	e.Body, e.Edited, e.Deleted, e.Reactions = s.Body, s.Edited, s.Deleted, s.Reactions
	return e
}

// post is e as it was sent, for a Timeline.
func (e Entry) post() chat.Post { return chat.Post{Place: e.Place, Author: e.Author, Body: e.Body} }

// entryOf is message i of s, as it was sent.
func entryOf(s *chat.Segment, i int) Entry {
	return Entry{
		Conversation: s.Conversation, Author: s.Author, Segment: s.ID, Body: s.Bodies[i],
		Place: Place{Time: s.Time + chat.Time(i), ID: s.MessageID(i)},
	}
}

// EntriesOf are the messages of s as they were sent.
func EntriesOf(s *chat.Segment) []Entry {
	entries := make([]Entry, 0, len(s.Bodies))
	for i := range s.Bodies {
		entries = append(entries, entryOf(s, i))
	}
	return entries
}

// wrapRead says what was tried when err came.
func wrapRead(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s history: %w", what, err)
}
