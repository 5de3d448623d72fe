package catchup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A Result tells how far a run got.
type Result struct {
	// Fetched is how many segments were fetched and accepted.
	Fetched int
	// Pushed is how many segments the other side took from us, and Refused how
	// many it did not take.
	Pushed, Refused int
	// Rounds is how many exchanges of ranges it took.
	Rounds int
	// BytesIn and BytesOut are the bytes of all frames.
	BytesIn, BytesOut int64
	// Complete is set when everything the other side has was fetched.
	Complete bool
	// PeerHolds is set when the other side now holds all that we held when the
	// run began.
	PeerHolds bool
}

// Run makes our log of a conversation and p's equal, as far as the limits of
// one run allow: where there is more, Complete or PeerHolds stay false, and
// another run goes on. It waits for its turn, two runs with one peer at a time,
// and for segments to be stored.
//
// The error wraps chat.ErrRefused if p refuses, with ErrBusy if that is for
// now; ErrLied if p cheats; what Accept returned; or is about the connection.
// The Result counts what was done before the error.
func (s *Service) Run(ctx context.Context, p chat.PeerID, conv chat.ConversationID) (res Result, err error) {
	c := s.newCaller(p, conv)
	leave, err := s.runs.call(ctx, p)
	if err != nil {
		return res, fmt.Errorf("catch up with %s: %w", p, err)
	}
	defer leave()
	c.set = newSet(s.cfg.Log, conv, c.open.Salt)
	err = s.talk(ctx, c, len(c.set.keys), func(ctx context.Context) error { return c.run(ctx, &res) })
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
	ids = ids[:min(len(ids), maxFetch)]
	err = s.talk(ctx, c, 0, func(ctx context.Context) error {
		for len(ids) > 0 {
			chunk := ids[:min(len(ids), int(c.window))]
			ids = ids[len(chunk):]
			wanted := make(map[chat.SegmentID]chat.OrderKey, len(chunk))
			var want wire.Want
			for _, id := range chunk {
				if _, twice := wanted[id]; !twice {
					wanted[id] = chat.OrderKey{}
					want = append(want, id)
				}
			}
			if err := c.fetch(ctx, want, wanted); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return c.fetched, fmt.Errorf("fetch from %s: %w", p, err)
	}
	return c.fetched, nil
}

// A caller is the side of a run that asks. One goroutine uses it.
type caller struct {
	svc  *Service
	peer chat.PeerID
	open wire.Open
	x    *exchange

	opened  bool
	window  window
	set     *set
	diff    difference
	fetched int
	held    int // of what we handed over
	// undelivered counts what was announced and then not delivered.
	undelivered int
}

func (s *Service) newCaller(p chat.PeerID, conv chat.ConversationID) *caller {
	c := &caller{svc: s, peer: p, open: wire.Open{Conversation: conv}, x: &exchange{}, window: firstWindow}
	_, _ = rand.Read(c.open.Salt[:]) // crypto/rand.Read never fails
	return c
}

// talk opens the stream, lets f use it, and closes it. A run that was cut off by
// its own limits after it got something done has not failed.
func (s *Service) talk(ctx context.Context, c *caller, keys int, f func(context.Context) error) error {
	run, cancel := context.WithTimeout(ctx, s.lim.runTime)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	x, err := s.call(run, c.peer, keys)
	if err == nil {
		c.x = x
		unwatch := context.AfterFunc(run, func() { _ = x.st.Reset() })
		err = f(run)
		unwatch()
		closeStream(x.st, err)
	}
	over := run.Err() != nil || !time.Now().Before(c.x.end)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case s.ctx.Err() != nil:
		return chat.ErrClosed
	case errors.Is(err, errEnough), over && c.fetched+c.held > 0:
		return nil
	default:
		return err
	}
}

// run is the whole talk.
func (c *caller) run(ctx context.Context, res *Result) error {
	defer func() { res.Fetched = c.fetched }()
	reconciled := false
	for next := c.set.opening(); !reconciled && res.Rounds < c.x.lim.roundsFor(c.diff.items); {
		in, err := c.ranges(next)
		if err != nil {
			return err
		}
		res.Rounds++
		if next, err = c.set.resolve(in, &c.diff); err != nil {
			return judge(err)
		}
		reconciled = len(next) == 0
		if c.svc.cfg.NewestFirst { // whole frames at once
			if err := c.fetchNeeded(ctx, wire.MaxWant); err != nil {
				return err
			}
		}
	}
	if err := c.fetchNeeded(ctx, 1); err != nil {
		return err
	}
	res.Complete = reconciled && c.undelivered == 0
	return c.push(res, reconciled)
}

// ask writes a question, the first one together with the opening, which saves a
// round trip.
func (c *caller) ask(f wire.CatchupFrame) error {
	if c.full() {
		return errEnough
	}
	if c.opened {
		return c.x.write(f)
	}
	c.opened = true
	c.open.Beacon = c.svc.cfg.beacon(c.open.Conversation)
	if err := c.x.write(c.open, f); err != nil {
		return err
	}
	return c.hearBeacons()
}

// full reports whether the run has used up its bytes, but for a few frames.
func (c *caller) full() bool { return max(c.x.in, c.x.out) > c.x.lim.bytes-4*wire.MaxFrame }

// read reads one answer.
func (c *caller) read() (wire.CatchupFrame, error) {
	f, err := c.x.read()
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the other side hung up: %w", io.ErrUnexpectedEOF)
	}
	return f, err
}

