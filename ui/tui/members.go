package tui

import (
	"context"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

// maxMembers is how many members of one conversation are remembered.
const maxMembers = 2000

// membersMsg answers fetchMembers.
type membersMsg struct {
	conv    chat.Conversation
	members []chat.Member
	err     error
}

func (m *model) fetchMembers(c *conversation) tea.Cmd { return m.membersOf(c.ID) }

func (m *model) membersOf(id chat.Conversation) tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		list, err := m.node.Members(ctx, id)
		return membersMsg{id, list, err}
	})
}

func (m *model) gotMembers(a membersMsg) {
	if a.conv.IsPresence() {
		for _, x := range a.members {
			m.member(x)
		}
		return
	}
	c := m.byID[a.conv]
	if c == nil || a.err != nil { // an old conversation has none
		return
	}
	c.members = a.members[:min(len(a.members), maxMembers)]
	for _, x := range c.members {
		m.meet(x.Peer, x.Nick)
	}
	c.unsorted = true
}

// member takes note of who came or went.
func (m *model) member(ev chat.Member) {
	m.meet(ev.Peer, ev.Nick)
	if ev.Conversation.IsPresence() {
		if ev.Online && len(m.online) < maxMembers {
			m.online[ev.Peer] = true
		} else if !ev.Online {
			delete(m.online, ev.Peer)
		}
		return
	}
	c := m.byID[ev.Conversation]
	if c == nil {
		m.unlisted(ev.Conversation)
		return
	}
	if ev.Online && c.ID.IsDirect() {
		c.ended = ""
	}
	i := slices.IndexFunc(c.members, func(x chat.Member) bool { return x.Peer == ev.Peer })
	switch {
	case i >= 0 && !ev.Online:
		c.members = slices.Delete(c.members, i, i+1)
		return
	case i >= 0:
		c.members[i] = ev
	case ev.Online && len(c.members) < maxMembers:
		c.members = append(c.members, ev)
	}
	c.unsorted = true
}

// others is how many others are in c now, seeds not counted.
func (c *conversation) others() (n int) {
	for _, x := range c.members {
		if x.Online && !x.Seed {
			n++
		}
	}
	return n
}

// memberRows is the list on the right.
func (m *model) memberRows(c *conversation, width, height int) []row {
	m.sortMembers(c)
	rows := []row{{m.theme.dim.Styled(m.meter.fit(fmt.Sprintf("%d here", c.others()+1), width)), width}}
	name := m.meter.fit("+"+m.selfName(), width)
	rows = append(rows, row{m.theme.strong.Styled(name), width})
	for i, x := range c.members {
		if len(rows) == height-1 && len(c.members)-i > 1 {
			return append(rows, row{m.theme.dim.Styled(m.meter.fit(fmt.Sprintf("%d more (F3)", len(c.members)-i), width)), width})
		}
		rows = append(rows, row{m.memberName(x, width), width})
	}
	return rows[:min(len(rows), height)]
}

// memberName is a member in a list: '+' is here, '-' is not, '=' is verified.
func (m *model) memberName(x chat.Member, width int) string {
	mark := "-"
	switch {
	case x.Online && m.contactOf[x.Peer].Verified:
		mark = "="
	case x.Online:
		mark = "+"
	}
	text := m.meter.fit(mark+m.names.Fit(ruler{m.meter}, x.Peer, x.Nick, max(names.MinCells, width-1)), width)
	if !x.Online {
		return m.theme.dim.Styled(text)
	}
	return m.theme.nick(x.Peer).Styled(text)
}
