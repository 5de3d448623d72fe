package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// chooseConversation lists the conversations.
func (m *model) chooseConversation() {
	l := &list{name: "Conversations", help: "Enter opens", empty: "none yet: /join ROOM opens one"}
	for i, c := range m.convs {
		text := fmt.Sprintf("%d %s", i+1, m.title(c))
		if c.Unread > 0 {
			text += fmt.Sprintf(" (%d unread)", c.Unread)
		}
		if c.urgent() {
			text += " !"
		}
		l.items = append(l.items, item{text, c})
		if c == m.cur {
			l.at = i
		}
	}
	l.act = func(m *model, k string, v any) (tea.Cmd, bool) {
		if k != "enter" {
			return nil, false
		}
		return m.show(v.(*conversation)), true
	}
	m.dialog = l
}

// chooseMember lists who is here.
func (m *model) chooseMember() {
	if m.cur == nil {
		return
	}
	m.sortMembers(m.cur)
	l := &list{name: "Who is here", help: "Enter talks in private, v verifies", empty: "nobody else is here"}
	for _, x := range m.cur.members {
		text := m.names.Show(x.Peer, x.Nick) + "  " + x.Peer.String()
		if !x.Online {
			text += " (not connected)"
		}
		if m.contactOf[x.Peer].Verified {
			text += " (verified)"
		}
		l.items = append(l.items, item{text, x.Peer})
	}
	l.act = personKey
	m.dialog = l
}

// personKey is what keys do with a person in a list.
func personKey(m *model, k string, v any) (tea.Cmd, bool) {
	p := v.(chat.PeerID)
	switch k {
	case "enter":
		return m.talkTo(p), true
	case "v":
		m.verify(p)
		return nil, false
	}
	return nil, false
}

// showRequests lists the unknown people who wrote.
func (m *model) showRequests() {
	l := &list{name: "Requests", help: "a accepts, i ignores, b blocks, v fingerprint", empty: "no requests"}
	for _, r := range m.requests {
		l.items = append(l.items, item{fmt.Sprintf("%s (%d): %s", m.names.Show(r.Peer, r.Nick), r.Count, r.Text.Line()), r.Peer})
	}
	l.act = func(m *model, k string, v any) (tea.Cmd, bool) {
		p := v.(chat.PeerID)
		switch k {
		case "a":
			return m.answerRequest(p, Accept), true
		case "i":
			return m.answerRequest(p, Ignore), true
		case "b":
			m.confirm("Block "+m.personName(p)+"?", func() tea.Cmd { return m.answerRequest(p, Block) })
			return nil, true
		}
		return personKey(m, k, v)
	}
	m.dialog = l
}

// answerRequest tells the node, and opens the talk with whom it accepted.
func (m *model) answerRequest(p chat.PeerID, a Answer) tea.Cmd {
	name := m.personName(p)
	m.requests = slices.DeleteFunc(slices.Clone(m.requests), func(r Request) bool { return r.Peer == p })
	return m.call(func(ctx context.Context) tea.Msg {
		if err := m.node.Answer(ctx, p, a); err != nil {
			return doneMsg{err: err, people: true}
		}
		if a != Accept {
			return doneMsg{note: name + ": " + string(a) + "d", people: true}
		}
		conv, err := m.node.Dial(ctx, p.String(), false)
		return openedMsg{conv: conv, err: err}
	})
}

// showContacts lists the people the person knows.
func (m *model) showContacts() {
	l := &list{name: "Contacts", help: "Enter talks in private, v verifies", empty: "no contacts yet: /name NAME gives the other one here a name"}
	for _, c := range m.contacts {
		text := m.names.Show(c.Peer, m.people[c.Peer]) + "  " + c.Peer.String()
		for _, x := range []struct {
			word string
			is   bool
		}{{"verified", c.Verified}, {"blocked", c.Blocked}, {"online", m.online[c.Peer]}} {
			if x.is {
				text += " (" + x.word + ")"
			}
		}
		l.items = append(l.items, item{text, c.Peer})
	}
	l.act = personKey
	m.dialog = l
}

// verify shows two fingerprints to compare.
func (m *model) verify(p chat.PeerID) {
	m.dialog = &fingerprints{peer: p, name: m.personName(p)}
}

