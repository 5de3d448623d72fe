package line

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// relayedFor is how long a private talk must go through a seed before the person is
// told: most find a direct way before, and then there is nothing to tell.
const relayedFor = 3 * time.Second

// A path is how a private talk is connected, and what the person knows of it.
type path struct {
	since time.Time   // when it began to go through a seed, if that is not told
	relay chat.PeerID // which one, if that is known
	told  bool        // the person knows that it goes through a seed
}

// due is when to tell that the talk goes through a seed, or zero.
func (p path) due() time.Time {
	if p.since.IsZero() {
		return time.Time{}
	}
	return p.since.Add(relayedFor)
}

// notePath takes over how the other one of a private talk is connected.
func (s *screen) notePath(name string, m chat.Member) {
	switch {
	case !m.Online: // that is told anyway
		s.path = path{}
	case m.Path == chat.PathRelayed:
		s.path.relay = m.Via
		if !s.path.told && s.path.since.IsZero() {
			s.path.since = time.Now()
		}
	case m.Path == chat.PathDirect:
		if s.path.told {
			s.say("now connected directly to %s", name)
		}
		s.path = path{}
	}
}

// tellRelay tells once that a private talk still goes through a seed; only seeds
// relay.
func (s *screen) tellRelay(now time.Time) {
	due := s.path.due()
	if s.cfg.JSON || due.IsZero() || now.Before(due) {
		return
	}
	s.path.since, s.path.told = time.Time{}, true
	seed := "a seed"
	if !s.path.relay.IsZero() {
		seed = "the seed " + s.name(s.path.relay)
	}
	s.say("connected to %s through %s, not directly so far", s.name(s.cfg.Conversation.Peer), seed)
}
