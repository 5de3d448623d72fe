package node

import (
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// Limits of what is held back from the screen.
const (
	// maxWaiting is about how many segments may wait for their parents, and
	// maxWaitingBytes how much they may weigh. Beyond, none are taken; catch-up
	// brings them again.
	maxWaiting      = 4096
	maxWaitingBytes = 64 << 20
	// maxAside is how many segments from the future are kept, and
	// maxAsideOfAuthor how many of one author.
	maxAside         = 1024
	maxAsideOfAuthor = 64
	// maxAhead is how far in the future a segment may be to be kept at all.
	maxAhead = 24 * time.Hour
	// gapAfter is how long a segment waits for parents that nobody gives.
	gapAfter = 5 * time.Second
	// gapTries is after how many completed look-ups at members a parent counts
	// as not to be had. Those count that began gapGrace after the segment came:
	// until then members may be waiting for the parent themselves.
	gapTries = 3
	gapGrace = time.Second
)

// A verdict says what becomes of a segment.
type verdict int

const (
	show   verdict = iota // it may pass now
	hold                  // it is kept, and passes later
	refuse                // it is not kept
)

// An intake holds segments back from the screen: those whose parents were not
// shown, so that what is shown respects causality, and those from the future
// (PROTOCOL.md, section 4). It is pure; one conversation owns it.
type intake struct {
	logged   func(chat.SegmentID) bool
	waiting  map[chat.SegmentID]*waiter
	children map[chat.SegmentID][]chat.SegmentID // parent to those that wait for it
	bytes    int
	aside    map[chat.SegmentID]*chat.Segment
	authors  map[chat.PeerID]int     // segments aside of each author
	coming   map[chat.SegmentID]bool // logged, and not judged yet
}

type waiter struct {
	seg     *chat.Segment
	missing int
	since   time.Time
	tries   int
}

// newIntake makes an intake; logged reports what is in the log.
func newIntake(logged func(chat.SegmentID) bool) *intake {
	return &intake{
		logged:   logged,
		waiting:  make(map[chat.SegmentID]*waiter),
		children: make(map[chat.SegmentID][]chat.SegmentID),
		aside:    make(map[chat.SegmentID]*chat.Segment),
		authors:  make(map[chat.PeerID]int),
		coming:   make(map[chat.SegmentID]bool),
	}
}

// holds reports whether a segment is held back here.
func (in *intake) holds(id chat.SegmentID) bool {
	return in.waiting[id] != nil || in.aside[id] != nil || in.coming[id]
}

// offer takes a verified segment that is not in the log. room is the room's
// clock. hold says that it is from the future and kept here; what else is not
// refused goes into the log, and then to await.
func (in *intake) offer(s *chat.Segment, room time.Time) verdict {
	ahead := s.Time.Wall().Sub(room)
	switch {
	case ahead <= maxSkew:
		return show
	case ahead > maxAhead || len(in.aside) >= maxAside || in.authors[s.Author] >= maxAsideOfAuthor:
		return refuse
	}
	in.aside[s.ID] = s
	in.authors[s.Author]++
	return hold
}

// full reports whether s would have to wait, and there is no room for it.
func (in *intake) full(s *chat.Segment) bool {
	return (len(in.waiting) >= maxWaiting || in.bytes+len(s.Envelope) > maxWaitingBytes) && len(in.misses(s)) > 0
}

// misses lists the parents of s that were not shown.
func (in *intake) misses(s *chat.Segment) (missing []chat.SegmentID) {
	for _, p := range s.Parents {
		if !in.logged(p) || in.holds(p) {
			missing = append(missing, p)
		}
	}
	return missing
}

// await lets a segment that is in the log pass if all its parents were shown.
func (in *intake) await(s *chat.Segment, now time.Time) verdict {
	missing := in.misses(s)
	if len(missing) == 0 {
		return show
	}
	in.waiting[s.ID] = &waiter{seg: s, missing: len(missing), since: now}
	in.bytes += len(s.Envelope)
	for _, p := range missing {
		in.children[p] = append(in.children[p], s.ID)
	}
	return hold
}

// shown says that a segment was shown, and returns those that waited for it
// alone, in order; the caller shows them and says so for each.
func (in *intake) shown(id chat.SegmentID) (free []*chat.Segment) {
	kids := in.children[id]
	delete(in.children, id) // first: drop changes it
	for _, child := range kids {
		if w := in.waiting[child]; w != nil {
			if w.missing--; w.missing == 0 {
				free = append(free, in.drop(w))
			}
		}
	}
	return sorted(free)
}

// due returns what waited aside and is not from the future any more.
func (in *intake) due(room time.Time) (ready []*chat.Segment) {
	for id, s := range in.aside {
		if s.Time.Wall().Sub(room) > maxSkew {
			continue
		}
		delete(in.aside, id)
		if in.authors[s.Author]--; in.authors[s.Author] == 0 {
			delete(in.authors, s.Author)
		}
		ready = append(ready, s)
	}
	return sorted(ready)
}

// tried says that a member was asked, from began on, for everything it has: in
// vain for those that still wait.
func (in *intake) tried(began time.Time) {
	for _, w := range in.waiting {
		if began.Sub(w.since) >= gapGrace {
			w.tries++
		}
	}
}

// gaps gives up on parents that nobody has: after gapTries members were asked,
// or all there are (members), or after gapAfter. What it returns is shown with
// a gap before it.
func (in *intake) gaps(now time.Time, members int) (free []*chat.Segment) {
	for _, w := range in.waiting {
		if in.blocked(w) {
			continue // it follows the parent that waits itself
		}
		if w.tries >= min(gapTries, max(members, 1)) || now.Sub(w.since) >= gapAfter {
			free = append(free, w.seg)
		}
	}
	for _, s := range free {
		in.drop(in.waiting[s.ID])
	}
	return sorted(free)
}

// blocked reports whether a parent of w is itself held back.
func (in *intake) blocked(w *waiter) bool {
	return slices.ContainsFunc(w.seg.Parents, in.holds)
}

func (in *intake) drop(w *waiter) *chat.Segment {
	delete(in.waiting, w.seg.ID)
	in.bytes -= len(w.seg.Envelope)
	for _, p := range w.seg.Parents {
		kids := slices.DeleteFunc(in.children[p], func(id chat.SegmentID) bool { return id == w.seg.ID })
		if len(kids) == 0 {
			delete(in.children, p)
		} else {
			in.children[p] = kids
		}
	}
	return w.seg
}

func sorted(segs []*chat.Segment) []*chat.Segment {
	slices.SortFunc(segs, func(a, b *chat.Segment) int { return a.Key().Compare(b.Key()) })
	return segs
}
