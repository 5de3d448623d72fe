package chat_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func TestBodySize(t *testing.T) {
	target := chat.MessageID{1}
	for _, c := range []struct {
		body chat.Body
		want int
	}{
		{chat.Body{Kind: chat.KindText, Text: mustText("abc")}, 3},
		{chat.Body{Kind: chat.KindText, Text: mustText("é\x1b\u202e")}, 6},
		{chat.Body{Kind: chat.KindReply, Target: target, Text: mustText("abc")}, 35},
		{chat.Body{Kind: chat.KindDelete, Target: target}, 32},
		{chat.Body{Kind: chat.KindTopic}, 0},
		{chat.Body{Kind: 99, Data: []byte{1, 2}}, 2},
	} {
		if got := c.body.Size(); got != c.want {
			t.Errorf("size %d, want %d", got, c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	for kind, want := range map[chat.Kind]struct{ known, text, target bool }{
		0:                 {},
		chat.KindText:     {known: true, text: true},
		chat.KindAction:   {known: true, text: true},
		chat.KindReply:    {known: true, text: true, target: true},
		chat.KindEdit:     {known: true, target: true},
		chat.KindDelete:   {known: true, target: true},
		chat.KindReaction: {known: true, target: true},
		chat.KindTopic:    {known: true},
		8:                 {},
		1 << 31:           {},
	} {
		if kind.Known() != want.known || kind.IsText() != want.text || kind.HasTarget() != want.target {
			t.Errorf("kind %d: known %v, text %v, target %v", kind, kind.Known(), kind.IsText(), kind.HasTarget())
		}
	}
}

// What the constructors make may be sent, and they make nothing else.
func TestNewBodies(t *testing.T) {
	id := chat.MessageID{1}
	words := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name string
		make func(chat.MessageID, chat.Text) (chat.Body, error)
		text string
		want error
	}{
		{"a reply", chat.NewReply, "yes", nil},
		{"the longest reply", chat.NewReply, words(chat.MaxText - 32), nil},
		{"a longer reply", chat.NewReply, words(chat.MaxText - 31), chat.ErrTooLong},
		{"a reply without words", chat.NewReply, "", chat.ErrMalformed},
		{"an edit", chat.NewEdit, "a\nb", nil},
		{"the longest edit", chat.NewEdit, words(chat.MaxText - 32), nil},
		{"a longer edit", chat.NewEdit, words(chat.MaxText - 31), chat.ErrTooLong},
		{"an edit without words", chat.NewEdit, "", chat.ErrMalformed},
		{"a reaction", chat.NewReaction, "👩🏽\u200d🚀", nil},
		{"a heart", chat.NewReaction, "❤\ufe0f", nil},
		{"words as a reaction", chat.NewReaction, "so true", nil},
		{"a reaction taken back", chat.NewReaction, "", nil},
		{"the longest reaction", chat.NewReaction, words(chat.MaxReaction), nil},
		{"a longer reaction", chat.NewReaction, words(chat.MaxReaction + 1), chat.ErrTooLong},
		{"a reaction of spaces", chat.NewReaction, "  ", chat.ErrMalformed},
		{"a reaction of wide spaces", chat.NewReaction, "\u3000", chat.ErrBadText},
		{"a reaction that steers", chat.NewReaction, "\x1b[2J", chat.ErrMalformed},
		{"a reaction of nothing seen", chat.NewReaction, "\u200b", chat.ErrBadText},
		{"a reaction of a mark", chat.NewReaction, "\u0301", chat.ErrBadText},
		{"a reaction written backwards", chat.NewReaction, "\u202eno", chat.ErrBadText},
		{"a reaction of a private character", chat.NewReaction, "\ue000", chat.ErrBadText},
	} {
		b, err := c.make(id, mustText(c.text))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		} else if err == nil && (b.Check() != nil || b.Target != id || b.Text.Raw() != c.text) {
			t.Errorf("%s is %+v", c.name, b)
		} else if err != nil && b.Kind != 0 {
			t.Errorf("%s: an error, and %+v", c.name, b)
		}
		if _, err := c.make(chat.MessageID{}, mustText(c.text)); err == nil {
			t.Errorf("%s about nothing is made", c.name)
		}
	}
	for text, want := range map[string]error{"": nil, "what we do": nil, words(chat.MaxTopic): nil, words(chat.MaxTopic + 1): chat.ErrTooLong} {
		if b, err := chat.NewTopic(mustText(text)); !errors.Is(err, want) || err == nil && (b.Kind != chat.KindTopic || b.Text.Raw() != text) {
			t.Errorf("a topic of %d bytes: %+v, %v", len(text), b, err)
		}
	}
	if b, err := chat.NewDelete(id); err != nil || b.Check() != nil || b.Target != id {
		t.Errorf("a deletion: %+v, %v", b, err)
	}
	if _, err := chat.NewDelete(chat.MessageID{}); !errors.Is(err, chat.ErrMalformed) {
		t.Errorf("a deletion of nothing: %v", err)
	}
}
