package catchup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// The reasons we give when we refuse. The first is understood by the caller.
const (
	reasonBusy      = "busy"
	reasonNotShared = "not shared with you"
)

func refusal(err error) wire.CatchupRefuse {
	reason := reasonNotShared
	if errors.Is(err, ErrBusy) {
		reason = reasonBusy
	}
	t, _ := chat.NewText(reason) // our own words
	return wire.CatchupRefuse{Reason: t}
}

// A responder answers one caller, question by question, and keeps nothing
// between them but its place.
type responder struct {
	svc  *Service
	x    *exchange
	from chat.PeerID
	open wire.Open

	rounds int
	work   int // of our log's, for this run
	// What went over, by which the number of questions is bounded.
	items, segments, questions, pushed int
}

// respond talks with a caller until it hangs up.
func (s *Service) respond(ctx context.Context, x *exchange, from chat.PeerID) error {
	f, err := x.read()
	if err != nil {
		return fmt.Errorf("read opening: %w", err)
	}
	open, ok := f.(wire.Open)
	if !ok {
		return unexpected(f)
	}
	if !s.cfg.serve(from, open.Conversation) {
		return x.write(refusal(chat.ErrRefused))
	}
	if len(open.Beacon) > 0 {
		if err := s.cfg.hear(from, open.Conversation, open.Beacon, from); err != nil {
			return fmt.Errorf("opening beacon: %w", err)
		}
	}
	held := 0
	if _, err := read(s.cfg.Log, open.Conversation, open.Salt, func(r *reader) { held = r.n }); err != nil {
		return err
	}
	if err := x.sendBeacons(s.cfg.beacons(open.Conversation), held); err != nil {
		return fmt.Errorf("send beacons: %w", err)
	}
	r := &responder{svc: s, x: x, from: from, open: open}
	for {
		switch f, err := x.read(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read question: %w", err)
		default:
			if err := r.question(ctx, f); err != nil {
				return fmt.Errorf("answer %T: %w", f, err)
			}
		}
	}
}

// sendBeacons writes all beacons, in as many frames as they need.
func (x *exchange) sendBeacons(all [][]byte, held int) error {
	var f wire.Beacons
	size := 0
	for _, b := range all {
		if size > 0 && size+len(b) > segmentsFrame {
			if err := x.write(f); err != nil {
				return err
			}
			f.Envelopes, size = nil, 0
		}
		f.Envelopes = append(f.Envelopes, b)
		size += len(b)
	}
	f.Last, f.Held = true, uint64(held)
	return x.write(f)
}

// question routes one frame of the caller.
func (r *responder) question(ctx context.Context, f wire.CatchupFrame) error {
	lim := r.x.lim
	if r.questions++; r.questions > lim.questionsFor(r.items, r.segments) || r.x.in > lim.bytes {
		return fmt.Errorf("%w: more questions than one run has", ErrLied)
	}
	switch f := f.(type) {
	case wire.Ranges:
		return r.ranges(ctx, f)
	case wire.Want:
		if r.x.out >= lim.bytes {
			return errEnough
		}
		n, err := r.x.sendSegments(ctx, r.svc.cfg.Log, r.open.Conversation, f)
		r.segments += n
		return err
	case wire.Segments:
		return r.receive(ctx, f)
	default:
		return unexpected(f)
	}
}

func (r *responder) ranges(ctx context.Context, in wire.Ranges) error {
	if r.work > r.x.lim.work {
		return errEnough
	}
	if err := r.svc.runs.afford(ctx, r.from); err != nil {
		return err
	}
	var out wire.Ranges
	work, err := read(r.svc.cfg.Log, r.open.Conversation, r.open.Salt, func(log *reader) { out = log.answer(in, r.rounds) })
	r.svc.runs.charge(r.from, work)
	if err != nil {
		return err
	}
	r.rounds++
	r.work += work
	for _, frame := range []wire.Ranges{in, out} {
		for _, g := range frame {
			r.items += len(g.Items)
		}
	}
	return r.x.write(out)
}

// receive stores what the caller hands over, from its first frame on.
func (r *responder) receive(ctx context.Context, f wire.Segments) error {
	n, held, refused := 0, 0, error(nil)
	for b := (batch{}); ; {
		if err := saysNothing(f); err != nil {
			return err
		}
		n += len(f.Envelopes)
		if r.pushed += len(f.Envelopes); r.pushed > MaxPush {
			return fmt.Errorf("%w: more than %d segments handed over", ErrLied, MaxPush)
		}
		if b.add(f); f.Last || b.full() {
			segs, err := verify(r.open.Conversation, b.envelopes)
			if err != nil {
				return err
			}
			b = batch{}
			if err := r.svc.cfg.accept(ctx, r.from, segs); err != nil {
				// Our fault, not the caller's: it is told that they are not held.
				refused = errors.Join(refused, err)
			} else {
				held += r.holds(segs)
			}
		}
		if f.Last {
			break
		}
		next, err := r.x.read()
		if err != nil {
			return fmt.Errorf("read segments: %w", err)
		}
		var ok bool
		if f, ok = next.(wire.Segments); !ok {
			return unexpected(next)
		}
	}
	if refused != nil {
		r.svc.cfg.logger().Debug("segments handed over were not stored", "peer", r.from, "err", chat.SafeString(refused.Error()))
	}
	r.segments += n
	return r.x.write(wire.Held{Held: uint32(held), Refused: uint32(n - held)})
}

// holds counts the segments that the log has now.
func (r *responder) holds(segs []*chat.Segment) int {
	ids := make([]chat.SegmentID, len(segs))
	for i, s := range segs {
		ids[i] = s.ID
	}
	return len(segs) - len(r.svc.cfg.Log.Lacks(r.open.Conversation, ids...))
}
