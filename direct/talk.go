package direct

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// reasonUnsupported is why a peer that does not speak the protocol, such as a
// seed, refuses.
const reasonUnsupported = "does not take private messages"

// connTag and its weight tell the connection manager that a connection is of
// use; one that this node wants is protected.
const (
	connTag       = "p2pchat-direct"
	connTagWeight = 20
)

// A talk is all we have to do with one peer. Its goroutine, run, owns the
// fields below "owned"; others hand it functions to run by post and ask.
//
// There is at most one stream in each direction, and one is enough. Both sides
// may open one at the same moment; then the one of the smaller peer ID stays:
// only the other peer closes its own, and only once both streams have seen both
// Hellos, so that they never close both. Meanwhile all that comes on either
// counts, and what goes out goes on the newest, because a peer that opens a
// stream while we think to have one has lost that one.
type talk struct {
	s     *Service
	peer  chat.PeerID
	users int // of Service.acquire; Service.mu guards it

	posts    chan func()
	poke     chan struct{}
	slots    chan struct{} // one for each queued segment
	incoming chan incoming
	reports  chan report
	untold   atomic.Int64 // reports that are not told yet
	pending  atomic.Int64
	done     chan struct{} // closed when run has ended

	// owned:
	ctx       context.Context // ends with the talk
	cancel    context.CancelFunc
	wg        sync.WaitGroup // of everything but run
	box       *outbox
	held      int            // slots taken by what is in box
	links     map[*link]bool // all whose goroutines run
	out, in   *link          // of these: ours and theirs, unless ending
	current   *link          // out or in: what we send on
	dialling  context.CancelFunc
	attempt   int // numbers the attempts: a cancelled one may still answer
	wake      *time.Timer
	rest      *time.Timer
	resting   bool // nothing to do; rest is set
	counted   bool // in Service.resting
	ended     bool
	protected bool
	tagged    bool
	leaving   []chan<- int   // waiting for part
	parted    []chan<- int   // waiting for parting to end, after part
	parting   map[*link]bool // the streams that carry our Goodbye
	left      int            // what part dropped
}

