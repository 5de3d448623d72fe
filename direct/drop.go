package direct

import (
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// Drop takes a segment out of the outbox, if it is there: it is not sent any
// more, and nothing is told of it. If it was written to a stream already, the
// peer may have it all the same.
func (s *Service) Drop(p chat.PeerID, id chat.SegmentID) {
	t := s.lookUp(p)
	if t == nil {
		return
	}
	defer s.release(t)
	t.ask(func() { t.handle(evDropped{id}) })
}

// drop forgets a segment. With nothing left to send, there may be no reason to
// connect.
func (o *outbox) drop(id chat.SegmentID) []effect {
	e := o.byID[id]
	if e == nil {
		return nil
	}
	o.remove(e)
	switch {
	case o.state == linked && o.next == 0:
		return append(o.tellGoodbye(), o.fill()...)
	case o.state == linked:
		return o.fill()
	case o.wanted():
		return nil
	case o.state == connecting:
		o.state = idle
		return []effect{doCancel{}}
	default:
		o.state = idle
		return nil
	}
}

// remove takes an entry out of the queue.
func (o *outbox) remove(e *entry) {
	delete(o.byID, e.seg.ID)
	i := slices.Index(o.queue, e) // near the front: at most MaxInFlight are out
	o.queue = slices.Delete(o.queue, i, i+1)
	if i < o.next {
		o.next--
	}
}
