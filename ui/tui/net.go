package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// netTitle is the title of the page about connections.
const netTitle = "Connections"

// netMsg answers showNet.
type netMsg struct {
	list []Connection
	err  error
}

// showNet shows how the node is connected.
func (m *model) showNet() tea.Cmd {
	m.read(netTitle, append(m.standingLines(), "", "asking for the connections ...")...)
	return m.call(func(ctx context.Context) tea.Msg {
		list, err := m.node.Net(ctx)
		return netMsg{list, err}
	})
}

func (m *model) net(a netMsg) {
	r, ok := m.dialog.(*reading)
	if !ok || r.name != netTitle {
		return // it was closed
	}
	r.text = append(m.standingLines(), "")
	switch {
	case a.err != nil:
		r.text = append(r.text, chat.SafeString(a.err.Error()))
	case len(a.list) == 0:
		r.text = append(r.text, "no connections")
	}
	for _, c := range a.list {
		r.text = append(r.text, m.connectionLine(c))
	}
}

// standingLines say how the node stands in the network.
func (m *model) standingLines() (out []string) {
	if m.status.Reach != "" {
		out = append(out, chat.SafeString(m.status.Reach))
	}
	out = append(out, m.seedLines()...)
	if m.status.LAN != "" {
		out = append(out, "local network: "+chat.SafeString(m.status.LAN))
	}
	return out
}

// seedLines say how it stands with each seed.
func (m *model) seedLines() (out []string) {
	for _, s := range m.status.Seeds {
		state := "connected"
		if !s.Connected {
			if state = "no answer"; s.Trouble != "" {
				state += " (" + chat.SafeString(s.Trouble) + ")"
			}
		}
		out = append(out, fmt.Sprintf("seed %s: %s", chat.SafeString(s.Name), state))
	}
	if len(out) == 0 {
		out = append(out, "seeds: none are set")
	}
	return out
}

// connectionLine tells about one connection.
func (m *model) connectionLine(c Connection) string {
	words := []string{m.names.Show(c.Peer, c.Nick) + " (" + chat.SafeString(c.Role) + ")"}
	switch {
	case c.Relayed && !c.Via.IsZero():
		words = append(words, "relayed by "+m.personName(c.Via))
	case c.Relayed:
		words = append(words, "relayed")
	default:
		words = append(words, "direct")
	}
	if c.RTT > 0 {
		words = append(words, fmt.Sprintf("%d ms", max(1, c.RTT.Milliseconds())))
	}
	words = append(words,
		"for "+agoWords(m.cfg.now().Sub(c.Since)),
		sizeWords(c.In)+" in", sizeWords(c.Out)+" out")
	if c.Remote != "" {
		words = append(words, chat.SafeString(c.Remote))
	}
	return strings.Join(words, ", ")
}
