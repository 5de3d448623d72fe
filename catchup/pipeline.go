package catchup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// An order is one question for segments.
type order struct {
	// places are where the segments stand, by their IDs: zero where that is not
	// known. What has come is taken out.
	places map[chat.SegmentID]chat.OrderKey
	want   wire.Want
	conv   chat.ConversationID
	claims []claim
	until  time.Time // the claims hold so long
	// listed says that the other side said it has them.
	listed bool
}

// check says whether a segment is what was asked for, and ticks it off.
func (o *order) check(s *chat.Segment) error {
	place, ok := o.places[s.ID]
	switch {
	case !ok:
		return fmt.Errorf("%w: segment %s was not asked for", ErrLied, s.ID)
	case place != chat.OrderKey{} && place != s.Key():
		return fmt.Errorf("%w: segment %s was announced for another time", ErrLied, s.ID)
	}
	delete(o.places, s.ID)
	return nil
}

// narrow takes out what the log does not lack.
func (o *order) narrow(log Log) {
	lacking := log.Lacks(o.conv, o.want...)
	if len(lacking) == len(o.want) {
		return
	}
	places := make(map[chat.SegmentID]chat.OrderKey, len(lacking))
	for _, id := range lacking {
		places[id] = o.places[id]
	}
	o.want, o.places = lacking, places
}

// A delivery is a batch of what came for an order.
type delivery struct {
	order *order
	batch batch
	last  bool
	// cut says that the limit of the run may have kept the rest of it back.
	cut bool
}

// A verified batch is what is genuine of a delivery. last says that it is the last
// of its order.
type verified struct {
	segs  []*chat.Segment
	order *order
	last  bool
}

// A pipeline verifies and stores what a caller reads: while some batches are being
// stored, in one commit, the next wait verified, one more is being verified, and
// one read. None of the three steps waits for another while there is room between
// them, so that every core has work: see pipelineBatches for how much is in memory
// at most. Two goroutines belong to it, one to verify and one to store; finish ends
// them and waits.
type pipeline struct {
	svc  *Service
	peer chat.PeerID
	conv chat.ConversationID
	// tell is told how many segments were accepted, by the storing goroutine.
	tell func(accepted int)

	in   chan delivery // read, not verified; without a buffer
	good chan verified // not stored; room for verifiedAhead
	wg   sync.WaitGroup
	// broken ends when either step has failed, with the reason as its cause.
	broken context.Context
	fail   context.CancelCauseFunc

	// What came of it, to be read after finish.
	accepted    int
	undelivered int
}

// pipe starts a pipeline. ctx is given to Accept.
func (s *Service) pipe(ctx context.Context, p chat.PeerID, conv chat.ConversationID, tell func(int)) *pipeline {
	l := &pipeline{
		svc: s, peer: p, conv: conv, tell: tell,
		in: make(chan delivery), good: make(chan verified, verifiedAhead),
	}
	l.broken, l.fail = context.WithCancelCause(context.Background())
	l.wg.Go(func() {
		defer close(l.good)
		for d := range l.in {
			if l.broken.Err() == nil {
				l.verify(d)
			}
		}
	})
	l.wg.Go(func() {
		for v := range l.good {
			// What was verified is stored, even if what follows is a lie.
			if err := l.store(ctx, l.gather(v)); err != nil {
				l.fail(err)
				break
			}
		}
		for range l.good { // nothing can be stored any more
		}
	})
	return l
}

// put gives a delivery to the pipeline, and waits while that is full.
func (l *pipeline) put(d delivery) error {
	select {
	case l.in <- d:
	case <-l.broken.Done():
	}
	return context.Cause(l.broken)
}

// finish waits until all that was put is stored, and tells what went wrong.
func (l *pipeline) finish() error {
	close(l.in)
	l.wg.Wait()
	defer l.fail(nil)
	return context.Cause(l.broken)
}

// verify is the first step. A batch with a lie in it is dropped.
func (l *pipeline) verify(d delivery) {
	segs, err := verify(l.conv, d.batch.envelopes)
	for i := 0; err == nil && i < len(segs); i++ {
		err = d.order.check(segs[i])
	}
	if err == nil && d.last && !d.cut {
		err = l.complete(d.order)
	}
	if err == nil {
		l.good <- verified{segs, d.order, d.last}
	}
	if err != nil {
		l.fail(err)
	}
}

// complete looks at what an order did not bring.
func (l *pipeline) complete(o *order) error {
	if !o.listed {
		return nil
	}
	if len(o.places) == 0 {
		return nil
	}
	l.undelivered += len(l.svc.cfg.Log.Lacks(l.conv, slices.Collect(maps.Keys(o.places))...))
	if l.undelivered > l.svc.lim.undelivered {
		return fmt.Errorf("%w: %d segments announced and not delivered", ErrLied, l.undelivered)
	}
	return nil
}

// gather takes what is verified besides first, without waiting for more: the
// longer a commit takes, the fewer there are.
func (l *pipeline) gather(first verified) []verified {
	group := []verified{first}
	for len(group) < storeTogether {
		select {
		case v, open := <-l.good:
			if !open {
				return group
			}
			group = append(group, v)
		default:
			return group
		}
	}
	return group
}

// store is the second step.
func (l *pipeline) store(ctx context.Context, group []verified) error {
	var segs []*chat.Segment
	for _, v := range group {
		l.svc.claims.renew(v.order) // it may have waited
		segs = append(segs, v.segs...)
	}
	if err := l.svc.cfg.accept(ctx, l.peer, segs); err != nil {
		return err
	}
	for _, v := range group {
		if v.last {
			l.svc.claims.release(v.order)
		}
	}
	if len(segs) > 0 {
		l.accepted += len(segs)
		l.tell(l.accepted)
	}
	return nil
}
