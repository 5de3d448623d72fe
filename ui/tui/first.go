package tui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// nameSelf asks for a name, once, if none is set.
func (m *model) nameSelf() {
	if !m.self.Name.Empty() || m.mode.kind == modeName {
		return
	}
	m.mode = mode{kind: modeName}
	m.input.set(m.cfg.DefaultName)
	m.say("What shall others call you? Enter takes the name below")
}

// chooseName takes the answer.
func (m *model) chooseName(s string) tea.Cmd {
	name, err := chat.NewNick(s)
	if err != nil {
		m.alert(err.Error())
		return nil
	}
	m.mode = mode{}
	m.input.set("")
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
func (i inviteMsg) command() string {
	if i.conv.Room != "" {
		return "p2pchat join " + i.text
	}
	return "p2pchat dial " + i.text
}

// alone are the hints while nobody else is in a room, and nothing was said.
func (m *model) alone(c *conversation, f frame) []row {
	if c.ID.IsDirect() || !c.loaded || c.others() > 0 || len(c.t.entries) > f.height/2 {
		return nil
	}
	l := m.look()
	rows := append([]row{{}}, l.note("Nobody else is here yet. What you write is kept and goes out by itself.")...)
	return append(rows, m.hints(l)...)
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
		"/dial PEER talks to somebody in private",
		"F1 shows all keys and commands", "",
	} {
		rows = append(rows, l.note(s)...)
	}
	rows = append(rows, m.hints(l)...)
	return rows[:min(len(rows), f.height)]
}

// hints are how somebody comes here: the line to give away, seeds, local network.
func (m *model) hints(l *look) (rows []row) {
	if m.invite.text != "" {
		rows = append(rows, l.note("Give this line to a friend:")...)
		lines, _ := l.wrap(chat.SafeString(m.invite.command()), l.width-4, l.width-4, maxRows)
		for _, r := range lines {
			rows = append(rows, row{"  " + l.theme.strong.Styled(r.text), r.cells + 2})
		}
	}
	for _, s := range m.status.Seeds {
		state := "no answer"
		if s.Connected {
			state = "connected"
		}
		rows = append(rows, l.note(fmt.Sprintf("seed %s: %s", chat.SafeString(s.Name), state))...)
	}
	if len(m.status.Seeds) == 0 {
		rows = append(rows, l.note("seeds: none are set")...)
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
