package tui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// maxWaiting bounds the own messages of a conversation whose way is followed.
const maxWaiting = 10_000

// A conversation is one that can be looked at.
type conversation struct {
	Conversation
	t    *timeline
	at   scroll
	line chat.Place // the unread line is after it, if not zero
	// members are who else is here, in the order of the list.
	members  []chat.Member
	unsorted bool
	waiting  map[chat.MessageID]struct{} // own messages that nobody has yet
	base     int                         // how many more waited when the node was asked
	draft    string                      // what is being written
	past     recalled
	loaded   bool // the newest page was here
	marking  bool // a MarkRead is under way
	active   int  // when something new came, as a number that grows
	ended    string
	joined   bool // this face has it open
	opening  bool // it is about to
}

// open finds a conversation, or adds one to the end of the list.
func (m *model) open(id chat.Conversation) *conversation {
	c := m.byID[id]
	if c == nil {
		c = &conversation{Conversation: Conversation{ID: id}, t: newTimeline(), waiting: make(map[chat.MessageID]struct{})}
		m.byID[id] = c
		m.convs = append(m.convs, c)
	}
	return c
}

// listed takes the list of conversations.
func (m *model) listed(list []Conversation) tea.Cmd {
	if !m.opened { // what is open comes before what is history
		slices.SortStableFunc(list, func(a, b Conversation) int { return order(b.Open, a.Open) })
	}
	for _, info := range list {
		if !info.ID.IsPresence() && !m.left[info.ID] {
			m.inform(m.open(info.ID), info)
		}
	}
	var cmds []tea.Cmd
	if !m.opened {
		m.opened = true
		cmds = append(cmds, m.openWanted())
	}
	if m.cur == nil && len(m.convs) > 0 {
		cmds = append(cmds, m.show(m.convs[0]))
	}
	return tea.Batch(cmds...)
}

// order is -1, 0 or 1, true being more.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// inform takes what the node says of c, where this face does not know better.
func (m *model) inform(c *conversation, info Conversation) {
	old := c.Conversation
	c.Conversation = info
	if old.Read.Compare(info.Read) > 0 { // the node is about to hear of it
		c.Read, c.Unread, c.Mentions = old.Read, old.Unread, old.Mentions
	}
	if info.History == (chat.History{}) {
		c.History = old.History
	}
	c.Open = c.Open || c.joined
	c.base = max(0, info.Waiting-len(c.waiting))
	if c == m.cur && !m.blur && !c.at.held {
		c.Unread, c.Mentions = 0, 0
	}
}

// show turns to a conversation.
func (m *model) show(c *conversation) tea.Cmd {
	if c == m.cur {
		return nil
	}
	if m.cur == nil && m.mode.kind == modeWrite && !m.input.empty() {
		c.draft = m.input.String() // written before there was a conversation
	}
	m.putAside()
	m.cur = c
	if m.mode.kind != modeName { // that question stays until it is answered
		m.mode = mode{}
		m.input.set(c.draft)
	}
	if c.Unread > 0 {
		c.line = c.Read
	}
	cmds := []tea.Cmd{m.fetchMembers(c), m.openHere(c), m.fetchInvite(c.ID)}
	if !c.loaded {
		cmds = append(cmds, m.loadNewest(c))
	}
	return tea.Batch(append(cmds, m.markRead())...)
}

// putAside keeps of the conversation shown only what is soon of use again.
func (m *model) putAside() {
	c := m.cur
	if c == nil {
		return
	}
	if m.mode.kind == modeWrite { // else the draft is there already
		c.draft = m.input.String()
	}
	c.line = chat.Place{}
	if c.t.newer {
		c.loaded, c.t = false, newTimeline() // it was far back in the history
	}
	c.at = scroll{}
	c.t.trim(len(c.t.entries), keptAside, keptAside)
}

// next turns to the conversation by places further, around the end.
func (m *model) next(by int) tea.Cmd {
	if len(m.convs) == 0 {
		return nil
	}
	i := slices.Index(m.convs, m.cur)
	return m.show(m.convs[(i+by+len(m.convs))%len(m.convs)])
}

// number turns to conversation n, from 1.
func (m *model) number(n int) tea.Cmd {
	if n > len(m.convs) {
		return nil
	}
	return m.show(m.convs[n-1])
}

// nextActive turns to where something unread is: first where the person is named
// or written to, then where it came first.
func (m *model) nextActive() tea.Cmd {
	var best *conversation
	for _, c := range m.convs {
		if c == m.cur || c.Unread == 0 {
			continue
		}
		if best == nil || c.urgent() && !best.urgent() || c.urgent() == best.urgent() && c.active < best.active {
			best = c
		}
	}
	if best == nil {
		m.say("nothing is unread")
		return nil
	}
	return m.show(best)
}

