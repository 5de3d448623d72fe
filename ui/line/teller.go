package line

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

// Layouts of a message's time, in local time.
const (
	clockLayout = "15:04"
	dateLayout  = "2006-01-02 15:04"
)

// maxReactions is how many different reactions to a message are shown.
const maxReactions = 12

// newer stands for what this version cannot show.
const newer = "(made by a newer version of p2pchat)"

// A teller puts messages into lines of text, the same for a live screen and for
// a page of history.
type teller struct {
	names  *names.Names
	recall *recall
	layout string
	place  string // what follows the time, with a space before it
}

// tell is a message of the conversation that r recalls, or nothing if it changes
// nothing. Only the first line begins with a time, and only our own words stand
// where ours are expected: who writes "(deleted)" has it shown differently.
func (t *teller) tell(m chat.Message) []byte {
	n := t.recall.note(m)
	if n.void {
		return nil
	}
	m = n.message
	nick, at := t.names.Show(m.Author, m.Nick), m.Time.Local().Format(t.layout)+t.place
	var b []byte
	switch {
	case m.Kind == chat.KindTopic:
		return fmt.Appendf(nil, "%s -- %s %s\n", at, nick, topicWords(m.Text))
	case m.Kind == chat.KindAction && !m.Deleted:
		b = fmt.Appendf(nil, "%s * %s %s\n", at, nick, m.Text.Line())
	default:
		first, rest, more := strings.Cut(t.words(m, n.target, m.Text.Safe()), "\n")
		b = fmt.Appendf(nil, "%s %s | %s\n", at, nick, first)
		for more {
			first, rest, more = strings.Cut(rest, "\n")
			b = fmt.Appendf(b, "      | %s\n", first)
		}
	}
	if state := stateWords(m); state != "" {
		b = fmt.Appendf(b, "      + %s\n", state)
	}
	return b
}

// hint is a message of another conversation, on one line.
func (t *teller) hint(m chat.Message) string {
	nick := t.names.Show(m.Author, m.Nick)
	if m.Kind == chat.KindTopic {
		return nick + " " + topicWords(m.Text)
	}
	return nick + ": " + t.words(m, remembered{}, m.Text.Line())
}

// echo tells who wrote m here what it is about; of ordinary words, nothing.
func (t *teller) echo(m chat.Message) string {
	n := t.recall.note(m)
	switch {
	case n.void:
		return ""
	case m.Kind == chat.KindTopic:
		return "you " + topicWords(m.Text)
	case m.Kind == chat.KindReply, m.Kind == chat.KindEdit:
		m.Text = chat.Text{} // that is on the screen
		fallthrough
	case m.Kind == chat.KindDelete, m.Kind == chat.KindReaction:
		words := strings.TrimSpace(t.words(m, n.target, m.Text.Line()))
		return strings.TrimSuffix(strings.TrimPrefix(words, "("), ")")
	}
	return ""
}

// words is what a message says, text being its safe text.
func (t *teller) words(m chat.Message, target remembered, text string) string {
	switch {
	case m.Deleted:
		return "(deleted)"
	case m.Kind == chat.KindReply:
		return t.about("re", target, true) + plain(text)
	case m.Kind == chat.KindEdit:
		return t.about("edited", target, false) + plain(text)
	case m.Kind == chat.KindDelete:
		return strings.TrimSpace(t.about("deleted", target, false))
	case m.Kind == chat.KindReaction && m.Text.Empty():
		return strings.TrimSpace(t.about("took back the reaction to", target, false))
	case m.Kind == chat.KindReaction:
		return strings.TrimSpace(t.about("reacted "+m.Text.Line()+" to", target, false))
	case !m.Kind.Known():
		return newer
	default:
		return plain(text)
	}
}

// about is "(edited "old words…") ", and names the author of what is quoted if
// that can be somebody else.
func (t *teller) about(verb string, target remembered, named bool) string {
	switch {
	case target.id == chat.MessageID{}:
		return "(" + verb + " an earlier message) "
	case named && target.deleted:
		return fmt.Sprintf("(%s %s: a deleted message) ", verb, t.names.Show(target.author, target.nick))
	case target.deleted:
		return "(" + verb + " a deleted message) "
	case named:
		return fmt.Sprintf("(%s %s: %s) ", verb, t.names.Show(target.author, target.nick), target.quote)
	default:
		return fmt.Sprintf("(%s %s) ", verb, target.quote)
	}
}

// plain is somebody's text, which must not pass for our own words: a quote of
// what another one never said, a deletion that never was.
func plain(text string) string {
	head, _, _ := strings.Cut(text, "\n")
	if head = strings.TrimLeft(head, " "); strings.HasPrefix(head, "(") {
		head = strings.ToLower(strings.TrimLeft(head[1:], " "))
		for _, ours := range [...]string{"re ", "edited", "deleted", "reacted ", "took back ", newer[1:]} {
			if strings.HasPrefix(head, ours) {
				return `\` + text
			}
		}
	}
	return text
}

func topicWords(topic chat.Text) string {
	if topic.Empty() {
		return "cleared the topic"
	}
	return "set the topic: " + topic.Line()
}

// stateWords is what later messages have made of m.
func stateWords(m chat.Message) string {
	var words []string
	if m.Edited {
		words = append(words, "edited")
	}
	for i, r := range m.Reactions {
		if i == maxReactions {
			words = append(words, fmt.Sprintf("and %d more", len(m.Reactions)-i))
			break
		}
		words = append(words, fmt.Sprintf("%s %d", cmp.Or(strings.TrimSpace(r.Text.Line()), "?"), len(r.By)))
	}
	return strings.Join(words, ", ")
}

// PagesConfig configures Pages. The zero value prints text for people.
type PagesConfig struct {
	// JSON prints an object a line, as the live stream does.
	JSON bool
	// Dates prints the day with each time. It changes nothing in JSON.
	Dates bool
	// Self and Name are the own identity and nickname, which nobody else is
	// shown with.
	Self chat.PeerID
	Name chat.Text
	// Known are people whose names nobody else is shown with.
	Known []Person
}

// Pages prints messages of one conversation, page after page, as the live stream
// shows them. It remembers names and the last messages, for quoting.
type Pages struct {
	w      io.Writer
	json   bool
	teller teller
}

// NewPages prints to w.
func NewPages(w io.Writer, cfg PagesConfig) *Pages {
	layout := clockLayout
	if cfg.Dates {
		layout = dateLayout
	}
	return &Pages{w, cfg.JSON, teller{names.New(Person{Peer: cfg.Self, Name: cfg.Name}, cfg.Known), newRecall(), layout, ""}}
}

// Write prints messages, oldest first, with one call of the writer's Write.
func (p *Pages) Write(msgs ...chat.Message) error {
	var b []byte
	for _, m := range msgs {
		if p.json {
			b = append(b, object(m)...)
		} else {
			b = append(b, p.teller.tell(m)...)
		}
	}
	if len(b) == 0 {
		return nil
	}
	if _, err := p.w.Write(b); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// WriteMessages prints one page of messages as text, or as JSON lines.
func WriteMessages(w io.Writer, asJSON bool, msgs ...chat.Message) error {
	return NewPages(w, PagesConfig{JSON: asJSON}).Write(msgs...)
}
