package node

import (
	"github.com/p2pchat/p2pchat/chat"
)

// maxLedger is how many of our own segments are followed; older ones keep the
// state last told.
const maxLedger = 4096

// maxReach is how many segments the ledger knows the own ancestors of, in each
// of two generations; heads are always among the newest.
const maxReach = 1 << 17

// maxHolders bounds how many peers' holdings are remembered.
const maxHolders = 10_000

// A ledger knows how far each of our own segments got. It is pure; one
// conversation owns it.
//
// Whoever holds a segment holds all its ancestors, and our own segments form a
// line, each the parent of the next. So all a peer holds of ours is one
// number: that of the newest of our segments among the ancestors of its heads.
type ledger struct {
	own   []*ownSegment // ascending by ordinal, without gaps
	last  uint64        // ordinal of the newest
	begin uint64        // that of the newest of an earlier run
	reach map[chat.SegmentID]uint64
	older map[chat.SegmentID]uint64 // the generation of reach before this one
	holds map[chat.PeerID]uint64
	dirty map[uint64]*ownSegment
}

// An ownSegment is a segment of ours on its way.
type ownSegment struct {
	ordinal uint64
	seg     *chat.Segment
	state   chat.DeliveryState
	reached int
	heldBy  int
	reason  string
	dropped bool // taken out of the outbox, so that holding what follows proves nothing
}

func newLedger() *ledger {
	return &ledger{
		reach: make(map[chat.SegmentID]uint64),
		holds: make(map[chat.PeerID]uint64),
		dirty: make(map[uint64]*ownSegment),
	}
}

// add notes a segment that came into the log; mine says whether it is to be
// followed. A segment also proves what its author holds.
func (l *ledger) add(s *chat.Segment, mine bool) {
	var r uint64
	for _, p := range s.Parents {
		r = max(r, l.reaches(p))
	}
	if mine {
		l.last++
		r = l.last
		o := &ownSegment{ordinal: l.last, seg: s, state: chat.Queued}
		l.own = append(l.own, o)
		l.dirty[o.ordinal] = o
		if len(l.own) > maxLedger {
			delete(l.dirty, l.own[0].ordinal)
			l.own = l.own[1:]
		}
	} else {
		l.held(s.Author, r)
	}
	if r > 0 {
		if len(l.reach) >= maxReach {
			l.older, l.reach = l.reach, make(map[chat.SegmentID]uint64)
		}
		l.reach[s.ID] = r
	}
}

// restore adds a segment of ours from an earlier run, oldest first and before
// anything else.
func (l *ledger) restore(s *chat.Segment, state chat.DeliveryState) {
	l.add(s, true)
	o := l.own[len(l.own)-1]
	o.state = state
	if state != chat.Queued {
		o.reached = 1 // at least
	}
	l.begin = l.last
	delete(l.dirty, o.ordinal)
}

// reaches is the ordinal of the newest own segment among id and its ancestors.
func (l *ledger) reaches(id chat.SegmentID) uint64 { return max(l.reach[id], l.older[id]) }

// heads notes that p says it holds these, and so all their ancestors.
func (l *ledger) heads(p chat.PeerID, heads []chat.SegmentID) {
	for _, h := range heads {
		l.held(p, l.reaches(h))
	}
}

// held notes that p holds our segments up to an ordinal.
func (l *ledger) held(p chat.PeerID, ordinal uint64) {
	old, known := l.holds[p]
	if ordinal <= old || !known && len(l.holds) >= maxHolders {
		return
	}
	l.holds[p] = ordinal
	for i := len(l.own) - 1; i >= 0 && l.own[i].ordinal > old; i-- {
		if o := l.own[i]; o.ordinal <= ordinal && !o.dropped {
			o.heldBy++
			o.reached = max(o.reached, o.heldBy)
			if o.reason = ""; o.state != chat.Read {
				o.state = chat.Held
			}
			l.dirty[o.ordinal] = o
		}
	}
}

// read notes that p, the other of a private talk, was shown our segments up to
// this one, which proves that it holds them.
func (l *ledger) read(p chat.PeerID, upTo chat.SegmentID) {
	last := l.find(upTo)
	if last == nil {
		return
	}
	l.held(p, last.ordinal)
	for i := len(l.own) - 1; i >= 0; i-- {
		if o := l.own[i]; o.ordinal <= last.ordinal && !o.dropped {
			if o.state == chat.Read {
				return
			}
			o.state = chat.Read
			l.dirty[o.ordinal] = o
		}
	}
}

// sent notes that a segment was handed to reached peers.
func (l *ledger) sent(id chat.SegmentID, reached int) {
	o := l.find(id)
	if o == nil || reached == 0 {
		return
	}
	if o.state == chat.Queued {
		o.state = chat.Sent
	}
	if reached > o.reached {
		o.reached = reached
		l.dirty[o.ordinal] = o
	}
}

// fail notes that everything nobody holds yet will not go out. Handing it over
// again later makes it good.
func (l *ledger) fail(reason string) {
	for _, o := range l.own {
		if o.heldBy == 0 && o.state != chat.Failed {
			o.state, o.reason = chat.Failed, reason
			l.dirty[o.ordinal] = o
		}
	}
}

// drop notes that one segment will not go out, unless somebody holds it.
func (l *ledger) drop(id chat.SegmentID, reason string) {
	if o := l.find(id); o != nil && o.heldBy == 0 && o.state != chat.Failed {
		o.state, o.reason, o.dropped = chat.Failed, reason, true
		l.dirty[o.ordinal] = o
	}
}

// find looks from the newest, where the answer nearly always is.
func (l *ledger) find(id chat.SegmentID) *ownSegment {
	for i := len(l.own) - 1; i >= 0; i-- {
		if l.own[i].seg.ID == id {
			return l.own[i]
		}
	}
	return nil
}

// unheld is how many of the messages of this run nobody says to hold.
func (l *ledger) unheld() (messages int) {
	for i := len(l.own) - 1; i >= 0 && l.own[i].heldBy == 0 && l.own[i].ordinal > l.begin; i-- {
		messages += len(l.own[i].seg.Bodies)
	}
	return messages
}

// waiting reports whether anything of this run may still be handed over: what
// nobody holds and has not failed.
func (l *ledger) waiting() bool {
	for i := len(l.own) - 1; i >= 0 && l.own[i].heldBy == 0 && l.own[i].ordinal > l.begin; i-- {
		if l.own[i].state != chat.Failed {
			return true
		}
	}
	return false
}

// landed reports whether at least want peers hold our segment of this ordinal.
func (l *ledger) landed(ordinal uint64, want int) bool {
	if len(l.own) == 0 || ordinal < l.own[0].ordinal {
		return true
	}
	return l.own[ordinal-l.own[0].ordinal].heldBy >= want
}

// take returns what changed since the last call, oldest first.
func (l *ledger) take() []*ownSegment {
	if len(l.dirty) == 0 {
		return nil
	}
	var out []*ownSegment
	for _, o := range l.own {
		if l.dirty[o.ordinal] != nil {
			out = append(out, o)
		}
	}
	clear(l.dirty)
	return out
}
