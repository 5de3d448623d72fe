package tui

import (
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

// maxNames bounds the nicks remembered.
const maxNames = 10_000

// A ruler measures names as the screen shows them.
type ruler struct{ meter }

// Width implements names.Ruler.
func (r ruler) Width(s string) int { return r.width(s) }

// Cut implements names.Ruler.
func (r ruler) Cut(s string, cells int) string {
	s, _ = r.cut(s, cells)
	return s
}

// namesChanged tells people apart anew: who is known changed, or how wide a name is.
func (m *model) namesChanged() {
	clear(m.contactOf)
	var known []names.Person
	for _, c := range m.contacts {
		m.contactOf[c.Peer] = c
		if name, err := chat.NewText(c.Name); err == nil {
			known = append(known, names.Person{Peer: c.Peer, Name: name})
		}
	}
	m.names.Know(names.Person{Peer: m.self.Peer, Name: m.self.Name}, known)
	m.version++
}

// meet remembers a nick. Somebody else may have to be written differently from now
// on, so what is laid out is so again.
func (m *model) meet(p chat.PeerID, nick chat.Text) {
	before, known := m.people[p]
	if nick.Empty() || before == nick || !known && len(m.people) >= maxNames {
		return
	}
	m.people[p] = nick
	m.names.Show(p, nick)
	m.version++
}

// nickOf is what the other of a private conversation is called.
func (m *model) nickOf(c *conversation) chat.Text {
	if nick := m.people[c.ID.Peer]; !nick.Empty() {
		return nick
	}
	return c.Nick
}

// selfName is what the person is called.
func (m *model) selfName() string { return m.names.Show(m.self.Peer, m.self.Name) }

// personName is what somebody is called, as far as that is known.
func (m *model) personName(p chat.PeerID) string { return m.names.Show(p, m.people[p]) }
