package tui

import (
	"slices"
	"sort"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxWindow is how many messages of one conversation are in memory.
	maxWindow = 2000
	// trimTo is how many are left when there are more, so that not each further
	// one trims again.
	trimTo = 1750
	// keptAside is how many are left of a conversation that is not looked at.
	keptAside = 200
	// pageSize is how many messages are asked for at once.
	pageSize = 100
	// maxChanges bounds the edits and reactions, and the deliveries, remembered while
	// a page that may lack them is on its way.
	maxChanges = 1000
)

// An entry is a message in a timeline.
type entry struct {
	chat.Message
	at       chat.Place
	mention  bool // it names the person
	delivery chat.Delivery
	changed  chat.Place                 // of the newest live edit or deletion
	reacted  map[chat.PeerID]chat.Place // of the newest live reactions
	laid     layout                     // its rows, while they hold
}

// A timeline is a window on the messages of one conversation, in their order.
type timeline struct {
	entries []*entry
	byID    map[chat.MessageID]*entry
	// older and newer are set if there is, or may be, more beyond the ends.
	older, newer bool
	// beyond counts live messages after the end of a window that newer is set of.
	beyond int
	// asked is set while a page is on its way, the answer to request; changes are
	// the live edits, deletions and reactions since then, told the deliveries.
	asked   bool
	request int
	changes []chat.Message
	told    []chat.Delivery
	// generation is that of what entries quote: it grows when that may change.
	generation int
}

func newTimeline() *timeline {
	return &timeline{byID: make(map[chat.MessageID]*entry), older: true}
}

// index is the place of the first entry that is not before p.
func (t *timeline) index(p chat.Place) int {
	return sort.Search(len(t.entries), func(i int) bool { return t.entries[i].at.Compare(p) >= 0 })
}

// live takes a message of the event stream, and reports whether it is a new line
// of the conversation, also of one outside the window.
func (t *timeline) live(m chat.Message) bool {
	if m.Kind.HasTarget() && !m.Kind.IsText() {
		if t.asked && len(t.changes) < maxChanges {
			t.changes = append(t.changes, m)
		}
		t.change(m)
		return false
	}
	if t.byID[m.ID] != nil {
		return false
	}
	p := m.Place()
	switch n := len(t.entries); {
	case n > 0 && t.newer && p.Compare(t.entries[n-1].at) > 0:
		t.beyond++
	case n > 0 && t.older && p.Compare(t.entries[0].at) < 0:
	default:
		t.insert(m)
	}
	return true
}

// insert puts a message in its place.
func (t *timeline) insert(m chat.Message) *entry {
	if e := t.byID[m.ID]; e != nil {
		return e
	}
	e := &entry{Message: m, at: m.Place()}
	i := len(t.entries)
	if i > 0 && t.entries[i-1].at.Compare(e.at) > 0 {
		i = t.index(e.at)
	}
	t.entries = slices.Insert(t.entries, i, e)
	t.byID[m.ID] = e
	return e
}

// change applies an edit, a deletion or a reaction to what it is about, if that
// is in the window: else a page will bring it as it is then.
func (t *timeline) change(m chat.Message) {
	e := t.byID[m.Target]
	if e == nil || !e.Kind.IsText() {
		return
	}
	p := m.Place()
	switch m.Kind {
	case chat.KindReaction:
		e.react(m, p)
	case chat.KindEdit, chat.KindDelete:
		if m.Author != e.Author || p.Compare(e.changed) < 0 {
			return
		}
		e.changed = p
		e.Text, e.Edited, e.Deleted = m.Text, m.Kind == chat.KindEdit, m.Kind == chat.KindDelete
		if e.Deleted {
			e.Text, e.Reactions = chat.Text{}, nil
		}
		t.generation++ // others may quote it
	}
	e.laid = layout{}
}

// react takes one person's reaction in place of the earlier one.
func (e *entry) react(m chat.Message, p chat.Place) {
	if e.Deleted || p.Compare(e.reacted[m.Author]) < 0 {
		return
	}
	if e.reacted == nil {
		e.reacted = make(map[chat.PeerID]chat.Place)
	}
	e.reacted[m.Author] = p
	// A page may share the slices: they are not changed in place.
	var all []chat.Reaction
	added := m.Text.Empty()
	for _, r := range e.Reactions {
		by := slices.DeleteFunc(slices.Clone(r.By), func(q chat.PeerID) bool { return q == m.Author })
		if r.Text == m.Text && !added {
			by, added = append(by, m.Author), true
		}
		if len(by) > 0 {
			all = append(all, chat.Reaction{Text: r.Text, By: by})
		}
	}
	if !added {
		all = append(all, chat.Reaction{Text: m.Text, By: []chat.PeerID{m.Author}})
	}
	e.Reactions = all
}

// delivered takes an event of how far an own message got.
func (t *timeline) delivered(d chat.Delivery) {
	if t.asked && len(t.told) < maxChanges {
		t.told = append(t.told, d)
	}
	t.deliver(d)
}

// deliver takes note of how far an own message got.
func (t *timeline) deliver(d chat.Delivery) {
	if e := t.byID[d.ID]; e != nil && e.delivery != d {
		e.delivery, e.laid = d, layout{}
	}
}

// merge takes a page that was asked for.
func (t *timeline) merge(p Page) {
	t.asked = false
	for _, m := range p.Messages {
		t.insert(m)
	}
	for _, d := range append(slices.Clone(p.Deliveries), t.told...) {
		t.deliver(d)
	}
	for _, m := range t.changes {
		t.change(m)
	}
	t.changes, t.told = nil, nil
	t.generation++
}

// replace empties the window for a page from elsewhere in the history.
func (t *timeline) replace(p Page, older, newer bool) {
	t.entries = nil
	clear(t.byID)
	t.merge(p)
	t.older, t.newer, t.beyond = older, newer, 0
}

// trim drops messages at the far end from entry keep, if there are more than
// limit, so that left of them remain.
func (t *timeline) trim(keep, limit, left int) {
	n := len(t.entries)
	if n <= limit {
		return
	}
	drop := n - left
	front := min(drop, max(0, keep-left/2))
	t.cutFront(front)
	if back := drop - front; back > 0 {
		t.cutBack(back)
	}
}

func (t *timeline) cutFront(n int) {
	if n == 0 {
		return
	}
	for _, e := range t.entries[:n] {
		delete(t.byID, e.ID)
	}
	t.entries = slices.Clone(t.entries[n:]) // else what was cut stays in memory
	t.older, t.asked = true, false          // a page on its way would leave a hole
}

func (t *timeline) cutBack(n int) {
	at := len(t.entries) - n
	for _, e := range t.entries[at:] {
		delete(t.byID, e.ID)
	}
	t.entries = slices.Clone(t.entries[:at])
	t.newer, t.asked = true, false // as above
	t.beyond += n
}

// last returns the newest entry that ok accepts, or nil.
func (t *timeline) last(ok func(*entry) bool) *entry {
	for _, e := range slices.Backward(t.entries) {
		if ok(e) {
			return e
		}
	}
	return nil
}
