package node

import (
	"github.com/p2pchat/p2pchat/chat"
)

// tellForks warns of authors who numbered two different messages alike, which
// proves that two copies of a key ran from one state, or that somebody cheats.
// Both messages count.
func (c *conversation) tellForks() {
	if !c.forksDue {
		return
	}
	c.forksDue = false
	forks := c.node.log.Forks(c.id)
	for _, f := range forks[min(c.forks, len(forks)):] {
		name := orShort(c.node.Name(f.Author), f.Author)
		c.node.feed.publish(chat.Notice{
			Conversation: c.conv, Code: chat.NoticeFork,
			Text:   name + " numbered two different messages alike: two copies of one key are in use, or somebody cheats",
			Detail: "peer " + f.Author.String() + ", segments " + f.Segments[0].String() + " and " + f.Segments[1].String(),
		})
	}
	c.forks = len(forks)
}
