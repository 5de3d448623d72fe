package line

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxRecalled is how many messages are remembered for what is said about them.
	maxRecalled = 200
	// maxEarly and maxEarlyBytes bound the edits and deletions that are remembered
	// until their message comes.
	maxEarly      = 1000
	maxEarlyBytes = 1 << 20
	// quoteLength is how much of a message is quoted, in characters.
	quoteLength = 40
	// minPrefix is how many digits of an ID name a message.
	minPrefix = 6
)

// A recall remembers the last messages of one conversation, so that what comes
// later can quote them and commands can name them. The screen writes what it
// shows, the talk looks up; so neither waits for the other.
type recall struct {
	mu    sync.Mutex
	known map[chat.MessageID]*remembered
	order []chat.MessageID // of known, as shown
	early map[change]chat.Message
	queue []change // of early, as they came
	bytes int      // of text in early
	topic chat.Message
	taken int           // the highest key of a draft that became a message, or was refused
	more  chan struct{} // closed when taken rises
}

// A remembered message, as it was last shown.
type remembered struct {
	id      chat.MessageID
	author  chat.PeerID
	nick    chat.Text
	quote   string
	mine    bool
	deleted bool
	edited  chat.Text  // by an edit that is not known itself, as in a page of history
	changed chat.Place // of the newest edit or deletion
}

// A change is who edited or deleted what.
type change struct {
	target chat.MessageID
	author chat.PeerID
}

// noted is what is known about a message to be shown.
type noted struct {
	message chat.Message // as others have left it
	target  remembered   // what it is about, before this; zero if not remembered
	void    bool         // not to be shown: it changes nothing
}

func newRecall() *recall {
	return &recall{
		known: make(map[chat.MessageID]*remembered),
		early: make(map[change]chat.Message),
		more:  make(chan struct{}),
	}
}

// note remembers a message of the conversation that is about to be shown
// (PROTOCOL.md, section 4).
func (r *recall) note(m chat.Message) noted {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Mine {
		r.tookLocked(m.Key)
	}
	n := noted{message: m}
	if target := r.known[m.Target]; target != nil && m.Kind.HasTarget() {
		n.target = *target
	}
	switch {
	case m.Kind.IsText():
		n.message = r.keep(m)
	case m.Kind == chat.KindEdit || m.Kind == chat.KindDelete:
		n.void = !r.change(m)
	case m.Kind == chat.KindTopic:
		if n.void = r.topic.Kind != 0 && m.Place().Compare(r.topic.Place()) < 0; !n.void {
			r.topic = m
		}
	}
	return n
}

// keep remembers words, with what was said about them before they came.
func (r *recall) keep(m chat.Message) chat.Message {
	c := change{m.ID, m.Author}
	var changed chat.Place
	if e, ok := r.early[c]; ok {
		changed = e.Place()
		m.Text, m.Edited, m.Deleted = e.Text, e.Kind == chat.KindEdit, e.Kind == chat.KindDelete
		r.forgetEarly(c)
	}
	if old := r.known[m.ID]; old == nil {
		r.order = append(r.order, m.ID)
	} else {
		changed = old.changed
	}
	r.known[m.ID] = &remembered{
		id: m.ID, author: m.Author, nick: m.Nick, quote: quote(m.Text), mine: m.Mine, deleted: m.Deleted, changed: changed,
	}
	if m.Edited {
		r.known[m.ID].edited = m.Text
	}
	if len(r.order) > maxRecalled {
		delete(r.known, r.order[0])
		r.order = slices.Delete(r.order, 0, 1)
	}
	return m
}

// change applies an edit or a deletion, and reports whether it does anything.
func (r *recall) change(m chat.Message) bool {
	old := r.known[m.Target]
	if old == nil {
		return r.keepEarly(m)
	}
	if old.author != m.Author || m.Place().Compare(old.changed) <= 0 {
		return false
	}
	deletes := m.Kind == chat.KindDelete
	// What a page of history said already is not said again when its event comes.
	told := deletes && old.deleted || !deletes && !old.deleted && !m.Text.Empty() && m.Text == old.edited
	old.changed, old.quote, old.deleted, old.edited = m.Place(), quote(m.Text), deletes, chat.Text{}
	return !told
}

// keepEarly remembers what is about a message not seen, and reports whether it
// is the newest.
func (r *recall) keepEarly(m chat.Message) bool {
	c := change{m.Target, m.Author}
	if e, ok := r.early[c]; ok {
		if m.Place().Compare(e.Place()) <= 0 {
			return false
		}
		r.forgetEarly(c)
	}
	r.early[c] = m
	r.queue = append(r.queue, c)
	r.bytes += m.Text.Len()
	for len(r.queue) > maxEarly || r.bytes > maxEarlyBytes {
		r.forgetEarly(r.queue[0])
	}
	return true
}

