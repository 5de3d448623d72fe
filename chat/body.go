package chat

import (
	"fmt"
	"strings"
	"unicode"
)

// Limits of single kinds (PROTOCOL.md, section 4).
const (
	// MaxReaction is the longest reaction, in bytes of UTF-8: an emoji, also one
	// that is joined of several.
	MaxReaction = 32
	// MaxTopic is the longest topic, in bytes of UTF-8.
	MaxTopic = 256
)

// A Kind says what a body is. Kinds that this version does not know are kept,
// passed on, and shown as made by a newer version.
type Kind uint32

// The kinds of version 1 (PROTOCOL.md, section 4).
const (
	KindText     Kind = 1 // a line, or several
	KindAction   Kind = 2 // "/me waves"
	KindReply    Kind = 3 // a text that answers Target
	KindEdit     Kind = 4 // the new text of Target, which is of the same author
	KindDelete   Kind = 5 // Target, of the same author, is not shown any more
	KindReaction Kind = 6 // a few characters about Target; none take them back
	KindTopic    Kind = 7 // what the room is about; an empty text clears it
)

// Known reports whether this version can show k.
func (k Kind) Known() bool { return k >= KindText && k <= KindTopic }

// IsText reports whether messages of kind k are somebody's words in their own
// place: only such are edited, deleted and reacted to.
func (k Kind) IsText() bool { return k >= KindText && k <= KindReply }

// HasTarget reports whether messages of kind k are about another one.
func (k Kind) HasTarget() bool { return k >= KindReply && k <= KindReaction }

// A Body is the content of one message. Check says whether it may be sent; the
// constructors make only such.
type Body struct {
	Kind Kind
	// Target is the message that this one is about: never an edit, but what was
	// edited. It is zero for the kinds without HasTarget.
	Target MessageID
	// Text is set for the kinds made of text.
	Text Text
	// Data is the content of a kind that this version does not know.
	Data []byte
}

// NewReply answers target. A reply's text has at most MaxText - 32 bytes.
func NewReply(target MessageID, text Text) (Body, error) {
	return checked(Body{Kind: KindReply, Target: target, Text: text})
}

// NewEdit gives target, a message of one's own, a new text of at most
// MaxText - 32 bytes.
func NewEdit(target MessageID, text Text) (Body, error) {
	return checked(Body{Kind: KindEdit, Target: target, Text: text})
}

// NewDelete asks everybody not to show target, a message of one's own, any more.
func NewDelete(target MessageID) (Body, error) {
	return checked(Body{Kind: KindDelete, Target: target})
}

// NewReaction shows text, at most MaxReaction bytes, beside target, in place of
// one's earlier reaction to it; an empty text only takes that back.
func NewReaction(target MessageID, text Text) (Body, error) {
	b, err := checked(Body{Kind: KindReaction, Target: target, Text: text})
	// What can be seen depends on the version of Unicode, so who receives does
	// not judge it; who sends does.
	if err == nil && !text.Empty() && (text.Line() != text.Raw() || strings.IndexFunc(text.Raw(), inks) < 0) {
		return Body{}, fmt.Errorf("%w: a reaction needs visible characters, and only such", ErrBadText)
	}
	return b, err
}

// NewTopic says what the room is about, in at most MaxTopic bytes; an empty text
// clears the topic.
func NewTopic(text Text) (Body, error) { return checked(Body{Kind: KindTopic, Text: text}) }

func checked(b Body) (Body, error) {
	if err := b.Check(); err != nil {
		return Body{}, err
	}
	return b, nil
}

// Check returns nil if b follows the rules of its kind (PROTOCOL.md, section 4),
// or else an ErrMalformed, ErrTooLong or, for kinds not known, ErrTooLarge.
func (b Body) Check() error {
	limit := MaxText
	switch {
	case b.Kind == 0:
		return fmt.Errorf("%w: a message of no kind", ErrMalformed)
	case !b.Kind.Known():
		if len(b.Data) > MaxText {
			return fmt.Errorf("%w: a message of %d bytes", ErrTooLarge, len(b.Data))
		}
		if !b.Text.Empty() || b.Target != (MessageID{}) {
			return fmt.Errorf("%w: a text or a target in a message of kind %d", ErrMalformed, b.Kind)
		}
		return nil
	case len(b.Data) > 0:
		return fmt.Errorf("%w: data in a message of kind %d", ErrMalformed, b.Kind)
	case b.Kind.HasTarget() == (b.Target == MessageID{}):
		return fmt.Errorf("%w: a message of kind %d with a wrong target, or none", ErrMalformed, b.Kind)
	case (b.Kind.IsText() || b.Kind == KindEdit) && b.Text.Empty():
		return fmt.Errorf("%w: a message without text", ErrMalformed)
	case b.Kind == KindDelete && !b.Text.Empty():
		return fmt.Errorf("%w: a deletion with a text", ErrMalformed)
	case b.Kind == KindReaction:
		limit = MaxReaction
	case b.Kind == KindTopic:
		limit = MaxTopic
	case b.Kind.HasTarget(): // whatever the kind, nobody must carry more than MaxText
		limit -= len(b.Target)
	}
	if n := b.Text.Len(); n > limit {
		return fmt.Errorf("%w: %d bytes, and at most %d are allowed", ErrTooLong, n, limit)
	}
	if b.Kind == KindReaction && !b.Text.Empty() {
		// Control characters (Cc) are the same in every version of Unicode.
		if raw := b.Text.Raw(); strings.IndexFunc(raw, unicode.IsControl) >= 0 || strings.Trim(raw, " ") == "" {
			return fmt.Errorf("%w: a reaction of control characters or spaces", ErrMalformed)
		}
	}
	return nil
}

// Size is the length of the body's data in bytes, as MaxSegment counts it.
func (b Body) Size() int {
	n := b.Text.Len() + len(b.Data)
	if b.Kind.HasTarget() {
		n += len(b.Target)
	}
	return n
}
