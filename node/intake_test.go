package node

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// A desk does with an intake what a conversation does: it logs what is kept,
// and writes down what is shown.
type desk struct {
	*intake
	log   map[chat.SegmentID]bool
	shows []chat.SegmentID
	now   time.Time
}

func newDesk() *desk {
	d := &desk{log: make(map[chat.SegmentID]bool), now: time.UnixMilli(1e12)}
	d.intake = newIntake(func(id chat.SegmentID) bool { return d.log[id] })
	return d
}

func (d *desk) receive(segs ...*chat.Segment) (last verdict) {
	for _, s := range segs {
		if d.log[s.ID] || d.holds(s.ID) {
			continue
		}
		if d.full(s) {
			last = refuse
		} else if last = d.offer(s, d.now); last == show {
			last = d.store(s)
		}
	}
	return last
}

// store puts a segment into the log and, if it may, onto the screen.
func (d *desk) store(s *chat.Segment) verdict {
	d.log[s.ID] = true
	what := d.await(s, d.now)
	if what == show {
		d.screen(s)
	}
	return what
}

func (d *desk) screen(segs ...*chat.Segment) {
	for len(segs) > 0 {
		s := segs[0]
		d.shows = append(d.shows, s.ID)
		segs = append(d.shown(s.ID), segs[1:]...)
	}
}

// wait lets time pass, with a few members connected.
func (d *desk) wait(dur time.Duration, members int) {
	d.now = d.now.Add(dur)
	for _, s := range d.due(d.now) {
		d.store(s)
	}
	d.screen(d.gaps(d.now, members)...)
}

func (d *desk) want(t *testing.T, ids ...int) {
	t.Helper()
	var want []chat.SegmentID
	for _, n := range ids {
		want = append(want, segID(n))
	}
	if !slices.Equal(d.shows, want) {
		t.Errorf("shown %v, want %v", numbers(d.shows), ids)
	}
}

func numbers(ids []chat.SegmentID) (out []int) {
	for _, id := range ids {
		out = append(out, int(id[6])<<8|int(id[7]))
	}
	return out
}

// at is a segment that was written at a time.
func at(n int, author chat.PeerID, when time.Time, parents ...chat.SegmentID) *chat.Segment {
	s := bare(n, author, parents...)
	s.Time = chat.TimeOf(when)
	return s
}

func TestIntakeWaitsForParents(t *testing.T) {
	a := peerID(1)
	one, two, three := bare(1, a), bare(2, a, segID(1)), bare(3, a, segID(1), segID(2))
	t.Run("in order", func(t *testing.T) {
		d := newDesk()
		d.receive(one, two, three)
		d.want(t, 1, 2, 3)
	})
	t.Run("the other way round", func(t *testing.T) {
		d := newDesk()
		if got := d.receive(three); got != hold {
			t.Errorf("a segment without its parents: %v", got)
		}
		d.receive(two)
		d.want(t)
		d.receive(one)
		d.want(t, 1, 2, 3)
		d.want(t, 1, 2, 3)
	})
	t.Run("twice", func(t *testing.T) {
		d := newDesk()
		d.receive(three, three, two, two, one, one, three)
		d.want(t, 1, 2, 3)
	})
}

