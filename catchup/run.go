package catchup

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A Result tells how far a run got.
type Result struct {
	// Fetched is how many segments were fetched and accepted.
	Fetched int
	// Missing is how many segments the other side said it has and then did not
	// deliver: it may have pruned them meanwhile.
	Missing int
	// Pushed is how many segments the other side took from us, and Refused how
	// many it did not take.
	Pushed, Refused int
	// Rounds is how many exchanges of ranges it took.
	Rounds int
	// BytesIn and BytesOut are the bytes of all frames.
	BytesIn, BytesOut int64
	// Complete is set when everything the other side had when it was compared
	// was fetched.
	Complete bool
	// Relayed is set when the run went over a relay. Then it brings little: the
	// rest can wait for a direct connection, or come slowly.
	Relayed bool
	// PeerHolds is set when the other side now holds all that we held when the
	// run began.
	PeerHolds bool
}

// Run makes our log of a conversation and p's equal, as far as the limits of
// one run allow: where there is more, Complete or PeerHolds stay false, and
// another run, with p or anybody else, goes on from there. The newest segments
// are fetched first, while older ones are still compared. It waits for its turn,
// two runs with one peer at a time, and for segments to be stored.
//
// The error wraps chat.ErrRefused if p refuses, with ErrBusy if that is for
// now; ErrLied if p cheats; what Accept or the Log returned; or is about the
// connection. The Result counts what was done before the error.
func (s *Service) Run(ctx context.Context, p chat.PeerID, conv chat.ConversationID) (res Result, err error) {
	c := s.newCaller(p, conv)
	leave, err := s.runs.call(ctx, p)
	if err != nil {
		return res, fmt.Errorf("catch up with %s: %w", p, err)
	}
	defer leave()
	err = s.talk(ctx, c, func(ctx context.Context) error { return c.run(ctx, &res) })
	res.Fetched, res.Relayed = c.fetched, c.x.relayed
	res.BytesIn, res.BytesOut = c.x.in, c.x.out
	if err != nil {
		return res, fmt.Errorf("catch up with %s: %w", p, err)
	}
	return res, nil
}

// Fetch asks p for segments by their IDs, and tells how many of them came and
// were accepted. Those that p does not have are left out without an error. It
// asks for at most the first 8,192. The errors are those of Run.
func (s *Service) Fetch(ctx context.Context, p chat.PeerID, conv chat.ConversationID, ids []chat.SegmentID) (got int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	c := s.newCaller(p, conv)
	leave, err := s.runs.call(ctx, p)
	if err != nil {
		return 0, fmt.Errorf("fetch from %s: %w", p, err)
	}
	defer leave()
	asked := make(map[chat.SegmentID]bool)
	for _, id := range ids {
		if len(asked) < maxFetch && !asked[id] {
			asked[id] = true
			c.diff.need = append(c.diff.need, chat.OrderKey{ID: id})
		}
	}
	c.byID = true
	if err := s.talk(ctx, c, c.fetch); err != nil {
		return c.fetched, fmt.Errorf("fetch from %s: %w", p, err)
	}
	return c.fetched, nil
}

// run is the whole talk.
func (c *caller) run(ctx context.Context, res *Result) error {
	defer func() { res.Rounds, res.Missing = c.rounds, c.undelivered }()
	if err := c.look(func(r *reader) error {
		c.first, c.had = r.opening(), r.n
		return nil
	}); err != nil {
		return err
	}
	if err := c.fetch(ctx); err != nil {
		return err
	}
	res.Complete = len(c.diff.open) == 0 && c.undelivered == 0
	return c.push(ctx, res)
}

// look looks into our log for one frame.
func (c *caller) look(fn func(*reader) error) error {
	var failed error
	work, err := read(c.svc.cfg.Log, c.open.Conversation, c.open.Salt, func(r *reader) { failed = fn(r) })
	if c.work += work; err != nil {
		return err
	}
	return failed
}

// fetch asks about ranges until all are settled, and for what turns out to be
// needed. It returns when all that came is stored, also when the talk breaks
// off.
func (c *caller) fetch(ctx context.Context) error {
	var needed atomic.Int64
	pipe := c.svc.pipe(c.keep, c.peer, c.open.Conversation, func(accepted int) {
		if f := c.svc.cfg.Progress; f != nil {
			f(c.open.Conversation, c.peer, accepted, max(accepted, int(needed.Load())))
		}
	})
	// Who fails to verify or to store need not wait for the next frame to say so.
	stop := context.AfterFunc(pipe.broken, func() { _ = c.x.st.Reset() })
	err := c.questions(ctx, pipe, &needed)
	stop()
	if broken := pipe.finish(); broken != nil {
		err = broken // rather than the trouble that it made on the stream
	}
	for _, o := range c.orders {
		c.svc.claims.release(o)
	}
	c.fetched, c.undelivered = pipe.accepted, pipe.undelivered
	return err
}

