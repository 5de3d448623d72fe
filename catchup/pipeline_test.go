package catchup

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// While a slow commit is under way the next batches are verified, as many as there
// is room for, and then stored together. No more than pipelineBatches are in memory.
func TestPipelineGoesOnWhileItStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const batches, each = 20, 4
		var given []int // how many batches each Accept was given
		storing, stored := make(chan struct{}), 0
		w := newWorld(t, testnet.Config{})
		alice := w.join(func(m *member) {
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				given = append(given, len(segs)/each)
				<-storing
				stored += len(segs) / each
				return m.accept(ctx, p, segs)
			}
		})
		segs := w.join().write(lobby(), batches*each)
		told := 0
		l := alice.svc.pipe(t.Context(), alice.id, lobby(), func(accepted int) { told = accepted })
		read := 0
		go func() {
			defer func() { read++ }() // there is nothing left to read
			for part := range slices.Chunk(segs, each) {
				d := delivery{order: &order{places: make(map[chat.SegmentID]chat.OrderKey)}, last: true}
				for _, s := range part {
					d.order.places[s.ID] = s.Key()
					d.batch.envelopes = append(d.batch.envelopes, s.Envelope)
				}
				read++
				if err := l.put(d); err != nil {
					t.Error(err)
				}
			}
		}()
		most := 0
		for synctest.Wait(); read <= batches || stored < batches; synctest.Wait() {
			most = max(most, read-stored)
			select {
			case storing <- struct{}{}:
			default:
				t.Fatalf("%d batches are read, %d stored, and nothing is being stored", read, stored)
			}
		}
		if err := l.finish(); err != nil || told != len(segs) || l.accepted != len(segs) {
			t.Errorf("%d stored, %d told, %v", l.accepted, told, err)
		}
		if most != pipelineBatches {
			t.Errorf("%d batches at once, want %d", most, pipelineBatches)
		}
		if slices.Max(given) != storeTogether {
			t.Errorf("stored together: %d, want at most %d", given, storeTogether)
		}
		if got := alice.log.all(lobby()); len(got) != len(segs) {
			t.Errorf("%d of %d are in the log", len(got), len(segs))
		}
	})
}