func TestIntakeGaps(t *testing.T) {
	a := peerID(1)
	orphan, child := bare(2, a, segID(1)), bare(3, a, segID(2))
	t.Run("time", func(t *testing.T) {
		d := newDesk()
		d.receive(child, orphan)
		d.wait(gapAfter-time.Millisecond, 10)
		d.want(t)
		d.wait(time.Millisecond, 10)
		d.want(t, 2, 3) // the child follows at once
		d.receive(bare(1, a))
		d.want(t, 2, 3, 1) // late, and shown all the same
	})
	t.Run("nobody has it", func(t *testing.T) {
		d := newDesk()
		d.receive(orphan, child)
		came := d.now
		d.wait(gapGrace, 10)
		for range gapTries { // these began when others may have lacked it, too
			d.tried(came.Add(gapGrace - 1))
			d.wait(0, 10)
		}
		for range gapTries - 1 {
			d.tried(d.now)
			d.wait(0, 10)
		}
		d.want(t)
		d.tried(d.now)
		d.wait(0, 10)
		d.want(t, 2, 3)
	})
	t.Run("few members", func(t *testing.T) {
		d := newDesk()
		d.receive(orphan)
		d.wait(gapGrace, 2)
		d.tried(d.now)
		d.wait(0, 2)
		d.want(t)
		d.tried(d.now)
		d.wait(0, 2)
		d.want(t, 2)
	})
	t.Run("nobody to ask", func(t *testing.T) {
		d := newDesk()
		d.receive(orphan)
		d.wait(gapAfter-time.Millisecond, 0)
		d.want(t)
	})
	t.Run("a later look-up does not count for what came after it", func(t *testing.T) {
		d := newDesk()
		d.tried(d.now)
		d.receive(orphan)
		d.wait(0, 1)
		d.want(t)
	})
}

func TestIntakeSetsTheFutureAside(t *testing.T) {
	a := peerID(1)
	d := newDesk()
	soon := at(1, a, d.now.Add(maxSkew))
	later := at(2, a, d.now.Add(time.Hour))
	child := bare(3, a, segID(2))
	if d.receive(soon) != show {
		t.Error("a segment just within the skew must be shown")
	}
	if d.receive(later) != hold || d.receive(child) != hold {
		t.Error("a segment from the future, and its child, must wait")
	}
	d.wait(50*time.Minute-time.Millisecond, 3)
	d.want(t, 1)
	d.wait(time.Millisecond, 3)
	d.want(t, 1, 2, 3)

	if got := d.receive(at(4, a, d.now.Add(maxAhead+time.Millisecond))); got != refuse {
		t.Errorf("too far ahead: %v", got)
	}
	// Farther than any clock can show, and the past, break nothing.
	far := bare(5, a)
	far.Time = math.MaxUint64
	if got := d.receive(far); got != refuse {
		t.Errorf("the end of time: %v", got)
	}
	past := bare(6, a)
	past.Time = 0
	if got := d.receive(past); got != show {
		t.Errorf("the beginning of time: %v", got)
	}
}

func TestIntakeLimits(t *testing.T) {
	t.Run("aside of one author", func(t *testing.T) {
		d := newDesk()
		for i := range maxAsideOfAuthor {
			if d.receive(at(i+1, peerID(1), d.now.Add(time.Hour))) != hold {
				t.Fatalf("segment %d was not set aside", i)
			}
		}
		if got := d.receive(at(5000, peerID(1), d.now.Add(time.Hour))); got != refuse {
			t.Errorf("one too many: %v", got)
		}
		if got := d.receive(at(5001, peerID(2), d.now.Add(time.Hour))); got != hold {
			t.Errorf("another author: %v", got)
		}
		d.wait(time.Hour, 3)
		if len(d.aside) != 0 || len(d.authors) != 0 {
			t.Errorf("%d segments of %d authors are left", len(d.aside), len(d.authors))
		}
		if got := d.receive(at(5002, peerID(1), d.now.Add(time.Hour))); got != hold {
			t.Errorf("after the others were shown: %v", got)
		}
	})
	t.Run("aside of all", func(t *testing.T) {
		d := newDesk()
		for i := range maxAside {
			d.receive(at(i+1, peerID(i), d.now.Add(time.Hour)))
		}
		if got := d.receive(at(5000, peerID(5000), d.now.Add(time.Hour))); got != refuse {
			t.Errorf("one too many: %v", got)
		}
	})
	t.Run("waiting", func(t *testing.T) {
		d := newDesk()
		for i := range maxWaiting {
			if d.receive(bare(i+2, peerID(1), segID(1))) != hold {
				t.Fatalf("segment %d does not wait", i)
			}
		}
		if got := d.receive(bare(9000, peerID(1), segID(1))); got != refuse {
			t.Errorf("one too many: %v", got)
		}
		if d.receive(bare(9001, peerID(1))) != show {
			t.Error("what waits for nothing must be shown")
		}
		d.receive(bare(1, peerID(1))) // what all wait for
		if len(d.shows) != maxWaiting+2 || len(d.waiting) != 0 || d.bytes != 0 || len(d.children) != 0 {
			t.Errorf("%d shown; left: %d, %d bytes, %d parents", len(d.shows), len(d.waiting), d.bytes, len(d.children))
		}
	})
	t.Run("bytes", func(t *testing.T) {
		d := newDesk()
		big := make([]byte, maxWaitingBytes/4)
		for i := range 4 {
			s := bare(i+2, peerID(1), segID(1))
			s.Envelope = big
			d.receive(s)
		}
		if got := d.receive(bare(9, peerID(1), segID(1))); got != refuse {
			t.Errorf("too many bytes: %v", got)
		}
	})
}