// questions asks and hears the answers, a few questions ahead, so that the
// answers come without a pause.
func (c *caller) questions(ctx context.Context, pipe *pipeline, needed *atomic.Int64) error {
	for {
		for more := true; more; {
			var err error
			if more, err = c.ask(ctx); err != nil {
				return err
			}
		}
		if len(c.asked) == 0 {
			return nil
		}
		o := c.asked[0]
		c.asked = c.asked[1:]
		if o != nil {
			if err := c.hearSegments(o, pipe); err != nil {
				return err
			}
			continue
		}
		if err := c.hearRanges(); err != nil {
			return err
		}
		needed.Store(int64(c.estimate()))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// ask asks the next question, if it is time for one. An order of segments goes
// out at once when none is under way, however small; else when it is a full one;
// ranges when not much is left to ask for. So the newest come soon, what is
// needed stays little, and neither side waits for the other.
func (c *caller) ask(ctx context.Context) (asked bool, err error) {
	orders := 0
	for _, o := range c.asked {
		if o != nil {
			orders++
		}
	}
	need := len(c.diff.need)
	if orders == 0 && need > 0 || orders < ordersAhead && need >= int(c.window) {
		switch o, err := c.nextOrder(false); {
		case err != nil:
			return false, err
		case o != nil:
			return true, c.askFor(o)
		}
	}
	if ranges := len(c.asked) - orders; ranges < rangesAhead && len(c.diff.need) < wire.MaxItems && c.goesOn() {
		f, err := c.nextRanges()
		if err != nil || len(f) == 0 {
			return err == nil, err
		}
		c.asked = append(c.asked, nil)
		return true, c.write(f)
	}
	if len(c.asked) > 0 || len(c.diff.need) == 0 {
		return false, nil
	}
	// All that is left another run has asked for. That may bring it.
	o, err := c.nextOrder(c.waited >= claimTime)
	if o != nil && err == nil {
		return true, c.askFor(o)
	}
	c.waited += claimPause
	return err == nil, cmp.Or(err, pause(ctx, claimPause))
}

// askFor asks for segments.
func (c *caller) askFor(o *order) error {
	c.waited = 0
	c.ordered += len(o.want)
	c.asked = append(c.asked, o)
	return c.write(o.want)
}

// goesOn reports whether there is something to ask about ranges, and may be.
func (c *caller) goesOn() bool {
	return c.first != nil || len(c.diff.open) > 0 &&
		c.rounds < c.x.lim.roundsFor(c.diff.items) && c.work < c.x.lim.work
}

// nextRanges is the first half of a round.
func (c *caller) nextRanges() (f wire.Ranges, err error) {
	if f, c.first = c.first, nil; f == nil {
		err = c.look(func(r *reader) error {
			f = r.question(&c.diff)
			return nil
		})
	}
	if len(f) > 0 {
		c.rounds++
	}
	return f, err
}

// nextOrder takes the newest of what is needed that no other run has asked for,
// or whichever it is; nil if there is none.
func (c *caller) nextOrder(whichever bool) (*order, error) {
	for {
		o := &order{conv: c.open.Conversation, listed: !c.byID, places: make(map[chat.SegmentID]chat.OrderKey)}
		var taken []chat.OrderKey
		taken, c.diff.need = c.svc.claims.take(o, c.diff.need, int(c.window), whichever || c.byID)
		if len(taken) == 0 {
			return nil, nil //nolint:nilnil // no order is an answer here
		}
		for _, k := range taken {
			if _, twice := o.places[k.ID]; twice {
				c.svc.claims.release(o)
				return nil, fmt.Errorf("%w: segment %s in two places", ErrLied, k.ID)
			}
			if o.places[k.ID] = k; c.byID {
				o.places[k.ID] = chat.OrderKey{}
			}
			o.want = append(o.want, k.ID)
		}
		if !c.byID {
			o.narrow(c.svc.cfg.Log) // something came another way meanwhile, or is pruned
		}
		if len(o.want) > 0 {
			c.orders = append(c.orders, o)
			return o, nil
		}
		c.svc.claims.release(o)
	}
}

// hearRanges is its second half.
func (c *caller) hearRanges() error {
	f, err := c.read()
	if err != nil {
		return fmt.Errorf("read ranges: %w", err)
	}
	in, ok := f.(wire.Ranges)
	if !ok {
		return unexpected(f)
	}
	if err := c.look(func(r *reader) error { return judge(r.resolve(in, &c.diff)) }); err != nil {
		return err
	}
	c.diff.tidy()
	return nil
}

// estimate is about how many segments this run fetches: what is known to be
// needed, or, while ranges are open, how many more the other side has.
func (c *caller) estimate() int {
	known := c.ordered + len(c.diff.need)
	if len(c.diff.open) == 0 {
		return known
	}
	return max(known, c.theirs-c.had)
}

// hearSegments is the answer to an order.
func (c *caller) hearSegments(o *order, pipe *pipeline) error {
	clock := newStopwatch()
	d := delivery{order: o}
	for {
		f, err := c.read()
		if err == nil {
			segs, ok := f.(wire.Segments)
			if !ok {
				err = unexpected(f)
			} else if err = saysNothing(segs); err == nil {
				c.svc.claims.renew(o)
				d.batch.add(segs)
				d.last = segs.Last
			}
		} else {
			err = fmt.Errorf("read segments: %w", err)
		}
		if err != nil || d.last || d.batch.full() {
			// The other side keeps to the same limit, and left things out.
			d.cut = d.last && c.full()
			clock.stop()
			if broken := pipe.put(d); broken != nil {
				return broken
			}
			clock.start()
			d.batch = batch{}
		}
		if err != nil {
			return err // what came is good, whatever ended the run
		}
		if d.last {
			break
		}
	}
	c.pace(clock.total())
	if c.full() {
		return errEnough
	}
	return nil
}
