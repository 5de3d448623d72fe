package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// A mode is what the input is for.
type mode struct {
	kind   modeKind
	target chat.MessageID
}

type modeKind int

const (
	modeWrite  modeKind = iota // a message or a command
	modePick                   // keys pick a message
	modeReply                  // an answer to target
	modeEdit                   // a new text for target
	modeReact                  // a reaction to target
	modeSearch                 // words to find
	modeName                   // the own name, at the first run
)

func (k modeKind) verb() string {
	switch k {
	case modeReply:
		return "reply to"
	case modeEdit:
		return "edit"
	default:
		return "react to"
	}
}

// about turns the input to a message; text is what it begins with.
func (m *model) about(k modeKind, id chat.MessageID, text string) {
	if m.cur != nil && m.mode.kind == modeWrite {
		m.cur.draft = m.input.String() // it comes back afterwards
	}
	m.mode = mode{k, id}
	m.input.set(text)
}

// leaveMode turns the input back to writing.
func (m *model) leaveMode() {
	m.mode = mode{}
	m.input.set("")
	if m.cur != nil {
		m.input.set(m.cur.draft)
		m.cur.draft = ""
	}
}

// startPick begins to pick a message, the last one shown.
func (m *model) startPick() {
	c := m.cur
	if c == nil || len(c.t.entries) == 0 {
		m.say("there is no message to pick")
		return
	}
	i, _ := m.pane(c).bottom(c.at)
	c.draft = m.input.String()
	m.mode = mode{modePick, c.t.entries[i].ID}
	m.say("r reply  e edit  d delete  + react  Enter details  Esc back")
}

// pickKey moves the pick, or does something with what is picked.
func (m *model) pickKey(k string) tea.Cmd {
	c := m.cur
	e := c.t.byID[m.mode.target]
	if e == nil || k == "esc" || k == "ctrl+c" || k == "q" {
		m.note = ""
		m.leaveMode()
		return nil
	}
	switch k {
	case "up", "k", "ctrl+p":
		return m.movePick(e, -1)
	case "down", "j", "ctrl+n":
		return m.movePick(e, 1)
	case "pgup":
		return m.movePick(e, -10)
	case "pgdown":
		return m.movePick(e, 10)
	case "r":
		if m.mayTarget(e) {
			m.about(modeReply, e.ID, "")
		}
	case "e":
		if m.mayChange(e) {
			m.about(modeEdit, e.ID, e.Text.Safe())
		}
	case "d":
		if m.mayChange(e) {
			m.confirm("Take this message back?", func() tea.Cmd { return m.takeBack(c, e.ID) })
		}
	case "+":
		if m.mayTarget(e) {
			m.about(modeReact, e.ID, "")
		}
	case "enter":
		return m.details(c, e)
	}
	return nil
}

// movePick picks the message by further.
func (m *model) movePick(e *entry, by int) tea.Cmd {
	c, t := m.cur, m.cur.t
	i := min(max(0, t.index(e.at)+by), len(t.entries)-1)
	m.mode.target = t.entries[i].ID
	c.at = m.pane(c).show(c.at, i, m.frame().height)
	return m.more()
}

// mayTarget reports whether e can be answered and reacted to, and says why not.
func (m *model) mayTarget(e *entry) bool {
	if e.Kind.IsText() && !e.Deleted {
		return true
	}
	m.alert("that cannot be answered")
	return false
}

// mayChange reports whether e can be edited and deleted, and says why not.
func (m *model) mayChange(e *entry) bool {
	if !e.Mine {
		m.alert("only your own messages can be changed")
		return false
	}
	return m.mayTarget(e)
}

// takeBack deletes an own message.
func (m *model) takeBack(c *conversation, id chat.MessageID) tea.Cmd {
	m.leaveMode()
	b, err := chat.NewDelete(id)
	if err != nil {
		m.alert(err.Error())
		return nil
	}
	return m.send(c, b, "")
}

// find is the message that a command without a pick is about: the newest own one,
// or the newest of others.
func (c *conversation) find(own bool) *entry {
	return c.t.last(func(e *entry) bool { return e.Mine == own && e.Kind.IsText() && !e.Deleted })
}

// A question waits for y or n.
type question struct {
	text string
	yes  func() tea.Cmd
}

func (m *model) confirm(text string, yes func() tea.Cmd) { m.ask = &question{text, yes} }

func (m *model) answerKey(k string) tea.Cmd {
	q := m.ask
	m.ask = nil
	if slices.Contains([]string{"y", "Y"}, k) {
		return q.yes()
	}
	m.note = ""
	return nil
}
