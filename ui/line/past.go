package line

import (
	"context"
	"fmt"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// topicPatience bounds a look-up of the topic that nobody asked for: messages
// wait for it.
const topicPatience = time.Second

// held is how much of the conversation is here, as far as a person is told.
type held struct {
	// missing is what was last said to be missing, so that it is told once.
	missing string
	// complete is set while nothing is missing, and told once that was said.
	complete, told bool
	// news is set when something older came or was missing: only then it is of
	// interest that nothing is missing any more.
	news bool
}

// begin shows what is known of the conversation before anything happens. What
// follows of it was not shown by us before, so it is not marked as read.
func (s *screen) begin(ctx context.Context) error {
	if s.cfg.JSON {
		return nil
	}
	for _, m := range s.cfg.Past {
		if s.shown.first(m.ID) {
			s.edge.note(m)
			s.add(false, s.teller.tell(m))
		}
	}
	s.tellTopic(ctx)
	if err := s.tellPresent(ctx); err != nil {
		return err
	}
	return s.flush()
}

// noteShown takes note of a message of this conversation that was printed.
func (s *screen) noteShown(m chat.Message) {
	s.held.news = s.held.news || m.Old
	if m.Kind == chat.KindTopic {
		s.topic = m.ID
	}
	if s.cfg.marks() && !m.Mine && m.Place().Compare(s.read) > 0 {
		s.read, s.unread = m.Place(), m.ID
	}
}

// history takes note of how much of the conversation is here.
func (s *screen) history(h chat.History) {
	held := &s.held
	held.news = held.news || h.Missing > 0 || h.Fetched > 0
	missing := ""
	switch {
	case h.Missing == 1:
		missing = "1 message missing, nobody online has it"
	case h.Missing > 1:
		missing = fmt.Sprintf("%d messages missing, nobody online has them", h.Missing)
	case h.Complete:
		held.complete, held.missing = true, ""
		return
	default: // it goes on
		if s.cfg.Verbose {
			s.say("history: %d of about %d messages have come", h.Fetched, h.Total)
		}
		return
	}
	held.complete, held.told = false, false
	if missing != held.missing {
		held.missing = missing
		s.say("history: %s", missing)
	}
}

// tellComplete says that all is here, after what it speaks of was printed.
func (s *screen) tellComplete() {
	if h := &s.held; !h.complete || h.told || !h.news {
		return
	}
	s.held.told = true
	s.say("history: complete")
	ctx, cancel := context.WithTimeout(context.Background(), topicPatience)
	defer cancel()
	s.tellTopic(ctx)
}

// tellTopic says what the conversation is about, unless that was shown.
func (s *screen) tellTopic(ctx context.Context) {
	if s.cfg.Topic == nil {
		return
	}
	m, err := s.cfg.Topic(ctx, s.cfg.Conversation)
	if err != nil || m.Text.Empty() || m.ID == s.topic {
		return
	}
	s.showTopic(m)
}

// showTopic shows the topic; m is of no kind if none is set.
func (s *screen) showTopic(m chat.Message) {
	switch {
	case m.Text.Empty():
		s.say("no topic is set (hint: /topic WORDS sets it)")
	case s.cfg.JSON:
		s.object(m)
	default:
		s.topic = m.ID
		s.say("the topic is: %s (set by %s)", m.Text.Line(), s.teller.names.Show(m.Author, m.Nick))
	}
}
