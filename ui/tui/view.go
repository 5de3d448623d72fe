package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

const (
	// wide is the width from which the lists are beside the timeline.
	wide = 80
	// smallest window that is drawn.
	minWidth, minHeight = 20, 6
	// maxInputRows is how tall the input grows.
	maxInputRows = 6
)

// columns are the widths of the three columns; of a folded one, 0.
type columns struct{ convs, timeline, members int }

func (m *model) columns() columns {
	c := columns{timeline: m.width}
	if m.width < wide {
		return c
	}
	if !m.hideConvs {
		c.convs = min(26, max(14, m.width/6))
		c.timeline -= c.convs + 1
	}
	if !m.hideMembers && m.cur != nil && !m.cur.ID.IsDirect() {
		c.members = min(22, max(12, m.width/7))
		c.timeline -= c.members + 1
	}
	return c
}

// A frame is how the window is divided.
type frame struct {
	columns
	height int // of the timeline
	input  int // rows of the input
}

func (m *model) frame() frame {
	rows, _, _ := m.input.view(m.prompt(), m.width, m.inputLimit())
	return frame{columns: m.columns(), input: len(rows), height: max(1, m.height-2-len(rows))}
}

func (m *model) inputLimit() int { return max(1, min(maxInputRows, m.height/3)) }

// View composes a frame.
func (m *model) View() tea.View {
	v := tea.View{AltScreen: true, ReportFocus: true}
	if m.width < minWidth || m.height < minHeight {
		v.Content = m.meter.fit("too small", m.width)
		return v
	}
	input, x, y := m.input.view(m.prompt(), m.width, m.inputLimit())
	f := frame{columns: m.columns(), input: len(input), height: max(1, m.height-2-len(input))}
	lines := make([]string, 0, m.height)
	lines = append(lines, m.topBar())
	if m.dialog != nil {
		lines = append(lines, m.dialogRows(f.height)...)
	} else {
		lines = append(lines, m.bodyRows(f)...)
	}
	lines = append(lines, m.statusBar())
	lines = append(lines, input...)
	v.Content = strings.Join(lines, "\n")
	if m.ask == nil && (m.dialog == nil || m.mode.kind == modeName) {
		v.Cursor = tea.NewCursor(x, m.height-len(input)+y)
		v.Cursor.Blink = false
	}
	return v
}

// bodyRows are the three columns beside each other.
func (m *model) bodyRows(f frame) []string {
	var convs, members []row
	if f.convs > 0 {
		convs = m.conversationRows(f.convs, f.height)
	}
	if f.members > 0 {
		members = m.memberRows(m.cur, f.members, f.height)
	}
	middle := m.timelineRows(f)
	line := m.theme.dim.Styled("│")
	out := make([]string, f.height)
	var b strings.Builder
	for i := range out {
		b.Reset()
		if f.convs > 0 {
			put(&b, convs, i, f.convs)
			b.WriteString(line)
		}
		put(&b, middle, i, f.timeline)
		if f.members > 0 {
			b.WriteString(line)
			put(&b, members, i, f.members)
		}
		out[i] = strings.TrimRight(b.String(), " ")
	}
	return out
}

// put writes row i of rows in exactly width cells.
func put(b *strings.Builder, rows []row, i, width int) {
	n := 0
	if i < len(rows) {
		b.WriteString(rows[i].text)
		n = rows[i].cells
	}
	b.WriteString(blank(width - n))
}

// timelineRows is the timeline, its end at the bottom.
func (m *model) timelineRows(f frame) []row {
	c := m.cur
	if c == nil {
		return m.welcomeRows(f)
	}
	rows := m.pane(c).rows(c.at, f.height)
	if queued := m.queuedRows(c, f.height); len(queued) > 0 {
		rows = append(rows, queued...)
		rows = rows[max(0, len(rows)-f.height):]
	}
	extra := m.alone(c, f)
	if extra == nil {
		extra = m.silence(c)
	}
	if len(extra) > 0 && !c.at.held {
		rows = append(rows, extra...)
		rows = rows[max(0, len(rows)-f.height):]
	}
	if pad := f.height - len(rows); pad > 0 {
		rows = append(make([]row, pad), rows...)
		if !c.loaded {
			rows[0] = m.look().dim("reading the history ...")
		}
	}
	return rows
}

// topBar is the title and the topic of the conversation.
func (m *model) topBar() string {
	c := m.cur
	if c == nil {
		return m.theme.bar.Styled(m.meter.fit(" p2pchat", m.width))
	}
	s := " " + m.title(c)
	if c.ID.IsDirect() && m.contactOf[c.ID.Peer].Verified {
		s += " (verified)"
	}
	switch {
	case !c.Topic.Empty():
		s += " - " + c.Topic.Line()
	case c.ended != "":
		s += " - " + c.ended
	case c.ID.IsDirect() && !m.here(c):
		s += " - not connected"
	}
	return m.theme.bar.Styled(m.meter.fit(s, m.width))
}

// prompt stands before the input.
func (m *model) prompt() string {
	switch m.mode.kind {
	case modeName:
		return "your name> "
	case modeSearch:
		return "search> "
	case modeReply, modeEdit, modeReact:
		return m.mode.kind.verb() + m.targetName() + "> "
	}
	if m.cur == nil {
		return "> "
	}
	return m.title(m.cur) + "> "
}

// targetName is whom a mode is about.
func (m *model) targetName() string {
	if m.mode.kind == modeEdit || m.cur == nil {
		return ""
	}
	if e := m.cur.t.byID[m.mode.target]; e != nil {
		return " " + m.names.Show(e.Author, e.Nick)
	}
	return ""
}