// TestIntakeShowsAllOnceInOrder: segments in any order, some lost for ever,
// some from the future: each that came is shown once, and never before a parent
// that came in time.
func TestIntakeShowsAllOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk()
		n := rapid.IntRange(1, 30).Draw(t, "segments")
		segs := make(map[chat.SegmentID]*chat.Segment)
		var ids []chat.SegmentID
		for i := range n {
			parents := []chat.SegmentID{}
			if i > 0 {
				parents = rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, min(3, i), rapid.ID).Draw(t, "parents")
			}
			when := d.now.Add(time.Duration(i) * time.Millisecond)
			if rapid.IntRange(0, 9).Draw(t, "future") == 0 {
				when = when.Add(maxSkew + time.Duration(rapid.IntRange(0, 600).Draw(t, "ahead"))*time.Second)
			}
			for _, p := range parents { // as every honest clock does
				if after := segs[p].Time.Wall().Add(time.Millisecond); when.Before(after) {
					when = after
				}
			}
			s := at(i+1, peerID(i%4), when, parents...)
			segs[s.ID], ids = s, append(ids, s.ID)
		}
		came := make(map[chat.SegmentID]bool)
		for _, i := range rapid.Permutation(ids).Draw(t, "arrival") {
			if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
				continue
			}
			came[i] = true
			d.receive(segs[i])
			if rapid.IntRange(0, 5).Draw(t, "again") == 0 {
				d.receive(segs[i])
			}
			if rapid.IntRange(0, 5).Draw(t, "pass") == 0 {
				d.wait(time.Millisecond, 3)
			}
		}
		// Before anything is given up: causality holds without exception.
		position := make(map[chat.SegmentID]int)
		for i, id := range d.shows {
			position[id] = i + 1
		}
		for _, id := range d.shows {
			for _, p := range segs[id].Parents {
				if position[p] == 0 || position[p] > position[id] {
					t.Fatalf("%v shown before its parent %v", numbers([]chat.SegmentID{id}), numbers([]chat.SegmentID{p}))
				}
			}
		}
		for range n + 1 { // a chain of gaps opens link by link
			d.wait(2*maxSkew, 3)
		}
		seen := make(map[chat.SegmentID]bool)
		for _, id := range d.shows {
			if seen[id] {
				t.Fatalf("%v was shown twice", numbers([]chat.SegmentID{id}))
			}
			seen[id] = true
			for _, p := range segs[id].Parents {
				if came[p] && !seen[p] {
					t.Fatalf("%v shown before its parent %v, which came", numbers([]chat.SegmentID{id}), numbers([]chat.SegmentID{p}))
				}
			}
		}
		if len(seen) != len(came) {
			for id := range came {
				if !seen[id] {
					t.Errorf("%v was not shown; it waits for %v", numbers([]chat.SegmentID{id}), numbers(segs[id].Parents))
				}
			}
			t.Fatalf("%d of %d were shown", len(seen), len(came))
		}
		if len(d.waiting)+len(d.aside)+len(d.children)+len(d.authors)+d.bytes != 0 {
			t.Fatalf("left behind: %d waiting, %d aside, %d parents, %d authors, %d bytes", len(d.waiting), len(d.aside), len(d.children), len(d.authors), d.bytes)
		}
	})
}
