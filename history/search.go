package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxWords is how many words one search may have, and maxWordsLength how many
	// bytes they may have together.
	maxWords       = 32
	maxWordsLength = 1024
)

// ErrNoWords means that a search names no word: letters or digits.
var ErrNoWords = errors.New("no word to search for")

// A Search asks for messages with certain words. Upper and lower case, and
// accents of Latin letters, do not count.
type Search struct {
	// Words must all occur, each as a whole; the last may end in '*' and then is
	// the beginning of one. At most 32 words and 1,024 bytes.
	Words string
	// In are the conversations looked into. If empty, all.
	In []chat.ConversationID
	// From is whose messages are looked at. If zero, everybody's.
	From chat.PeerID
	// Since and Until, where they are not zero, bound the messages' time, Until
	// not included.
	Since, Until time.Time
	// Before, if it is not zero, has the search go on behind its last entry.
	Before Place
	// Limit is how many entries are returned at most: 1,000, or, if zero, 100.
	Limit int
}

// wants tells whether an entry is one of those looked at.
func (s Search) wants(e Entry) bool {
	return (s.From.IsZero() || e.Author == s.From) &&
		(s.Since.IsZero() || e.Time >= chat.TimeOf(s.Since)) &&
		(s.Until.IsZero() || e.Time < chat.TimeOf(s.Until)) &&
		(s.Before == Place{} || e.Compare(s.Before) < 0) &&
		(len(s.In) == 0 || slices.Contains(s.In, e.Conversation))
}

// A term is one word of a search, as the person wrote it. "it's" is two tokens
// that must follow each other.
type term struct {
	word   string
	tokens []string
	prefix bool // the last token may go on
}

// terms takes the words of a search apart.
func terms(words string) ([]term, error) {
	if len(words) > maxWordsLength {
		return nil, fmt.Errorf("%w: %d bytes to search for, and at most %d are allowed", chat.ErrTooLong, len(words), maxWordsLength)
	}
	fields := strings.FieldsFunc(words, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	var out []term
	for i, w := range fields {
		t := term{word: w}
		if i == len(fields)-1 {
			t.word, t.prefix = strings.CutSuffix(w, "*")
		}
		if t.tokens = tokens(t.word); len(t.tokens) > 0 {
			out = append(out, t)
		}
	}
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("%w in %q", ErrNoWords, chat.SafeString(words))
	case len(out) > maxWords:
		return nil, fmt.Errorf("%w: %d words to search for, and at most %d are allowed", chat.ErrTooLong, len(out), maxWords)
	}
	return out, nil
}

// tokens are the words in s as the index has them: runs of letters and digits,
// in lower case and without accents. It follows FTS5's unicode61 tokenizer with
// remove_diacritics.
func tokens(s string) []string {
	folded := strings.Map(func(r rune) rune {
		if r >= 0x300 && r <= 0x331 { // combining accents
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
	return strings.FieldsFunc(folded, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N, unicode.Co)
	})
}

// in reports whether the term occurs in a text with those tokens.
func (t term) in(text []string) bool {
	for i := 0; i+len(t.tokens) <= len(text); i++ {
		last := len(t.tokens) - 1
		if slices.Equal(t.tokens[:last], text[i:i+last]) &&
			(t.tokens[last] == text[i+last] || t.prefix && strings.HasPrefix(text[i+last], t.tokens[last])) {
			return true
		}
	}
	return false
}

// match is the query in FTS5's language. Each word is a string there, so nothing
// a person writes is syntax.
func match(terms []term) string {
	var b strings.Builder
	for _, t := range terms {
		fmt.Fprintf(&b, `"%s" `, strings.ReplaceAll(t.word, `"`, `""`))
		if t.prefix {
			b.WriteString("*")
		}
	}
	return b.String()
}
