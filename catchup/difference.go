package catchup

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// compareKeys is how many of our keys are read at a time to compare them with
// what the other side lists.
const compareKeys = 256

// A difference is what the caller of a run found out. It stays small, whatever
// the other side says: an answer lists at most wire.MaxItems, and the next is
// not asked for before most of them are fetched.
type difference struct {
	// need are the places of segments that the other side listed and our log has
	// not, in no order, possibly twice.
	need []chat.OrderKey
	// lacks are places of segments that the other side lacks, at most MaxPush,
	// those found first. more says that it lacks others too.
	lacks []chat.OrderKey
	more  bool
	// open are the ranges that differ and are not asked about yet, the newest
	// first, at most maxOpen.
	open []span
	// items counts what the other side listed.
	items int
}

// reopen notes that a range differs.
func (d *difference) reopen(s span) { d.open = append(d.open, s) }

// sort puts the newest open range first, and takes the oldest together where
// there are too many.
func (d *difference) sort() {
	slices.SortFunc(d.open, func(a, b span) int {
		switch {
		case b.end.IsEnd() == a.end.IsEnd():
			return cmp.Or(cmp.Compare(b.end.Time, a.end.Time), bytes.Compare(b.end.Prefix, a.end.Prefix))
		case a.end.IsEnd():
			return -1
		default:
			return 1
		}
	})
	if last := len(d.open) - 1; last >= maxOpen {
		d.open[maxOpen-1].start = d.open[last].start
		d.open = d.open[:maxOpen]
	}
}

// compare notes what is only in theirs and what only in our keys from lo to hi.
func (d *difference) compare(r *reader, theirs []chat.OrderKey, lo, hi int) {
	d.items += len(theirs)
	// Of so many keys either one of theirs is among them for each, or more are
	// lacking than can be noted: the rest tells nothing new.
	if most := MaxPush - len(d.lacks) + len(theirs); hi-lo > most {
		lo, d.more = hi-most, true
	}
	ours := newest{reader: r, lo: lo, hi: hi}
	for _, k := range slices.Backward(theirs) {
		at := ours.next()
		for ; at != nil && at.Compare(k) > 0; at = ours.next() {
			d.lack(*at)
			ours.hi--
		}
		if at != nil && *at == k {
			ours.hi--
			continue
		}
		d.need = append(d.need, k)
	}
	for at := ours.next(); at != nil; at = ours.next() {
		d.lack(*at)
		ours.hi--
	}
}

func (d *difference) lack(k chat.OrderKey) {
	if len(d.lacks) >= MaxPush {
		d.more = true
		return
	}
	d.lacks = append(d.lacks, k)
}

// newest reads keys from the newest on, a few at a time.
type newest struct {
	*reader
	lo, hi int
	keys   []chat.OrderKey // those up to number at
	at     int
}

// next is the newest key below hi, or nil.
func (n *newest) next() *chat.OrderKey {
	if n.hi <= n.lo {
		return nil
	}
	if i := len(n.keys) - 1 - (n.at - n.hi); len(n.keys) > 0 && i >= 0 {
		return &n.keys[i]
	}
	from := max(n.lo, n.hi-compareKeys)
	n.keys, n.at = n.reader.keys(from, n.hi), n.hi
	return &n.keys[len(n.keys)-1]
}

// tidy sorts what is needed, the newest first.
func (d *difference) tidy() {
	slices.SortFunc(d.need, func(a, b chat.OrderKey) int { return b.Compare(a) })
	d.need = slices.Compact(d.need)
}
