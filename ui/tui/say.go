package tui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// saidMsg answers a Say.
type saidMsg struct {
	unsaid unsaid
	err    error
}

// send hands a message to the node, after all that were sent before it. text is
// what the person wrote, to be given back if the node does not take it.
func (m *model) send(c *conversation, b chat.Body, text string) tea.Cmd {
	if len(m.unsaid) >= maxUnsaid {
		m.alert("the node takes no more now; the message is in the input's history")
		return nil
	}
	m.count++
	key := fmt.Sprintf("%s-%d", m.prefix, m.count)
	if len(m.drafts) < maxUnsaid {
		m.drafts[key] = text
	}
	m.unsaid = append(m.unsaid, unsaid{c.ID, chat.Draft{Key: key, Body: b}, text})
	return m.sayNext()
}

// sayNext hands over the oldest message that waits, if none is on its way.
func (m *model) sayNext() tea.Cmd {
	if m.saying || len(m.unsaid) == 0 {
		return nil
	}
	u := m.unsaid[0]
	m.unsaid, m.saying = m.unsaid[1:], true
	return m.call(func(ctx context.Context) tea.Msg {
		return saidMsg{u, m.node.Say(ctx, u.conv, u.draft)}
	})
}

// said takes the node's answer.
func (m *model) said(a saidMsg) tea.Cmd {
	m.saying = false
	if a.err != nil {
		delete(m.drafts, a.unsaid.draft.Key)
		m.giveBack(a.unsaid.conv, a.unsaid.text)
		m.alert("not sent: " + a.err.Error())
		m.leaving = false // the person may want to keep it
	}
	if m.leaving && len(m.unsaid) == 0 {
		return tea.Quit
	}
	return m.sayNext()
}

// quit ends the program once the node has taken all that was written, or when the
// person insists.
func (m *model) quit() tea.Cmd {
	if m.leaving || !m.saying {
		return tea.Quit
	}
	m.leaving = true
	m.say("leaving as soon as the node has taken what you wrote; Ctrl+C leaves now")
	return nil
}

// giveBack puts a text into the input if nothing is written there. In any case it
// is in the input's history.
func (m *model) giveBack(id chat.Conversation, text string) {
	c := m.byID[id]
	if c == nil || text == "" {
		return
	}
	c.past.add(text)
	switch {
	case c == m.cur && m.input.empty() && m.mode.kind == modeWrite:
		m.input.set(text)
	case c != m.cur && c.draft == "":
		c.draft = text
	}
}
