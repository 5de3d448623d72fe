package catchup

import (
	"slices"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// frameBytes is up to where a frame is filled; what is counted is rounded
	// up, and wire.MaxFrame is above.
	frameBytes = 60 << 10
	// rangeBytes and itemBytes are the most that a range takes, its bound's
	// prefix left out, and an item.
	rangeBytes = 34
	itemBytes  = 42
)

// A builder makes a frame, from its newest range to its oldest, and keeps it
// within the limits of the wire. Room for one range is kept for each range that
// is still to be answered.
type builder struct {
	*reader
	newest  wire.Ranges // the newest first
	bytes   int
	items   int
	listing int // how many keys a list may have
	in      wire.Ranges
	// What is reserved.
	ranges, reserved int
	from             wire.Bound // where the oldest range begins that was asked about
}

func newBuilder(r *reader, in wire.Ranges) *builder {
	b := &builder{reader: r, in: in}
	for _, rg := range in {
		b.reserve(1, rg.End)
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

// exhausted reports whether enough work was done for one frame. It then has said
// about the ranges from the i-th newest on: this is all I have there. The next
// frames go on from that.
func (b *builder) exhausted(i int) bool {
	if b.work < frameWork || i == len(b.in) {
		return false
	}
	if rest := b.in[:len(b.in)-i]; slices.ContainsFunc(rest, func(r wire.Range) bool { return r.Mode != wire.RangeSkip }) {
		end := rest[len(rest)-1].End
		b.add(b.fingerprintUpTo(end, 0, b.rank(end)))
	}
	return true
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

func (b *builder) skip(end wire.Bound) { b.add(wire.Range{End: end}) }

func (b *builder) fingerprintUpTo(end wire.Bound, lo, hi int) wire.Range {
	return wire.Range{End: end, Mode: wire.RangeFingerprint, Fingerprint: b.fingerprint(lo, hi)}
}

// all says in one range what there is: a fingerprint, or that there is nothing.
func (b *builder) all(end wire.Bound, lo, hi int) {
	if lo == hi {
		b.add(wire.Range{End: end, Mode: wire.RangeItems})
		return
	}
	b.add(b.fingerprintUpTo(end, lo, hi))
}

// differ answers a range that is not equal on both sides, but for what lies
// before the floor, by how. Where a frame has no room left, it says what we have
// once more, and the caller asks again.
func (b *builder) differ(at part, how func(end wire.Bound, lo, hi int)) {
	if b.floor.IsEnd() || !beginsBefore(at.start, b.floor) {
		how(at.end, at.lo, at.hi)
		return
	}
	switch {
	case !beginsBefore(b.floor, at.end):
		b.skip(at.end)
	case !b.fits(2, len(at.end.Prefix)+len(b.floor.Prefix)):
		b.add(b.fingerprintUpTo(at.end, at.lo, at.hi))
	default:
		b.reserve(1, b.floor)
		how(at.end, at.lo, at.hi)
		b.reserve(-1, b.floor)
		b.skip(b.floor)
	}
}

// ask asks about a range: by finer ranges, or, if that is not worth it, by what we
// have: the other side lists what it has if that is little, or if we have
// nothing. The ranges asked about come from the newest to the oldest, and nothing
// is said about what lies between them.
func (b *builder) ask(s span) {
	if beginsBefore(s.start, b.floor) && !b.floor.IsEnd() {
		s.start = b.floor
	}
	gap := false
	if len(b.newest) > 0 {
		switch {
		case b.from.IsEnd():
			return
		case s.end.IsEnd() || beginsBefore(b.from, s.end):
			s.end = b.from // two overlap: only a liar tells such
		default:
			gap = beginsBefore(s.end, b.from)
		}
	}
	if !beginsBefore(s.start, s.end) {
		return
	}
	if gap {
		b.skip(b.from)
	}
	lo, hi := 0, b.rank(s.end)
	if !s.start.IsEnd() {
		lo = min(b.rank(s.start), hi)
	}
	if hi-lo <= listMax {
		b.all(s.end, lo, hi)
	} else {
		b.split(s.end, lo, hi)
	}
	b.from = s.start
}

// grow splits the range of everything: into ranges that grow from the newest.
func (b *builder) grow(end wire.Bound, lo, hi int) {
	const most = 16 // ranges: more keys than that there are not
	if hi-lo <= listMax || !b.fits(most, len(end.Prefix)+most*len(chat.SegmentID{})) {
		b.split(end, lo, hi)
		return
	}
	// We have nothing behind our newest.
	if newest := (wire.Bound{Time: b.keys(hi-1, hi)[0].Time + 1}); beginsBefore(newest, end) {
		b.add(wire.Range{End: end, Mode: wire.RangeItems})
		end = newest
	}
	for n := firstRange; hi-lo > n; n *= firstGrowth {
		b.add(b.fingerprintUpTo(end, hi-n, hi))
		end, hi = b.bound(hi-n), hi-n
	}
	b.add(b.fingerprintUpTo(end, lo, hi))
}

// split answers a range by its keys if they are few, else by finer ranges.
func (b *builder) split(end wire.Bound, lo, hi int) {
	n := hi - lo
	switch {
	case n <= listMax:
		b.list(end, lo, hi)
		return
	case !b.fits(splitInto, len(end.Prefix)+(splitInto-1)*len(chat.SegmentID{})):
		b.add(b.fingerprintUpTo(end, lo, hi))
		return
	}
	var keys []chat.OrderKey
	if n <= splitKeys {
		keys = b.keys(lo, hi)
	}
	for part := splitInto - 1; part >= 0; part-- {
		from := lo + n*part/splitInto
		if keys == nil {
			b.add(b.fingerprintUpTo(end, from, hi))
		} else {
			var sum wire.SetSum
			for _, k := range keys[from-lo : hi-lo] {
				sum.Add(k.ID)
			}
			b.work += hi - from
			b.add(wire.Range{End: end, Mode: wire.RangeFingerprint, Fingerprint: sum.Fingerprint(b.salt, hi-from)})
		}
		switch {
		case part == 0:
		case keys == nil:
			end, hi = b.bound(from), from
		default:
			end, hi = between(keys[from-lo-1], keys[from-lo]), from
		}
	}
}

// list lists the newest keys from lo to hi, as many as have room.
func (b *builder) list(end wire.Bound, lo, hi int) {
	rest := 2*rangeBytes + len(end.Prefix) + len(chat.SegmentID{})
	room := max(0, min(wire.MaxItems-b.items, (frameBytes-b.bytes-b.reserved-rest)/itemBytes))
	if most := max(b.listing, listMax); hi-lo > most && room > most {
		room = most
	}
	from := max(lo, hi-room)
	if from > lo && (room < listMax || !b.fits(2, len(end.Prefix)+len(chat.SegmentID{}))) {
		b.add(b.fingerprintUpTo(end, lo, hi))
		return
	}
	b.add(wire.Range{End: end, Mode: wire.RangeItems, Items: b.keys(from, hi)})
	if from > lo {
		b.add(b.fingerprintUpTo(b.bound(from), lo, from))
	}
}

// frame is the frame that was built.
func (b *builder) frame() wire.Ranges {
	if !b.from.IsEnd() {
		b.skip(b.from)
	}
	slices.Reverse(b.newest)
	return b.newest
}