func newTalk(s *Service, p chat.PeerID) *talk {
	t := &talk{
		s:        s,
		peer:     p,
		posts:    make(chan func(), postSize),
		poke:     make(chan struct{}, wakeSize),
		slots:    make(chan struct{}, MaxQueued),
		incoming: make(chan incoming, incomingSize),
		reports:  make(chan report, reportSize),
		done:     make(chan struct{}),
		box:      newOutbox(p, s.cfg.jitter),
		links:    make(map[*link]bool),
		parting:  make(map[*link]bool),
		wake:     stoppedTimer(),
		rest:     stoppedTimer(),
	}
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	return t
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// post has f run by the talk's goroutine, some time later. It reports false if
// the talk is over; if it ends meanwhile, f may run with t.ended set or not at
// all.
func (t *talk) post(f func()) bool {
	select {
	case t.posts <- f:
		return true
	case <-t.ctx.Done():
		return false
	}
}

// ask is post, and waits until f has run. It reports whether it has.
func (t *talk) ask(f func()) bool {
	ran := make(chan struct{})
	if !t.post(func() { f(); close(ran) }) {
		return false
	}
	select {
	case <-ran:
		return true
	case <-t.done:
	}
	select {
	case <-ran: // just before done
		return true
	default:
		return false
	}
}

func (t *talk) run() {
	defer close(t.done)
	defer t.shutDown()
	delivered := make(chan struct{})
	t.wg.Go(func() {
		defer close(delivered)
		t.deliver()
	})
	t.wg.Go(t.tellAll)
	t.settle()
	for !t.ended {
		select {
		case f := <-t.posts:
			f()
		case <-t.poke:
			t.handle(evReachable{})
		case <-t.wake.C:
			t.handle(evTimer{})
		case <-t.rest.C:
			t.ended = t.untold.Load() == 0 && t.s.forget(t)
			if !t.ended {
				t.rest.Reset(restRetry)
			}
		case <-t.s.ctx.Done():
			t.ended = true
		}
		t.settle()
	}
	t.cancel()
	<-delivered // so that the last acknowledgements are in the outputs
}

// settle keeps up what follows from the state.
func (t *talk) settle() {
	for n := t.box.pending(); t.held > n; t.held-- {
		<-t.slots
	}
	t.pending.Store(int64(t.box.pending()))
	if len(t.leaving) > 0 && t.box.pending() == 0 {
		t.part()
	}
	if len(t.parting) == 0 {
		for _, ch := range t.parted {
			left := t.left
			t.tell(report{then: func() { ch <- left }}) // has room for it
		}
		t.parted = nil
	}
	t.guard()

	idle := len(t.links) == 0 && t.dialling == nil && !t.box.wanted()
	if idle == t.resting || t.ended {
		return
	}
	t.resting = idle
	switch {
	case !idle:
		t.rest.Stop()
		t.stopCounting()
	case t.s.rest():
		t.counted = true
		t.rest.Reset(restTime)
	default: // too many rest already
		t.rest.Reset(0)
	}
}

func (t *talk) stopCounting() {
	if t.counted {
		t.counted = false
		t.s.unrest()
	}
}

// guard keeps the connection manager from closing what is in use.
func (t *talk) guard() {
	cm, id := t.s.host.ConnManager(), t.peer.Libp2p()
	if want := t.box.wanted() && !t.ended; want != t.protected {
		if t.protected = want; want {
			cm.Protect(id, connTag)
		} else {
			cm.Unprotect(id, connTag)
		}
	}
	if use := len(t.links) > 0 && !t.ended; use != t.tagged {
		if t.tagged = use; use {
			cm.TagPeer(id, connTag, connTagWeight)
		} else {
			cm.UntagPeer(id, connTag)
		}
	}
}

// shutDown ends all goroutines of the talk and waits for them. Streams get
// flushTime to write what they have.
func (t *talk) shutDown() {
	t.wake.Stop()
	t.rest.Stop()
	t.stopCounting()
	limit, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	for l := range t.links {
		l.out.finish(nil)
	}
	for l := range t.links {
		select {
		case <-l.flushed:
			_ = l.st.Close() // ends reading, too
		case <-limit.Done():
			l.fail(chat.ErrClosed)
		}
	}
	t.wg.Wait()
	clear(t.links)
	t.guard()
	for { // what was posted too late; t.ended is set
		select {
		case f := <-t.posts:
			f()
		default:
			return
		}
	}
}

// handle gives an event to the outbox and does what it says.
func (t *talk) handle(ev event) {
	if t.ended {
		return
	}
	now := time.Now()
	for _, do := range t.box.handle(now, ev) {
		switch do := do.(type) {
		case doConnect:
			t.connect()
		case doCancel:
			t.stopDialling()
		case doSend:
			if t.current != nil { // else the next stream gets them
				t.current.out.segments(do.segs)
			}
		case doWake:
			t.wake.Reset(time.Until(do.at))
		case doReport:
			t.tell(report{ev: do.ev})
		}
	}
}

// A report is something to tell the user, then to do; either may be missing.
type report struct {
	ev   Event
	then func()
}

// tell puts a report in line.
func (t *talk) tell(r report) {
	t.untold.Add(1)
	select {
	case t.reports <- r:
	case <-t.ctx.Done():
	}
}

// tellAll tells the user what there is to tell. It is not the talk's goroutine
// that does, because the user may be waiting for that one: in Send.
func (t *talk) tellAll() {
	for {
		select {
		case r := <-t.reports:
			if r.ev != nil {
				t.s.cfg.report(r.ev)
			}
			if r.then != nil {
				r.then()
			}
			t.untold.Add(-1)
		case <-t.ctx.Done():
			return
		}
	}
}

// enqueue takes a segment whose slot is taken, and reports whether it did.
func (t *talk) enqueue(seg *chat.Segment) bool {
	if t.ended {
		return false
	}
	t.held++
	t.handle(evQueued{seg})
	return true
}

// part ends the talk now.
func (t *talk) part() {
	t.left = t.box.pending()
	t.parted = append(t.parted, t.leaving...)
	t.leaving = nil
	t.handle(evHungUp{})
	t.endStreams(wire.Goodbye{})
	for l := range t.links {
		t.parting[l] = true
	}
}

// endStreams lets every stream write what it has, and last, and close.
func (t *talk) endStreams(last wire.DirectFrame) {
	for l := range t.links {
		if l.up {
			l.finish(last)
			continue
		}
		l.fail(chat.ErrClosed)
		if l == t.out {
			t.out = nil
		}
	}
}

// connect starts an attempt to get a stream.
func (t *talk) connect() {
	ctx, cancel := context.WithCancel(t.ctx)
	t.dialling = cancel
	t.attempt++
	attempt := t.attempt
	t.wg.Go(func() {
		defer cancel()
		st, err := t.dial(ctx)
		if !t.post(func() { t.dialled(attempt, st, err) }) && st != nil {
			_ = st.Reset()
		}
	})
}

// stopDialling ends an attempt that has no stream yet. One that has is left
// alone: the peer may count on it already.
func (t *talk) stopDialling() {
	if t.dialling != nil {
		t.dialling()
		t.dialling = nil
		t.attempt++ // its answer comes too late
	}
}

// dial finds the peer and opens a stream. The stream's deadline is set.
func (t *talk) dial(ctx context.Context) (network.Stream, error) {
	id := t.peer.Libp2p()
	switch t.s.host.Network().Connectedness(id) {
	case network.Connected, network.Limited:
	default:
		ctx, cancel := context.WithTimeout(ctx, t.s.cfg.connectTimeout())
		defer cancel()
		if err := t.s.cfg.connect(ctx, t.peer); err != nil {
			return nil, err
		}
	}
	until := time.Now().Add(t.s.cfg.helloTimeout())
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	// Connect alone dials; a relayed connection will do.
	ctx = network.WithNoDial(network.WithAllowLimitedConn(ctx, "direct"), "direct")
	st, err := t.s.host.NewStream(ctx, id, wire.DirectProtocol)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	if err := st.SetDeadline(until); err != nil {
		_ = st.Reset()
		return nil, fmt.Errorf("open stream: %w", err)
	}
	return st, nil
}

// dialled takes the answer of dial.
func (t *talk) dialled(attempt int, st network.Stream, err error) {
	if attempt != t.attempt || t.ended {
		if st != nil {
			_ = st.Reset() // not a byte was written: the peer knows nothing of it
		}
		return
	}
	t.dialling = nil
	var l *link
	if err == nil {
		if l, err = newLink(st, true, nil); err != nil {
			_ = st.Reset()
		}
	}
	if err != nil {
		unsupported := errors.Is(err, multistream.ErrNotSupported[protocol.ID]{})
		t.handle(evFailed{err, unsupported})
		return
	}
	t.out = l
	t.sayHello(l)
	t.start(l)
}

// adopt takes over a stream that the peer opened, after its Hello.
func (t *talk) adopt(l *link, hello wire.Hello) {
	if t.ended {
		l.fail(chat.ErrClosed)
		l.close()
		return
	}
	if old := t.in; old != nil { // the peer has lost it, or misbehaves
		t.in = nil
		old.fail(errSuperseded)
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
			ours.finish(nil)
		} else {
			ours.fail(errSuperseded)
		}
		newest = t.in
	}
	if newest == t.current {
		return
	}
	t.current = newest
	t.handle(evLinked{nick: hello.Nick, sent: hello.Sent, byUs: newest.byUs})
}

