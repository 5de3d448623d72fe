package wire_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// catchupFrames is one of each, with all of its fields.
func catchupFrames() []wire.CatchupFrame {
	envelope := sealed(segment(nil, line("hi"))).Envelope
	beacon := sealedBeacon(fullBeacon()).Envelope
	keys := []chat.OrderKey{{Time: 5, ID: chat.SegmentID{1}}, {Time: 6, ID: chat.SegmentID{2}}}
	return []wire.CatchupFrame{
		wire.Open{Conversation: lobby(), Salt: [wire.SaltSize]byte{1, 2, 3}, Beacon: beacon},
		wire.Open{Conversation: lobby()},
		wire.Beacons{Envelopes: [][]byte{beacon, beacon}, Last: true, Held: 98_000},
		wire.Beacons{Last: true},
		wire.Ranges{
			{End: wire.Bound{Time: 3}, Mode: wire.RangeSkip},
			{End: wire.Bound{Time: 3, Prefix: []byte{1}}, Mode: wire.RangeFingerprint, Fingerprint: [wire.FingerprintSize]byte{9}},
			{End: wire.Bound{Time: 3, Prefix: bytes.Repeat([]byte{2}, 32)}, Mode: wire.RangeItems},
			{Mode: wire.RangeItems, Items: keys},
		},
		wire.Ranges(nil),
		wire.Want(parents(3)),
		wire.Segments{Envelopes: [][]byte{envelope}, Last: true},
		wire.Segments{Last: true},
		wire.Held{Held: 7, Refused: 1<<32 - 1},
		wire.CatchupRefuse{Reason: text("no")},
	}
}

func TestCatchupRoundTrip(t *testing.T) {
	var stream []byte
	for _, f := range catchupFrames() {
		var err error
		if stream, err = wire.AppendCatchup(stream, f); err != nil {
			t.Fatal(err)
		}
	}
	r := wire.NewReader(bytes.NewReader(stream))
	for i, want := range catchupFrames() {
		if got, err := r.Catchup(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("frame %d: got %#v, %v; want %#v", i, got, err, want)
		}
	}
	if _, err := r.Catchup(); err != io.EOF { //nolint:errorlint // io.Reader's contract
		t.Errorf("at the end: %v", err)
	}
}

