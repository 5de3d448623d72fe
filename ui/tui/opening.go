package tui

import (
	"context"
	"errors"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// joinedMsg answers openHere.
type joinedMsg struct {
	conv chat.Conversation
	err  error
}

// openedMsg answers Join and Dial of what the person has written.
type openedMsg struct {
	conv chat.Conversation
	err  error
	what string // was dialled
}

// leftMsg answers Leave.
type leftMsg struct {
	conv chat.Conversation
	err  error
}

// wanted are the conversations that are opened at the start, in their order.
func (m *model) wanted() (out []chat.Conversation) {
	add := func(id chat.Conversation) {
		if !id.IsPresence() && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	add(m.cfg.First)
	for _, r := range m.cfg.Rooms {
		add(chat.InRoom(r))
	}
	for _, id := range m.cfg.Open {
		add(id)
	}
	return out
}

// openWanted opens what is to be open from the start.
func (m *model) openWanted() tea.Cmd {
	var cmds []tea.Cmd
	for _, id := range m.wanted() {
		cmds = append(cmds, m.openHere(m.open(id)))
	}
	return tea.Batch(cmds...)
}

// openHere opens a conversation for this face: what others have open ends when they
// leave it, and of the history there is only what was said.
func (m *model) openHere(c *conversation) tea.Cmd {
	if c.joined || c.opening {
		return nil
	}
	c.opening = true
	id := c.ID
	return m.call(func(ctx context.Context) tea.Msg {
		return joinedMsg{id, m.node.Open(ctx, id)}
	})
}

// joinedNow goes on once a conversation is open, or cannot be.
func (m *model) joinedNow(a joinedMsg) tea.Cmd {
	c := m.byID[a.conv]
	if c == nil {
		return m.leaveAgain(a)
	}
	c.opening = false
	if a.err != nil {
		m.alert(m.title(c) + " cannot be opened: " + a.err.Error())
		return m.sayNext() // it comes back, with the reason
	}
	c.joined, c.Open = true, true
	cmds := []tea.Cmd{m.fetchMembers(c), m.sayNext()}
	if c == m.cur && !c.at.held && !c.t.newer { // how far own messages got is known now
		cmds = append(cmds, m.loadNewest(c))
	}
	return tea.Batch(cmds...)
}

// leaveAgain leaves what was being opened when the person left it.
func (m *model) leaveAgain(a joinedMsg) tea.Cmd {
	if a.err != nil {
		return nil
	}
	return m.call(func(ctx context.Context) tea.Msg {
		_ = m.node.Leave(ctx, a.conv) // nobody looks at it
		return nil
	})
}

// openedNow shows what was opened.
func (m *model) openedNow(a openedMsg) tea.Cmd {
	if errors.Is(a.err, ErrOtherPeer) {
		m.warnOtherPeer(a)
		return nil
	}
	if a.err != nil {
		m.alert(a.err.Error())
		return m.fetchPeople()
	}
	if m.noteIs == noteInfo {
		m.note = "" // that it is dialled
	}
	delete(m.left, a.conv)
	c := m.open(a.conv)
	c.joined, c.Open = true, true
	m.opened = true
	return tea.Batch(m.show(c), m.fetchMembers(c), m.fetchConversations(), m.fetchPeople())
}

// warnOtherPeer asks whether the one who now answers at an address is to be talked to.
func (m *model) warnOtherPeer(a openedMsg) {
	m.dialog = &warning{
		reading: reading{name: "Another peer answers", text: []string{
			chat.SafeString(a.err.Error()), "",
			"It may be a new installation, or somebody who wants to read along. Ask the other person what p2pchat id shows there.",
		}},
		yes: func() tea.Cmd { return m.dialAs(a.what, true) },
	}
}

// A warning is a text, and something that is done only if the person insists.
type warning struct {
	reading
	yes func() tea.Cmd
}

func (w *warning) keys() string { return "y goes on all the same, n closes" }

func (w *warning) key(m *model, k string) (tea.Cmd, bool) {
	switch k {
	case "y":
		return w.yes(), true
	case "n":
		return nil, true
	case "enter": // too easily pressed
		return nil, false
	}
	return w.reading.key(m, k)
}

func (m *model) join(arg string) tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		conv, err := m.node.Join(ctx, arg)
		return openedMsg{conv: conv, err: err}
	})
}

// dial opens a private conversation. A name is that which the screen shows.
func (m *model) dial(arg string) tea.Cmd {
	m.say("dialling " + arg + " ...")
	if p, ok := m.personNamed(arg); ok {
		arg = p.String()
	}
	return m.dialAs(arg, false)
}

// talkTo opens the private conversation with a peer.
func (m *model) talkTo(p chat.PeerID) tea.Cmd {
	m.say("dialling " + m.personName(p) + " ...")
	return m.dialAs(p.String(), false)
}

func (m *model) dialAs(arg string, newKey bool) tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		conv, err := m.node.Dial(ctx, arg, newKey)
		return openedMsg{conv, err, arg}
	})
}

// leave leaves the conversation shown. What this face does not have open is only
// taken off the list.
func (m *model) leave(string) tea.Cmd {
	id := m.cur.ID
	if !m.cur.joined {
		return func() tea.Msg { return leftMsg{conv: id} }
	}
	return m.call(func(ctx context.Context) tea.Msg {
		return leftMsg{id, m.node.Leave(ctx, id)}
	})
}

func (m *model) leftNow(a leftMsg) tea.Cmd {
	if a.err != nil {
		m.alert(a.err.Error())
		return nil
	}
	c := m.byID[a.conv]
	if c == nil {
		return nil
	}
	m.say("left " + m.title(c) + "; its history stays (/join and /dial open it again)")
	m.left[a.conv] = true
	return m.drop(c)
}

// openNow are the conversations that this face has open.
func (m *model) openNow() (out []chat.Conversation) {
	for _, c := range m.convs {
		if c.joined {
			out = append(out, c.ID)
		}
	}
	return out
}
