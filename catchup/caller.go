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

// A caller is the side of a run that asks. One goroutine uses it.
type caller struct {
	svc  *Service
	peer chat.PeerID
	open wire.Open
	x    *exchange
	// keep is for storing what came: it does not end when the run's time is over.
	keep context.Context

	opened bool
	window window
	// asked are the questions under way, the first one asked first: orders, and
	// nil for ranges.
	asked []*order
	first wire.Ranges // the first question about ranges, until it is asked
	// diff is what is known so far; all is known when no range in it is open.
	diff difference
	byID bool // see Fetch
	// had and theirs are how many segments either side had at the beginning.
	had, theirs int
	rounds      int
	work        int
	orders      []*order      // all that were asked
	ordered     int           // segments in them
	waited      time.Duration // for other runs, since the last order
	silence     time.Duration // spent waiting for frames
	fetched     int
	held        int // of what we handed over
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
func (s *Service) talk(ctx context.Context, c *caller, f func(context.Context) error) error {
	keep, drop := context.WithCancel(ctx)
	defer drop()
	defer context.AfterFunc(s.ctx, drop)()
	run, cancel := context.WithTimeout(keep, s.lim.runTime)
	defer cancel()
	c.keep = keep
	x, err := s.call(run, c.peer)
	if err == nil {
		c.x = x
		unwatch := context.AfterFunc(run, func() { _ = x.st.Reset() })
		err = f(run)
		unwatch()
		closeStream(x.st, err)
		if x.relayed {
			s.runs.chargeRelay(c.peer, time.Now(), x.in)
		}
	}
	over := run.Err() != nil || !time.Now().Before(c.x.end)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case s.ctx.Err() != nil:
		return chat.ErrClosed
	case errors.Is(err, ErrLied):
		return err
	case errors.Is(err, errEnough), over && c.fetched+c.held > 0:
		return nil
	default:
		return err
	}
}

// write writes a question, the first one together with the opening, which saves
// a round trip.
func (c *caller) write(f wire.CatchupFrame) error {
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

// read reads one frame of an answer.
func (c *caller) read() (wire.CatchupFrame, error) {
	begin := time.Now()
	f, err := c.x.read()
	if c.silence += time.Since(begin); err == nil && c.silence > patience+time.Duration(c.x.in+c.x.out)*time.Second/slowestAnswer {
		return nil, errSlow
	}
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
				c.theirs = int(min(f.Held, maxHeld))
				return nil
			}
		default:
			return unexpected(f)
		}
	}
}

// push hands over what the other side lacks, parents before their children.
func (c *caller) push(ctx context.Context, res *Result) error {
	slices.SortFunc(c.diff.lacks, chat.OrderKey.Compare)
	ids := make([]chat.SegmentID, 0, len(c.diff.lacks))
	for _, k := range slices.Compact(c.diff.lacks) {
		ids = append(ids, k.ID)
	}
	lacking := len(ids)
	for len(ids) > 0 {
		n := min(len(ids), int(c.window))
		if err := c.handOver(ctx, ids[:n], res); err != nil {
			return err
		}
		ids = ids[n:]
	}
	res.PeerHolds = len(c.diff.open) == 0 && !c.diff.more && res.Pushed == lacking
	return nil
}

// handOver is one part of push.
func (c *caller) handOver(ctx context.Context, ids []chat.SegmentID, res *Result) error {
	if c.full() {
		return errEnough
	}
	clock := newStopwatch()
	sent, err := c.x.sendSegments(ctx, c.svc.cfg.Log, c.open.Conversation, ids)
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
	c.pace(clock.total())
	return nil
}

// pace chooses the next window. Over a relay it stays small: the last question may
// bring more than the run is allowed, which is then lost.
func (c *caller) pace(took time.Duration) {
	c.window = c.window.next(took)
	if c.x.relayed {
		c.window = min(c.window, firstWindow)
	}
}

// A stopwatch measures the time that the link takes, not what we take.
type stopwatch struct {
	since time.Time
	sum   time.Duration
}

func newStopwatch() *stopwatch { return &stopwatch{since: time.Now()} }

func (w *stopwatch) stop() { w.sum += time.Since(w.since) }

func (w *stopwatch) start() { w.since = time.Now() }

// total is the time measured so far; the watch runs.
func (w *stopwatch) total() time.Duration { return w.sum + time.Since(w.since) }
