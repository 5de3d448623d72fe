package tui

import (
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/p2pchat/p2pchat/chat"
)

// An answer is what a call of the node returned.
type answer[T any] struct {
	value T
	err   error
}

// Update routes what happened. It never waits.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		return m, m.paste(msg.Content)
	case eventsMsg:
		return m, m.got(msg)
	case failedMsg:
		panic(string(msg))
	default:
		return m, m.other(msg)
	}
}

func (m *model) other(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		return m.more()
	case tea.BackgroundColorMsg:
		m.theme = newTheme(msg.IsDark())
		m.version++
	case tea.ModeReportMsg:
		m.terminalMode(msg)
	case tea.FocusMsg, tea.ResumeMsg:
		m.blur = false
		return m.markRead()
	case tea.BlurMsg:
		m.blur = true
	case tickMsg:
		return m.tick()
	case statusSoonMsg:
		m.statusDue = false
		return m.fetchStatus()
	case retryMsg:
		return m.listen()
	case slowMsg:
		m.slowly(msg)
	case sayMsg:
		return m.sayNext()
	default:
		return m.answered(msg)
	}
	return nil
}

// answered takes what calls of the node returned.
func (m *model) answered(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case answer[Self]:
		m.known(msg)
	case answer[[]Conversation]:
		return m.gotConversations(msg)
	case answer[[]Contact]:
		if msg.err == nil {
			m.contacts = msg.value
			m.namesChanged()
		}
	case answer[[]Request]:
		if msg.err == nil {
			m.requests = msg.value
		}
	case answer[Status]:
		if msg.err == nil {
			m.status = msg.value
		}
	case pageMsg:
		return m.paged(msg)
	case membersMsg:
		m.gotMembers(msg)
	case markedMsg:
		return m.marked(msg)
	case saidMsg:
		return m.said(msg)
	case openedMsg:
		return m.openedNow(msg)
	case joinedMsg:
		return m.joinedNow(msg)
	case leftMsg:
		return m.leftNow(msg)
	case doneMsg:
		return m.done(msg)
	case foundMsg:
		m.found(msg)
	case netMsg:
		m.net(msg)
	case holdersMsg:
		m.holders(msg)
	case inviteMsg:
		m.invited(msg)
	}
	return nil
}

// terminalMode follows the renderer, which measures characters as the terminal
// says it does.
func (m *model) terminalMode(msg tea.ModeReportMsg) {
	if msg.Mode == ansi.ModeUnicodeCore && (msg.Value == ansi.ModeReset || msg.Value == ansi.ModeSet || msg.Value == ansi.ModePermanentlySet) {
		m.meter.method = ansi.GraphemeWidth
		m.input.meter = m.meter
		m.namesChanged() // what was cut may be wider
	}
}

// known takes the own identity, and asks for a name if there is none.
func (m *model) known(a answer[Self]) {
	if a.err != nil {
		return
	}
	m.self = a.value
	m.namesChanged()
	m.nameSelf()
	if m.cur != nil {
		m.markMentions(m.cur)
	}
}

func (m *model) gotConversations(a answer[[]Conversation]) tea.Cmd {
	if a.err != nil {
		m.alert("the conversations cannot be read: " + a.err.Error())
		return nil
	}
	cmd := m.listed(a.value)
	if m.cur == nil && m.invite.text == "" {
		return tea.Batch(cmd, m.fetchInvite(chat.Conversation{}))
	}
	return cmd
}

// tick asks how things are, now and then.
func (m *model) tick() tea.Cmd {
	m.forgetNote()
	cmds := []tea.Cmd{m.fetchStatus(), m.after(statusEvery, tickMsg{})}
	for _, c := range m.convs {
		if c.base > 0 || c.Unread > 0 { // no event tells that it changed, also by another face
			cmds = append(cmds, m.fetchConversations())
			break
		}
	}
	return tea.Batch(cmds...)
}
