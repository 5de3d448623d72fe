package tui

import (
	tea "charm.land/bubbletea/v2"
)

// A dialog stands where the timeline is, until the person closes it.
type dialog interface {
	// key does what a key says, and reports whether the dialog is to be closed.
	key(m *model, k string) (cmd tea.Cmd, closed bool)
	// rows are at most height rows of width cells.
	rows(m *model, width, height int) []row
	// title is the first row.
	title() string
	// keys explain the keys, on the last row.
	keys() string
}

// dialogRows draws the dialog in height rows.
func (m *model) dialogRows(height int) []string {
	l := &look{meter: m.meter, width: m.width, theme: &m.theme, zone: m.cfg.zone()}
	rows := []row{l.rule(m.dialog.title())}
	body := height - 2
	rows = append(rows, m.dialog.rows(m, m.width, body)...)
	for len(rows) < height-1 {
		rows = append(rows, row{})
	}
	rows = append(rows[:max(1, min(len(rows), height-1))], l.dim(m.dialog.keys()))
	out := make([]string, 0, height)
	for _, r := range rows[:min(len(rows), height)] {
		out = append(out, r.text)
	}
	return out
}

// A reading is a dialog of text to read.
type reading struct {
	name string
	text []string // safe, a paragraph each
	top  int
	tall int // rows at the last look, to know the end
}

func (r *reading) title() string { return r.name }
func (r *reading) keys() string  { return "Up Down PgUp PgDn scroll, Esc closes" }

func (r *reading) key(_ *model, k string) (tea.Cmd, bool) {
	switch k {
	case "up", "k":
		r.top--
	case "down", "j":
		r.top++
	case "pgup":
		r.top -= 10
	case "pgdown", "space":
		r.top += 10
	case "home":
		r.top = 0
	case "end":
		r.top = r.tall
	default:
		return nil, closes(k)
	}
	return nil, false
}

// closes reports whether a key closes any dialog.
func closes(k string) bool {
	return k == "esc" || k == "q" || k == "ctrl+c" || k == "enter" || k == "f1"
}

// maxReading is how many rows of a text are laid out.
const maxReading = 5000

func (r *reading) rows(m *model, width, height int) []row {
	var all []row
	for _, p := range r.text {
		lines, _ := m.meter.wrap(p, width, width-2, maxReading)
		for i, line := range lines {
			if i > 0 {
				line = row{"  " + line.text, line.cells + 2}
			}
			all = append(all, line)
		}
	}
	r.tall = len(all)
	r.top = max(0, min(r.top, len(all)-height))
	return all[r.top:min(len(all), r.top+max(0, height))]
}

// An item is one line of a list.
type item struct {
	text  string // safe
	value any    // what it stands for
}

// A list is a dialog to choose from.
type list struct {
	name, help string
	items      []item
	empty      string // shown if there are none
	at         int
	// act does what a key says about an item, and reports whether the list is to
	// be closed.
	act func(m *model, k string, value any) (tea.Cmd, bool)
}

func (l *list) title() string { return l.name }
func (l *list) keys() string  { return l.help + ", Esc closes" }

func (l *list) key(m *model, k string) (tea.Cmd, bool) {
	switch k {
	case "up", "k", "ctrl+p":
		l.at--
	case "down", "j", "ctrl+n":
		l.at++
	case "pgup":
		l.at -= 10
	case "pgdown":
		l.at += 10
	case "home":
		l.at = 0
	case "end":
		l.at = len(l.items) - 1
	case "esc", "q", "ctrl+c":
		return nil, true
	default:
		if l.at < len(l.items) {
			return l.act(m, k, l.items[l.at].value)
		}
		return nil, closes(k)
	}
	l.at = max(0, min(l.at, len(l.items)-1))
	return nil, false
}

func (l *list) rows(m *model, width, height int) []row {
	if len(l.items) == 0 {
		return []row{{m.meter.fit(l.empty, width), width}}
	}
	var out []row
	from := max(0, l.at-height+1)
	for i := from; i < len(l.items) && len(out) < height; i++ {
		mark := "  "
		if i == l.at {
			mark = "> "
		}
		text := m.meter.fit(mark+l.items[i].text, width)
		if i == l.at {
			text = m.theme.bar.Styled(text)
		}
		out = append(out, row{text, width})
	}
	return out
}

// read opens a text to read.
func (m *model) read(title string, text ...string) { m.dialog = &reading{name: title, text: text} }
