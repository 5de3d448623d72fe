package node

import (
	"cmp"

	"github.com/p2pchat/p2pchat/chat"
)

// What somebody the user does not know may store here before the user says
// something about them, in one private conversation.
const (
	maxRequestSegments = 16
	maxRequestBytes    = 64 << 10
)

// unasked reports whether the conversation is only the other's: the user knows
// nothing of them, and neither opened it nor ever wrote in it.
func (c *conversation) unasked() bool {
	return c.conv.IsDirect() && !c.watched.Load() && !c.wrote.Load() && c.node.cfg.stranger(c.conv.Peer)
}

// enough reports whether a stranger may store no more.
func (c *conversation) enough() bool {
	return c.unasked() && (c.node.log.Len(c.id) >= maxRequestSegments || c.asked.Load() >= maxRequestBytes)
}

// request turns what a stranger says into a request: quiet, and noted once.
func (c *conversation) request(evs []chat.Event) []chat.Event {
	cfg, p := c.node.cfg, c.conv.Peer
	if cfg.ignored(p) {
		return nil
	}
	for i, ev := range evs {
		m, ok := ev.(chat.Message)
		if !ok {
			continue
		}
		m.Request = true
		evs[i] = m
		if cfg.Requested != nil && cfg.Requested(p, m.Nick, m.Text, m.Time) {
			evs = append(evs, chat.Notice{
				Conversation: c.conv, Code: chat.NoticeRequest,
				Text: orShort(m.Nick, p) + ", whom you do not know, wrote to you (hint: p2pchat requests)",
			})
		}
	}
	return evs
}

// orShort is a name on one line, or the end of the peer ID of who has none.
func orShort(name chat.Text, p chat.PeerID) string { return cmp.Or(name.Line(), p.Short()) }
