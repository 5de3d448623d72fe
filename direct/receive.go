package direct

import (
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// An incoming is what a stream brought that has its place in the order: a
// segment, the peer's goodbye, or the end of the stream.
type incoming struct {
	link    *link
	seg     *chat.Segment
	memory  int // reserved for seg
	goodbye bool
	end     bool
	err     error // why it ended
}

// read reads a stream to its end. On one that we opened the peer's Hello comes
// first.
//
// Between frames there is no deadline: a talk may be silent for days, and the
// connection below finds out whether the peer still lives. A frame that never
// ends costs nothing that is not reserved.
func (t *talk) read(l *link) error {
	if l.byUs {
		hello, err := l.readHello()
		if err != nil {
			return err
		}
		if !t.post(func() { t.answered(l, hello) }) {
			return chat.ErrClosed
		}
	}
	select { // the first segment must come after Connected
	case <-l.told:
	case <-l.failed:
	case <-t.ctx.Done():
	}
	for over := false; ; {
		f, err := l.in.Direct()
		switch {
		case err != nil && over: // it may leave as it likes
			return io.EOF
		case err != nil:
			return err
		}
		switch f := f.(type) {
		case wire.DirectSegment:
			if over {
				return fmt.Errorf("%w: a segment after goodbye", chat.ErrMalformed)
			}
			if err := t.take(l, f); err != nil {
				return err
			}
		case wire.Ack:
			t.post(func() { t.acked(l, f) })
		case wire.Read:
			if !t.spend(l, 0) {
				return chat.ErrClosed
			}
			t.post(func() { t.handle(evRead{chat.SegmentID(f)}) })
		case wire.Goodbye:
			if over {
				return fmt.Errorf("%w: a second goodbye", chat.ErrMalformed)
			}
			over = true
			if err := t.submit(incoming{link: l, goodbye: true}); err != nil {
				return err
			}
		case wire.Refuse:
			return &refusal{f.Reason}
		default:
			return fmt.Errorf("%w: a second hello", chat.ErrMalformed)
		}
	}
}

// answered takes the peer's Hello on a stream that we opened.
func (t *talk) answered(l *link, hello wire.Hello) {
	t.watch.heard(time.Now())
	switch l {
	case t.next:
		t.arrived()
	case t.out:
	default:
		return // not needed any more
	}
	until := time.Time{}
	if t.parting[l] { // said goodbye on it meanwhile
		until = time.Now().Add(partingTime)
	}
	if err := l.st.SetReadDeadline(until); err != nil {
		l.fail(err)
		return
	}
	t.greeted(l, hello)
}

// take checks a segment, in the reader's goroutine, and puts it in line.
func (t *talk) take(l *link, envelope []byte) error {
	if !t.spend(l, len(envelope)) {
		return chat.ErrClosed
	}
	seg, err := wire.OpenSegment(chat.DirectID(t.s.cfg.Self, t.peer), envelope)
	if err != nil {
		return err
	}
	if seg.Author != t.peer { // it was ours once: nobody else can write here
		return fmt.Errorf("%w: a segment of another author", chat.ErrForged)
	}
	memory := segmentMemory * len(envelope)
	if err := l.st.Scope().ReserveMemory(memory, network.ReservationPriorityHigh); err != nil {
		return err
	}
	return t.submit(incoming{link: l, seg: seg, memory: memory})
}

// submit puts something in line, and waits if the line is full.
func (t *talk) submit(in incoming) error {
	select {
	case t.incoming <- in:
		return nil
	case <-t.ctx.Done():
		return chat.ErrClosed
	}
}

// deliver hands what comes in to Receive, as much at once as there is, and
// acknowledges it. It owns the window.
func (t *talk) deliver() {
	var seen window
	batch := make([]incoming, 0, batchSize)
	for {
		var in incoming
		select {
		case in = <-t.incoming:
		case <-t.ctx.Done():
			return
		}
		for more := true; more; {
			if in.seg != nil {
				batch = append(batch, in)
			}
			if in.seg == nil || len(batch) == batchSize {
				break
			}
			select {
			case in = <-t.incoming:
			default:
				more = false
			}
		}
		if len(batch) > 0 {
			t.store(&seen, batch)
			clear(batch)
			batch = batch[:0]
		}
		switch l, err := in.link, in.err; {
		case in.goodbye:
			t.post(func() { t.farewell(l) })
		case in.end:
			t.post(func() { t.gone(l, err) })
		}
	}
}

// store stores what is new in a batch, and acknowledges all of it on the
// streams it came on. Not a word goes out before Receive has returned. When it
// cannot store, nothing more of these streams counts, or a later message would
// overtake an earlier one; acknowledgements that wait there still go out.
func (t *talk) store(seen *window, batch []incoming) {
	var fresh []*chat.Segment
	acks := make(map[*link][]chat.SegmentID, 1)
	now := make(map[chat.SegmentID]bool, len(batch))
	for _, in := range batch {
		if in.link.deaf {
			continue
		}
		acks[in.link] = append(acks[in.link], in.seg.ID)
		if !seen.contains(in.seg.ID) && !now[in.seg.ID] {
			now[in.seg.ID] = true
			fresh = append(fresh, in.seg)
		}
	}
	var err error
	if len(fresh) > 0 {
		err = t.s.cfg.Receive(t.ctx, t.peer, fresh)
	}
	for _, in := range batch {
		in.link.st.Scope().ReleaseMemory(in.memory)
	}
	if err != nil {
		for l := range acks {
			l.deaf = true
			t.post(func() { t.unable(l, fmt.Errorf("store: %w", err)) })
		}
		return
	}
	for _, seg := range fresh {
		seen.add(seg.ID)
	}
	if len(fresh) > 0 {
		t.heard.Store(time.Now().UnixNano())
	}
	for l, ids := range acks {
		if !l.out.ack(ids) {
			l.fail(errNotReading)
		}
	}
}
