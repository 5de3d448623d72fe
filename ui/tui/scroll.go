package tui

import (
	"slices"

	"github.com/charmbracelet/x/ansi"

	"github.com/p2pchat/p2pchat/chat"
)

// A scroll is what part of a timeline is shown. It holds on to a message, so that
// what the person reads stays where it is, whatever comes or goes around it. The
// zero value follows the newest message.
type scroll struct {
	// held is set if the last row shown is row line of the message at at, counted
	// with the lines above it; else it is the newest one there is.
	held bool
	at   chat.Place
	line int
}

// A pane shows a timeline. Each of its methods costs as much as the rows it
// passes, whatever the history.
type pane struct {
	look   *look
	t      *timeline
	unread chat.Place     // the line for unread messages is after this place, if not zero
	pick   chat.MessageID // the message picked, or found, if any
}

// above is how many lines of ours are above entry i: its date, the unread line.
func (p *pane) above(i int) (date, unread bool) {
	e := p.t.entries[i]
	date = i == 0 || !sameDay(p.t.entries[i-1].Time, e.Time, p.look.zone)
	if p.unread == (chat.Place{}) || e.at.Compare(p.unread) <= 0 {
		return date, false
	}
	return date, i == 0 && !p.t.older || i > 0 && p.t.entries[i-1].at.Compare(p.unread) <= 0
}

// height is how many rows entry i takes, with the lines above it.
func (p *pane) height(i int) int {
	n := len(p.t.entries[i].rows(p.look, p.t))
	date, unread := p.above(i)
	if date {
		n++
	}
	if unread {
		n++
	}
	return n
}

// block is entry i's rows, with the lines above it.
func (p *pane) block(i int) []row {
	e := p.t.entries[i]
	rows := e.rows(p.look, p.t)
	date, unread := p.above(i)
	picked := e.ID == p.pick && p.pick != (chat.MessageID{})
	if !date && !unread && !picked {
		return rows
	}
	var out []row
	if date {
		out = append(out, p.look.dateRow(e.Time))
	}
	if unread {
		r := p.look.rule("unread")
		out = append(out, row{p.look.theme.alert.Styled(ansi.Strip(r.text)), r.cells})
	}
	if picked {
		rows = slices.Clone(rows)
		for j := range rows {
			rows[j].text = p.look.theme.hit.Styled(p.look.fit(ansi.Strip(rows[j].text), p.look.width))
			rows[j].cells = p.look.width
		}
	}
	return append(out, rows...)
}

// bottom is the row that s has at the end of the pane: an entry and a row of it.
func (p *pane) bottom(s scroll) (i, line int) {
	i = len(p.t.entries) - 1
	if s.held {
		if j := p.t.index(s.at); j <= i {
			return j, min(s.line, p.height(j)-1)
		}
	}
	return i, p.height(i) - 1
}

// rows are the at most n rows that are shown, from top to bottom.
func (p *pane) rows(s scroll, n int) []row {
	if len(p.t.entries) == 0 || n <= 0 {
		return nil
	}
	i, line := p.bottom(s)
	out := make([]row, 0, n)
	for j, l := i, line; j >= 0 && len(out) < n; j-- {
		b := p.block(j)
		if j < i {
			l = len(b) - 1
		}
		for ; l >= 0 && len(out) < n; l-- {
			out = append(out, b[l])
		}
	}
	slices.Reverse(out)
	for j, l := i, line+1; j < len(p.t.entries) && len(out) < n; j, l = j+1, 0 {
		b := p.block(j)
		for ; l < len(b) && len(out) < n; l++ {
			out = append(out, b[l])
		}
	}
	return out
}

// up is s moved n rows towards the oldest message, where n of height stay full.
func (p *pane) up(s scroll, n, height int) scroll {
	if len(p.t.entries) == 0 {
		return s
	}
	i, line := p.bottom(s)
	i, line, _ = p.back(i, line, n)
	if _, _, room := p.back(i, line, height-1); room < height-1 {
		return p.down(p.hold(i, line), height-1-room)
	}
	return p.hold(i, line)
}

// back is the row n above, and how many rows it really is.
func (p *pane) back(i, line, n int) (int, int, int) {
	moved := 0
	for moved < n {
		if step := min(n-moved, line); step > 0 {
			line -= step
			moved += step
			continue
		}
		if i == 0 {
			break
		}
		i--
		line = p.height(i) - 1
		moved++
	}
	return i, line, moved
}

// down is s moved n rows towards the newest message, which it follows once there.
func (p *pane) down(s scroll, n int) scroll {
	if len(p.t.entries) == 0 {
		return s
	}
	i, line := p.bottom(s)
	for n > 0 {
		if step := min(n, p.height(i)-1-line); step > 0 {
			line += step
			n -= step
			continue
		}
		if i == len(p.t.entries)-1 {
			break
		}
		i, line = i+1, 0
		n--
	}
	return p.hold(i, line)
}

// hold is the scroll with its last row there.
func (p *pane) hold(i, line int) scroll {
	if i == len(p.t.entries)-1 && line == p.height(i)-1 && !p.t.newer {
		return scroll{}
	}
	return scroll{held: true, at: p.t.entries[i].at, line: line}
}

// show is s moved as little as it must so that entry i is shown whole, or its end.
func (p *pane) show(s scroll, i, height int) scroll {
	b, line := p.bottom(s)
	if i > b || i == b && line < p.height(i)-1 {
		return p.hold(i, p.height(i)-1)
	}
	rows := line + 1 // from the top of entry b to the bottom
	for j := b - 1; j >= i && rows <= height; j-- {
		rows += p.height(j)
	}
	if rows <= height {
		return s
	}
	// Its top becomes the first row.
	return p.down(p.hold(i, 0), height-1)
}

// below is how many messages are below what s shows.
func (p *pane) below(s scroll) int {
	if !s.held || len(p.t.entries) == 0 {
		return p.t.beyond
	}
	i, _ := p.bottom(s)
	return len(p.t.entries) - 1 - i + p.t.beyond
}

// first is the index of the first entry shown, or 0.
func (p *pane) first(s scroll, height int) int {
	if len(p.t.entries) == 0 {
		return 0
	}
	i, line := p.bottom(s)
	i, _, _ = p.back(i, line, height-1)
	return i
}