// urgent reports whether somebody unread means this person.
func (c *conversation) urgent() bool { return c.Unread > 0 && (c.ID.IsDirect() || c.Mentions > 0) }

// drop takes a conversation off the list.
func (m *model) drop(c *conversation) tea.Cmd {
	i := slices.Index(m.convs, c)
	if i < 0 {
		return nil
	}
	m.convs = slices.Delete(m.convs, i, i+1)
	delete(m.byID, c.ID)
	if c != m.cur {
		return nil
	}
	m.cur = nil
	m.input.set("")
	if len(m.convs) == 0 {
		return m.fetchInvite(chat.Conversation{})
	}
	return m.show(m.convs[min(i, len(m.convs)-1)])
}

// title is what a conversation is called.
func (m *model) title(c *conversation) string {
	if c.ID.IsDirect() {
		return "@" + m.names.Show(c.ID.Peer, m.nickOf(c))
	}
	return "#" + chat.SafeString(string(c.ID.Room))
}

// undelivered is how many own messages of c nobody else has.
func (c *conversation) undelivered() int { return c.base + len(c.waiting) }

// conversationRows is the list on the left.
func (m *model) conversationRows(width, height int) []row {
	from := 0
	if i := slices.Index(m.convs, m.cur); i >= height {
		from = i - height + 1
	}
	var rows []row
	for i := from; i < len(m.convs) && len(rows) < height; i++ {
		rows = append(rows, m.conversationRow(m.convs[i], i+1, width))
	}
	return rows
}

func (m *model) conversationRow(c *conversation, n, width int) row {
	count := ""
	switch {
	case c.urgent():
		count = fmt.Sprintf(" !%d", c.Unread)
	case c.Unread > 0:
		count = fmt.Sprintf(" %d", c.Unread)
	}
	mark := " "
	if c.ID.IsDirect() && (m.online[c.ID.Peer] || m.here(c)) {
		mark = "*"
	}
	text := m.meter.fit(fmt.Sprintf("%s%d %s", mark, n, m.title(c)), width-len(count)) + count
	switch {
	case c == m.cur:
		text = m.theme.bar.Styled(text)
	case c.urgent():
		text = m.theme.alert.Styled(text)
	case c.Unread > 0:
		text = m.theme.strong.Styled(text)
	case !c.Open && !c.opening: // there is only its history
		text = m.theme.dim.Styled(text)
	}
	return row{text, width}
}

// here reports whether the other of a private conversation is.
func (m *model) here(c *conversation) bool {
	return slices.ContainsFunc(c.members, func(x chat.Member) bool { return x.Online && x.Peer == c.ID.Peer })
}

// mentions reports whether a text names the person.
func mentions(text string, nick chat.Text) bool {
	name := strings.ToLower(nick.Line())
	if name == "" {
		return false
	}
	text = strings.ToLower(text)
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(name):])
		if !letter(before) && !letter(after) {
			return true
		}
		from = i + len(name)
	}
}

func letter(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// markRead tells the node what the person sees, one call at a time.
func (m *model) markRead() tea.Cmd {
	c := m.cur
	if c == nil || m.blur || c.marking || !c.loaded || c.at.held || c.t.newer || len(c.t.entries) == 0 {
		return nil
	}
	newest := c.t.entries[len(c.t.entries)-1]
	c.Unread, c.Mentions = 0, 0
	if newest.at.Compare(c.Read) <= 0 {
		return nil
	}
	c.Read, c.marking = newest.at, true
	conv, id := c.ID, newest.ID
	return m.call(func(ctx context.Context) tea.Msg {
		return markedMsg{conv, m.node.MarkRead(ctx, conv, id)}
	})
}

// markedMsg answers markRead.
type markedMsg struct {
	conv chat.Conversation
	err  error
}

func (m *model) marked(a markedMsg) tea.Cmd {
	c := m.byID[a.conv]
	if c == nil {
		return nil
	}
	c.marking = false
	if a.err != nil || c != m.cur {
		return nil // the next message is marked again
	}
	return m.markRead()
}

// sortMembers orders the members of c: who is here first, then by name.
// Once for each frame is enough, however many come at a time.
func (m *model) sortMembers(c *conversation) {
	if !c.unsorted {
		return
	}
	c.unsorted = false
	slices.SortFunc(c.members, func(a, b chat.Member) int {
		if a.Online != b.Online {
			if a.Online {
				return -1
			}
			return 1
		}
		return cmp.Or(
			strings.Compare(strings.ToLower(m.names.Plain(a.Peer, a.Nick)), strings.ToLower(m.names.Plain(b.Peer, b.Nick))),
			a.Peer.Compare(b.Peer),
		)
	})
}
