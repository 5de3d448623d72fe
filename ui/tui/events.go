package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// eventsMsg is what Next returned.
type eventsMsg struct {
	events []chat.Event
	err    error
}

// retryMsg says that the node may be back, tickMsg that time has passed.
type (
	retryMsg struct{}
	tickMsg  struct{}
)

// got takes events.
func (m *model) got(a eventsMsg) tea.Cmd {
	var cmds []tea.Cmd
	for _, ev := range a.events {
		if cmd := m.event(ev); cmd != nil {
			cmds = append(cmds, cmd)
		}
	}
	if a.err != nil {
		if !m.gone {
			m.gone = true
			m.alert("the node does not answer: " + a.err.Error())
		}
		return tea.Batch(append(cmds, m.after(retryEvery, retryMsg{}))...)
	}
	if m.gone {
		cmds = append(cmds, m.back())
	}
	if len(a.events) > 0 {
		cmds = append(cmds, m.markRead())
	}
	if m.stale {
		m.stale = false
		cmds = append(cmds, m.fetchConversations())
	}
	return tea.Batch(append(cmds, m.listen())...)
}

// back fetches everything anew after the node was gone.
func (m *model) back() tea.Cmd {
	m.gone = false
	m.say("the node is back")
	cmds := []tea.Cmd{m.refresh(), m.sayNext()}
	if m.cur != nil {
		cmds = append(cmds, m.openHere(m.cur))
	}
	return tea.Batch(cmds...)
}

// refresh fetches what events may have been missed of.
func (m *model) refresh() tea.Cmd {
	cmds := []tea.Cmd{m.fetch()}
	for _, c := range m.convs {
		if c != m.cur {
			c.t, c.loaded = newTimeline(), false
		} else if !c.at.held && !c.t.newer {
			c.t.asked = false
			cmds = append(cmds, m.loadNewest(c), m.fetchMembers(c))
		} else { // the person reads far back: the end is fetched when it is reached
			c.t.newer = true
			cmds = append(cmds, m.fetchMembers(c))
		}
	}
	return tea.Batch(cmds...)
}

// event routes one event.
func (m *model) event(ev chat.Event) tea.Cmd {
	switch ev := ev.(type) {
	case chat.Message:
		return m.message(ev)
	case chat.Delivery:
		return m.delivered(ev)
	case chat.Refused:
		m.refused(ev)
	case chat.Member:
		m.member(ev)
		return m.statusSoon()
	case chat.History:
		if c := m.byID[ev.Conversation]; c != nil {
			c.History = ev
		} else {
			m.unlisted(ev.Conversation)
		}
	case chat.Notice:
		return m.notice(ev)
	case chat.Ended:
		m.end(ev)
	}
	return nil
}

// unlisted takes note that something happened in a conversation that another face
// has opened.
func (m *model) unlisted(id chat.Conversation) {
	if !id.IsPresence() && !m.left[id] {
		m.stale = true
	}
}

func (m *model) message(x chat.Message) tea.Cmd {
	m.meet(x.Author, x.Nick)
	if x.Request { // it waits until the person has answered
		return nil
	}
	if x.Key != "" {
		delete(m.drafts, x.Key)
	}
	if x.Conversation.IsPresence() {
		return nil
	}
	if m.left[x.Conversation] {
		if !x.Conversation.IsDirect() || x.Mine {
			return nil // another face has it open
		}
		delete(m.left, x.Conversation) // somebody means this person
	}
	c := m.byID[x.Conversation]
	if c == nil {
		c, m.stale = m.open(x.Conversation), true
	}
	if x.Kind == chat.KindTopic && !x.Old {
		c.Topic = x.Text
	}
	if !c.t.live(x) {
		return nil
	}
	if e := c.t.byID[x.ID]; e != nil {
		e.mention = m.named(x)
	}
	if x.Mine {
		m.sentHere(c, x)
	} else if x.Place().Compare(c.Read) > 0 {
		m.unread(c, x)
	}
	m.trim(c)
	if c != m.cur {
		c.t.trim(len(c.t.entries), 2*keptAside, keptAside)
	}
	return m.notifyOf(c, x)
}

// unread counts a message that the person has not seen.
func (m *model) unread(c *conversation, x chat.Message) {
	if c == m.cur && !m.blur && !c.at.held {
		return // it is seen
	}
	if c.Unread == 0 && c == m.cur {
		c.line = c.Read
	}
	c.Unread++
	if m.named(x) {
		c.Mentions++
	}
	m.count++
	c.active = m.count
}

// sentHere follows an own message.
func (m *model) sentHere(c *conversation, x chat.Message) {
	if len(c.waiting) < maxWaiting {
		c.waiting[x.ID] = struct{}{}
	}
	c.line = chat.Place{} // who writes has read what was above
	c.t.deliver(chat.Delivery{Conversation: x.Conversation, ID: x.ID, State: chat.Queued})
}

func (m *model) delivered(d chat.Delivery) tea.Cmd {
	c := m.byID[d.Conversation]
	if c == nil {
		return nil
	}
	c.t.delivered(d)
	if d.State == chat.Queued {
		return nil
	}
	delete(c.waiting, d.ID)
	if d.State == chat.Failed {
		m.alert(m.title(c) + ": not delivered: " + d.Reason)
	}
	return nil
}

// refused gives a draft that could not be stored back.
func (m *model) refused(r chat.Refused) {
	text, ours := m.drafts[r.Key]
	delete(m.drafts, r.Key)
	if ours {
		m.giveBack(r.Conversation, text)
		m.alert("not sent: " + r.Reason)
	}
}

func (m *model) notice(n chat.Notice) tea.Cmd {
	text := n.Text
	switch c := m.byID[n.Conversation]; {
	case n.Code == chat.NoticeRequest || n.Conversation.IsPresence() || c == m.cur:
	case c == nil || !c.joined && !c.opening:
		m.unlisted(n.Conversation)
		return nil // another face has it open, and tells
	default:
		text = m.title(c) + ": " + text
	}
	switch n.Code {
	case chat.NoticeWaiting:
		if m.cur != nil && n.Conversation == m.cur.ID && !m.cur.ID.IsDirect() {
			return nil // the timeline says so
		}
		m.say(text)
	case chat.NoticeRequest:
		m.say(text + " (Alt+R)")
		return tea.Batch(m.fetchPeople(), m.notify(OnRequest, "request", text))
	case chat.NoticeMissed:
		m.say(text)
		return m.refresh()
	case chat.NoticeSeedLost, chat.NoticeClock, chat.NoticeFailed, chat.NoticeFork:
		m.alert(text)
	default:
		m.say(text)
	}
	return m.fetchStatus()
}

func (m *model) end(ev chat.Ended) {
	c := m.byID[ev.Conversation]
	if c == nil {
		return
	}
	c.ended = "has left"
	if ev.Refused {
		c.ended = "refused"
		if ev.Reason != "" {
			c.ended = fmt.Sprintf("refused (%s)", chat.SafeString(ev.Reason))
		}
	}
	m.say(m.title(c) + " " + c.ended)
}
