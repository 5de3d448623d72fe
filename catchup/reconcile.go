package catchup

import (
	"fmt"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// listMax is how many keys a range may have to be listed at once rather than
	// split further.
	listMax = 32
	// splitInto is into how many ranges one that differs is split. With 16, a
	// hundred differences among 100,000 take 11 rounds and 239 kB in place of 8
	// and 188 kB, since frames fill up; one alone takes 3 either way.
	splitInto = 8
	// openMax is how many ranges of a frame are followed one by one. The oldest
	// beyond are taken together, so that there is always room to split the
	// newest and no exchange goes on for ever.
	openMax = wire.MaxRanges / 2
	// firstRange is how many of the newest keys the first frame puts into its
	// newest range; each range before it ends firstGrowth times as far from the
	// newest. So a difference among the newest is found in one round, in
	// whatever number.
	firstRange  = 8
	firstGrowth = 4
	// frameBytes is up to where a frame is filled; what is counted is rounded
	// up, and wire.MaxFrame is above.
	frameBytes = 60 << 10
	// rangeBytes and itemBytes are the most that a range takes, its bound's
	// prefix left out, and an item.
	rangeBytes = 40
	itemBytes  = 48
)

// opening is the caller's first frame. It covers everything.
func (s *set) opening() wire.Ranges {
	b := &builder{set: s}
	end, hi := wire.Bound{}, len(s.keys)
	for far := firstRange; ; far *= firstGrowth {
		lo := max(0, len(s.keys)-far)
		b.add(b.fingerprint(end, lo, hi))
		if lo == 0 {
			break
		}
		end, hi = s.bound(lo), lo
	}
	if !s.floor.IsEnd() {
		b.add(wire.Range{End: s.floor})
	}
	return b.frame()
}

// answer is what the called side says to a frame of the caller: nothing about
// ranges that are equal; what it has, or finer ranges, where they are not.
func (s *set) answer(in wire.Ranges) wire.Ranges {
	in = merge(in)
	b := newBuilder(s, in)
	for _, at := range s.spans(in) {
		r, lo, hi := at.Range, at.lo, at.hi
		b.reserve(-1, r.End)
		switch {
		case r.Mode == wire.RangeFingerprint && r.Fingerprint != s.fingerprint(lo, hi):
			// Behind the caller's newest lies, as a rule, only what it lacks:
			// list it, whatever its number.
			b.differ(at.start, r.End, lo, hi, r.End.IsEnd())
		case r.Mode == wire.RangeItems && !slices.Equal(s.above(r.Items), s.keys[lo:hi]):
			b.differ(at.start, r.End, lo, hi, true)
		default:
			b.add(wire.Range{End: r.End})
		}
	}
	return b.frame()
}

// A difference is what the caller of a run found out.
type difference struct {
	// need are the places of segments that we lack, in no order, possibly twice.
	need []chat.OrderKey
	// lacks[i] says that the other side lacks key i of the set.
	lacks []bool
	// items counts what was listed by both.
	items int
}

// resolve takes the other side's answer, notes in d what it tells, and returns
// the next frame, which is empty when nothing is left open. It fails if the
// answer contradicts itself.
func (s *set) resolve(in wire.Ranges, d *difference) (wire.Ranges, error) {
	in = merge(in)
	b := newBuilder(s, in)
	for _, at := range s.spans(in) {
		r, lo, hi := at.Range, at.lo, at.hi
		b.reserve(-1, r.End)
		if r.Mode == wire.RangeFingerprint && r.Fingerprint != s.fingerprint(lo, hi) {
			b.differ(at.start, r.End, lo, hi, false)
			continue
		}
		if r.Mode == wire.RangeItems {
			if err := checkItems(at.start, r); err != nil {
				return nil, err
			}
			d.items += len(r.Items)
			s.compare(s.above(r.Items), lo, hi, d)
		}
		b.add(wire.Range{End: r.End})
	}
	d.items += b.items
	return b.frame(), nil
}

// checkItems reports items that do not ascend or do not belong into their range.
func checkItems(start wire.Bound, r wire.Range) error {
	for i, k := range r.Items {
		switch {
		case k.Time == 0,
			!start.IsEnd() && !start.After(k),
			r.End.After(k),
			i > 0 && r.Items[i-1].Compare(k) >= 0:
			return fmt.Errorf("%w: segment %s listed where it cannot be", chat.ErrMalformed, k.ID)
		}
	}
	return nil
}

// above leaves out of sorted items those before the floor.
func (s *set) above(items []chat.OrderKey) []chat.OrderKey {
	if s.floor.IsEnd() {
		return items
	}
	i := 0
	for i < len(items) && !s.floor.After(items[i]) {
		i++
	}
	return items[i:]
}

// compare notes what is only in theirs and what only in our keys from lo to hi.
func (s *set) compare(theirs []chat.OrderKey, lo, hi int, d *difference) {
	if d.lacks == nil {
		d.lacks = make([]bool, len(s.keys))
	}
	for _, k := range theirs {
		for lo < hi && s.keys[lo].Compare(k) < 0 {
			d.lacks[lo] = true
			lo++
		}
		if lo < hi && s.keys[lo] == k {
			lo++
			continue
		}
		d.need = append(d.need, k)
	}
	for ; lo < hi; lo++ {
		d.lacks[lo] = true
	}
}

