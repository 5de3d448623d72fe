package tui

import (
	"slices"
	"strings"
	"unicode"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxInput is how many bytes the input holds: as many as one message may have.
	maxInput = chat.MaxText
	// maxRecalled is how many lines are remembered for each conversation.
	maxRecalled = 100
)

// An editor is a text being written, of one or more lines, with the cursor in it.
// It counts in characters as a person sees them, so that an emoji of several code
// points is one. The zero value is empty.
type editor struct {
	meter
	text []string // its characters
	cur  int
	cut  string // what was cut last
}

// String is the text.
func (ed *editor) String() string { return strings.Join(ed.text, "") }

func (ed *editor) empty() bool { return len(ed.text) == 0 }

// set replaces the text; the cursor goes to its end.
func (ed *editor) set(s string) {
	ed.text, ed.cur = nil, 0
	ed.insert(s)
}

// insert writes s at the cursor. Control characters but newlines and tabs are
// left out: no key writes them, and pasted ones are not meant. It reports false
// if that would be more than a message can hold.
func (ed *editor) insert(s string) bool {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, ""))
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	before, after := strings.Join(ed.text[:ed.cur], ""), strings.Join(ed.text[ed.cur:], "")
	if len(before)+len(s)+len(after) > maxInput {
		return false
	}
	// What is written may join with what is around: a mark with its letter.
	ed.text = ed.split(before + s)
	ed.cur = len(ed.text)
	ed.text = append(ed.text, ed.split(after)...)
	return true
}

// split cuts s into characters.
func (ed *editor) split(s string) (out []string) {
	for s != "" {
		c, _ := ed.first(s)
		out = append(out, c)
		s = s[len(c):]
	}
	return out
}

func (ed *editor) left()  { ed.cur = max(0, ed.cur-1) }
func (ed *editor) right() { ed.cur = min(len(ed.text), ed.cur+1) }

// lineStart and lineEnd are those of the cursor's line.
func (ed *editor) lineStart() int {
	i := ed.cur
	for i > 0 && ed.text[i-1] != "\n" {
		i--
	}
	return i
}

func (ed *editor) lineEnd() int {
	i := ed.cur
	for i < len(ed.text) && ed.text[i] != "\n" {
		i++
	}
	return i
}

// wordLeft and wordRight are the beginning of the word before the cursor, and the
// end of the one after it.
func (ed *editor) wordLeft() int {
	i := ed.cur
	for i > 0 && !inWord(ed.text[i-1]) {
		i--
	}
	for i > 0 && inWord(ed.text[i-1]) {
		i--
	}
	return i
}

func (ed *editor) wordRight() int {
	i := ed.cur
	for i < len(ed.text) && !inWord(ed.text[i]) {
		i++
	}
	for i < len(ed.text) && inWord(ed.text[i]) {
		i++
	}
	return i
}

func inWord(c string) bool { return c != " " && c != "\n" && c != "\t" }

// remove takes out the characters between two places, one of them the cursor.
func (ed *editor) remove(from, to int, keep bool) {
	if from == to {
		return
	}
	if keep {
		ed.cut = strings.Join(ed.text[from:to], "")
	}
	ed.text = slices.Delete(ed.text, from, to)
	ed.cur = from
}

// vertical moves the cursor a line up (-1) or down (1), and reports false if
// there is none.
func (ed *editor) vertical(by int) bool {
	start := ed.lineStart()
	col := ed.cur - start
	to := start - 1 // the end of the line above
	if by > 0 {
		to = ed.lineEnd() + 1 // the beginning of the line below
	}
	if to < 0 || to > len(ed.text) {
		return false
	}
	ed.cur = to
	start = ed.lineStart()
	ed.cur = min(start+col, ed.lineEnd())
	return true
}

// key does what an editing key says, and reports false if it is none.
func (ed *editor) key(k string) bool {
	switch k {
	case "left", "ctrl+b":
		ed.left()
	case "right", "ctrl+f":
		ed.right()
	case "home", "ctrl+a":
		ed.cur = ed.lineStart()
	case "end", "ctrl+e":
		ed.cur = ed.lineEnd()
	case "alt+b", "alt+left", "ctrl+left":
		ed.cur = ed.wordLeft()
	case "alt+f", "alt+right", "ctrl+right":
		ed.cur = ed.wordRight()
	case "backspace", "ctrl+h":
		ed.remove(max(0, ed.cur-1), ed.cur, false)
	case "delete", "ctrl+d":
		at := ed.cur
		ed.remove(at, min(len(ed.text), at+1), false)
	case "ctrl+w", "alt+backspace":
		ed.remove(ed.wordLeft(), ed.cur, true)
	case "alt+d":
		at := ed.cur
		ed.remove(at, ed.wordRight(), true)
	case "ctrl+u":
		ed.remove(ed.lineStart(), ed.cur, true)
	case "ctrl+k":
		at := ed.cur
		ed.remove(at, ed.lineEnd(), true)
	case "ctrl+y":
		ed.insert(ed.cut)
	default:
		return false
	}
	return true
}

// view is the rows of the input in width cells, of which at most n around the
// cursor are shown, and where the cursor is in them. prompt stands before it.
func (ed *editor) view(prompt string, width, n int) (rows []string, x, y int) {
	width = max(width, minWrap)
	prompt, col := ed.meter.cut(prompt, width/2)
	line := prompt
	emit := func() { rows, line, col = append(rows, line), "", 0 }
	for i, c := range ed.text {
		shown, w := shownAs(ed.meter, c)
		if col+w > width || c != "\n" && col >= width {
			emit()
		}
		if i == ed.cur {
			x, y = col, len(rows)
		}
		if c == "\n" {
			emit()
			continue
		}
		line += shown
		col += w
	}
	if ed.cur == len(ed.text) {
		if col >= width {
			emit()
		}
		x, y = col, len(rows)
	}
	rows = append(rows, line)
	if len(rows) > n {
		from := min(max(0, y-n+1), len(rows)-n)
		rows, y = rows[from:from+n], y-from
	}
	return rows, min(x, width-1), y
}

// shownAs is how a character of the input is shown: one that could mislead or
// steer is a mark.
func shownAs(mt meter, c string) (string, int) {
	switch {
	case c == "\n":
		return "", 0
	case c == "\t":
		return " ", 1
	case ascii(c):
		return c, len(c)
	}
	if safe := chat.SafeString(c); safe != c {
		return "·", 1
	}
	_, w := mt.first(c)
	if w > maxCluster {
		return "·", 1
	}
	return c, w
}

// A recalled is what was written in a conversation before.
type recalled struct {
	lines []string
	at    int    // how many back the person is
	draft string // what was there before
}

// add remembers a line.
func (r *recalled) add(s string) {
	r.at = 0
	if s == "" || len(r.lines) > 0 && r.lines[len(r.lines)-1] == s {
		return
	}
	if r.lines = append(r.lines, s); len(r.lines) > maxRecalled {
		r.lines = slices.Delete(r.lines, 0, 1)
	}
}

// back is the line before the one now shown.
func (r *recalled) back(now string) (string, bool) {
	if r.at == len(r.lines) {
		return "", false
	}
	if r.at == 0 {
		r.draft = now
	}
	r.at++
	return r.lines[len(r.lines)-r.at], true
}

// forth is the line after it.
func (r *recalled) forth() (string, bool) {
	switch r.at {
	case 0:
		return "", false
	case 1:
		r.at = 0
		return r.draft, true
	}
	r.at--
	return r.lines[len(r.lines)-r.at], true
}
