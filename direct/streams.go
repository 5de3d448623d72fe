package direct

import (
	"errors"
	"fmt"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// adopt takes over a stream that the peer opened, after its Hello.
func (t *talk) adopt(l *link, hello wire.Hello) {
	if t.ended {
		l.fail(chat.ErrClosed)
		l.close()
		return
	}
	if old := t.in; old != nil {
		t.in = nil
		if old.relayed() && !l.relayed() { // the peer has moved
			old.retire()
		} else { // the peer has lost it, or misbehaves
			old.fail(errSuperseded)
		}
	}
	t.in = l
	t.sayHello(l)
	t.greeted(l, hello)
	t.start(l)
}

// sayHello puts our Hello before everything else.
func (t *talk) sayHello(l *link) {
	l.out.add(outgoing{frame: wire.Hello{Nick: t.s.cfg.nick(), Sent: time.Now()}})
}

// start starts the goroutines of a stream.
func (t *talk) start(l *link) {
	t.links[l] = true
	t.wg.Go(func() {
		l.write(t.s.cfg.writeTimeout(), func(ids []chat.SegmentID) {
			t.post(func() { t.handle(evWritten{ids}) })
		})
	})
	t.wg.Go(func() {
		err := t.read(l)
		// In line behind the segments that came before it.
		select {
		case t.incoming <- incoming{link: l, end: true, err: err}:
		case <-t.ctx.Done():
		}
		select {
		case <-l.over:
			l.flush()
		case <-t.ctx.Done():
		}
		<-l.flushed
		l.close()
		t.post(func() { t.closed(l) })
	})
}

// greeted takes a stream into use: both sides have said Hello.
func (t *talk) greeted(l *link, hello wire.Hello) {
	l.up = true
	defer t.tell(report{then: func() { close(l.told) }}) // after Connected
	newest := l
	if t.in != nil && t.in.up && t.out != nil && t.peer.Compare(t.s.cfg.Self) < 0 {
		// Both opened one, and theirs stays. If the peer thinks that ours is
		// up, it will see its end and go on with its own.
		ours := t.out
		t.out = nil
		if ours.up {
			ours.finish()
		} else {
			ours.fail(errSuperseded)
		}
		newest = t.in
	}
	if newest == t.current {
		return
	}
	t.use(newest, hello)
}

// use makes a stream the one we send on. Each new one gets the read mark: the
// one before may have been lost.
func (t *talk) use(l *link, hello wire.Hello) {
	t.current = l
	if t.mark != nil {
		l.out.mark(*t.mark)
	}
	t.handle(evLinked{nick: hello.Nick, sent: hello.Sent, byUs: l.byUs})
}

// markRead tells the peer what was read, now or on the next stream.
func (t *talk) markRead(id chat.SegmentID) {
	t.mark = &id
	if t.current != nil {
		t.current.out.mark(id)
	}
}

// unable is called when the peer's segments cannot be stored. It sends them
// again on the next stream.
func (t *talk) unable(l *link, err error) {
	if l.why == nil && l.out.close() { // else it is ending anyhow
		l.why = err
		l.limit(partingTime)
	}
}

// gone is called when a stream has ended and all that came on it is delivered.
func (t *talk) gone(l *link, err error) {
	l.late = l.limited && isTimeout(err)
	if err = l.cause(err); err == nil || err == l.why { //nolint:errorlint // the very one
		l.finish()
	} else {
		l.fail(err)
	}
	close(l.over)
	replaced := false
	switch l {
	case t.in:
		t.in = nil
	case t.out:
		t.out = nil
	case t.next: // it did not come to the move
		t.next = nil
		replaced = true
	default:
		replaced = true
	}
	if t.current != nil && t.current != l { // the other one goes on
		if l.bidden && !t.current.bidden { // so it was not a goodbye after all
			t.use(t.current, wire.Hello{})
		}
		return
	}
	if replaced {
		return
	}
	t.current = nil
	if t.out == nil && t.in == nil { // the peer has ended the old one already
		t.out, t.next = t.next, nil
	}
	cut := err != nil && l.st.Conn().IsClosed()
	switch {
	case t.in != nil && t.in.up:
		t.use(t.in, wire.Hello{})
	case t.out != nil && t.out.up:
		t.use(t.out, wire.Hello{})
	case t.out != nil:
		// It waits for the peer's Hello, and its outcome decides.
	default:
		t.lost(err, cut)
	}
}

// closed is called after that, when our side of the stream is closed too.
func (t *talk) closed(l *link) {
	delete(t.links, l)
	delete(t.parting, l)
	delete(t.probing, l)
}

// lost tells the outbox that there is no stream, and whether the whole connection
// was cut off.
func (t *talk) lost(err error, cut bool) {
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		t.handle(evRefused{refused.reason})
		return
	}
	if t.box.state == linked {
		t.handle(evUnlinked{err, cut})
		return
	}
	t.handle(evFailed{err: cmpErr(err, errNoHello)})
}

// acked takes acknowledgements that came on l.
func (t *talk) acked(l *link, ids []chat.SegmentID) {
	for _, id := range ids {
		if !t.box.knows(id) {
			l.unknown++
		}
	}
	if l.unknown > maxUnknownAcks {
		l.fail(fmt.Errorf("%w: acknowledgements of what was not sent", chat.ErrMalformed))
		return
	}
	t.watch.heard(time.Now())
	t.handle(evAcked{ids})
}

// part says goodbye on every stream. What the peer has on its way is still
// taken and acknowledged, until it closes.
func (t *talk) part() {
	t.left = t.box.pending()
	t.parted = append(t.parted, t.leaving...)
	t.leaving = nil
	t.handle(evHungUp{})
	up := t.current != nil
	for l := range t.links {
		t.parting[l] = true
		switch {
		case l.up, up: // the peer may be using it already
			l.part(wire.Goodbye{})
		default:
			t.drop(l)
		}
	}
}

// drop ends a stream of ours that the peer has not answered.
func (t *talk) drop(l *link) {
	l.fail(chat.ErrClosed)
	switch l {
	case t.out:
		t.out = nil
	case t.next:
		t.next = nil
	}
}

// farewell is called when the peer said goodbye on l, after its last segment.
func (t *talk) farewell(l *link) {
	l.bidden = true
	t.handle(evGoodbye{})
	for l := range t.links {
		if !l.up {
			t.drop(l)
		}
	}
}

// answerGoodbyes closes the streams on which the peer said goodbye, once it has
// acknowledged what was on its way: our end tells it that we know.
func (t *talk) answerGoodbyes() {
	for l := range t.links {
		switch {
		case !l.bidden:
		case t.box.inFlight() == 0:
			l.finish()
		case !l.asked:
			l.asked = true
			l.limit(ackTime)
		}
	}
}

// cmpErr is err, or instead if there is none.
func cmpErr(err, instead error) error {
	if err == nil {
		return instead
	}
	return err
}
