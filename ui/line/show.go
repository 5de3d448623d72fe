package line

import (
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// write puts one event into words.
func (s *screen) write(ev chat.Event) {
	switch ev := ev.(type) {
	case chat.Message:
		s.message(ev)
	case chat.Member:
		s.member(ev)
	case chat.Delivery:
		s.delivery(ev)
	case chat.Refused:
		s.say("line %s was not sent: %s", ev.Key, ev.Reason)
	case chat.History:
		s.history(ev)
	case chat.Notice:
		s.notice(ev)
	case chat.Ended:
		if !ev.Refused && !s.leaving.Load() { // a refusal is told at the end
			s.say("%s left the talk", s.name(ev.Conversation.Peer))
		}
	}
}

func (s *screen) message(m chat.Message) {
	mine := m.Mine && m.Key != "" // it was typed here, and not at another face
	if renamedTo(m, s.me) {
		s.callMe(m.Nick)
	}
	switch {
	case m.Conversation == s.cfg.Conversation && mine:
		if words := s.teller.echo(m); words != "" {
			s.say("%s", words)
		}
	case m.Conversation == s.cfg.Conversation:
		if b := s.teller.tell(m); len(b) > 0 {
			if m.Gap {
				s.say("something that was said before the next line is missing")
			}
			s.add(false, b)
		}
		s.noteShown(m)
	case m.Request: // a stranger's words wait until they are asked for
	default:
		s.say("in private: %s", s.teller.hint(m))
	}
}

// name writes a peer by the nick it was last told with.
func (s *screen) name(p chat.PeerID) string { return s.teller.names.Show(p, s.here[p]) }

func (s *screen) member(m chat.Member) {
	if m.Conversation != s.cfg.Conversation || s.leaving.Load() && !m.Online {
		return
	}
	was, known := s.here[m.Peer]
	before := s.teller.names.Show(m.Peer, was)
	if m.Online {
		s.here[m.Peer] = m.Nick
	}
	name := s.teller.names.Show(m.Peer, m.Nick)
	switch {
	case m.Online && !known && m.Conversation.IsDirect():
		s.say("connected to %s (%s)", name, m.Peer)
	case m.Online && !known:
		s.say("%s is here (%s)", name, m.Peer)
	case m.Online && was != m.Nick:
		s.say("%s is now called %s", before, name)
	case m.Online || !known:
	case m.Conversation.IsDirect():
		delete(s.here, m.Peer)
		if s.over.Err() == nil {
			s.say("lost the connection to %s; trying to get it back", before)
		}
	default:
		delete(s.here, m.Peer)
		s.say("%s is gone", before)
	}
	if m.Conversation.IsDirect() {
		s.notePath(name, m)
	}
}

func (s *screen) delivery(d chat.Delivery) {
	switch short := d.ID.String()[:8]; {
	case d.State == chat.Failed:
		if d.Reason != s.trouble && !s.refused {
			s.trouble = d.Reason
			s.say("not delivered: %s", d.Reason)
		}
	case s.cfg.Verbose && d.State == chat.Held:
		s.say("message %s is held by %d of %d", short, d.HeldBy, d.Members)
	case s.cfg.Verbose && d.State == chat.Sent:
		s.say("message %s is sent to %d", short, d.Reached)
	case s.cfg.Verbose:
		s.say("message %s is %s", short, d.State)
	}
	if s.told && len(s.queued) == 0 {
		s.told = false
		s.say("what waited has gone out")
	}
}

func (s *screen) notice(n chat.Notice) {
	text := n.Text
	if s.cfg.Verbose && n.Detail != "" {
		text += " (" + n.Detail + ")"
	}
	if n.Code == chat.NoticeNotFound || n.Code == chat.NoticeUnreachable {
		// An attempt is made again and again; its trouble is told once.
		if s.trouble == n.Text && !s.cfg.Verbose {
			return
		}
		s.trouble = n.Text
		text += "; still trying"
	}
	s.say("%s", text)
	if n.Code == chat.NoticeWaiting && s.cfg.Invite != "" {
		s.say("somebody else can come here with: %s", s.cfg.Invite)
	}
}

// reminds reports whether messages wait that the person was not told of.
func (s *screen) reminds() bool { return !s.cfg.JSON && !s.told && len(s.queued) > 0 }

// remind tells once that messages wait for somebody to come.
func (s *screen) remind(now time.Time) {
	if !s.reminds() || now.Sub(s.since) < queuedFor {
		return
	}
	s.told = true
	if len(s.queued) == 1 {
		s.say("1 message waits for somebody to come, and then goes out by itself")
	} else {
		s.say("%d messages wait for somebody to come, and then go out by themselves", len(s.queued))
	}
}

// waits says why the program does not end though its input has.
func (s *screen) waits() {
	if !s.cfg.JSON {
		s.say("waiting until all is handed over, at most %s; interrupt to leave at once", s.cfg.wait())
	}
}

// who lists members, in answer to the input.
func (s *screen) who(members []chat.Member) {
	here := slices.DeleteFunc(members, func(m chat.Member) bool { return !m.Online })
	switch n := len(here); {
	case s.cfg.JSON:
	case n == 0:
		s.say("nobody else is here")
	case n == 1:
		s.say("1 other is here:")
	default:
		s.say("%d others are here:", n)
	}
	for _, m := range here {
		if s.cfg.JSON {
			s.object(m)
		} else {
			relayed := ""
			if m.Path == chat.PathRelayed {
				relayed = " (relayed)"
			}
			s.say("  %s (%s)%s", s.teller.names.Show(m.Peer, m.Nick), m.Peer, relayed)
		}
	}
}

// net lists connections, in answer to the input.
func (s *screen) net(lines []string) {
	for _, l := range lines {
		if s.cfg.JSON {
			s.add(false, append([]byte(l), '\n'))
		} else {
			s.say("%s", l)
		}
	}
}

// rejected says what is wrong with a line of input.
func (s *screen) rejected(num int, err error) {
	reason := chat.SafeString(err.Error())
	if s.cfg.JSON {
		s.object(rejectedLine(num, reason))
	}
	s.say("line %d was not sent: %s", num, reason)
}

// callMe takes note of the own new nick, which so becomes nobody else's.
func (s *screen) callMe(name chat.Text) {
	s.me = name
	s.teller.names.Know(Person{Peer: s.cfg.Chat.Self(), Name: name}, s.cfg.Known)
}

// renamed tells the own new nick.
func (s *screen) renamed(name chat.Text) {
	s.callMe(name)
	s.say("you are now called %s", s.teller.names.Show(s.cfg.Chat.Self(), name))
}
