package node

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// This file is the way of segments onto the screen.

// show lets logged segments onto the screen, each followed by those that
// waited for it.
func (c *conversation) show(segs []*chat.Segment) {
	var evs []chat.Event
	for len(segs) > 0 {
		s := segs[0]
		c.ledger.add(s, false)
		c.tellDue = true
		evs = c.appendMessages(evs, s)
		segs = append(c.intake.shown(s.ID), segs[1:]...)
	}
	c.node.feed.publish(evs...)
}

// showGaps shows those whose parents are not to be had.
func (c *conversation) showGaps(now time.Time) {
	for _, s := range c.intake.gaps(now, len(c.link.connected())) {
		c.gap = true
		c.show([]*chat.Segment{s})
	}
}

// appendMessages adds what others' segments say.
func (c *conversation) appendMessages(evs []chat.Event, s *chat.Segment) []chat.Event {
	if c.node.cfg.blocked(s.Author) {
		return evs // kept and passed on, for others need it; the user wants none of it
	}
	said := c.messages(s, nil)
	if m, ok := said[0].(chat.Message); ok && c.gap {
		m.Gap, c.gap = true, false
		said[0] = m
	}
	if s.Author == c.conv.Peer && (c.unasked() || c.conv.IsDirect() && c.node.cfg.ignored(s.Author)) {
		c.asked.Add(int64(len(s.Envelope)))
		said = c.request(said)
	}
	if c.conv.IsDirect() && s.Author == c.conv.Peer {
		c.recent = append(c.recent[max(0, len(c.recent)-maxRecent+1):], s)
	}
	return append(evs, said...)
}

// messages are the events of a segment's messages, made of these drafts if it
// was written here and now.
func (c *conversation) messages(s *chat.Segment, drafts []chat.Draft) []chat.Event {
	evs := make([]chat.Event, 0, len(s.Bodies))
	nick, mine := c.node.Name(s.Author), s.Author == c.node.self
	for i, b := range s.Bodies {
		at := (s.Time + chat.Time(i)).Wall()
		m := chat.Message{
			Conversation: c.conv, ID: s.MessageID(i), Author: s.Author, Nick: nick,
			Time: at, Clock: s.Time + chat.Time(i), Kind: b.Kind, Text: b.Text, Target: b.Target, Mine: mine,
		}
		if drafts != nil {
			m.Key = drafts[i].Key
		} else {
			m.Old = at.Before(c.joined)
		}
		evs = append(evs, m)
	}
	return evs
}
