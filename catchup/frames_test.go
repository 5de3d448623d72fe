package catchup

import (
	"bytes"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// crowded is a frame that makes much work: so many ranges, each with parts of two
// blocks of keys, and all different.
func crowded(n, ranges int) (in wire.Ranges) {
	for i := range ranges {
		end := wire.Bound{Time: key((n*i/ranges+4)/4*4+4).Time + 7}
		in = append(in, wire.Range{End: end, Mode: wire.RangeFingerprint})
	}
	return in
}

// A longView seems to be a very long log, with a segment at each time from 1 on;
// its sums cost nothing.
type longView struct{ n int }

func (v longView) Len() int { return v.n }

func (v longView) Floor() chat.OrderKey { return chat.OrderKey{} }

func (v longView) Rank(b wire.Bound) (int, error) {
	if b.IsEnd() {
		return v.n, nil
	}
	return min(v.n, int(b.Time)-1), nil
}

func (v longView) Keys(lo, hi int) (keys []chat.OrderKey, err error) {
	for i := lo; i < hi; i++ {
		keys = append(keys, chat.OrderKey{Time: chat.Time(i + 1), ID: key(i).ID})
	}
	return keys, nil
}

func (v longView) Sum(int, int) (sum wire.SetSum, err error) { return sum, nil }

func (v longView) Close() error { return nil }

// A frame of differences that one answer cannot split is answered in bounded
// work all the same, and its newest ranges get further.
func TestFullFramesMakeProgress(t *testing.T) {
	const beyond = splitInto * 2 * (sumCost + lookUpCost) // of the last range
	v := longView{10_000_000}
	for _, ranges := range []int{1, 100, 256, 700, wire.MaxRanges} {
		var in wire.Ranges
		for i := range ranges {
			in = append(in, wire.Range{End: wire.Bound{Time: chat.Time(v.n*(i+1)/ranges + 1)}, Mode: wire.RangeFingerprint})
		}
		r := newReader(v, salt())
		out := r.answer(in, 1)
		t.Logf("%d ranges: %d keys read and hashed, %d ranges", ranges, r.work, len(out))
		if r.work > frameWork+beyond {
			t.Errorf("%d keys read and hashed", r.work)
		}
		if ranges == 256 && r.work < frameWork {
			t.Error("no frame is full: the test says nothing")
		}
		parts := newReader(v, salt()).parts(out)
		if oldest := parts[len(parts)-1]; oldest.lo != 0 || oldest.mode != wire.RangeFingerprint {
			t.Errorf("the oldest are forgotten: %+v", oldest.span)
		}
		if newest := parts[0]; ranges < wire.MaxRanges && newest.hi-newest.lo > v.n/ranges/2 {
			t.Errorf("the newest range has %d keys still", newest.hi-newest.lo)
		}
		// The caller's side of the same, from an answer in which everything differs.
		var d difference
		r = newReader(v, salt())
		if err := r.resolve(in, &d); err != nil || r.work > frameWork+beyond || len(d.open) != ranges {
			t.Errorf("%d keys read and hashed, %d ranges open, %v", r.work, len(d.open), err)
		}
		for len(d.open) > 0 {
			before := len(d.open)
			r := newReader(v, salt())
			f := r.question(&d)
			if len(d.open) == before || r.work > frameWork+beyond || len(f) > wire.MaxRanges {
				t.Fatalf("%d of %d ranges are left, %d keys read and hashed", len(d.open), before, r.work)
			}
		}
	}
}

// However many ranges differ, few are remembered, and none is forgotten.
func TestOpenRangesAreBounded(t *testing.T) {
	var d difference
	for i := range 3 * maxOpen {
		d.reopen(span{wire.Bound{Time: chat.Time(2*i + 1)}, wire.Bound{Time: chat.Time(2*i + 2)}})
	}
	d.reopen(span{wire.Bound{Time: 6 * maxOpen}, wire.Bound{}})
	d.sort()
	if len(d.open) != maxOpen {
		t.Errorf("%d ranges remembered", len(d.open))
	}
	if !d.open[0].end.IsEnd() || d.open[len(d.open)-1].start.Time != 1 {
		t.Errorf("from %+v to %+v", d.open[0], d.open[len(d.open)-1])
	}
}

// Whatever is asked, the answer fits into a frame, covers what was asked, and
// costs bounded work.
func FuzzAnswer(f *testing.F) {
	none := chat.OrderKey{}
	views := []*memView{viewOf(upTo(600), none), viewOf(upTo(600), key(200)), viewOf(nil, none)}
	add := func(in wire.Ranges) {
		b, err := wire.AppendCatchup(nil, in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(nil)
	add(newReader(views[0], salt()).opening())
	add(newReader(views[1], salt()).opening())
	add(newReader(viewOf(upTo(400), none), salt()).opening())
	add(newReader(views[0], salt()).answer(wire.Ranges{{Mode: wire.RangeItems}}, 1))
	add(crowded(600, 100))
	add(crowded(600, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := wire.NewReader(bytes.NewReader(b)).Catchup()
		if err != nil {
			return
		}
		in, ok := frame.(wire.Ranges)
		if !ok {
			return
		}
		check := func(out wire.Ranges) {
			b, err := wire.AppendCatchup(nil, out)
			if err != nil {
				t.Fatalf("a frame that cannot be sent: %v", err)
			}
			if _, err := wire.NewReader(bytes.NewReader(b)).Catchup(); err != nil {
				t.Fatalf("a frame that cannot be read: %v", err)
			}
		}
		for _, v := range views {
			r := newReader(v, salt())
			check(r.answer(in, len(in)%3))
			var d difference
			if r.resolve(in, &d) == nil {
				for rounds := 0; len(d.open) > 0; rounds++ {
					if rounds > wire.MaxRanges {
						t.Fatal("questions without end")
					}
					check(newReader(v, salt()).question(&d))
				}
			}
			if len(d.need) > wire.MaxItems {
				t.Fatalf("%d segments needed after one frame", len(d.need))
			}
			if r.err != nil {
				t.Fatal(r.err)
			}
		}
	})
}
