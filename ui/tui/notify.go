package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
)

// An Occasion is something that a person may want to be called for.
type Occasion string

// The occasions, as the settings name them.
const (
	OnMention Occasion = "mention" // somebody writes the own name
	OnPrivate Occasion = "private" // something is said in private
	OnRequest Occasion = "request" // somebody unknown wrote
	OnMessage Occasion = "message" // anything is said
)

// Notify says which occasions ring the terminal's bell, and which are shown by the
// desktop, where the terminal passes that on. The zero value is quiet.
type Notify struct {
	Bell, Desktop []Occasion
}

const (
	// notifyEvery is the shortest time between two calls.
	notifyEvery = time.Second
	// notifyFresh is how old a message may be that the person is called for.
	notifyFresh = 5 * time.Minute
	// maxNotice is the longest text given to the desktop, in cells.
	maxNotice = 120
)

// notifyOf calls the person for a message, unless it is on the screen.
func (m *model) notifyOf(c *conversation, x chat.Message) tea.Cmd {
	if x.Mine || x.Old || !x.Kind.IsText() || m.cfg.now().Sub(x.Time) > notifyFresh || c == m.cur && !m.blur {
		return nil
	}
	who := m.names.Show(x.Author, x.Nick)
	what := OnMessage
	switch {
	case x.Conversation.IsDirect():
		what = OnPrivate
	case m.named(x):
		what = OnMention
	}
	if !x.Conversation.IsDirect() {
		who += " in " + m.title(c)
	}
	return m.notify(what, who, x.Text.Line())
}

// notify calls the person, if that is wanted and not too soon after the last time.
func (m *model) notify(what Occasion, title, text string) tea.Cmd {
	wants := func(all []Occasion) bool {
		return slices.Contains(all, what) || what != OnRequest && slices.Contains(all, OnMessage)
	}
	seq := ""
	if wants(m.cfg.Notify.Desktop) {
		title, _ = m.meter.cut(chat.SafeString(title), maxNotice)
		text, _ = m.meter.cut(chat.SafeString(text), maxNotice)
		seq = desktop(m.cfg.Env, title, text)
	}
	if wants(m.cfg.Notify.Bell) {
		seq += "\a"
	}
	now := m.cfg.now()
	if seq == "" || !m.notified.IsZero() && now.Sub(m.notified) < notifyEvery {
		return nil
	}
	m.notified = now
	return tea.Raw(seq)
}

// notifyLines say what is on.
func (m *model) notifyLines() []string {
	list := func(all []Occasion) string {
		if len(all) == 0 {
			return "nothing"
		}
		var words []string
		for _, o := range all {
			words = append(words, chat.SafeString(string(o)))
		}
		return strings.Join(words, ", ")
	}
	return []string{
		"bell     " + list(m.cfg.Notify.Bell),
		"desktop  " + list(m.cfg.Notify.Desktop),
		"",
		"The settings (p2pchat config shows their file) turn them on under [notify]: " +
			`bell = ["mention", "private"], and desktop the same. There are mention, private, request and message, which is anything said.`,
		"You are not called for what you are looking at.",
	}
}

// A notation is how a terminal takes what is to be shown on the desktop.
type notation int

const (
	osc9   notation = iota // a text
	osc777                 // a title and a text
	noNotation
)

// notationOf finds out which one a terminal understands. One that understands
// neither ignores both, but for the console of Linux.
func notationOf(env []string) notation {
	term := lookup(env, "TERM")
	switch {
	case lookup(env, "VTE_VERSION") != "": // GNOME and Xfce terminals, Tilix
		return osc777
	case strings.HasPrefix(term, "rxvt"), strings.HasPrefix(term, "foot"):
		return osc777
	case term == "linux":
		return noNotation
	default: // iTerm2, kitty, Ghostty, WezTerm, Windows Terminal
		return osc9
	}
}

// desktop is the sequence that shows a safe title and text on the desktop.
func desktop(env []string, title, text string) string {
	// A semicolon ends a field and, with a number before it, means something else
	// to some terminals.
	field := strings.NewReplacer(";", ",").Replace
	seq := ""
	switch notationOf(env) {
	case osc9:
		seq = "\x1b]9;" + field(title+": "+text) + "\a"
	case osc777:
		seq = "\x1b]777;notify;" + field(title) + ";" + field(text) + "\a"
	default:
		return ""
	}
	switch {
	case lookup(env, "TMUX") != "": // passed on if allow-passthrough is set there
		return "\x1bPtmux;" + strings.ReplaceAll(seq, "\x1b", "\x1b\x1b") + "\x1b\\"
	case lookup(env, "STY") != "": // GNU screen
		return "\x1bP" + seq + "\x1b\\"
	}
	return seq
}
