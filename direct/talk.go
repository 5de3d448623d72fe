package direct

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

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
	// dismissed is set while its streams end to make room; likewise.
	dismissed bool

	posts    chan func()
	poke     chan struct{}
	slots    chan struct{} // one for each queued segment
	dismiss  chan struct{} // asks to make room for others
	incoming chan incoming
	reports  chan report
	untold   atomic.Int64 // reports that are not told yet
	pending  atomic.Int64
	linked   atomic.Pointer[Connected]
	heard    atomic.Int64  // when the peer last said something, Unix nanoseconds
	done     chan struct{} // closed when run has ended

	quotaMu sync.Mutex // two streams may be read at once
	quota   quota

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
	found     context.CancelFunc // ends the search of dialling: the peer is here
	attempt   int                // numbers the attempts: a cancelled one may still answer
	mark      *chat.SegmentID    // what of the peer's was read
	next      *link              // ours, to move to; it waits for the peer's Hello
	moving    bool               // next is being opened
	moveAt    time.Time          // not before
	watch     watch
	probing   map[*link]bool // their connections are being asked
	wake      *time.Timer
	rest      *time.Timer
	look      *time.Timer // for watch
	move      *time.Timer // for moveAt
	resting   bool        // nothing to do; rest is set
	counted   bool        // in Service.resting
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
		dismiss:  make(chan struct{}, wakeSize),
		slots:    make(chan struct{}, MaxQueued),
		incoming: make(chan incoming, incomingSize),
		reports:  make(chan report, reportSize),
		done:     make(chan struct{}),
		box:      newOutbox(p, s.cfg.jitter),
		links:    make(map[*link]bool),
		parting:  make(map[*link]bool),
		probing:  make(map[*link]bool),
		wake:     stoppedTimer(),
		rest:     stoppedTimer(),
		look:     stoppedTimer(),
		move:     stoppedTimer(),
	}
	t.heard.Store(time.Now().UnixNano())
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
			if t.dialling != nil {
				t.found()
			}
			t.handle(evReachable{})
			t.connsChanged(time.Now())
		case <-t.dismiss:
			for l := range t.links {
				l.fail(errSilent)
			}
		case <-t.wake.C:
			t.handle(evTimer{})
		case <-t.look.C:
			t.unanswered(time.Now())
		case <-t.move.C: // settle does
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
	t.answerGoodbyes()
	if len(t.parting) == 0 {
		for _, ch := range t.parted {
			left := t.left
			t.tell(report{then: func() { ch <- left }}) // has room for it
		}
		t.parted = nil
	}
	t.guard()
	now := time.Now()
	t.watchOver(now)
	t.moveOn(now)

	idle := len(t.links) == 0 && t.dialling == nil && !t.box.wanted() && t.box.gone == nil
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
	default: // too many rest already; a new talk would have a new quota
		t.rest.Reset(t.quotaFull(now))
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
	for _, timer := range []*time.Timer{t.wake, t.rest, t.look, t.move} {
		timer.Stop()
	}
	t.stopCounting()
	limit, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	for l := range t.links {
		l.out.close()
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
			switch ev := do.ev.(type) {
			case Connected:
				t.linked.Store(&ev)
			case Disconnected:
				t.linked.Store(nil)
			}
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