func TestCatchupLimits(t *testing.T) {
	open := func(o *pb.CatchupOpen) *pb.CatchupFrame {
		return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Open{Open: o}}
	}
	want := func(ids [][]byte) *pb.CatchupFrame {
		return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Want{Want: &pb.CatchupWant{Segments: ids}}}
	}
	ranges := func(rs ...*pb.CatchupRange) *pb.CatchupFrame {
		return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Ranges{Ranges: &pb.CatchupRanges{Ranges: rs}}}
	}
	skip := func(time uint64, id ...byte) *pb.CatchupRange {
		return &pb.CatchupRange{EndTime: time, EndId: id, Mode: &pb.CatchupRange_Skip{Skip: true}}
	}
	skips := func(n int) (rs []*pb.CatchupRange) {
		for i := range n {
			rs = append(rs, skip(uint64(i+1)))
		}
		return rs
	}
	items := func(end uint64, n int) *pb.CatchupRange {
		all := &pb.CatchupItems{}
		for range n {
			all.Steps = append(all.Steps, 1)
		}
		all.Ids = make([]byte, 32*n)
		return &pb.CatchupRange{EndTime: end, Mode: &pb.CatchupRange_Items{Items: all}}
	}
	list := func(ids []byte, steps ...uint64) *pb.CatchupFrame {
		return ranges(&pb.CatchupRange{Mode: &pb.CatchupRange_Items{Items: &pb.CatchupItems{Steps: steps, Ids: ids}}})
	}
	fingerprint := func(n int) *pb.CatchupRange {
		return &pb.CatchupRange{EndTime: 1, Mode: &pb.CatchupRange_Fingerprint{Fingerprint: make([]byte, n)}}
	}
	for name, c := range map[string]struct {
		m    *pb.CatchupFrame
		want error
	}{
		"no conversation":        {open(&pb.CatchupOpen{Salt: make([]byte, 16)}), chat.ErrMalformed},
		"a conversation cut":     {open(&pb.CatchupOpen{Conversation: make([]byte, 31), Salt: make([]byte, 16)}), chat.ErrMalformed},
		"no salt":                {open(&pb.CatchupOpen{Conversation: make([]byte, 32)}), chat.ErrMalformed},
		"a salt too long":        {open(&pb.CatchupOpen{Conversation: make([]byte, 32), Salt: make([]byte, 17)}), chat.ErrMalformed},
		"1,024 wanted":           {want(rawIDs(wire.MaxWant)), nil},
		"1,025 wanted":           {want(rawIDs(wire.MaxWant + 1)), chat.ErrTooLarge},
		"one wanted twice":       {want(append(rawIDs(1), rawIDs(1)...)), chat.ErrMalformed},
		"31 bytes wanted":        {want([][]byte{make([]byte, 31)}), chat.ErrMalformed},
		"512 ranges":             {ranges(skips(wire.MaxRanges)...), nil},
		"513 ranges":             {ranges(skips(wire.MaxRanges + 1)...), chat.ErrTooLarge},
		"1,024 items":            {ranges(items(1, wire.MaxItems)), nil},
		"1,025 items":            {ranges(items(1, wire.MaxItems+1)), chat.ErrTooLarge},
		"1,025 items in two":     {ranges(items(1, wire.MaxItems), items(2, 1)), chat.ErrTooLarge},
		"a bound of 32 bytes":    {ranges(skip(1, make([]byte, 32)...)), nil},
		"a bound of 33 bytes":    {ranges(skip(1, make([]byte, 33)...)), chat.ErrMalformed},
		"a fingerprint cut":      {ranges(fingerprint(15)), chat.ErrMalformed},
		"a fingerprint too long": {ranges(fingerprint(17)), chat.ErrMalformed},
		"a fingerprint":          {ranges(fingerprint(16)), nil},
		"a range without mode":   {ranges(&pb.CatchupRange{EndTime: 1}), chat.ErrMalformed},
		"an ID cut":              {list(make([]byte, 63), 1, 1), chat.ErrMalformed},
		"more IDs than items":    {list(make([]byte, 96), 1, 1), chat.ErrMalformed},
		"IDs alone":              {list(make([]byte, 32)), chat.ErrMalformed},
		"items at one time":      {list(append(make([]byte, 63), 1), 1, 0), nil},
		"an item twice":          {list(make([]byte, 64), 1, 0), chat.ErrMalformed},
		"items that go back":     {list(append([]byte{1}, make([]byte, 63)...), 1, 0), chat.ErrMalformed},
		"items beyond all time":  {list(make([]byte, 64), 2, 1<<64-1), chat.ErrMalformed},
		"ranges up to the end":   {ranges(skip(1), skip(1, 0), skip(1, 0, 0), skip(2), skip(0)), nil},
		"ranges that go back":    {ranges(skip(2), skip(1)), chat.ErrMalformed},
		"a range twice":          {ranges(skip(1, 7), skip(1, 7)), chat.ErrMalformed},
		"a range behind the end": {ranges(skip(0), skip(1)), chat.ErrMalformed},
		"two ends":               {ranges(skip(0), skip(0)), chat.ErrMalformed},
		"an end below all":       {ranges(skip(0, 1), skip(0)), nil},
	} {
		got, err := wire.NewReader(bytes.NewReader(frame(c.m))).Catchup()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}

// The ranges of a frame cut the order once: each key lies in exactly one.
func TestBoundsCutTheOrder(t *testing.T) {
	bound := rapid.Custom(func(t *rapid.T) wire.Bound {
		return wire.Bound{
			Time:   chat.Time(rapid.Uint64Range(0, 3).Draw(t, "time")),
			Prefix: rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 3).Draw(t, "prefix"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		var rs wire.Ranges
		for _, b := range rapid.SliceOfN(bound, 1, 6).Draw(t, "bounds") {
			rs = append(rs, wire.Range{End: b})
		}
		data, err := wire.AppendCatchup(nil, rs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.NewReader(bytes.NewReader(data)).Catchup()
		if err != nil {
			return // out of order
		}
		rs = got.(wire.Ranges)
		keys := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chat.OrderKey {
			k := chat.OrderKey{Time: chat.Time(rapid.Uint64Range(0, 4).Draw(t, "time"))}
			copy(k.ID[:], rapid.SliceOfN(rapid.ByteRange(0, 2), 4, 4).Draw(t, "id"))
			return k
		}), 2, 20).Draw(t, "keys")
		slices.SortFunc(keys, chat.OrderKey.Compare)
		last := 0
		for _, k := range keys {
			in := slices.IndexFunc(rs, func(r wire.Range) bool { return !r.End.After(k) })
			if in < 0 {
				in = len(rs)
			}
			if in < last {
				t.Fatalf("%v lies in range %d, and a smaller one in %d, of %v", k, in, last, rs)
			}
			for i, r := range rs {
				if r.End.After(k) != (i < in) {
					t.Fatalf("%v is behind bound %d of %v: %v", k, i, rs, r.End.After(k))
				}
			}
			last = in
		}
	})
}
