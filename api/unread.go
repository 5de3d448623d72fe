package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
)

const (
	// MaxUnread is how many unread messages of a conversation are counted.
	MaxUnread = 1000
	// maxMarks is how many conversations' read marks are kept.
	maxMarks = 10_000
	// marksFile holds the read marks, in the data folder. It is private to this
	// package, and a damaged one is begun anew: then more counts as unread.
	marksFile = "read.json"
	// maxMarksFile is the longest such file, in bytes.
	maxMarksFile = 4 << 20
)

// A mark is up to where a person has read a conversation.
type mark struct {
	Time chat.Time      `json:"time,string"`
	ID   chat.MessageID `json:"id"`
}

func (m mark) place() chat.Place { return chat.Place{Time: m.Time, ID: m.ID} }

// A count is what came after a mark.
type count struct {
	unread, mentions int
	newest           chat.Place // of what was counted
}

// marks keeps up to where each conversation was read, and counts what came since.
type marks struct {
	mu     sync.Mutex
	read   map[chat.Conversation]mark
	counts map[chat.Conversation]*count // as far as they were asked for
	gen    map[chat.Conversation]int    // rises when a count must be made anew
	dirty  bool                         // read is not on disk
}

// loadMarks reads the marks of a folder. What cannot be read is begun anew.
func loadMarks(folder *identity.Folder) (*marks, error) {
	m := &marks{
		read: make(map[chat.Conversation]mark), counts: make(map[chat.Conversation]*count), gen: make(map[chat.Conversation]int),
	}
	b, err := folder.ReadFile(marksFile, maxMarksFile)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return m, err
	}
	var file map[string]mark
	if err := json.Unmarshal(b, &file); err != nil {
		return m, fmt.Errorf("read %s: %w", marksFile, err)
	}
	for name, at := range file {
		if conv, err := parseConversation(name); err == nil && len(m.read) < maxMarks {
			m.read[conv] = at
		}
	}
	return m, nil
}

// save writes what changed.
func (m *marks) save(folder *identity.Folder) error {
	m.mu.Lock()
	dirty, read := m.dirty, maps.Clone(m.read)
	m.dirty = false
	m.mu.Unlock()
	if !dirty {
		return nil
	}
	file := make(map[string]mark, len(read))
	for conv, at := range read {
		file[conv.String()] = at
	}
	err := folder.WriteFile(marksFile, marshal(file))
	if err != nil {
		m.mu.Lock()
		m.dirty = true
		m.mu.Unlock()
	}
	return err
}

// note counts a message that just came.
func (m *marks) note(msg chat.Message, name chat.Text) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gen[msg.Conversation]++
	c := m.counts[msg.Conversation]
	if c == nil || !counts(msg.Kind, msg.Mine) {
		return
	}
	if place := msg.Place(); place.Compare(c.newest) > 0 && place.Compare(m.read[msg.Conversation].place()) > 0 {
		c.add(place, msg.Text, name)
	} else { // it stands before what was counted: count anew
		delete(m.counts, msg.Conversation)
	}
}

// counts reports whether a message can be unread.
func counts(kind chat.Kind, mine bool) bool { return kind.IsText() && !mine }

func (c *count) add(place chat.Place, text, name chat.Text) {
	c.newest = place
	if c.unread < MaxUnread {
		c.unread++
		if mentions(text.Raw(), name.Raw()) {
			c.mentions++
		}
	}
}

// mark notes that a person has read up to a message, and reports whether that is
// further than before.
func (m *marks) mark(conv chat.Conversation, at chat.Place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.read[conv]
	if at.Compare(old.place()) <= 0 || !known && len(m.read) >= maxMarks {
		return false
	}
	m.read[conv], m.dirty = mark{at.Time, at.ID}, true
	m.gen[conv]++
	delete(m.counts, conv)
	return true
}

// upTo is up to where a conversation was read.
func (m *marks) upTo(conv chat.Conversation) (mark, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.read[conv]
	return at, ok
}

// unread counts what was not read, from the history if it must.
func (m *marks) unread(ctx context.Context, log History, conv chat.Conversation, self chat.PeerID, name chat.Text) (count, error) {
	m.mu.Lock()
	if c := m.counts[conv]; c != nil {
		defer m.mu.Unlock()
		return *c, nil
	}
	gen, from := m.gen[conv], m.read[conv]
	m.mu.Unlock()
	c, err := countAfter(ctx, log, conv, from, self, name)
	if err != nil {
		return count{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gen[conv] == gen { // nothing came meanwhile
		kept := c
		m.counts[conv] = &kept
	}
	return c, nil
}

func countAfter(ctx context.Context, log History, conv chat.Conversation, from mark, self chat.PeerID, name chat.Text) (c count, err error) {
	q := history.Query{Conversation: conv.ID(self), Limit: MaxPage, After: from.place()}
	if q.After == (chat.Place{}) {
		q.After = history.Beginning()
	}
	for c.unread < MaxUnread {
		page, err := log.Messages(ctx, q)
		if err != nil {
			return c, err
		}
		for _, e := range page {
			q.After, c.newest = e.Place, e.Place
			if counts(e.Body.Kind, e.Author == self) && !e.Deleted {
				c.add(e.Place, e.Body.Text, name)
			}
		}
		if len(page) < MaxPage {
			break
		}
	}
	return c, nil
}

// mentions reports whether a text has a name in it, as a word of its own; case
// does not count.
func mentions(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(strings.TrimSpace(name))
	if name == "" {
		return false
	}
	for at := 0; ; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at+i])
		after, _ := utf8.DecodeRuneInString(text[at+i+len(name):])
		if !wordRune(before) && !wordRune(after) {
			return true
		}
		at += i + len(name)
	}
}

func wordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_')
}