// merge takes the oldest ranges of a frame together where there are too many to
// follow: as one that differs, unless there is nothing to say about any of them.
func merge(in wire.Ranges) wire.Ranges {
	if len(in) <= openMax {
		return in
	}
	n := len(in) - openMax + 1
	first := wire.Range{End: in[n-1].End}
	for _, r := range in[:n] {
		if r.Mode != wire.RangeSkip {
			// Of all zeros: equal to no set's, so it is answered anew.
			first.Mode = wire.RangeFingerprint
		}
	}
	return append(wire.Ranges{first}, in[n:]...)
}

// A span is a range of a frame with its beginning and the keys in it.
type span struct {
	wire.Range
	start  wire.Bound
	lo, hi int
}

// spans finds the ranges of a frame in the set, the newest first.
func (s *set) spans(in wire.Ranges) []span {
	spans := make([]span, len(in))
	at := span{}
	for i, r := range in {
		at.Range, at.hi = r, s.index(r.End)
		spans[len(in)-1-i] = at
		at.start, at.lo = r.End, at.hi
	}
	return spans
}

// A builder makes a frame, from its newest range to its oldest, and keeps it
// within the limits of the wire. Room for one range is kept for each range that
// is still to be answered.
type builder struct {
	set    *set
	newest wire.Ranges // the newest first
	bytes  int
	items  int
	// What is reserved.
	ranges, reserved int
}

func newBuilder(s *set, in wire.Ranges) *builder {
	b := &builder{set: s}
	for _, r := range in {
		b.reserve(1, r.End)
	}
	return b
}

// reserve keeps room for n ranges up to end, or gives it back.
func (b *builder) reserve(n int, end wire.Bound) {
	b.ranges += n
	b.reserved += n * (rangeBytes + len(end.Prefix))
}

// fits reports whether so many ranges, with prefixes of so many bytes, have room.
func (b *builder) fits(ranges, prefixes int) bool {
	return len(b.newest)+ranges+b.ranges <= wire.MaxRanges &&
		b.bytes+ranges*rangeBytes+prefixes+b.reserved <= frameBytes
}

// add puts a range in front. What is not covered by a frame's last range, or
// lies between two that say nothing, needs no range of its own.
func (b *builder) add(r wire.Range) {
	last := len(b.newest) - 1
	if r.Mode == wire.RangeSkip && (last < 0 || b.newest[last].Mode == wire.RangeSkip) {
		return
	}
	b.newest = append(b.newest, r)
	b.bytes += rangeBytes + len(r.End.Prefix) + itemBytes*len(r.Items)
	b.items += len(r.Items)
}

func (b *builder) fingerprint(end wire.Bound, lo, hi int) wire.Range {
	return wire.Range{End: end, Mode: wire.RangeFingerprint, Fingerprint: b.set.fingerprint(lo, hi)}
}

// differ answers a range that is not equal on both sides: by its keys if they
// are few or list is set, else by finer ranges. Where a frame has no room left
// for that, it says what we have once more, and the next frame goes on.
func (b *builder) differ(start, end wire.Bound, lo, hi int, list bool) {
	floor := b.set.floor
	if !floor.IsEnd() && beginsBefore(start, floor) {
		if !beginsBefore(floor, end) {
			b.add(wire.Range{End: end})
			return
		}
		if !b.fits(2, len(end.Prefix)+len(floor.Prefix)) {
			b.add(b.fingerprint(end, lo, hi))
			return
		}
		b.reserve(1, floor)
		defer func() {
			b.reserve(-1, floor)
			b.add(wire.Range{End: floor})
		}()
	}
	switch n := hi - lo; {
	case n <= listMax || list:
		b.list(end, lo, hi)
	case b.fits(splitInto, len(end.Prefix)+(splitInto-1)*len(chat.SegmentID{})):
		for part := splitInto - 1; part >= 0; part-- {
			from := lo + n*part/splitInto
			b.add(b.fingerprint(end, from, hi))
			if part > 0 {
				end, hi = b.set.bound(from), from
			}
		}
	default:
		b.add(b.fingerprint(end, lo, hi))
	}
}

// list lists the newest keys from lo to hi, as many as have room.
func (b *builder) list(end wire.Bound, lo, hi int) {
	rest := 2*rangeBytes + len(end.Prefix) + len(chat.SegmentID{})
	room := max(0, min(wire.MaxItems-b.items, (frameBytes-b.bytes-b.reserved-rest)/itemBytes))
	from := max(lo, hi-room)
	if from > lo && (room < listMax || !b.fits(2, len(end.Prefix)+len(chat.SegmentID{}))) {
		b.add(b.fingerprint(end, lo, hi))
		return
	}
	b.add(wire.Range{End: end, Mode: wire.RangeItems, Items: b.set.keys[from:hi]})
	if from > lo {
		b.add(b.fingerprint(b.set.bound(from), lo, from))
	}
}

// frame is the frame that was built.
func (b *builder) frame() wire.Ranges {
	slices.Reverse(b.newest)
	return b.newest
}
