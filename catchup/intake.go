package catchup

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// verifiers is how many goroutines verify one batch: signatures are most of what
// a long history costs, and the log's commits need a core too.
const verifiers = 2

// verify opens envelopes, on more than one core, and gives the segments in their
// order, up to the first that is not genuine.
func verify(conv chat.ConversationID, envelopes [][]byte) ([]*chat.Segment, error) {
	segs := make([]*chat.Segment, len(envelopes))
	errs := make([]error, len(envelopes))
	var wg sync.WaitGroup
	part := func(first int) {
		for i := first; i < len(envelopes); i += verifiers {
			if segs[i], errs[i] = wire.OpenSegment(conv, envelopes[i]); errs[i] != nil {
				return
			}
		}
	}
	for first := 1; first < min(verifiers, len(envelopes)); first++ {
		wg.Go(func() { part(first) })
	}
	part(0)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return segs[:i], judge(err)
		}
	}
	return segs, nil
}

// saysNothing reports a frame without an end, of which there could be many.
func saysNothing(f wire.Segments) error {
	if len(f.Envelopes) == 0 && !f.Last {
		return fmt.Errorf("%w: a frame that says nothing", ErrLied)
	}
	return nil
}

// A batch is what is given to Accept at once.
type batch struct {
	envelopes [][]byte
	bytes     int
}

func (b *batch) add(f wire.Segments) {
	for _, e := range f.Envelopes {
		b.envelopes = append(b.envelopes, e)
		b.bytes += len(e)
	}
}

func (b *batch) full() bool { return b.bytes >= batchBytes || len(b.envelopes) >= batchSegments }

// accept gives verified segments to Accept, parents before their children.
func (c *Config) accept(ctx context.Context, from chat.PeerID, segs []*chat.Segment) error {
	if len(segs) == 0 {
		return nil
	}
	slices.SortFunc(segs, func(a, b *chat.Segment) int { return a.Key().Compare(b.Key()) })
	if err := c.Accept(ctx, from, segs); err != nil {
		return fmt.Errorf("store what was caught up: %w", err)
	}
	return nil
}
