package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// saidMsg answers a Say.
type saidMsg struct {
	unsaid unsaid
	err    error
}

// slowMsg says that a message may be under way for long.
type slowMsg string // its key

// sayMsg says that what is unsaid may be tried again.
type sayMsg struct{}

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
	m.unsaid = append(m.unsaid, unsaid{c.ID, chat.Draft{Key: key, Body: b}, text, m.cfg.now()})
	return m.sayNext()
}

// sayNext hands over the oldest message that waits, if none is on its way.
func (m *model) sayNext() tea.Cmd {
	if m.saying != nil || m.gone || len(m.unsaid) == 0 {
		return nil
	}
	u := m.unsaid[0]
	if c := m.byID[u.conv]; c != nil && c.opening {
		return nil // joinedNow goes on
	}
	m.unsaid, m.saying = m.unsaid[1:], &u
	return tea.Batch(m.call(func(ctx context.Context) tea.Msg {
		return saidMsg{u, m.node.Say(ctx, u.conv, u.draft)}
	}), m.after(slowSay, slowMsg(u.draft.Key)))
}

// slowly notes that a message is under way for long.
func (m *model) slowly(key slowMsg) {
	if m.saying != nil && m.saying.draft.Key == string(key) {
		m.slow = true
	}
}

// waiting are the messages for c that the node has not taken, if that is not only
// so for a moment.
func (m *model) waiting(c *conversation) (out []unsaid) {
	all := m.unsaid
	if m.saying != nil {
		all = slices.Insert(slices.Clone(all), 0, *m.saying)
	}
	if !m.gone && !m.slow && !c.opening {
		return nil
	}
	for _, u := range all {
		if u.conv == c.ID {
			out = append(out, u)
		}
	}
	return out
}

// said takes the node's answer.
func (m *model) said(a saidMsg) tea.Cmd {
	m.saying, m.slow = nil, false
	if errors.Is(a.err, ErrGone) {
		m.unsaid = slices.Insert(m.unsaid, 0, a.unsaid)
		return m.after(retryEvery, sayMsg{}) // at the latest; see back
	}
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
	if n := len(m.unsaid); n > 0 && m.saying == nil && !m.leaving {
		m.confirm(fmt.Sprintf("%d %s would be lost. Quit?", n, plural(n, "unsent message")), func() tea.Cmd { return tea.Quit })
		return nil
	}
	if m.leaving || m.saying == nil {
		return tea.Quit
	}
	m.leaving = true
	m.say("leaving as soon as the node has taken what you wrote; Ctrl+C leaves now")
	return nil
}

// queuedRows are the last rows of what waits for the node.
func (m *model) queuedRows(c *conversation, height int) (rows []row) {
	if c.at.held || c.t.newer {
		return nil
	}
	l := m.look()
	for _, u := range slices.Backward(m.waiting(c)) {
		if !u.draft.Body.Kind.IsText() {
			continue
		}
		e := &entry{
			Message: chat.Message{
				Conversation: u.conv, Author: m.self.Peer, Nick: m.self.Name, Time: u.at,
				Kind: u.draft.Body.Kind, Target: u.draft.Body.Target, Text: u.draft.Body.Text, Mine: true,
			},
			delivery: chat.Delivery{State: chat.Queued},
		}
		if rows = append(l.lay(e, c.t), rows...); len(rows) >= height {
			break
		}
	}
	return rows
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
