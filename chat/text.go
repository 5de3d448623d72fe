package chat

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxText is the longest text of one message, in bytes of UTF-8.
const MaxText = 32 << 10

// MaxNick is the longest nickname, in bytes of UTF-8.
const MaxNick = 32

// maxMarks is how many combining marks one character may carry on a screen.
// Languages need up to 4; stacks of hundreds paint over the lines around.
const maxMarks = 4

// Text is what a stranger wrote: valid UTF-8, and nothing else is promised.
// Printing it, with any verb and however deep inside other values, shows a form
// that cannot hurt; only Raw gives the bytes. Texts compare with ==.
type Text struct {
	// kept is the text itself where that is harmless to print, or else escaped
	// and its hexadecimal form: fmt prints the strings in unexported fields
	// without asking String, and so must never find a raw one.
	kept string
}

// escaped stands before the hexadecimal form of a kept text.
const escaped = `\x`

// NewText accepts valid UTF-8 of at most MaxText bytes.
func NewText(s string) (Text, error) {
	if len(s) > MaxText {
		return Text{}, fmt.Errorf("%w: %d bytes, and at most %d are allowed", ErrTooLong, len(s), MaxText)
	}
	if !utf8.ValidString(s) {
		return Text{}, fmt.Errorf("%w: not valid UTF-8", ErrBadText)
	}
	if !harmless(s) || strings.HasPrefix(s, escaped) {
		s = escaped + hex.EncodeToString([]byte(s))
	}
	return Text{kept: s}, nil
}

// NewNick accepts a nickname: at least one visible character, at most MaxNick
// bytes, one line.
func NewNick(s string) (Text, error) {
	s = strings.TrimSpace(s)
	t, err := NewText(s)
	switch {
	case err != nil:
		return Text{}, fmt.Errorf("%w: %w", ErrBadNick, err)
	case len(s) > MaxNick:
		return Text{}, fmt.Errorf("%w: %d bytes, and at most %d are allowed", ErrBadNick, len(s), MaxNick)
	case t.Line() != s || strings.IndexFunc(s, inks) < 0:
		return Text{}, fmt.Errorf("%w: it needs visible characters, and only such", ErrBadNick)
	}
	return t, nil
}

// inks reports whether r, visible, leaves a mark of its own on the screen.
func inks(r rune) bool { return !unicode.IsSpace(r) && !unicode.IsMark(r) }

// Raw is the text as it was written. It must not reach a terminal, a page, a
// path or a log.
func (t Text) Raw() string {
	digits, ok := strings.CutPrefix(t.kept, escaped)
	if !ok {
		return t.kept
	}
	raw, _ := hex.DecodeString(digits) // NewText wrote the digits
	return string(raw)
}

// Len is the length of Raw in bytes, as limits count it.
func (t Text) Len() int {
	if digits, ok := strings.CutPrefix(t.kept, escaped); ok {
		return hex.DecodedLen(len(digits))
	}
	return len(t.kept)
}

// Empty reports whether nothing was written.
func (t Text) Empty() bool { return t.kept == "" }

// Safe is the text for a screen that shows several lines: newlines stay, tabs
// are spaces, and whatever could steer a terminal or mislead a reader is gone:
// control characters (C0, C1, DEL), bidirectional embeddings, overrides and
// isolates, line and paragraph separators, zero-width characters outside emoji
// sequences, tags, and more than 4 combining marks on one character.
func (t Text) Safe() string { return clean(t.Raw(), true) }

// Line is Safe on one line: newlines become spaces.
func (t Text) Line() string { return clean(t.Raw(), false) }

// String is Line, so that formatting a Text can never hurt.
func (t Text) String() string { return t.Line() }

// GoString is the quoted safe form, for %#v.
func (t Text) GoString() string { return fmt.Sprintf("chat.Text(%q)", t.Line()) }

// MarshalJSON writes all of the text, with everything that Safe would drop
// written as \u escapes: a script gets each character, a terminal that shows
// the JSON gets none that could hurt it.
func (t Text) MarshalJSON() ([]byte, error) { return AppendJSON(nil, t.Raw()), nil }

// AppendJSON appends s, valid UTF-8, as a JSON string of visible characters and
// escapes.
func AppendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	var marks marks
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case visible(r) && marks.fit(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}

// SafeString is what Line is to a Text, for other words of strangers (an
// address, an agent name, an error from a peer).
func SafeString(s string) string { return clean(s, false) }

