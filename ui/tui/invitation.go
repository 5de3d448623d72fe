package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"rsc.io/qr"

	"github.com/p2pchat/p2pchat/chat"
)

// quiet is the white border that a QR code needs, in its own dots.
const quiet = 2

// qrRows draws text as a QR code, two dots to a cell: white where dots are bright
// cells, so that it is the same on dark and on light backgrounds if the terminal
// shows black and white, and inverted at most.
func qrRows(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, fmt.Errorf("as a QR code: %w", err)
	}
	white := func(x, y int) bool { return !code.Black(x-quiet, y-quiet) } // also outside
	size := code.Size + 2*quiet
	var rows []string
	for y := 0; y < size; y += 2 {
		var b strings.Builder
		for x := range size {
			switch up, down := white(x, y), y+1 < size && white(x, y+1); {
			case up && down:
				b.WriteString("█")
			case up:
				b.WriteString("▀")
			case down:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		rows = append(rows, b.String())
	}
	return rows, nil
}

// An invitation is the dialog with an invite.
type invitation struct {
	reading
	invite inviteMsg
}

func (d *invitation) rows(m *model, width, height int) []row {
	d.text = []string{"Give this line to a friend:", "", chat.SafeString(d.invite.command()), ""}
	rows := d.reading.rows(m, width, maxReading)
	code, err := qrRows(d.invite.text)
	switch {
	case err != nil:
		rows = append(rows, row{text: chat.SafeString(err.Error())})
	case len([]rune(code[0])) > width || len(rows)+len(code) > height:
		rows = append(rows, row{text: m.meter.fit(fmt.Sprintf("(the QR code needs a window of %d by %d)", len([]rune(code[0])), len(rows)+len(code)+m.height-height), width)})
	default:
		for _, s := range code {
			rows = append(rows, row{m.theme.qr.Styled(s), len([]rune(s))})
		}
	}
	return rows[:min(len(rows), max(0, height))]
}

// showInvite asks for the invite to the conversation shown, and shows it.
func (m *model) showInvite() tea.Cmd {
	m.read("Invite", "asking ...")
	var id chat.Conversation
	if m.cur != nil {
		id = m.cur.ID
	}
	return m.fetchInvite(id)
}

// invited takes an invite.
func (m *model) invited(a inviteMsg) {
	r, open := m.dialog.(*reading)
	open = open && r.name == "Invite"
	switch {
	case a.err != nil && open:
		r.text = []string{chat.SafeString(a.err.Error())}
	case a.err != nil: // it was not asked for by the person
	case open:
		m.dialog = &invitation{reading: reading{name: "Invite"}, invite: a}
		fallthrough
	default:
		m.invite = a
	}
}
