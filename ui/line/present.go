package line

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// tellPresent tells, once, who was there before this face. In JSON the first object
// is Ready, so that is waited for.
func (s *screen) tellPresent(ctx context.Context) error {
	here := s.cfg.Present
	s.cfg.Present = nil
	for _, m := range here {
		if !m.Online || m.Conversation != s.cfg.Conversation {
			continue
		}
		if err := s.print(ctx, s.hold.add(time.Now(), m)); err != nil {
			return err
		}
		m.Since = time.Time{}
		s.present[m.Peer] = m
	}
	return nil
}

// toldPresent reports whether an event is about somebody as was told already: it
// happened after this face began to listen and before it asked who is there.
func (s *screen) toldPresent(ev chat.Event) bool {
	m, ok := ev.(chat.Member)
	if !ok || m.Conversation != s.cfg.Conversation {
		return false
	}
	told, was := s.present[m.Peer]
	delete(s.present, m.Peer) // what follows is news
	m.Since = time.Time{}
	return was && m == told
}