// clean implements Safe and Line.
func clean(s string, lines bool) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	var marks marks
	var last, before rune // what was written last, and before that
	for i, r := range s {
		n := utf8.RuneLen(r)
		if r == utf8.RuneError {
			if _, n = utf8.DecodeRuneInString(s[i:]); n == 1 {
				continue // not UTF-8
			}
		}
		next, _ := utf8.DecodeRuneInString(s[i+n:])
		switch {
		case r == '\n' && lines:
		case r == '\n' || r == '\t' || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Zs) && !visible(r):
			r = ' ' // dropping it would join two words
		case r == zeroWidthJoiner && (pictograph(last) || last == variationEmoji && pictograph(before)) && pictograph(next),
			(r == variationText || r == variationEmoji) && pictograph(last),
			r == variationEmoji && keycap(last) && next == enclosingKeycap:
			// Part of an emoji sequence (UTS 51), where it shows.
		case !visible(r):
			continue
		}
		if !marks.fit(r) {
			continue
		}
		b.WriteRune(r)
		before, last = last, r
	}
	return b.String()
}

// marks counts the combining marks since the last base character.
type marks int

// fit counts r in, and reports whether it may be shown. Marks that have a width
// of their own (Mc, vowels of Indic scripts) are neither counted nor a base.
func (m *marks) fit(r rune) bool {
	switch {
	case r < 0x300 || !unicode.IsMark(r):
		*m = 0
	case !unicode.Is(unicode.Mc, r) && r != variationText && r != variationEmoji:
		*m++
	}
	return *m <= maxMarks
}

// plain reports whether s is printable ASCII, which is its own safe form.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// harmless reports whether s, valid UTF-8, is free of what can steer a terminal:
// C0, DEL and C1, line and paragraph separators, bidirectional controls, tags.
// It looks at bytes, for it is run on every message of every hop, and may say no
// without need.
func harmless(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0x20 && c < 0x7f:
		case c < 0x80, // C0 and DEL
			c == 0xc2 && s[i+1] < 0xa0,  // C1
			c == 0xd8 && s[i+1] == 0x9c, // U+061C
			// U+2000 to U+207F, but for dashes, quotes and the ellipsis
			c == 0xe2 && (s[i+1] == 0x80 && (s[i+2] < 0x90 || s[i+2] > 0xa7) || s[i+1] == 0x81),
			c >= 0xf3: // U+C0000 and above: tags, private use
			return false
		}
	}
	return true
}

const (
	zeroWidthJoiner = '\u200d'
	variationText   = '\ufe0e'
	variationEmoji  = '\ufe0f'
	enclosingKeycap = '\u20e3'
)

// visible reports whether r can be shown to a person as it is.
func visible(r rune) bool { return r == ' ' || unicode.IsGraphic(r) && !invisible(r) }

// invisible reports characters that Unicode calls graphic or that fonts draw
// as nothing, and which so can make two names look alike: default-ignorable
// code points, fillers and blanks (Unicode Standard Annex 44, UTS 39).
func invisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Cf, r), // formats: bidi, zero width, tags, soft hyphen
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r),
		unicode.Is(unicode.Variation_Selector, r),
		unicode.Is(unicode.Co, r), // private use
		unicode.Is(unicode.Zs, r) && r != ' ' && r != '\u00a0' && r != '\u3000',
		r == '\u2800',     // blank braille pattern
		r == '\U0001d159': // null notehead
		return true
	}
	return false
}

// pictograph reports whether r may stand in an emoji sequence: the blocks that
// hold emoji, and the few that stand alone.
func pictograph(r rune) bool {
	switch r {
	case '\u00a9', '\u00ae', '\u203c', '\u2049', '\u2122', '\u2139', '\u3030', '\u303d', '\u3297', '\u3299':
		return true
	}
	return (r >= 0x2190 && r <= 0x2bff || r >= 0x1f000 && r <= 0x1faff) && visible(r)
}

// keycap reports whether r may begin a keycap sequence, as in 1, variationEmoji,
// enclosingKeycap.
func keycap(r rune) bool { return r >= '0' && r <= '9' || r == '#' || r == '*' }

// LooksLike is what two nicks have in common when people could take one for
// the other: case, compatibility forms, spaces and marks do not count, nor
// whether a letter is Latin, Cyrillic or Greek where they look the same, nor 0
// and o, 1 and l. It is for comparing only (after UTS 39, "skeleton", in small).
func LooksLike(t Text) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(norm.NFKC.String(t.Line()))) {
		if unicode.IsSpace(r) || unicode.Is(unicode.M, r) || invisible(r) {
			continue
		}
		b.WriteRune(likeLatin(r))
	}
	return b.String()
}

// likeLatin is the Latin letter that r looks like in most fonts, or r.
func likeLatin(r rune) rune {
	for _, alike := range [...]string{
		"aаα", "bвьβ", "cсϲ", "dԁ", "eеєε", "gɡց", "hһнհ", "iіıιl1|ӏ!", "jј", "kкκ", "mм", "nոпη",
		"oоοօ0σ", "pрρ", "qԛզ", "rгᴦ", "sѕꜱ5$", "tтτ", "uսυц", "vѵν", "wԝѡω", "xхχ×", "yуүγ", "zᴢ2",
	} {
		if strings.ContainsRune(alike, r) {
			first, _ := utf8.DecodeRuneInString(alike)
			return first
		}
	}
	return r
}
