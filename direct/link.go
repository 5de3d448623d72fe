package direct

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// serviceName is what the resource manager calls us.
const serviceName = "p2pchat.direct"

// A link is one stream of a talk. One goroutine reads it and one writes it; the
// talk's goroutine starts them, and ends them by part, finish or fail.
type link struct {
	st   network.Stream
	in   *wire.Reader
	out  output
	byUs bool
	// done is called when the stream is gone. It may be nil.
	done func()

	// owned by the talk's goroutine:
	up      bool  // both have said Hello
	bidden  bool  // the peer said Goodbye
	asked   bool  // and is asked to acknowledge what is on its way
	limited bool  // by limit
	late    bool  // the other side did not close in time; set before over
	why     error // what we ended it for, in the ordinary way
	unknown int   // acknowledgements of what we do not know

	deaf     bool          // what comes is not stored any more; deliver owns it
	told     chan struct{} // closed when the user knows of the talk
	over     chan struct{} // closed when the talk's goroutine knows of the end
	flushed  chan struct{} // closed when nothing more is written
	failOnce sync.Once
	failed   chan struct{} // closed after failure is set
	failure  error
}

// newLink reserves what a stream may cost. The caller has set a deadline.
func newLink(st network.Stream, byUs bool, done func()) (*link, error) {
	if err := st.Scope().SetService(serviceName); err != nil {
		return nil, err
	}
	if err := st.Scope().ReserveMemory(linkMemory, network.ReservationPriorityAlways); err != nil {
		return nil, err
	}
	return &link{
		st: st, in: wire.NewReader(st), out: output{wake: make(chan struct{}, wakeSize)},
		byUs: byUs, done: done, told: make(chan struct{}), over: make(chan struct{}),
		flushed: make(chan struct{}), failed: make(chan struct{}),
	}, nil
}

// fail ends the stream at once; the first reason is kept.
func (l *link) fail(err error) {
	l.failOnce.Do(func() {
		l.failure = err
		close(l.failed)
	})
	_ = l.st.Reset()
}

// cause is why the stream ended, if reading it gave err: nil if a side closed
// it in the ordinary way.
func (l *link) cause(err error) error {
	select {
	case <-l.failed:
		return l.failure
	default:
	}
	switch {
	case l.why != nil:
		return l.why
	case errors.Is(err, io.EOF), l.limited && isTimeout(err):
		return nil
	}
	return err
}

// isTimeout reports whether a deadline has passed.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// part writes what is still to be written, then last; after it nothing but
// acknowledgements and read marks. The other side has partingTime to close.
func (l *link) part(last wire.DirectFrame) {
	l.out.part(last)
	l.limit(partingTime)
}

// finish writes what is still to be written and closes our side. The other side
// has partingTime to do the same.
func (l *link) finish() {
	if l.out.close() {
		l.limit(partingTime)
	}
}

// limit bounds how long the stream is still read.
func (l *link) limit(d time.Duration) {
	l.limited = true
	_ = l.st.SetReadDeadline(time.Now().Add(d))
}

// readHello reads the first frame of a stream.
func (l *link) readHello() (wire.Hello, error) {
	switch f, err := l.in.Direct(); f := f.(type) {
	case nil:
		return wire.Hello{}, fmt.Errorf("%w: %w", errNoHello, err)
	case wire.Hello:
		return f, nil
	case wire.Refuse:
		return wire.Hello{}, &refusal{f.Reason}
	default:
		return wire.Hello{}, fmt.Errorf("%w: %w: another frame came first", errNoHello, chat.ErrMalformed)
	}
}

// A refusal is what a Refuse frame says.
type refusal struct{ reason chat.Text }

func (r *refusal) Error() string { return "refused: " + r.reason.Line() }
func (r *refusal) Unwrap() error { return chat.ErrRefused }