// fingerprints is the dialog to verify a person.
type fingerprints struct {
	reading
	peer chat.PeerID
	name string
}

func (f *fingerprints) title() string { return "Verify " + f.name }
func (f *fingerprints) keys() string  { return "y they match, n they do not, Esc closes" }

func (f *fingerprints) rows(m *model, width, height int) []row {
	f.text = []string{
		"Compare these with " + f.name + ", by voice or eye to eye, not here.", "",
		f.name + ":", "  " + f.peer.Fingerprint(), "",
		"you:", "  " + m.self.Peer.Fingerprint(), "",
		"peer ID: " + f.peer.String(),
	}
	if m.contactOf[f.peer].Verified {
		f.text = append(f.text, "", "They were compared before, and matched.")
	}
	return f.reading.rows(m, width, height)
}

func (f *fingerprints) key(m *model, k string) (tea.Cmd, bool) {
	switch k {
	case "y", "n":
		ok, note := k == "y", "verified "+f.name
		if !ok {
			note = f.name + " is not verified: fingerprints that differ belong to somebody else"
		}
		return m.call(func(ctx context.Context) tea.Msg {
			return doneMsg{err: m.node.Verify(ctx, f.peer, ok), note: note, people: true}
		}), true
	}
	return f.reading.key(m, k)
}

// doneMsg says that a command was obeyed, or not.
type doneMsg struct {
	err    error
	note   string
	people bool // contacts and requests changed
	self   bool // the own name did
}

func (m *model) done(a doneMsg) tea.Cmd {
	switch {
	case a.err != nil:
		m.alert(a.err.Error())
	case a.note != "":
		m.say(a.note)
	}
	var cmds []tea.Cmd
	if a.people {
		cmds = append(cmds, m.fetchPeople())
	}
	if a.self {
		cmds = append(cmds, m.fetchSelf())
	}
	return tea.Batch(cmds...)
}

// showLog shows what was said on the status line.
func (m *model) showLog() {
	m.read("Notices", m.log...)
	m.dialog.(*reading).top = len(m.log) // the end
}

// details shows all there is to say about a message.
func (m *model) details(c *conversation, e *entry) tea.Cmd {
	text := []string{
		"from     " + m.names.Show(e.Author, e.Nick) + " (" + e.Author.String() + ")",
		"written  " + e.Time.In(m.cfg.zone()).Format("2006-01-02 15:04:05 MST"),
		"ID       " + e.ID.String(),
	}
	if e.Edited {
		text = append(text, "edited   the text is not the first one")
	}
	for _, r := range e.Reactions {
		var by []string
		for _, p := range r.By {
			by = append(by, m.personName(p))
		}
		text = append(text, "reacted  "+r.Text.Line()+" "+strings.Join(by, ", "))
	}
	text = append(text, "")
	text = append(text, strings.Split(m.look().said(e, false), "\n")...)
	m.read("Message", text...)
	if !e.Mine {
		return nil
	}
	conv, id := c.ID, e.ID
	return m.call(func(ctx context.Context) tea.Msg {
		h, err := m.node.Holders(ctx, conv, id)
		return holdersMsg{id, text, h, err}
	})
}

// holdersMsg adds to the details of an own message how far it got.
type holdersMsg struct {
	id   chat.MessageID
	text []string
	h    Holders
	err  error
}

func (m *model) holders(a holdersMsg) {
	r, ok := m.dialog.(*reading)
	if !ok || r.name != "Message" || !slices.Equal(r.text, a.text) {
		return // it was closed
	}
	if a.err != nil {
		r.text = append(r.text, "", "delivery: "+chat.SafeString(a.err.Error()))
		return
	}
	if c := m.byID[a.h.Delivery.Conversation]; c != nil {
		c.t.deliver(a.h.Delivery)
	}
	r.text = append(r.text, "", "delivery: "+string(a.h.Delivery.State))
	if s := a.h.Delivery.Reason; s != "" {
		r.text = append(r.text, "reason: "+chat.SafeString(s))
	}
	for _, x := range a.h.Holding {
		r.text = append(r.text, "  held by      "+m.names.Show(x.Peer, x.Nick))
	}
	for _, x := range a.h.Missing {
		r.text = append(r.text, "  not held by  "+m.names.Show(x.Peer, x.Nick))
	}
}
