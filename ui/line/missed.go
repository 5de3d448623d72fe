package line

import (
	"context"
	"fmt"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// missedPatience bounds the look for what was missed: what is said meanwhile
	// waits.
	missedPatience = 5 * time.Second
	// maxMissedPages bounds how much of it is shown.
	maxMissedPages = 100
	missedHint     = "(hint: p2pchat history shows what was said)"
)

// A pager returns messages after one, the oldest first; see Config.Page.
type pager func(ctx context.Context, after chat.MessageID) ([]chat.Message, error)

// pages hands on what is found in the history and was missed, and reports whether
// that is all of it.
func (page pager) pages(ctx context.Context, after chat.MessageID, known *shown, each func(chat.Message)) (all bool, err error) {
	for range maxMissedPages {
		msgs, err := page(ctx, after)
		if err != nil {
			return false, err
		}
		for _, m := range msgs {
			if known.missed(m) {
				each(m)
			}
		}
		if len(msgs) == 0 || msgs[len(msgs)-1].ID == after {
			return true, nil
		}
		after = msgs[len(msgs)-1].ID
	}
	return false, nil
}

// catchUp shows what was said while no events came.
func (s *screen) catchUp(ctx context.Context) {
	if s.cfg.Page == nil {
		s.say("some of what was said may not be shown %s", missedHint)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, missedPatience)
	defer cancel()
	all, err := pager(s.cfg.Page).pages(ctx, s.edge.after(), s.shown, func(m chat.Message) { s.event(m) })
	if words := notAll(all, err); words != "" {
		s.say("%s", words)
	}
}

// notAll says that something was missed and is not shown.
func notAll(all bool, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("what was missed cannot be shown: %s %s", chat.SafeString(err.Error()), missedHint)
	case !all:
		return "more was missed than is shown " + missedHint
	}
	return ""
}
