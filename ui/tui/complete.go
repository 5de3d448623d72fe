package tui

import (
	"slices"
	"strings"
)

// maxOffers is how many completions are offered.
const maxOffers = 50

// A completion is a word under way and what it may become.
type completion struct {
	offers []string
	at     int // the one shown
	start  int // of the word, in characters
}

// list reports whether there is something to choose from.
func (c *completion) list() bool { return len(c.offers) > 1 }

// words are the offers, the one shown first.
func (c *completion) words() string {
	var out []string
	for i := range c.offers {
		out = append(out, strings.TrimSpace(c.offers[(c.at+i)%len(c.offers)]))
	}
	return strings.Join(out, "  ")
}

// complete completes the word before the cursor, or takes the next offer.
func (m *model) complete(back bool) {
	ed := &m.input
	if len(m.comp.offers) > 0 {
		step := 1
		if back {
			step = len(m.comp.offers) - 1
		}
		m.comp.at = (m.comp.at + step) % len(m.comp.offers)
	} else {
		start := ed.cur
		for start > 0 && inWord(ed.text[start-1]) {
			start--
		}
		word := strings.Join(ed.text[start:ed.cur], "")
		m.comp = completion{offers: m.offers(strings.Join(ed.text[:start], ""), word), start: start}
	}
	if len(m.comp.offers) == 0 {
		return
	}
	ed.remove(m.comp.start, ed.cur, false)
	ed.insert(m.comp.offers[m.comp.at])
}

// offers are what a word may become, after what is before it.
func (m *model) offers(before, word string) []string {
	var all []string
	end := " "
	switch {
	case m.mode.kind == modeSearch || m.mode.kind == modeName || m.mode.kind == modeReact:
		return nil
	case before == "" && strings.HasPrefix(word, "/"):
		for _, c := range commands() {
			all = append(all, "/"+c.name)
		}
	case before == "/join ":
		all = m.roomNames()
	case before == "/dial " || before == "/verify ":
		all = m.nickNames()
	case strings.HasPrefix(word, "#"):
		for _, r := range m.roomNames() {
			all = append(all, "#"+r)
		}
	default:
		all = m.nickNames()
		if before == "" {
			end = ": "
		}
	}
	var out []string
	for _, s := range all {
		if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) && (word != "" || before != "") {
			out = append(out, s+end)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxOffers)]
}

// roomNames are the rooms that are known.
func (m *model) roomNames() (out []string) {
	for _, c := range m.convs {
		if !c.ID.IsDirect() {
			out = append(out, string(c.ID.Room))
		}
	}
	return out
}

// nickNames are the names of who is here and of the contacts.
func (m *model) nickNames() (out []string) {
	if m.cur != nil {
		for _, x := range m.cur.members {
			out = append(out, m.names.Show(x.Peer, x.Nick))
		}
	}
	for _, c := range m.contacts {
		out = append(out, m.names.Show(c.Peer, m.people[c.Peer]))
	}
	return out
}
