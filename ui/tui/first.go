package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// nameSelf asks for a name, once, if none is set.
func (m *model) nameSelf() {
	if !m.self.Name.Empty() || m.mode.kind == modeName {
		return
	}
	m.about(modeName, chat.MessageID{}, m.cfg.DefaultName)
}

// chooseName takes the answer.
func (m *model) chooseName(s string) tea.Cmd {
	name, err := chat.NewNick(s)
	if err != nil {
		m.alert(err.Error())
		return nil
	}
	m.leaveMode()
	return m.rename(name)
}

func (m *model) rename(name chat.Text) tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		err := m.node.SetName(ctx, name)
		return doneMsg{err: err, note: "you are now called " + name.Line(), self: true}
	})
}

// inviteMsg answers fetchInvite.
type inviteMsg struct {
	conv chat.Conversation
	text string
	err  error
}

// fetchInvite asks for the line to give to a friend, for the hint.
func (m *model) fetchInvite(id chat.Conversation) tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		s, err := m.node.Invite(ctx, id)
		return inviteMsg{id, s, err}
	})
}

// command is the line with which a friend comes here.
func (i inviteMsg) command() string { return "p2pchat " + i.verb() + " " + i.text }

func (i inviteMsg) verb() string {
	if i.conv.Room != "" {
		return "join"
	}
	return "dial"
}

// alone are the hints while nobody else is in a room, and nothing was said.
func (m *model) alone(c *conversation, f frame) []row {
	if c.ID.IsDirect() || !c.loaded || c.others() > 0 || len(c.t.entries) > f.height/2 {
		return nil
	}
	l := m.look()
	rows := append([]row{{}}, l.note("Nobody else is here yet. What you write is kept and goes out by itself.")...)
	return append(rows, m.hints(l, c.ID)...)
}

// silence are the hints while others are there, and nothing was said.
func (m *model) silence(c *conversation) []row {
	switch {
	case !c.loaded || len(c.t.entries) > 0 || len(m.unsaid) > 0:
		return nil
	case !c.ID.IsDirect():
		return m.look().note("Nothing was said yet. What you write goes to everybody here.")
	}
	rows := m.look().note("Nothing was said yet. Only the two of you can read this.")
	if m.contactOf[c.ID.Peer].Verified {
		return rows
	}
	return append(rows, m.look().note("/verify compares fingerprints, so that you know who it is.")...)
}

// welcomeRows is what is shown before there is any conversation.
func (m *model) welcomeRows(f frame) []row {
	if !m.opened {
		return []row{m.look().dim("asking the node ...")}
	}
	l := m.look()
	hello := "Welcome to p2pchat."
	if !m.self.Name.Empty() {
		hello = "Welcome to p2pchat, " + m.selfName() + "."
	}
	var rows []row
	for _, s := range []string{
		"", hello, "",
		"/join ROOM opens a room, for example /join lobby",
		"/join INVITE goes where a friend has invited you",
		"/dial PEER talks to somebody in private",
		"F1 shows all keys and commands", "",
	} {
		rows = append(rows, l.note(s)...)
	}
	rows = append(rows, m.hints(l, chat.Conversation{})...)
	return rows[:min(len(rows), f.height)]
}

// hints are how somebody comes here: the line to give away, seeds, local network.
func (m *model) hints(l *look, conv chat.Conversation) (rows []row) {
	switch command := chat.SafeString(m.invite.command()); {
	case m.invite.text == "" || m.invite.conv != conv:
	case l.meter.width(command) > l.width-4: // in several rows it could not be copied
		rows = append(rows, l.note("Alt+I shows the line to give to a friend.")...)
	default:
		rows = append(rows, l.note("Give this line to a friend (Alt+I copies it):")...)
		rows = append(rows, row{"  " + l.theme.strong.Styled(command), l.meter.width(command) + 2})
	}
	for _, s := range m.seedLines() {
		rows = append(rows, l.note(s)...)
	}
	if m.status.LAN != "" {
		rows = append(rows, l.note("local network: "+chat.SafeString(m.status.LAN))...)
	}
	return rows
}

// note are rows of our own words that are not of a message.
func (l *look) note(s string) []row {
	rows, _ := l.wrap(s, l.width-2, l.width-2, maxRows)
	for i := range rows {
		rows[i] = row{"  " + rows[i].text, rows[i].cells + 2}
	}
	return rows
}
