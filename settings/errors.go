package settings

import (
	"errors"
	"slices"
	"strings"

	"github.com/p2pchat/p2pchat/chat"
)

var (
	errOneValue = errors.New("takes one value")
	errEmpty    = hinted{errors.New("is empty"), "give it a value, or leave it out"}
)

// An Error is a setting that cannot be used, or a file of such. It is the user's
// slip: a matter of usage.
type Error struct {
	Origin Origin
	// Key is the setting concerned; empty if it is the file as a whole.
	Key string
	// Hint says what to do; it may be empty.
	Hint string
	// Err is what is wrong.
	Err error
}

// Error is one line, safe to be shown, with the hint at its end.
func (e *Error) Error() string {
	line := e.Origin.String() + ": "
	if e.Key != "" && e.Origin.From != FromFlag { // which says it already
		line += e.Key + ": "
	}
	line += e.Err.Error()
	if e.Hint != "" {
		line += " (hint: " + e.Hint + ")"
	}
	return chat.SafeString(line)
}

// Unwrap is what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// A hinted error brings its hint along.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func newError(origin Origin, key string, err error) error {
	e := &Error{Origin: origin, Key: key, Err: err}
	if h, ok := errors.AsType[hinted](err); ok {
		e.Hint = h.hint
	}
	return e
}

var errUnknown = errors.New("there is no such setting")

// unknownKey is the error for a key that is none of all.
func unknownKey(all []key, origin Origin, name string) error {
	var names []string
	for _, k := range all {
		names = append(names, k.name)
	}
	var hint string
	section, last, _ := cutLast(name)
	switch near := nearest(name, names); {
	case section != "" && slices.Contains(names, last):
		hint = "put " + last + " above the line [" + section + "]"
	case near != "":
		hint = "did you mean " + near + "?"
	default:
		hint = "the settings are " + strings.Join(names, ", ")
	}
	return newError(origin, clip(name), hinted{errUnknown, hint})
}

// cutLast cuts a dotted name before its last part.
func cutLast(name string) (before, last string, found bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// clip shortens what a message quotes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// nearest is the name that s was perhaps meant to be, or empty.
func nearest(s string, names []string) string {
	s = clip(strings.ReplaceAll(strings.ToLower(s), "-", "_"))
	best, least := "", max(2, len(s)/3)+1
	for _, n := range names {
		_, last, _ := cutLast(n)
		d := min(distance(s, n), distance(s, last))
		// As in no_mdns: the flags are called so.
		if d > 1 && strings.TrimPrefix(s, "no_") == n {
			d = 1
		}
		if d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is how many letters must be changed, added or dropped, or swapped with
// the next one, to make a of b (optimal string alignment).
func distance(a, b string) int {
	var before, above, row []int
	for j := range len(b) + 1 {
		row = append(row, j)
	}
	for i := range len(a) {
		before, above, row = above, row, []int{i + 1}
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row = append(row, d)
		}
	}
	return row[len(b)]
}
