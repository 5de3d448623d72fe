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
	listMax = 16
	// splitInto is into how many ranges one that differs is split. A question and
	// its answer each do so once. With 8, a hundred differences among a million
	// cost 123 kB in place of 107, and half the frames.
	splitInto = 4
	// firstRange is how many of its newest keys the called side puts into the
	// newest range of its first answer, if the logs differ at all; each range
	// before it ends firstGrowth times as far from the newest. So a difference
	// among the newest is found in one round or two, in whatever number.
	firstRange  = 8
	firstGrowth = 8
	// firstList is how many keys are listed in a first answer to who has none in
	// a range: a screen's worth, so that it is there soon on a slow link too.
	// Each further answer may list listGrowth times as many.
	firstList  = 128
	listGrowth = 4
	// askMax is how many ranges one frame of the caller asks about: so few that
	// the answer has room to split what differs of them.
	askMax = 128
	// maxOpen is how many ranges a caller remembers that differ and are not asked
	// about yet. The oldest beyond are taken together.
	maxOpen = 4096
	// frameWork is about how many keys are read and hashed for one frame. What is
	// left of its ranges then waits for another.
	frameWork = 1 << 19
	// splitKeys is up to how many keys a range has that is split by reading its
	// keys. Sums of a longer one cost less by the parts the log keeps.
	splitKeys = 1024
)

// opening is the caller's first frame. It covers everything: what it has, and
// that it has nothing behind. So who only lacks the newest is told them at once.
func (r *reader) opening() wire.Ranges {
	b := &builder{reader: r}
	end := wire.Bound{}
	if r.n > 0 {
		last := r.keys(r.n-1, r.n)[0]
		end = wire.Bound{Time: last.Time + 1}
		b.add(wire.Range{Mode: wire.RangeItems})
	}
	b.all(end, 0, r.n)
	if !r.floor.IsEnd() {
		b.add(wire.Range{End: r.floor})
	}
	return b.frame()
}

// question is the caller's next frame, about the newest of the open ranges, which
// are not open then.
func (r *reader) question(d *difference) wire.Ranges {
	b := &builder{reader: r}
	asked := 0
	for ; asked < min(len(d.open), askMax) && r.work < frameWork && b.fits(splitInto+2, (splitInto+2)*len(chat.SegmentID{})); asked++ {
		b.ask(d.open[asked])
	}
	d.open = d.open[asked:]
	return b.frame()
}

// answer is what the called side says to the caller's frame number round,
// counted from 0: nothing about ranges that are equal; what it has, or finer
// ranges, where they are not.
func (r *reader) answer(in wire.Ranges, round int) wire.Ranges {
	b := newBuilder(r, in)
	b.listing = min(firstList<<min(2*round, 16), wire.MaxItems)
	for i, at := range r.parts(in) {
		if b.exhausted(i) {
			break
		}
		b.reserve(-1, at.end)
		switch at.mode {
		case wire.RangeFingerprint:
			switch {
			case at.fingerprint == r.fingerprint(at.lo, at.hi):
				b.skip(at.end)
			case round == 0 && at.start.IsEnd():
				b.differ(at, b.grow)
			default:
				b.differ(at, b.split)
			}
		case wire.RangeItems:
			if theirs := r.above(at.items); len(theirs) == at.hi-at.lo && slices.Equal(theirs, r.keys(at.lo, at.hi)) {
				b.skip(at.end)
			} else {
				b.differ(at, b.list)
			}
		default:
			b.skip(at.end)
		}
	}
	return b.frame()
}

// resolve notes in d what the other side's answer tells. It fails if the answer
// contradicts itself.
func (r *reader) resolve(in wire.Ranges, d *difference) error {
	for _, at := range r.parts(in) {
		switch at.mode {
		case wire.RangeFingerprint:
			// Beyond that, it is asked about rather than looked at.
			if r.work > frameWork || at.fingerprint != r.fingerprint(at.lo, at.hi) {
				d.reopen(at.span)
			}
		case wire.RangeItems:
			if err := at.checkItems(); err != nil {
				return err
			}
			d.compare(r, r.above(at.items), at.lo, at.hi)
		}
	}
	d.sort()
	return nil
}

// checkItems reports items that do not belong into their range.
func (at *part) checkItems() error {
	for _, k := range at.items { // the wire sees to it that they ascend
		if k.Time == 0 || !at.start.IsEnd() && !at.start.After(k) || at.end.After(k) {
			return fmt.Errorf("%w: segment %s listed where it cannot be", chat.ErrMalformed, k.ID)
		}
	}
	return nil
}

// above leaves out of sorted items those before the floor.
func (r *reader) above(items []chat.OrderKey) []chat.OrderKey {
	if r.floor.IsEnd() {
		return items
	}
	i := 0
	for i < len(items) && !r.floor.After(items[i]) {
		i++
	}
	return items[i:]
}

// A span is a piece of the order of a conversation, from start up to end.
type span struct{ start, end wire.Bound }

// A part is a range of a frame with its beginning and the keys in it.
type part struct {
	span
	mode        wire.RangeMode
	fingerprint [wire.FingerprintSize]byte
	items       []chat.OrderKey
	lo, hi      int
}

// parts finds the ranges of a frame in the log, the newest first.
func (r *reader) parts(in wire.Ranges) []part {
	parts := make([]part, len(in))
	at := part{}
	for i, rg := range in {
		// Bounds ascend, and so must what they bound.
		at.end, at.hi = rg.End, max(at.lo, r.rank(rg.End))
		at.mode, at.fingerprint, at.items = rg.Mode, rg.Fingerprint, rg.Items
		parts[len(in)-1-i] = at
		at.start, at.lo = at.end, at.hi
	}
	return parts
}
