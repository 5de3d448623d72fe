package tui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// maxHits is how many messages a search shows.
const maxHits = 200

// foundMsg answers a search.
type foundMsg struct {
	words string
	hits  []chat.Message
	err   error
}

// search looks for words in all conversations.
func (m *model) search(words string) tea.Cmd {
	m.read("Search", "looking for "+chat.SafeString(words)+" ...")
	return m.call(func(ctx context.Context) tea.Msg {
		hits, err := m.node.Search(ctx, SearchQuery{Words: words, Limit: maxHits})
		return foundMsg{words, hits, err}
	})
}

// found lists what was found.
func (m *model) found(a foundMsg) {
	r, ok := m.dialog.(*reading)
	if !ok || r.name != "Search" {
		return // it was closed
	}
	if a.err != nil {
		r.text = []string{chat.SafeString(a.err.Error())}
		return
	}
	l := &list{
		name: fmt.Sprintf("Search: %s (%d found)", chat.SafeString(a.words), len(a.hits)),
		help: "Enter jumps there", empty: "nothing was found",
	}
	for _, x := range a.hits {
		m.meet(x.Author, x.Nick)
		place := "#" + chat.SafeString(string(x.Conversation.Room))
		if x.Conversation.IsDirect() {
			place = "@" + m.personName(x.Conversation.Peer)
		}
		l.items = append(l.items, item{fmt.Sprintf("%s %s %s: %s",
			x.Time.In(m.cfg.zone()).Format("2006-01-02 15:04"), place, m.names.Show(x.Author, x.Nick), x.Text.Line()), x})
	}
	l.act = func(m *model, k string, v any) (tea.Cmd, bool) {
		if k != "enter" {
			return nil, false
		}
		return m.jump(v.(chat.Message)), true
	}
	m.dialog = l
}

// jump shows a message of the history where it stands.
func (m *model) jump(x chat.Message) tea.Cmd {
	c := m.open(x.Conversation)
	var cmds []tea.Cmd
	if c != m.cur {
		c.loaded = true // around the hit, not at the end
		cmds = append(cmds, m.show(c))
	}
	return tea.Batch(append(cmds, m.loadAround(c, x))...)
}