func (r *recall) forgetEarly(c change) {
	r.bytes -= r.early[c].Text.Len()
	delete(r.early, c)
	i := slices.Index(r.queue, c)
	r.queue = slices.Delete(r.queue, i, i+1)
}

// took notes what became of a draft: a message, or nothing.
func (r *recall) took(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tookLocked(key)
}

func (r *recall) tookLocked(key string) {
	if n, err := strconv.Atoi(key); err == nil && n > r.taken {
		r.taken = n
		close(r.more)
		r.more = make(chan struct{})
	}
}

// await waits until what became of draft n is known, and reports whether it is.
func (r *recall) await(ctx context.Context, n int) bool {
	for {
		r.mu.Lock()
		taken, more := r.taken, r.more
		r.mu.Unlock()
		if taken >= n {
			return true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return false
		}
	}
}

// lastTopic is the message that set the topic, or one of no kind.
func (r *recall) lastTopic() chat.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.topic
}

// isRef reports whether a word of input can name a message: "#2", or the first
// digits of an ID, or all of them.
func isRef(word string) bool {
	if digits, ok := strings.CutPrefix(word, "#"); ok {
		return digits != "" && strings.Trim(digits, "0123456789") == ""
	}
	return len(word) >= minPrefix && len(word) <= hex.EncodedLen(len(chat.MessageID{})) &&
		strings.Trim(word, "0123456789abcdefABCDEF") == ""
}

// pick finds the message a command is about: "" is the newest, "#2" the one
// before. For own it must be the user's; else others' messages come first.
func (r *recall) pick(ref string, own bool) (chat.MessageID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if digits, ok := strings.CutPrefix(ref, "#"); ok || ref == "" {
		n := 1
		if ok {
			n, _ = strconv.Atoi(digits) // beyond the range it is the highest
		}
		return r.count(n, own)
	}
	var id chat.MessageID
	if full := id.UnmarshalText([]byte(ref)) == nil; full && r.known[id] == nil {
		return id, nil // of a message shown elsewhere; whose it is, its readers know
	}
	var found []*remembered
	for _, m := range r.known {
		if strings.HasPrefix(m.id.String(), strings.ToLower(ref)) {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 0:
		return id, fmt.Errorf("no message shown here has an ID that begins with %s (hint: #1 before a text is the last message)", ref)
	case len(found) > 1:
		return id, fmt.Errorf("the IDs of %d messages begin with %s (hint: give more digits)", len(found), ref)
	case own && !found[0].mine:
		return id, fmt.Errorf("message %s is not yours", ref)
	}
	return found[0].id, nil
}

// count returns the n-th message from the end.
func (r *recall) count(n int, own bool) (chat.MessageID, error) {
	choose := func(want func(*remembered) bool) (ids []chat.MessageID) {
		for _, id := range r.order {
			if m := r.known[id]; !m.deleted && want(m) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	whose := "others"
	ids := choose(func(m *remembered) bool { return m.mine == own })
	switch {
	case own:
		whose = "yours"
	case len(ids) == 0:
		whose = "anybody"
		ids = choose(func(*remembered) bool { return true })
	}
	switch {
	case len(ids) == 0:
		return chat.MessageID{}, fmt.Errorf("no message of %s has been shown here (hint: p2pchat history --json shows IDs)", whose)
	case n < 1 || n > len(ids):
		return chat.MessageID{}, fmt.Errorf("there is no #%d: %d messages of %s are remembered (hint: #1 is the last)", n, len(ids), whose)
	}
	return ids[len(ids)-n], nil
}

// quote is the beginning of a text, on one line and between double quotes that
// nothing in it can end.
func quote(t chat.Text) string {
	const enough = 1024 // bytes, before what is invisible is dropped
	raw := t.Raw()
	cut := len(raw) > enough
	if cut {
		raw = strings.ToValidUTF8(raw[:enough], "")
	}
	s := strings.TrimSpace(strings.ReplaceAll(chat.SafeString(raw), `"`, "'"))
	if n := utf8.RuneCountInString(s); n > quoteLength {
		s, cut = string([]rune(s)[:quoteLength]), true
	}
	if cut {
		s = chat.SafeString(s) + "…" // again, for a sequence cut in two
	}
	return `"` + s + `"`
}