// hearBeacons reads what comes before the first answer: beacons, or a refusal.
func (c *caller) hearBeacons() error {
	heard := 0
	for {
		f, err := c.read()
		if err != nil {
			return fmt.Errorf("read beacons: %w", err)
		}
		switch f := f.(type) {
		case wire.CatchupRefuse:
			if f.Reason.Raw() == reasonBusy {
				return fmt.Errorf("%w: %w", chat.ErrRefused, ErrBusy)
			}
			return fmt.Errorf("%w: %s", chat.ErrRefused, f.Reason)
		case wire.Beacons:
			if heard += len(f.Envelopes); heard > maxBeacons || len(f.Envelopes) == 0 && !f.Last {
				return fmt.Errorf("%w: %d beacons", ErrLied, heard)
			}
			for _, data := range f.Envelopes {
				if err := c.svc.cfg.hear(c.peer, c.open.Conversation, data, chat.PeerID{}); err != nil {
					return fmt.Errorf("beacon: %w", err)
				}
			}
			if f.Last {
				return nil
			}
		default:
			return unexpected(f)
		}
	}
}

// ranges is one round.
func (c *caller) ranges(out wire.Ranges) (wire.Ranges, error) {
	if err := c.ask(out); err != nil {
		return nil, err
	}
	f, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("read ranges: %w", err)
	}
	in, ok := f.(wire.Ranges)
	if !ok {
		return nil, unexpected(f)
	}
	return in, nil
}

// fetchNeeded fetches what turned out to be needed, as long as that is at least
// so many segments.
func (c *caller) fetchNeeded(ctx context.Context, atLeast int) error {
	d := &c.diff
	if len(d.need) < atLeast {
		return nil
	}
	slices.SortFunc(d.need, func(a, b chat.OrderKey) int {
		if c.svc.cfg.NewestFirst {
			a, b = b, a
		}
		return a.Compare(b)
	})
	d.need = slices.Compact(d.need)
	d.need = slices.DeleteFunc(d.need, func(k chat.OrderKey) bool {
		return c.svc.cfg.Log.Has(c.open.Conversation, k.ID) // came by itself, or is pruned
	})
	for len(d.need) >= atLeast {
		n := min(len(d.need), int(c.window))
		wanted := make(map[chat.SegmentID]chat.OrderKey, n)
		var want wire.Want
		for _, k := range d.need[:n] {
			if _, twice := wanted[k.ID]; twice {
				return fmt.Errorf("%w: segment %s in two places", ErrLied, k.ID)
			}
			wanted[k.ID] = k
			want = append(want, k.ID)
		}
		d.need = d.need[n:]
		if err := c.fetch(ctx, want, wanted); err != nil {
			return err
		}
		for id := range wanted { // what is left
			if !c.svc.cfg.Log.Has(c.open.Conversation, id) {
				c.undelivered++
			}
		}
		if c.undelivered > c.x.lim.undelivered {
			return fmt.Errorf("%w: %d segments announced and not delivered", ErrLied, c.undelivered)
		}
	}
	return nil
}

// fetch asks for segments, at their places where these are known, and stores
// what comes. It leaves in wanted what did not come.
func (c *caller) fetch(ctx context.Context, want wire.Want, wanted map[chat.SegmentID]chat.OrderKey) error {
	begin := time.Now()
	if err := c.ask(want); err != nil {
		return err
	}
	t := &intake{
		cfg: &c.svc.cfg, from: c.peer, conv: c.open.Conversation,
		check: func(s *chat.Segment) error {
			place, ok := wanted[s.ID]
			switch {
			case !ok:
				return fmt.Errorf("%w: segment %s was not asked for", ErrLied, s.ID)
			case place != chat.OrderKey{} && place != s.Key():
				return fmt.Errorf("%w: segment %s was announced for another time", ErrLied, s.ID)
			}
			delete(wanted, s.ID)
			return nil
		},
	}
	defer func() { c.fetched += t.accepted }()
	for {
		f, err := c.read()
		if err != nil {
			// What came is good, whatever ended the run.
			return fmt.Errorf("read segments: %w", errors.Join(err, t.flush(ctx)))
		}
		segs, ok := f.(wire.Segments)
		if !ok {
			return unexpected(f)
		}
		if err := t.take(ctx, segs); err != nil {
			return err
		}
		if segs.Last {
			break
		}
	}
	c.window = c.window.next(time.Since(begin))
	if len(wanted) > 0 && c.full() {
		return errEnough // the other side keeps to the same limit
	}
	return nil
}

// push hands over what the other side lacks, parents before their children.
func (c *caller) push(res *Result, reconciled bool) error {
	var ids []chat.SegmentID
	for i, lacks := range c.diff.lacks {
		if lacks {
			ids = append(ids, c.set.keys[i].ID)
		}
	}
	lacking := len(ids)
	for ids = ids[:min(lacking, MaxPush)]; len(ids) > 0; {
		n := min(len(ids), int(c.window))
		if err := c.handOver(ids[:n], res); err != nil {
			return err
		}
		ids = ids[n:]
	}
	res.PeerHolds = reconciled && res.Pushed == lacking
	return nil
}

// handOver is one part of push.
func (c *caller) handOver(ids []chat.SegmentID, res *Result) error {
	if c.full() {
		return errEnough
	}
	begin := time.Now()
	sent, err := c.x.sendSegments(c.svc.cfg.Log, c.open.Conversation, ids)
	if err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	f, err := c.read()
	if err != nil {
		return fmt.Errorf("read what is held: %w", err)
	}
	held, ok := f.(wire.Held)
	if !ok {
		return unexpected(f)
	}
	if uint64(held.Held)+uint64(held.Refused) != uint64(sent) {
		return fmt.Errorf("%w: %d segments held and %d refused of %d", ErrLied, held.Held, held.Refused, sent)
	}
	c.held += int(held.Held)
	res.Pushed = c.held
	res.Refused += int(held.Refused)
	c.window = c.window.next(time.Since(begin))
	return nil
}
