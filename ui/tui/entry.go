package tui

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

const (
	// maxRows is how many rows of one message the timeline shows; its details show
	// all.
	maxRows = 40
	// maxReactions is how many different reactions to a message are shown.
	maxReactions = 12
	// maxQuote is how many cells of a message are quoted above an answer to it.
	maxQuote = 60
	// narrow is the width below which names have no column of their own.
	narrow = 48
	// timeCells is "15:04 ".
	timeCells = 6
	// indent stands before all but the first row of a message in a narrow window.
	indent = "| "
	// newerKind stands for what this version cannot show.
	newerKind = "(made by a newer version of p2pchat)"
)

// A look says how entries become rows.
type look struct {
	meter
	width   int // of the timeline, in cells
	names   *names.Names
	theme   *theme
	zone    *time.Location
	version int // of names and theme
}

// A layout is an entry's rows, for one look.
type layout struct {
	rows                []row
	width, gen, version int
	method              ansi.Method
}

// gutter is the width of the column for names.
func (l *look) gutter() int { return max(names.MinCells, min(14, l.width/6)) }

// rows are the rows of e below its date, wrapped once for each look.
func (e *entry) rows(l *look, t *timeline) []row {
	if k := &e.laid; k.rows != nil && k.width == l.width && k.gen == t.generation && k.version == l.version && k.method == l.method {
		return k.rows
	}
	e.laid = layout{l.lay(e, t), l.width, t.generation, l.version, l.method}
	return e.laid.rows
}

// lay makes the rows of an entry.
func (l *look) lay(e *entry, t *timeline) []row {
	clock := e.Time.In(l.zone).Format("15:04")
	var rows []row
	if e.Gap {
		rows = append(rows, l.aside("-", "something said before this is missing"))
	}
	if e.Kind == chat.KindReply && !e.Deleted {
		rows = append(rows, l.aside("┌", l.quote(t.byID[e.Target])))
	}
	head, rest := l.head(e, clock)
	body, left := l.wrap(l.words(e), l.width-head.cells, l.width-rest.cells, maxRows)
	for i, b := range body {
		lead := rest
		if i == 0 {
			lead = head
		}
		if e.special() {
			b.text = l.theme.dim.Styled(b.text)
		}
		rows = append(rows, row{lead.text + b.text, lead.cells + b.cells})
	}
	if left > 0 {
		rows = append(rows, l.aside("+", fmt.Sprintf("%d more bytes: Ctrl+O, Enter shows all", left)))
	}
	if state := l.state(e); state != "" {
		rows = append(rows, l.aside("+", state))
	}
	return rows
}

// special reports whether e's words are ours, not its author's.
func (e *entry) special() bool {
	return e.Deleted || !e.Kind.Known() || e.Kind == chat.KindTopic
}

// head is what stands before the first row of e, and before its others. What it
// has between name and words no author can write there: '|' before words of the
// author's, '!' where they name the person, '*' before an action, '-' before ours.
func (l *look) head(e *entry, clock string) (head, rest row) {
	style := l.theme.nick(e.Author)
	if e.Mine || e.mention {
		style = style.Bold()
	}
	cells := l.gutter()
	name := l.names.Fit(ruler{l.meter}, e.Author, e.Nick, cells)
	if l.width < narrow {
		switch {
		case e.special():
			name = "- " + name + " "
		case e.Kind == chat.KindAction:
			name = "* " + name + " "
		case e.mention:
			name += "! "
		default:
			name += ": "
		}
		return row{l.theme.dim.Styled(clock) + " " + style.Styled(name), timeCells + l.meter.width(name)},
			row{l.theme.dim.Styled(indent), len(indent)}
	}
	sep := " | "
	switch {
	case e.special():
		sep = " - "
	case e.Kind == chat.KindAction:
		sep = " * "
	case e.mention:
		sep = " ! "
	}
	name = l.fitRight(name, cells)
	n := timeCells + cells + len(sep)
	return row{l.theme.dim.Styled(clock) + " " + style.Styled(name) + l.theme.dim.Styled(sep), n},
		row{blank(n-2) + l.theme.dim.Styled(indent), n}
}

// words is what an entry says, with the mark of its delivery.
func (l *look) words(e *entry) string {
	s := l.said(e, false)
	if mark := deliveryMark(e); mark != "" {
		s += " " + mark
	}
	return s
}

// said is what an entry says: the safe text of its author or, where special, our
// words.
func (l *look) said(e *entry, line bool) string {
	switch {
	case e.Deleted:
		return "(deleted)"
	case e.Kind == chat.KindTopic && e.Text.Empty():
		return "cleared the topic"
	case e.Kind == chat.KindTopic:
		return "set the topic: " + e.Text.Line()
	case !e.Kind.Known():
		return newerKind
	case line || e.Kind == chat.KindAction:
		return e.Text.Line()
	default:
		return e.Text.Safe()
	}
}

// quote is the beginning of what is answered.
func (l *look) quote(e *entry) string {
	if e == nil {
		return "an earlier message"
	}
	s, _ := l.cut(l.said(e, true), maxQuote)
	return l.names.Show(e.Author, e.Nick) + ": " + s
}

// state is what later messages made of e.
func (l *look) state(e *entry) string {
	var words []string
	if e.Edited {
		words = append(words, "edited")
	}
	for i, r := range e.Reactions {
		if i == maxReactions {
			words = append(words, fmt.Sprintf("and %d more", len(e.Reactions)-i))
			break
		}
		words = append(words, fmt.Sprintf("%s %d", cmp.Or(strings.TrimSpace(r.Text.Line()), "?"), len(r.By)))
	}
	if e.delivery.State == chat.Failed {
		words = append(words, "not delivered: "+chat.SafeString(e.delivery.Reason))
	}
	return strings.Join(words, ", ")
}

// deliveryMark says how far an own message got. Of one that was always here, as
// those of the history, nothing is known.
func deliveryMark(e *entry) string {
	if !e.Mine || e.Deleted {
		return ""
	}
	switch d := e.delivery; d.State {
	case chat.Queued:
		return "[queued]"
	case chat.Sent:
		return "[sent]"
	case chat.Held:
		if d.Conversation.IsDirect() || d.Members == 0 { // or of an earlier run
			return "[held]"
		}
		return fmt.Sprintf("[held\u00a0%d/%d]", d.HeldBy, d.Members) // is not broken there
	case chat.Read:
		return "[read]"
	case chat.Failed:
		return "[failed]"
	}
	return ""
}

// aside is a row of our own words about a message, in line with its text.
func (l *look) aside(mark, s string) row {
	if l.width < narrow {
		return l.dim(blank(timeCells) + mark + " " + s)
	}
	return l.dim(blank(timeCells+l.gutter()+1) + mark + " " + s)
}

// dim is a row of our own words, cut to the width.
func (l *look) dim(s string) row {
	s, n := l.cut(s, l.width)
	return row{l.theme.dim.Styled(s), n}
}

// dateRow is the line above the first message of a day.
func (l *look) dateRow(at time.Time) row {
	return l.rule(at.In(l.zone).Format("Monday, 2 January 2006"))
}

// rule is a line across the timeline with words in it.
func (l *look) rule(words string) row {
	words, n := l.cut("── "+words+" ", l.width)
	return row{l.theme.dim.Styled(words + strings.Repeat("─", max(0, l.width-n))), max(n, l.width)}
}

// sameDay reports whether two times are on one day, as the person sees it.
func sameDay(a, b time.Time, zone *time.Location) bool {
	ya, ma, da := a.In(zone).Date()
	yb, mb, db := b.In(zone).Date()
	return da == db && ma == mb && ya == yb
}
