package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// A where says what part of the history a page was asked for.
type where int

const (
	newest where = iota // in place of what is shown
	oldest              // the same
	around              // the same
	older               // before what is shown
	newer               // after it
)

// pageMsg answers the load functions.
type pageMsg struct {
	conv    chat.Conversation
	request int // which one it answers
	where   where
	hit     chat.MessageID // to show, where around
	page    Page
	older   bool // there may be more before the page
	newer   bool // or after it
	err     error
}

// load asks for a page, unless one is on its way.
func (m *model) load(c *conversation, w where, q PageQuery) tea.Cmd {
	if c.t.asked {
		return nil
	}
	id, request := c.ID, m.request(c)
	q.Limit = pageSize
	return m.call(func(ctx context.Context) tea.Msg {
		p, err := m.node.Page(ctx, id, q)
		full := len(p.Messages) >= pageSize
		return pageMsg{
			conv: id, request: request, where: w, page: p, err: err,
			older: full && w != oldest, newer: full && w != newest,
		}
	})
}

// request numbers a request for a page of c; an earlier one is forgotten.
func (m *model) request(c *conversation) int {
	m.count++
	c.t.asked, c.t.request, c.t.changes, c.t.told = true, m.count, nil, nil
	return m.count
}

func (m *model) loadNewest(c *conversation) tea.Cmd { return m.load(c, newest, PageQuery{}) }

// loadOldest goes to the beginning of the history.
func (m *model) loadOldest(c *conversation) tea.Cmd {
	return m.load(c, oldest, PageQuery{After: chat.Place{Time: 1}})
}

// loadAround goes to a message found, which need not be in memory.
func (m *model) loadAround(c *conversation, hit chat.Message) tea.Cmd {
	if c.t.asked {
		m.say("one moment: a page is on its way")
		return nil
	}
	id, at, request := c.ID, hit.Place(), m.request(c)
	return m.call(func(ctx context.Context) tea.Msg {
		before, err := m.node.Page(ctx, id, PageQuery{Before: at, Limit: pageSize})
		if err != nil {
			return pageMsg{conv: id, request: request, where: around, err: err}
		}
		after, err := m.node.Page(ctx, id, PageQuery{After: at, Limit: pageSize})
		deliveries := append(before.Deliveries, after.Deliveries...)
		if hit.Mine {
			if h, err := m.node.Holders(ctx, id, hit.ID); err == nil { // else it has no mark
				deliveries = append(deliveries, h.Delivery)
			}
		}
		return pageMsg{
			conv: id, request: request, where: around, hit: hit.ID, err: err,
			page: Page{
				Messages:   append(append(before.Messages, hit), after.Messages...),
				Deliveries: deliveries,
			},
			older: len(before.Messages) >= pageSize, newer: len(after.Messages) >= pageSize,
		}
	})
}

// paged takes a page.
func (m *model) paged(a pageMsg) tea.Cmd {
	c := m.byID[a.conv]
	if c == nil || !c.t.asked || a.request != c.t.request {
		return nil // it would leave a hole in what is shown now
	}
	if a.err != nil {
		c.t.asked, c.t.changes, c.t.told = false, nil, nil
		m.alert("the history cannot be read: " + a.err.Error())
		return nil
	}
	for _, x := range a.page.Messages {
		m.meet(x.Author, x.Nick)
	}
	switch a.where {
	case newest:
		m.newestPage(c, a)
	case oldest, around:
		c.t.replace(a.page, a.older, a.newer)
		c.at, c.loaded = scroll{}, true
		m.reveal(c, a)
	case older:
		c.t.merge(a.page)
		c.t.older = a.older
		m.trim(c)
	case newer:
		c.t.merge(a.page)
		if c.t.newer = a.newer; !a.newer {
			c.t.beyond = 0
		}
		m.trim(c)
	}
	m.markMentions(c)
	return tea.Batch(m.more(), m.markRead())
}

// newestPage is put together with what came live meanwhile.
func (m *model) newestPage(c *conversation, a pageMsg) {
	live := c.t.entries
	c.loaded = true
	c.t.replace(a.page, a.older, false)
	for _, e := range live {
		if len(a.page.Messages) == 0 || e.at.Compare(a.page.Messages[0].Place()) > 0 {
			n := c.t.insert(e.Message)
			if n.delivery.State == "" { // else the page has it, or an event since then
				n.delivery = e.delivery
			}
			n.mention = e.mention
		}
	}
	if !c.at.held {
		c.at = scroll{}
	}
}

// reveal shows what a page was asked for.
func (m *model) reveal(c *conversation, a pageMsg) {
	if len(c.t.entries) == 0 {
		return
	}
	i := 0
	if e := c.t.byID[a.hit]; e != nil {
		i = c.t.index(e.at)
		m.mode = mode{kind: modePick, target: a.hit}
	}
	p, height := m.pane(c), m.frame().height
	c.at = p.down(p.hold(i, 0), height-1)
	if a.where == around { // with some of what was said before it
		c.at = p.show(p.up(c.at, height/3, height), i, height)
	}
}

// trim keeps the window small around what is shown.
func (m *model) trim(c *conversation) {
	if len(c.t.entries) <= maxWindow {
		return
	}
	keep := len(c.t.entries)
	if c.at.held {
		keep = c.t.index(c.at.at)
	}
	c.t.trim(keep, maxWindow, trimTo)
}

// more asks for a page if what is shown comes near an end of the window.
func (m *model) more() tea.Cmd {
	c := m.cur
	if c == nil || !c.loaded || c.t.asked || len(c.t.entries) == 0 {
		return nil
	}
	p, height := m.pane(c), m.frame().height
	n := len(c.t.entries)
	if c.t.newer && !c.at.held { // the person wants the end
		return m.loadNewest(c)
	}
	if c.t.older && p.first(c.at, 2*height) == 0 {
		return m.load(c, older, PageQuery{Before: c.t.entries[0].at})
	}
	if i, _ := p.bottom(c.at); c.t.newer && n-1-i < height {
		return m.load(c, newer, PageQuery{After: c.t.entries[n-1].at})
	}
	return nil
}

// markMentions notes which messages name the person.
func (m *model) markMentions(c *conversation) {
	for _, e := range c.t.entries {
		e.mention = m.named(e.Message)
	}
}

// named reports whether a message names the person.
func (m *model) named(x chat.Message) bool {
	return !x.Mine && x.Kind.IsText() && !x.Conversation.IsDirect() && mentions(x.Text.Line(), m.self.Name)
}

// pane is the timeline of c, as it is shown.
func (m *model) pane(c *conversation) *pane {
	l := m.look()
	p := &pane{look: l, t: c.t, unread: c.line}
	if m.mode.kind == modePick {
		p.pick = m.mode.target
	}
	return p
}
