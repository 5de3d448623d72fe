package direct

import (
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// An outbox decides what to do for one peer: when to connect, what to send,
// when to give up. It is pure: events in, effects out, time as an argument.
//
// It knows of a stream only whether there is one. Whenever there is a new one,
// everything unacknowledged is sent on it, in order: the peer drops what it
// already has.
type outbox struct {
	peer   chat.PeerID
	jitter func() float64 // from 0 up to 1

	queue []*entry // unacknowledged, in the order they were queued
	byID  map[chat.SegmentID]*entry
	next  int // queue[:next] were given to the present stream

	open        bool // a talk is wanted, even with nothing to send
	state       outboxState
	attempt     int // failures since the last success
	unsupported int // of these, at the end: not speaking the protocol
	due         time.Time
	linkedAt    time.Time
	poked       time.Time
}

type entry struct {
	seg  *chat.Segment
	sent bool // reported as sent
}

type outboxState int

const (
	idle       outboxState = iota // nothing to do
	connecting                    // an attempt is under way
	waiting                       // for due, to try again
	linked                        // there is a stream
)

func newOutbox(p chat.PeerID, jitter func() float64) *outbox {
	return &outbox{peer: p, jitter: jitter, byID: make(map[chat.SegmentID]*entry)}
}

// An event is something that happened.
type event interface{ event() }

type (
	// evQueued: this node wants to send a segment.
	evQueued struct{ seg *chat.Segment }
	// evOpened: this node wants a talk, now.
	evOpened struct{}
	// evHungUp: this node wants none any more.
	evHungUp struct{}
	// evLinked: there is a new stream, or another than before.
	evLinked struct {
		nick chat.Text
		sent time.Time
		byUs bool
	}
	// evUnlinked: there is none any more.
	evUnlinked struct{ err error }
	// evFailed: an attempt to connect failed.
	evFailed struct {
		err         error
		unsupported bool
	}
	// evWritten: these were written to the stream.
	evWritten struct{ ids []chat.SegmentID }
	// evAcked: the peer has these.
	evAcked struct{ ids []chat.SegmentID }
	// evGoodbye: the peer ended the talk.
	evGoodbye struct{}
	// evRefused: the peer does not want to talk.
	evRefused struct{ reason chat.Text }
	// evReachable: the peer has just connected to us.
	evReachable struct{}
	// evTimer: the time of a wakeAt has come.
	evTimer struct{}
)

func (evQueued) event()    {}
func (evOpened) event()    {}
func (evHungUp) event()    {}
func (evLinked) event()    {}
func (evUnlinked) event()  {}
func (evFailed) event()    {}
func (evWritten) event()   {}
func (evAcked) event()     {}
func (evGoodbye) event()   {}
func (evRefused) event()   {}
func (evReachable) event() {}
func (evTimer) event()     {}

// An effect is something to do.
type effect interface{ effect() }

type (
	// doConnect: try to get a stream; evLinked or evFailed answers.
	doConnect struct{}
	// doCancel: the attempt is not needed any more, and nothing shall answer.
	doCancel struct{}
	// doSend: hand these to the present stream.
	doSend struct{ segs []*chat.Segment }
	// doWake: answer with evTimer at that time. It replaces an earlier one.
	doWake struct{ at time.Time }
	// doReport: tell the user of the package.
	doReport struct{ ev Event }
)

func (doConnect) effect() {}
func (doCancel) effect()  {}
func (doSend) effect()    {}
func (doWake) effect()    {}
func (doReport) effect()  {}

// pending is how many segments are not acknowledged.
func (o *outbox) pending() int { return len(o.queue) }

// wanted reports whether this node wants a talk.
func (o *outbox) wanted() bool { return o.open || len(o.queue) > 0 }

// knows reports whether a segment is unacknowledged.
func (o *outbox) knows(id chat.SegmentID) bool { return o.byID[id] != nil }

// handle takes what happened and returns what to do, in this order.
func (o *outbox) handle(now time.Time, ev event) []effect {
	switch ev := ev.(type) {
	case evQueued:
		return o.enqueue(ev.seg)
	case evOpened:
		return o.wantTalk()
	case evHungUp:
		return o.hangUp()
	case evLinked:
		return o.link(now, ev)
	case evUnlinked:
		return o.unlink(now, ev.err)
	case evFailed:
		return o.fail(now, ev)
	case evWritten:
		return o.written(ev.ids)
	case evAcked:
		return o.acked(ev.ids)
	case evGoodbye:
		o.open = false
		return []effect{doReport{SaidGoodbye{o.peer}}}
	case evRefused:
		return o.refused(ev.reason)
	case evReachable:
		return o.reachable(now)
	case evTimer:
		return o.timer(now)
	}
	return nil
}

func (o *outbox) enqueue(seg *chat.Segment) []effect {
	if o.knows(seg.ID) {
		return nil
	}
	e := &entry{seg: seg}
	o.queue = append(o.queue, e)
	o.byID[seg.ID] = e
	switch o.state {
	case idle:
		return o.connect()
	case linked:
		return o.fill()
	default:
		return nil
	}
}

func (o *outbox) wantTalk() []effect {
	o.open = true
	switch o.state {
	case idle, waiting: // a person asked: do not let them wait for the timer
		o.attempt = 0
		return o.connect()
	default:
		return nil
	}
}

func (o *outbox) hangUp() []effect {
	o.open = false
	o.clear()
	switch o.state {
	case connecting:
		o.state = idle
		return []effect{doCancel{}}
	case waiting:
		o.state = idle
	}
	return nil // while linked, evUnlinked follows
}

func (o *outbox) connect() []effect {
	o.state = connecting
	return []effect{doConnect{}}
}

func (o *outbox) link(now time.Time, ev evLinked) (do []effect) {
	if o.state == connecting {
		do = append(do, doCancel{}) // of no effect if it is this attempt's stream
	}
	if o.state != linked {
		o.linkedAt, o.unsupported = now, 0
		do = append(do, doReport{Connected{Peer: o.peer, Nick: ev.nick, Sent: ev.sent, ByUs: ev.byUs}})
	}
	o.state = linked
	o.next = 0
	return append(do, o.fill()...)
}

func (o *outbox) unlink(now time.Time, err error) []effect {
	if o.state != linked {
		return nil
	}
	o.next = 0
	do := []effect{doReport{Disconnected{o.peer, err}}}
	if now.Sub(o.linkedAt) >= stableAfter {
		o.attempt = 0
	}
	if !o.wanted() {
		o.state = idle
		return do
	}
	return append(do, o.wait(now))
}

func (o *outbox) fail(now time.Time, ev evFailed) []effect {
	if o.state != connecting {
		return nil
	}
	if !ev.unsupported {
		o.unsupported = 0
	} else if o.unsupported++; o.unsupported >= unsupportedTries {
		reason, _ := chat.NewText(reasonUnsupported) // our own words
		return o.refused(reason)
	}
	wake := o.wait(now)
	return []effect{doReport{Trying{Peer: o.peer, Attempt: o.attempt, Err: ev.err, When: o.due}}, wake}
}

// wait counts a failure and chooses the time of the next attempt. The jitter
// keeps two peers that lost each other from dialling at the same moment.
func (o *outbox) wait(now time.Time) effect {
	pause := lastRetry
	if o.attempt < 6 { // 1 s << 6 is more than a minute
		pause = firstRetry << o.attempt
	}
	o.attempt++
	o.state = waiting
	o.due = now.Add(time.Duration(float64(pause) * (0.75 + 0.5*o.jitter())))
	return doWake{o.due}
}

func (o *outbox) written(ids []chat.SegmentID) (do []effect) {
	for _, id := range ids {
		if e := o.byID[id]; e != nil && !e.sent {
			e.sent = true
			do = append(do, doReport{SegmentSent{o.peer, id}})
		}
	}
	return do
}

// acked accepts acknowledgements of segments that were not sent on this stream
// too: the peer may have got them on the one before.
func (o *outbox) acked(ids []chat.SegmentID) (do []effect) {
	for _, id := range ids {
		e := o.byID[id]
		if e == nil {
			continue
		}
		if !e.sent { // the answer overtook the news that it was written
			do = append(do, doReport{SegmentSent{o.peer, id}})
		}
		delete(o.byID, id)
		i := slices.Index(o.queue, e) // near the front: at most MaxInFlight are out
		o.queue = slices.Delete(o.queue, i, i+1)
		if i < o.next {
			o.next--
		}
		o.attempt = 0
		do = append(do, doReport{SegmentDelivered{o.peer, id}})
	}
	if o.state == linked {
		do = append(do, o.fill()...)
	}
	return do
}

func (o *outbox) refused(reason chat.Text) []effect {
	do := []effect{doReport{Refused{o.peer, reason}}}
	for _, e := range o.queue {
		do = append(do, doReport{SegmentFailed{o.peer, e.seg.ID, reason}})
	}
	o.clear()
	o.open, o.attempt, o.unsupported = false, 0, 0
	switch o.state {
	case connecting:
		do = append(do, doCancel{})
	case linked:
		do = append(do, doReport{Disconnected{Peer: o.peer}})
	}
	o.state = idle
	return do
}

func (o *outbox) reachable(now time.Time) []effect {
	if o.state != waiting || now.Sub(o.poked) < pokePause {
		return nil
	}
	o.poked = now
	return o.connect()
}

func (o *outbox) timer(now time.Time) []effect {
	switch {
	case o.state != waiting:
		return nil
	case now.Before(o.due):
		return []effect{doWake{o.due}}
	default:
		return o.connect()
	}
}

// fill sends as much as may be in flight.
func (o *outbox) fill() []effect {
	end := min(len(o.queue), MaxInFlight)
	if o.next >= end {
		return nil
	}
	var segs []*chat.Segment
	for _, e := range o.queue[o.next:end] {
		segs = append(segs, e.seg)
	}
	o.next = end
	return []effect{doSend{segs}}
}

func (o *outbox) clear() {
	clear(o.queue)
	clear(o.byID)
	o.queue, o.next = nil, 0
}