// write is the only writer of the stream. It gathers frames, and writes them as
// soon as there are no more: a lone message leaves at once, a burst in few
// writes. It returns when the output is closed or the link failed.
func (l *link) write(timeout time.Duration, written func([]chat.SegmentID)) {
	defer close(l.flushed)
	var buf []byte
	var ids []chat.SegmentID
	flush := func() error {
		if len(buf) == 0 {
			return nil
		}
		if err := l.st.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		if _, err := l.st.Write(buf); err != nil {
			return err
		}
		if len(ids) > 0 {
			written(ids)
		}
		buf, ids = buf[:0], nil
		return nil
	}
	for {
		frames, closed := l.out.take()
		for _, f := range frames {
			var err error
			if buf, err = wire.AppendDirect(buf, f.frame); err == nil && len(buf) >= writeBuffer {
				if f.id != nil {
					ids = append(ids, *f.id)
				}
				err = flush()
			} else if f.id != nil {
				ids = append(ids, *f.id)
			}
			if err != nil {
				l.fail(fmt.Errorf("write: %w", err))
				return
			}
		}
		if len(frames) > 0 && !closed {
			continue // more may have come meanwhile
		}
		if err := flush(); err != nil {
			l.fail(fmt.Errorf("write: %w", err))
			return
		}
		if closed {
			if err := l.st.CloseWrite(); err != nil {
				l.fail(fmt.Errorf("write: %w", err))
			}
			return
		}
		select {
		case <-l.out.wake:
		case <-l.failed:
			return
		}
	}
}

// flush lets a side that did not close in time no longer than flushTime read
// what is still to be written.
func (l *link) flush() {
	if !l.late {
		return
	}
	timer := time.NewTimer(flushTime)
	defer timer.Stop()
	select {
	case <-l.flushed:
	case <-timer.C:
		l.fail(errNotReading)
	}
}

// close gives the stream back, after reading and writing have ended.
func (l *link) close() {
	select {
	case <-l.failed:
		_ = l.st.Reset()
	default:
		_ = l.st.Close()
	}
	if l.done != nil {
		l.done()
	}
}

// wakeSize is the capacity of output.wake: while one wake-up waits, another
// would say nothing new, and is dropped.
const wakeSize = 1

// An output is what a stream has yet to write. Any goroutine adds to it; the
// writer takes all at once, so that what came while it was busy shares a write.
type output struct {
	wake chan struct{}

	mu     sync.Mutex
	frames []outgoing
	acks   []chat.SegmentID
	read   *chat.SegmentID
	last   wire.DirectFrame
	parted bool // no frames follow
	closed bool // nothing follows
}

// An outgoing is a frame, and the segment it carries, if any.
type outgoing struct {
	frame wire.DirectFrame
	id    *chat.SegmentID
}

func (o *output) segments(segs []*chat.Segment) {
	out := make([]outgoing, len(segs))
	for i, seg := range segs {
		out[i] = outgoing{wire.DirectSegment(seg.Envelope), &seg.ID}
	}
	o.add(out...)
}

// ack adds acknowledgements and reports whether the peer still reads them.
func (o *output) ack(ids []chat.SegmentID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true
	}
	if len(o.acks)+len(ids) > maxUnsentAcks {
		return false
	}
	o.acks = append(o.acks, ids...)
	o.wakeUp()
	return true
}

// mark adds a read mark; the latest is enough.
func (o *output) mark(id chat.SegmentID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.read = &id
	o.wakeUp()
}

// part makes last the last frame that is no acknowledgement.
func (o *output) part(last wire.DirectFrame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.parted || o.closed {
		return
	}
	o.parted, o.last = true, last
	o.wakeUp()
}

// close lets nothing follow, and reports whether something could until now.
func (o *output) close() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.closed = true
	o.wakeUp()
	return true
}

func (o *output) add(frames ...outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.parted || o.closed {
		return
	}
	o.frames = append(o.frames, frames...)
	o.wakeUp()
}

func (o *output) wakeUp() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take returns all that is to be written, and whether nothing can follow.
func (o *output) take() (frames []outgoing, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames, o.frames = o.frames, nil
	acks := o.acks
	o.acks = nil
	for len(acks) > 0 {
		n := min(len(acks), wire.MaxAck)
		frames = append(frames, outgoing{frame: wire.Ack(distinct(acks[:n]))})
		acks = acks[n:]
	}
	if o.read != nil {
		frames = append(frames, outgoing{frame: wire.Read(*o.read)})
		o.read = nil
	}
	if o.last != nil {
		frames = append(frames, outgoing{frame: o.last})
		o.last = nil
	}
	return frames, o.closed
}

// distinct drops repetitions: no acknowledgement names a segment twice.
func distinct(ids []chat.SegmentID) []chat.SegmentID {
	seen := make(map[chat.SegmentID]struct{}, len(ids))
	out := ids[:0]
	for _, id := range ids {
		if _, twice := seen[id]; !twice {
			seen[id] = struct{}{}
			out = append(out, id)
		}
	}
	return out
}
