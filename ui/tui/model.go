package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

const (
	// maxUnsaid is how many messages wait for the node to take them.
	maxUnsaid = 1000
	// maxLog is how many notices are remembered.
	maxLog = 200
	// slowSay is how long the node may take for a message before it is shown as one
	// that waits.
	slowSay = 300 * time.Millisecond
	// noteLasts and alertLasts are how long a note stays on the status line; /log
	// has it afterwards.
	noteLasts  = 8 * time.Second
	alertLasts = 30 * time.Second
	// statusEvery is how often the node is asked how well it is connected.
	statusEvery = 5 * time.Second
	// statusSettle is how long after somebody came or left.
	statusSettle = 300 * time.Millisecond
	// retryEvery is how soon a node that is gone is asked for again.
	retryEvery = time.Second
)

// A model is all that is shown. bubbletea's goroutine owns it.
type model struct {
	node  Node
	tasks *tasks
	cfg   Config
	// still is set in tests that bring events and time themselves.
	still bool

	meter   meter
	theme   theme
	width   int
	height  int
	blur    bool // the person looks elsewhere
	version int  // grows when names or theme change: what is laid out is so again

	self      Self
	names     *names.Names
	contactOf map[chat.PeerID]Contact
	people    map[chat.PeerID]chat.Text // nicks, as last heard
	online    map[chat.PeerID]bool      // who is, as the presence room says
	contacts  []Contact
	requests  []Request
	status    Status
	statusDue bool      // it is asked for in a moment
	invite    inviteMsg // the last one, for the hints
	gone      bool      // the node does not answer

	convs  []*conversation
	byID   map[chat.Conversation]*conversation
	left   map[chat.Conversation]bool // by the person, in this Run: not listed
	stale  bool                       // something happened in a conversation not listed
	cur    *conversation              // nil before there is any
	opened bool                       // the first list of conversations has come

	input    editor
	mode     mode
	comp     completion
	dialog   dialog
	ask      *question
	note     string // what was said last on the status line
	noteIs   noteKind
	noteAt   time.Time
	notified time.Time // when the person was called last
	log      []string
	// hide says which lists the person has folded away.
	hideConvs, hideMembers bool
	quitting               bool // Ctrl+C was pressed on an empty input

	unsaid []unsaid
	saying *unsaid // is on its way to the node
	slow   bool    // for longer than slowSay
	// leaving is set when the person wants to quit and something is unsaid.
	leaving bool
	drafts  map[string]string // texts of drafts the node has not taken yet, by key
	count   int               // of drafts
	prefix  string            // of their keys, this Run's own
}

// A noteKind says how a note is shown.
type noteKind int

const (
	noteInfo noteKind = iota
	noteAlert
)

// An unsaid message waits for the one before it, for they go out in order.
type unsaid struct {
	conv  chat.Conversation
	draft chat.Draft
	text  string // as the person wrote it
	at    time.Time
}

func newModel(node Node, cfg Config, t *tasks) *model {
	m := &model{
		node: node, cfg: cfg, tasks: t,
		theme: newTheme(true), width: 80, height: 24,
		names: names.New(names.Person{}, nil), contactOf: make(map[chat.PeerID]Contact), people: make(map[chat.PeerID]chat.Text), online: make(map[chat.PeerID]bool),
		byID: make(map[chat.Conversation]*conversation), left: make(map[chat.Conversation]bool), drafts: make(map[string]string),
		prefix: cfg.keys(),
	}
	for _, id := range m.wanted() {
		m.open(id)
	}
	return m
}

// Init asks for all there is to show.
func (m *model) Init() tea.Cmd {
	return tea.Batch(tea.RequestBackgroundColor, m.fetch(), m.listen(), m.after(statusEvery, tickMsg{}))
}

// after sends msg when d has passed.
func (m *model) after(d time.Duration, msg tea.Msg) tea.Cmd {
	if m.still {
		return func() tea.Msg { return nil }
	}
	return m.tasks.after(d, msg)
}

// call makes a command of a call of the node.
func (m *model) call(f func(ctx context.Context) tea.Msg) tea.Cmd {
	return m.tasks.do(callTimeout, f)
}

// fetch asks for everything but the messages.
func (m *model) fetch() tea.Cmd {
	return tea.Batch(m.fetchSelf(), m.fetchConversations(), m.fetchPeople(), m.fetchStatus(), m.membersOf(chat.Presence()))
}

func (m *model) fetchSelf() tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		self, err := m.node.Self(ctx)
		return answer[Self]{self, err}
	})
}

func (m *model) fetchConversations() tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		list, err := m.node.Conversations(ctx)
		return answer[[]Conversation]{list, err}
	})
}

// fetchPeople asks for contacts and requests.
func (m *model) fetchPeople() tea.Cmd {
	return tea.Batch(m.call(func(ctx context.Context) tea.Msg {
		list, err := m.node.Contacts(ctx)
		return answer[[]Contact]{list, err}
	}), m.call(func(ctx context.Context) tea.Msg {
		list, err := m.node.Requests(ctx)
		return answer[[]Request]{list, err}
	}))
}

// statusSoonMsg is the time to ask what statusSoon is about.
type statusSoonMsg struct{}

// statusSoon asks how well the node is connected when somebody has come or gone, once
// for all who do so within a moment.
func (m *model) statusSoon() tea.Cmd {
	if m.statusDue {
		return nil
	}
	m.statusDue = true
	return m.after(statusSettle, statusSoonMsg{})
}

func (m *model) fetchStatus() tea.Cmd {
	return m.call(func(ctx context.Context) tea.Msg {
		st, err := m.node.Status(ctx)
		return answer[Status]{st, err}
	})
}

// listen waits for the next events.
func (m *model) listen() tea.Cmd {
	if m.still {
		return nil
	}
	return m.tasks.do(0, func(ctx context.Context) tea.Msg {
		events, err := m.node.Next(ctx)
		return eventsMsg{events, err}
	})
}

// look is how entries are laid out now.
func (m *model) look() *look {
	return &look{
		meter: m.meter, width: m.columns().timeline, names: m.names, theme: &m.theme,
		zone: m.cfg.zone(), version: m.version,
	}
}

// say puts a note on the status line.
func (m *model) say(s string) { m.noted(s, noteInfo) }

// alert puts a note there that something went wrong.
func (m *model) alert(s string) { m.noted(s, noteAlert) }

func (m *model) noted(s string, kind noteKind) {
	m.note, m.noteIs, m.noteAt = chat.SafeString(s), kind, m.cfg.now()
	m.remember(m.note)
}

// forgetNote clears the note once it was there long enough to be read.
func (m *model) forgetNote() {
	lasts := noteLasts
	if m.noteIs == noteAlert {
		lasts = alertLasts
	}
	if m.note != "" && m.cfg.now().Sub(m.noteAt) >= lasts {
		m.note = ""
	}
}

// remember keeps a note for /log.
func (m *model) remember(s string) {
	if m.log = append(m.log, m.cfg.now().In(m.cfg.zone()).Format("15:04:05 ")+s); len(m.log) > maxLog {
		m.log = m.log[1:]
	}
}
