package node

import (
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// giveUpHorizon looks at the oldest segments held. What they follow, and no
// member has, was pruned everywhere: it is not missing. One gap in the middle of
// a history is another matter: it stays, and is told.
func (c *conversation) giveUpHorizon() {
	c.runs.Go(func() {
		log := c.node.log
		oldest, err := log.After(c.ctx, c.id, chat.OrderKey{}, chat.MaxHeads)
		var gone []chat.SegmentID
		for _, s := range oldest {
			for _, p := range s.Parents {
				if !log.Has(c.id, p) && !slices.Contains(gone, p) {
					gone = append(gone, p)
				}
			}
		}
		if err == nil && len(gone) > 0 {
			err = log.GiveUp(c.ctx, c.id, gone...)
		}
		if err != nil {
			if c.ctx.Err() == nil {
				c.log.Debug("cannot give up what was pruned everywhere", "err", err)
			}
			return
		}
		c.do(func() {
			c.headsMoved()
			_, missing := log.Missing(c.id)
			c.tellHistory(missing)
		})
	})
}
