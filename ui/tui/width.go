package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A meter measures text in cells of the terminal. Its method must be the one of
// the renderer, which finds out what the terminal does (mode 2027).
type meter struct{ method ansi.Method }

// width is how many cells s takes on one line.
func (mt meter) width(s string) int {
	if ascii(s) {
		return len(s)
	}
	n := 0
	for s != "" {
		cluster, w := mt.first(s)
		n += w
		s = s[len(cluster):]
	}
	return n
}

// first is the first character of s as a person sees it, and its cells.
func (mt meter) first(s string) (cluster string, cells int) {
	if s[0] < 0x80 && (len(s) == 1 || s[1] < 0x80) {
		return s[:1], 1
	}
	return ansi.FirstGraphemeCluster(s, mt.method)
}

// maxCluster is the widest character: a family of four where the terminal draws
// its members one by one. Without it one "character" of a thousand joined ones
// would reach out of its column.
const maxCluster = 8

// tame is s with all wider characters replaced.
func (mt meter) tame(s string) string {
	if ascii(s) {
		return s
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		cluster, w := mt.first(rest)
		rest = rest[len(cluster):]
		if w > maxCluster {
			cluster = "\ufffd"
		}
		b.WriteString(cluster)
	}
	return b.String()
}

// more stands for what was cut off.
const more = "…"

// cut shortens s, one line, to at most limit cells.
func (mt meter) cut(s string, limit int) (string, int) {
	if limit <= 0 {
		return "", 0
	}
	if ascii(s) && len(s) <= limit {
		return s, len(s)
	}
	s = mt.tame(s)
	n, end, endCells := 0, 0, 0
	for rest := s; rest != ""; {
		cluster, w := mt.first(rest)
		if n+w > limit {
			return s[:end] + more, endCells + 1
		}
		n += w
		rest = rest[len(cluster):]
		if n < limit { // there is still a cell for the mark
			end, endCells = len(s)-len(rest), n
		}
	}
	return s, n
}

// fit makes s exactly limit cells wide.
func (mt meter) fit(s string, limit int) string {
	s, n := mt.cut(s, limit)
	return s + blank(limit-n)
}

// fitRight is fit, with s at the right end.
func (mt meter) fitRight(s string, limit int) string {
	s, n := mt.cut(s, limit)
	return blank(limit-n) + s
}

const spaces = "                                                                                "

// blank is n spaces.
func blank(n int) string {
	switch {
	case n <= 0:
		return ""
	case n <= len(spaces):
		return spaces[:n]
	default:
		return strings.Repeat(" ", n)
	}
}

// ascii reports whether every byte of s is printable and takes one cell.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