// gone is called when a stream has ended and all that came on it is delivered.
func (t *talk) gone(l *link, err error) {
	close(l.over)
	if err = l.cause(err); err == nil {
		l.finish(nil)
	} else {
		l.fail(err)
	}
	switch l {
	case t.in:
		t.in = nil
	case t.out:
		t.out = nil
	default:
		return // replaced
	}
	if t.current != nil && t.current != l {
		return // the other one goes on
	}
	t.current = nil
	switch {
	case t.in != nil && t.in.up:
		t.current = t.in
		t.handle(evLinked{byUs: false})
	case t.out != nil && t.out.up:
		t.current = t.out
		t.handle(evLinked{byUs: true})
	case t.out != nil:
		// It waits for the peer's Hello, and its outcome decides.
	default:
		t.lost(err)
	}
}

// closed is called after that, when our side of the stream is closed too.
func (t *talk) closed(l *link) {
	delete(t.links, l)
	delete(t.parting, l)
}

// lost tells the outbox that there is no stream.
func (t *talk) lost(err error) {
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		t.handle(evRefused{refused.reason})
		return
	}
	if t.box.state == linked {
		t.handle(evUnlinked{err})
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
	t.handle(evAcked{ids})
}

// farewell is called when the peer said goodbye, after its last segment.
func (t *talk) farewell() {
	t.handle(evGoodbye{})
	t.endStreams(nil)
}

// cmpErr is err, or instead if there is none.
func cmpErr(err, instead error) error {
	if err == nil {
		return instead
	}
	return err
}
