package line

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

// peerN makes up a peer. Those of one n are the same.
func peerN(n int) chat.PeerID {
	var p chat.PeerID
	copy(p[:], fmt.Sprintf("peer %d of a test ...............", n))
	return p
}

func nick(s string) chat.Text {
	t, err := chat.NewText(s)
	if err != nil {
		panic(err)
	}
	return t
}

// A fakeNode is a Chat and its Events. What the functions do not say is done at
// once and well.
type fakeNode struct {
	say     func(ctx context.Context, d chat.Draft) error
	settle  func(ctx context.Context) (int, error)
	members []chat.Member
	rename  error
	quiet   bool // what becomes of what was said, the test tells

	mu    sync.Mutex
	said  []string
	sent  []chat.Draft
	name  chat.Text
	read  []chat.MessageID
	queue []chat.Event
	made  int
	fail  error // of Next
	wake  chan struct{}
}

func newFake() *fakeNode { return &fakeNode{wake: make(chan struct{}, 1)} }

func (f *fakeNode) Self() chat.PeerID { return peerN(0) }

func (f *fakeNode) Say(ctx context.Context, _ chat.Conversation, d chat.Draft) error {
	if f.say != nil {
		if err := f.say(ctx, d); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, d.Body.Text.Raw())
	f.sent = append(f.sent, d)
	return nil
}

// Settle tells before it returns what became of what was said: the last ones are
// those that nobody holds.
func (f *fakeNode) Settle(ctx context.Context, conv chat.Conversation) (left int, err error) {
	if f.settle != nil {
		left, err = f.settle(ctx)
	}
	f.mu.Lock()
	said := f.sent
	f.mu.Unlock()
	if f.quiet {
		return left, err
	}
	for i, d := range said {
		state := chat.Held
		if i >= len(said)-left {
			state = chat.Failed
		}
		if state == chat.Held || err == nil {
			f.happen(typed(conv, d.Key), chat.Delivery{Conversation: conv, ID: typed(conv, d.Key).ID, State: state})
		}
	}
	return left, err
}

// typed is what a draft becomes.
func typed(conv chat.Conversation, key string) chat.Message {
	m := chat.Message{Conversation: conv, Author: peerN(0), Kind: chat.KindText, Mine: true, Key: key}
	copy(m.ID[:], "draft "+key)
	return m
}

func (f *fakeNode) Members(context.Context, chat.Conversation) ([]chat.Member, error) {
	return f.members, nil
}

func (f *fakeNode) Net(_ context.Context, asJSON bool) ([]string, error) {
	if asJSON {
		return []string{`{"type":"connection","peer":"x"}`, `{"type":"connection","peer":"y"}`}, nil
	}
	return []string{"WHO    PATH", "bob    direct", "\x1b[31meve direct"}, nil
}

func (f *fakeNode) SetName(name chat.Text) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name = name
	return f.rename
}

func (f *fakeNode) MarkRead(_ chat.Conversation, id chat.MessageID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = append(f.read, id)
}

// happen makes events happen. Messages without an ID get one.
func (f *fakeNode) happen(evs ...chat.Event) {
	f.mu.Lock()
	for _, ev := range evs {
		if m, ok := ev.(chat.Message); ok && m.ID == (chat.MessageID{}) {
			f.made++
			copy(m.ID[:], fmt.Sprint("made up ", f.made))
			ev = m
		}
		f.queue = append(f.queue, ev)
	}
	f.mu.Unlock()
	f.nudge()
}

// breakDown makes Next fail.
func (f *fakeNode) breakDown(err error) {
	f.mu.Lock()
	f.fail = err
	f.mu.Unlock()
	f.nudge()
}

func (f *fakeNode) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *fakeNode) Next(ctx context.Context) ([]chat.Event, error) {
	for {
		f.mu.Lock()
		evs, err := f.queue, f.fail
		f.queue = nil
		f.mu.Unlock()
		if len(evs) > 0 || err != nil {
			return evs, err
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *fakeNode) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.said, "|")
}

// An output is what was written, for several goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// mustBeSafe fails if a text could hurt a terminal or mislead who reads it.
func mustBeSafe(t testing.TB, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Fatalf("not UTF-8: %q", text)
	}
	marks := 0
	for _, r := range text {
		bad := unicode.IsControl(r) && r != '\n' || // C0, DEL, C1
			r == '\u2028' || r == '\u2029' ||
			r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || // bidi
			r == '\u200e' || r == '\u200f' || r == '\u061c' ||
			r == '\u200b' || r == '\u2060' || r == '\ufeff' || r == '\u00ad' ||
			r >= 0xe0000 && r <= 0xe0fff // tags
		if unicode.Is(unicode.Mn, r) && r != '\ufe0e' && r != '\ufe0f' {
			marks++
		} else if r != '\ufe0e' && r != '\ufe0f' && !unicode.Is(unicode.Mc, r) {
			marks = 0
		}
		if bad || marks > 4 {
			t.Fatalf("%U in %.200q", r, text)
		}
	}
}
