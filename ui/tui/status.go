package tui

import (
	"fmt"
	"strings"

	"github.com/p2pchat/p2pchat/chat"
)

// statusBar is the line above the input: what was said last, or how things are.
// What does not fit is left out from the end, so the most important comes first.
func (m *model) statusBar() string {
	if m.ask != nil {
		return m.theme.bar.Styled(m.meter.fit(" "+m.ask.text+" [y/N]", m.width))
	}
	if m.comp.list() {
		return m.theme.bar.Styled(m.meter.fit(" "+m.comp.words(), m.width))
	}
	if m.mode.kind == modeName && !m.quitting && (m.note == "" || m.noteIs != noteAlert) {
		return m.theme.bar.Styled(m.meter.fit(" Choose your name; Enter takes it", m.width))
	}
	left := m.pressing()
	if m.note != "" {
		left = append(left, m.note)
	}
	left = append(left, m.standing()...)
	text := m.meter.fit(" "+strings.Join(left, " | "), m.width)
	if m.gone || m.note != "" && m.noteIs == noteAlert {
		return m.theme.bar.Bold().Styled(text)
	}
	return m.theme.bar.Styled(text)
}

// pressing is what the person should see in any case.
func (m *model) pressing() (out []string) {
	if m.gone {
		out = append(out, "NO NODE, trying again")
	}
	c := m.cur
	if c == nil {
		return out
	}
	switch n := m.pane(c).below(c.at); {
	case c.t.newer:
		out = append(out, fmt.Sprintf("%d+ more below", n))
	case n > 0:
		out = append(out, fmt.Sprintf("%d more below", n))
	}
	if n := c.undelivered() + m.unsaidIn(c.ID); n > 0 {
		out = append(out, fmt.Sprintf("%d not delivered", n))
	}
	if others := m.unreadElsewhere(); others != "" && m.columns().convs == 0 {
		out = append(out, others)
	}
	if n := len(m.requests); n > 0 {
		out = append(out, fmt.Sprintf("%d %s", n, plural(n, "request")))
	}
	return out
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// standing is how things are.
func (m *model) standing() (out []string) {
	out = append(out, m.connection())
	if c := m.cur; c != nil {
		if !c.ID.IsDirect() {
			out = append(out, fmt.Sprintf("%d here", c.others()+1))
		}
		if s := historyWords(c.History); s != "" {
			out = append(out, s)
		}
	}
	return append(out, "F1 help")
}

// connection is how well the node is connected, in a few words.
func (m *model) connection() string {
	up := 0
	for _, s := range m.status.Seeds {
		if s.Connected {
			up++
		}
	}
	var words []string
	switch n := len(m.status.Seeds); {
	case up > 0:
		words = append(words, fmt.Sprintf("%d/%d seeds", up, n))
	case n > 0:
		words = append(words, "no seed")
	case m.status.Peers == 0:
		words = append(words, "alone")
	}
	if n := m.status.Peers; n > 0 {
		s := fmt.Sprintf("%d %s", n, plural(n, "peer"))
		if r := m.status.Relayed; r > 0 {
			s += fmt.Sprintf(" (%d relayed)", r)
		}
		words = append(words, s)
	}
	return strings.Join(words, ", ")
}

// historyWords is how much of a conversation is here.
func historyWords(h chat.History) string {
	switch {
	case h.Missing > 0:
		return fmt.Sprintf("%d missing", h.Missing)
	case h.Complete:
		return "history complete"
	case h.Total > 0:
		return fmt.Sprintf("history %d of %d", h.Fetched, h.Total)
	}
	return ""
}

// unsaidIn counts what the node has not taken yet.
func (m *model) unsaidIn(id chat.Conversation) (n int) {
	for _, u := range m.unsaid {
		if u.conv == id {
			n++
		}
	}
	if m.slow && m.saying != nil && m.saying.conv == id {
		n++
	}
	return n
}

// unreadElsewhere sums up what is unread where the list is folded away.
func (m *model) unreadElsewhere() string {
	all, urgent := 0, false
	for _, c := range m.convs {
		if c != m.cur {
			all += c.Unread
			urgent = urgent || c.urgent()
		}
	}
	switch {
	case all == 0:
		return ""
	case urgent:
		return fmt.Sprintf("!%d unread", all)
	default:
		return fmt.Sprintf("%d unread", all)
	}
}
