package catchup

import (
	"context"
	"fmt"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// An intake verifies the segments of one frame after the other and gives them
// to Accept in batches.
type intake struct {
	cfg  *Config
	from chat.PeerID
	conv chat.ConversationID
	// check says what a segment must be beyond being genuine.
	check func(*chat.Segment) error

	batch []*chat.Segment
	bytes int
	// accepted counts what Accept took, held what the log has of that now.
	accepted, held int
}

// take verifies the segments of a frame.
func (t *intake) take(ctx context.Context, f wire.Segments) error {
	if len(f.Envelopes) == 0 && !f.Last {
		return fmt.Errorf("%w: a frame that says nothing", ErrLied)
	}
	for _, data := range f.Envelopes {
		s, err := wire.OpenSegment(t.conv, data)
		if err == nil {
			err = t.check(s)
		}
		if err != nil {
			return judge(err)
		}
		t.batch = append(t.batch, s)
		t.bytes += len(data)
	}
	if t.bytes >= batchBytes || len(t.batch) >= batchSegments || f.Last {
		return t.flush(ctx)
	}
	return nil
}

// flush gives what was taken to Accept, parents before their children.
func (t *intake) flush(ctx context.Context) error {
	batch := t.batch
	t.batch, t.bytes = nil, 0
	if len(batch) == 0 {
		return nil
	}
	slices.SortFunc(batch, func(a, b *chat.Segment) int { return a.Key().Compare(b.Key()) })
	if err := t.cfg.Accept(ctx, t.from, batch); err != nil {
		return fmt.Errorf("store what was caught up: %w", err)
	}
	t.accepted += len(batch)
	for _, s := range batch {
		if t.cfg.Log.Has(t.conv, s.ID) {
			t.held++
		}
	}
	return nil
}
