package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/invite"
)

// inviteTitle is the title of the page with an invite.
const inviteTitle = "Invite"

// An invitation is the dialog with an invite.
type invitation struct {
	reading
	invite inviteMsg
	code   bool // only the QR code is shown, as far as it fits
}

func (d *invitation) keys() string {
	if d.code {
		return "Tab text, Esc closes"
	}
	return "c copies the line, Tab QR code, Esc closes"
}

func (d *invitation) key(m *model, k string) (tea.Cmd, bool) {
	switch k {
	case "c":
		m.say("copied, if your terminal allows it")
		return tea.SetClipboard(d.invite.command()), false
	case "tab":
		d.code = !d.code
		return nil, false
	}
	return d.reading.key(m, k)
}

func (d *invitation) rows(m *model, width, height int) []row {
	code, err := invite.QR(d.invite.text)
	if err != nil {
		code = []string{"no QR code: " + chat.SafeString(err.Error())}
	}
	wide, tall := len([]rune(code[0])), len(code)
	var rows []row
	if !d.code {
		rows = d.lines(m, width)
	}
	fits := wide <= width && len(rows)+tall <= height
	switch {
	case fits:
		for _, s := range code {
			rows = append(rows, row{m.theme.qr.Styled(s), len([]rune(s))})
		}
	case d.code:
		rows = []row{{m.meter.fit(fmt.Sprintf("The QR code needs a window of %d by %d.", wide, tall+m.height-height), width), width}}
	}
	return rows[:min(len(rows), max(0, height))]
}

// lines are the words around the invite, and the command with it. One longer than
// a row is quoted: a shell then takes what was selected in several rows as one
// word, and an invite may have white space in it.
func (d *invitation) lines(m *model, width int) []row {
	command := chat.SafeString(d.invite.command())
	if len(command) > width {
		command = fmt.Sprintf("p2pchat %s '%s'", d.invite.verb(), chat.SafeString(d.invite.text))
	}
	rows, _ := m.meter.wrap("A friend who has p2pchat comes here with this line:", width, width, maxReading)
	rows = append(rows, row{})
	for part := range slices.Chunk([]byte(command), max(1, width)) { // not at the spaces
		rows = append(rows, row{string(part), len(part)})
	}
	return append(rows, row{})
}

// showInvite asks for the invite to the conversation shown, and shows it.
func (m *model) showInvite() tea.Cmd {
	m.read(inviteTitle, "asking ...")
	var id chat.Conversation
	if m.cur != nil {
		id = m.cur.ID
	}
	return m.fetchInvite(id)
}

// invited takes an invite.
func (m *model) invited(a inviteMsg) {
	r, open := m.dialog.(*reading)
	open = open && r.name == inviteTitle
	switch {
	case a.err != nil && open:
		r.text = []string{chat.SafeString(a.err.Error())}
	case a.err != nil: // it was not asked for by the person
	case open:
		m.dialog = &invitation{reading: reading{name: inviteTitle}, invite: a}
		fallthrough
	default:
		m.invite = a
	}
}
