package direct

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// reasonUnsupported is why a peer that does not speak the protocol, such as a
// seed, refuses.
const reasonUnsupported = "does not take private messages"

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
	parting     bool // the peer said goodbye on the present stream
	untold      bool // and that is to be reported yet
	state       outboxState
	attempt     int // failures since the last success
	unsupported int // of these, at the end: not speaking the protocol
	due         time.Time
	connected   Connected // what was reported of the present talk
	linkedAt    time.Time
	gone        *Disconnected // to be reported at goneAt, unless there is a stream again
	goneAt      time.Time
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

// pending is how many segments are not acknowledged.
func (o *outbox) pending() int { return len(o.queue) }

// wanted reports whether this node wants a talk.
func (o *outbox) wanted() bool { return o.open || len(o.queue) > 0 }

// inFlight is how many of these were given to the present stream.
func (o *outbox) inFlight() int { return o.next }

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
		return o.unlink(now, ev)
	case evFailed:
		return o.fail(now, ev)
	case evWritten:
		return o.written(ev.ids)
	case evAcked:
		return o.acked(ev.ids)
	case evDropped:
		return o.drop(ev.id)
	case evRead:
		return o.read(ev.id)
	case evGoodbye:
		return o.goodbye()
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
	do := o.tellGone() // who opens it now is to hear of the next stream
	switch o.state {
	case idle, waiting: // a person asked: do not let them wait for the timer
		o.attempt = 0
		return append(do, o.connect()...)
	case linked: // who opens it now may have missed it
		return []effect{doReport{o.connected}}
	default:
		return do
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
		o.connected = Connected{Peer: o.peer, Nick: ev.nick, Sent: ev.sent, ByUs: ev.byUs}
		if o.gone == nil { // else it was hardly gone
			do = append(do, doReport{o.connected})
		}
		o.gone = nil
	}
	do = append(do, o.tellGoodbye()...)
	o.state = linked
	o.next, o.parting = 0, false
	return append(do, o.fill()...)
}

func (o *outbox) unlink(now time.Time, ev evUnlinked) []effect {
	if o.state != linked {
		return nil
	}
	o.next = 0
	do := o.tellGoodbye()
	lasted := now.Sub(o.linkedAt)
	if lasted >= stableAfter {
		o.attempt = 0
	}
	gone := Disconnected{o.peer, ev.err}
	if !ev.cut || lasted < routineAfter || o.parting {
		do = append(do, doReport{gone})
		if !o.wanted() {
			o.state = idle
			return do
		}
		return append(do, o.wait(now))
	}
	o.gone, o.goneAt = &gone, now.Add(goneGrace)
	do = append(do, doWake{o.goneAt})
	if !o.wanted() { // the peer may want to go on
		o.state = idle
		return do
	}
	return append(do, o.connect()...)
}

// tellGone reports the end of a talk that was not reported when it came.
func (o *outbox) tellGone() []effect {
	if o.gone == nil {
		return nil
	}
	do := doReport{*o.gone}
	o.gone = nil
	return []effect{do}
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
	do := o.tellGone()
	wake := o.wait(now)
	return append(do, doReport{Trying{Peer: o.peer, Attempt: o.attempt, Err: ev.err, When: o.due}}, wake)
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
		o.remove(e)
		o.attempt = 0
		do = append(do, doReport{SegmentDelivered{o.peer, id}})
	}
	if o.state != linked {
		return do
	}
	if o.next == 0 {
		do = append(do, o.tellGoodbye()...)
	}
	return append(do, o.fill()...)
}

// read accepts a read mark, which says that the segment is stored as well: the
// acknowledgement may have been lost with the stream before.
func (o *outbox) read(id chat.SegmentID) (do []effect) {
	if o.knows(id) {
		do = o.acked([]chat.SegmentID{id})
	}
	return append(do, doReport{SegmentRead{o.peer, id}})
}

// goodbye: what is on its way may still be acknowledged on this stream, and the
// rest waits for another.
func (o *outbox) goodbye() []effect {
	o.open = false
	if o.parting {
		return nil
	}
	o.parting, o.untold = true, true
	if o.next > 0 {
		return nil
	}
	return o.tellGoodbye()
}

// tellGoodbye reports a goodbye that was not, after what it is answered with.
func (o *outbox) tellGoodbye() []effect {
	if !o.untold {
		return nil
	}
	o.untold = false
	return []effect{doReport{SaidGoodbye{o.peer}}}
}

func (o *outbox) refused(reason chat.Text) []effect {
	do := append(o.tellGoodbye(), o.tellGone()...)
	do = append(do, doReport{Refused{o.peer, reason}})
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

// reachable begins anew, for the peer has: it may need a moment to get ready.
func (o *outbox) reachable(now time.Time) []effect {
	if o.state != waiting {
		return nil
	}
	o.attempt = 0
	if next := o.poked.Add(pokePause); now.Before(next) {
		if !next.Before(o.due) {
			return nil
		}
		o.due = next
		return []effect{doWake{next}}
	}
	o.poked = now
	return o.connect()
}

func (o *outbox) timer(now time.Time) []effect {
	switch {
	case o.gone != nil && now.Before(o.goneAt):
		return []effect{doWake{o.goneAt}}
	case o.gone != nil:
		return o.tellGone()
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
	if o.parting || o.next >= end {
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
