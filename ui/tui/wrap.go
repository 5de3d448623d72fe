package tui

import "strings"

// A row is one line of the screen, or of a part of it. Its text may hold escape
// sequences of our own; cells is what it takes without them.
type row struct {
	text  string
	cells int
}

// minWrap is the narrowest column that text is wrapped into: each character fits.
const minWrap = maxCluster

// wrap breaks safe text into rows: at its newlines, between words, and where a
// word is too long within it, but never within a character. The first row may
// have other cells than the rest; it stays empty if nothing fits. At most limit rows come back, and how many
// bytes of s they leave out.
func (mt meter) wrap(s string, first, rest, limit int) (rows []row, left int) {
	rest = max(rest, minWrap)
	s = mt.tame(s)
	for {
		line, tail, more := strings.Cut(s, "\n")
		var over int
		rows, over = mt.wrapLine(rows, line, first, rest, limit)
		if over > 0 || len(rows) == limit && more {
			return rows, over + len(tail)
		}
		if !more {
			return rows, 0
		}
		s, first = tail, rest
	}
}

// wrapLine appends the rows of one line, and says how many bytes did not fit
// into limit rows.
func (mt meter) wrapLine(rows []row, s string, width, rest, limit int) ([]row, int) {
	start, cells := 0, 0       // of the row under way
	brk, brkCells := 0, 0      // the last place in it to break at
	emit := func(end, n int) { // without the spaces at its end
		text := strings.TrimRight(s[start:end], " ")
		rows = append(rows, row{text, n - (end - start - len(text))})
		width = rest
	}
	for i := 0; i < len(s); {
		cluster, w := mt.first(s[i:])
		if cells+w > width && (cells > 0 || width < rest) {
			if len(rows)+1 == limit {
				emit(i, cells)
				return rows, len(s) - i
			}
			switch {
			case cluster == " ":
				emit(i, cells)
				i++
			case brk > start:
				emit(brk, brkCells)
				i = brk
			default:
				emit(i, cells)
			}
			start, cells = i, 0 // the next row may be narrower: measured anew
			continue
		}
		i += len(cluster)
		cells += w
		if cluster == " " || w > 1 { // ideographs break anywhere
			brk, brkCells = i, cells
		}
	}
	emit(len(s), cells)
	return rows, 0
}
