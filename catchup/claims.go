package catchup

import (
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// claimTime is how long other runs leave what one has asked for alone, from
	// the question or the last frame of the answer: a slow partner, or one that
	// answers nothing, holds nobody up.
	claimTime = time.Second
	// claimPause is how often a run looks that has nothing else to ask for.
	claimPause = claimTime / 16
)

// claims are the orders of all runs, so that several runs of one conversation,
// with as many members, share the work. It holds what is under way only.
type claims struct {
	mu     sync.Mutex
	orders map[claim]*order
}

type claim struct {
	conv chat.ConversationID
	id   chat.SegmentID
}

func newClaims() *claims { return &claims{orders: make(map[claim]*order)} }

// take moves up to n keys out of need, in that order, for o: those that no other
// run has asked for, or, if any is set, whichever they are. It returns the rest.
func (c *claims) take(o *order, need []chat.OrderKey, n int, any bool) (taken, rest []chat.OrderKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	o.until = now.Add(claimTime)
	for i, k := range need {
		if len(taken) == n {
			return taken, append(rest, need[i:]...)
		}
		at := claim{o.conv, k.ID}
		if other := c.orders[at]; other != nil && other != o && now.Before(other.until) && !any {
			rest = append(rest, k)
			continue
		}
		c.orders[at] = o
		o.claims = append(o.claims, at)
		taken = append(taken, k)
	}
	return taken, rest
}

// renew notes that the answer to o goes on.
func (c *claims) renew(o *order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.until = time.Now().Add(claimTime)
}

// release ends o's claims: all of it is stored, or will not come.
func (c *claims) release(o *order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range o.claims {
		if c.orders[at] == o {
			delete(c.orders, at)
		}
	}
	o.claims, o.want, o.places = nil, nil, nil // a long run has many orders
}
