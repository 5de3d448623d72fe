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

// openedMsg answers Join and Dial.
type openedMsg struct {
	conv chat.Conversation
	err  error
}

// leftMsg answers Leave.
type leftMsg openedMsg

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
	case retryMsg:
		return m.listen()
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
	case leftMsg:
		return m.leftNow(msg)
	case doneMsg:
		return m.done(msg)
	case foundMsg:
		m.found(msg)
	case linesMsg:
		m.lines(msg)
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

// namesChanged tells people apart anew.
func (m *model) namesChanged() {
	m.names.know(m.self, m.contacts)
	m.version++
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
	if m.invite.text == "" {
		var id chat.Conversation
		if m.cur != nil {
			id = m.cur.ID
		}
		return tea.Batch(cmd, m.fetchInvite(id))
	}
	return cmd
}

// openedNow shows what was opened.
func (m *model) openedNow(a openedMsg) tea.Cmd {
	if a.err != nil {
		m.alert(a.err.Error())
		return m.fetchPeople()
	}
	c := m.open(a.conv)
	m.opened = true
	return tea.Batch(m.show(c), m.fetchConversations(), m.fetchPeople(), m.fetchInvite(c.ID))
}

func (m *model) leftNow(a leftMsg) tea.Cmd {
	if a.err != nil {
		m.alert(a.err.Error())
		return nil
	}
	if c := m.byID[a.conv]; c != nil {
		m.say("left " + m.title(c))
		return m.drop(c)
	}
	return nil
}

// tick asks how things are, now and then.
func (m *model) tick() tea.Cmd {
	cmds := []tea.Cmd{m.fetchStatus(), m.after(statusEvery, tickMsg{})}
	for _, c := range m.convs {
		if c.base > 0 { // these have no events we know of
			cmds = append(cmds, m.fetchConversations())
			break
		}
	}
	return tea.Batch(cmds...)
}
