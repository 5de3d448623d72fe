package wire_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// frame is m after its length.
func frame(m proto.Message) []byte { return protowire.AppendBytes(nil, marshal(m)) }

// readers are the two protocols' ways to read a frame.
func readers() map[string]func(io.Reader) (any, error) {
	return map[string]func(io.Reader) (any, error){
		"direct":  func(r io.Reader) (any, error) { return wire.NewReader(r).Direct() },
		"catchup": func(r io.Reader) (any, error) { return wire.NewReader(r).Catchup() },
	}
}

func TestEndOfStream(t *testing.T) {
	direct, err := wire.AppendDirect(nil, wire.Hello{Nick: text("alice"), Sent: instant()})
	if err != nil {
		t.Fatal(err)
	}
	long, err := wire.AppendDirect(nil, wire.DirectSegment(make([]byte, 300))) // a length of two bytes
	if err != nil {
		t.Fatal(err)
	}
	for _, whole := range [][]byte{direct, long} {
		for n := range whole {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF // between two frames the end is no surprise
			}
			r := wire.NewReader(io.MultiReader(bytes.NewReader(direct), bytes.NewReader(whole[:n])))
			if _, err := r.Direct(); err != nil {
				t.Fatalf("the frame before: %v", err)
			}
			if f, err := r.Direct(); err != want || f != nil { //nolint:errorlint // io.Reader's contract: exactly these
				t.Errorf("after %d of %d bytes: %v, %v; want %v", n, len(whole), f, err, want)
			}
		}
	}
	broken := errors.New("broken")
	for n := range direct {
		r := io.MultiReader(bytes.NewReader(direct[:n]), iotest.ErrReader(broken))
		if _, err := wire.NewReader(r).Direct(); !errors.Is(err, broken) {
			t.Errorf("an error after %d bytes came out as %v", n, err)
		}
	}
}

func TestFramesSurviveAnyCutting(t *testing.T) {
	var stream []byte
	var want []wire.DirectFrame
	for i := range 50 {
		f := wire.DirectSegment(bytes.Repeat([]byte{byte(i)}, 1+i*i*20))
		want = append(want, f)
		var err error
		if stream, err = wire.AppendDirect(stream, f); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]io.Reader{
		"at once":       bytes.NewReader(stream),
		"by byte":       iotest.OneByteReader(bytes.NewReader(stream)),
		"by half":       iotest.HalfReader(bytes.NewReader(stream)),
		"end with data": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		frames := wire.NewReader(r)
		for i, f := range want {
			if got, err := frames.Direct(); err != nil || !reflect.DeepEqual(got, f) {
				t.Fatalf("%s, frame %d: %v", name, i, err)
			}
		}
		if _, err := frames.Direct(); err != io.EOF { //nolint:errorlint // io.Reader's contract
			t.Errorf("%s, at the end: %v", name, err)
		}
	}
}

// What was read stays as it is when the next frame is read.
func TestFramesDoNotShareMemory(t *testing.T) {
	var stream []byte
	for _, c := range "ab" {
		var err error
		if stream, err = wire.AppendDirect(stream, wire.DirectSegment(bytes.Repeat([]byte{byte(c)}, 1000))); err != nil {
			t.Fatal(err)
		}
	}
	r := wire.NewReader(bytes.NewReader(stream))
	first, err := r.Direct()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Direct(); err != nil {
		t.Fatal(err)
	}
	if got := []byte(first.(wire.DirectSegment)); !bytes.Equal(got, bytes.Repeat([]byte("a"), 1000)) {
		t.Errorf("the first frame became %.10q...", got)
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A frame that is announced too long ends the stream before anything is read
// or allocated for it.
func TestAnnouncingMuchCostsNothing(t *testing.T) {
	for name, read := range readers() {
		for _, size := range []uint64{wire.MaxFrame + 1, 1 << 20, 1 << 30, 1<<63 - 1} {
			r := io.MultiReader(bytes.NewReader(protowire.AppendVarint(nil, size)), iotest.ErrReader(errors.New("read on")))
			var err error
			cost := allocated(func() { _, err = read(r) })
			if !errors.Is(err, chat.ErrTooLarge) {
				t.Errorf("%s, %d bytes announced: %v, want ErrTooLarge", name, size, err)
			}
			if cost > 16<<10 { // the reader's own buffer has 4 KiB
				t.Errorf("%s, %d bytes announced: %d bytes allocated", name, size, cost)
			}
		}
	}
}

func TestBadLengths(t *testing.T) {
	for name, b := range map[string][]byte{
		"zero in two bytes":  {0x80, 0x00},
		"one in two bytes":   {0x81, 0x00, 0x00},
		"more than 63 bits":  {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"a varint for ever":  bytes.Repeat([]byte{0xff}, 100),
		"an empty frame":     {0x00},
		"no field":           {0x01, 0x00},
		"a truncated field":  {0x02, 0x0a, 0x05},
		"an unknown kind":    frame(&pb.Beacon{}), // empty
		"a kind to come":     {0x03, 0x7a, 0x01, 0x00},
		"another wire type":  {0x02, 0x08, 0x01},
		"an open group":      {0x01, 0x0b},
		"many open groups":   append([]byte{0x90, 0x4e}, bytes.Repeat([]byte{0x7b}, 10_000)...),
		"a bad inner length": {0x04, 0x0a, 0xff, 0xff, 0x03},
	} {
		for kind, read := range readers() {
			if f, err := read(bytes.NewReader(b)); !errors.Is(err, chat.ErrMalformed) || f != nil {
				t.Errorf("%s, %s: %v, %v; want ErrMalformed", kind, name, f, err)
			}
		}
	}
}

// A newer version may add a field to a frame; older ones read on.
func TestUnknownFieldsOfFramesAreLeftOut(t *testing.T) {
	hello := marshal(&pb.DirectHello{Nick: "alice", SentMs: 5})
	hello = protowire.AppendBytes(protowire.AppendTag(hello, 9, protowire.BytesType), []byte("new"))
	b := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), hello)
	got, err := wire.NewReader(bytes.NewReader(protowire.AppendBytes(nil, b))).Direct()
	if want := (wire.Hello{Nick: text("alice"), Sent: time.UnixMilli(5)}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestMaxFrame(t *testing.T) {
	// 4 bytes of tag and length stand before the envelope.
	for size, want := range map[int]error{wire.MaxFrame - 4: nil, wire.MaxFrame - 3: chat.ErrTooLarge, 1 << 20: chat.ErrTooLarge} {
		f := wire.DirectSegment(make([]byte, size))
		b, err := wire.AppendDirect([]byte("before"), f)
		if !errors.Is(err, want) {
			t.Errorf("append %d bytes: %v, want %v", size, err, want)
		}
		if want != nil {
			b = append([]byte("before"), frame(&pb.DirectFrame{Kind: &pb.DirectFrame_Segment{Segment: f}})...)
		}
		got, err := wire.NewReader(bytes.NewReader(b[len("before"):])).Direct()
		if !errors.Is(err, want) || err == nil && !reflect.DeepEqual(got, f) {
			t.Errorf("read %d bytes: %v, want %v", size, err, want)
		}
	}
	if _, err := wire.AppendCatchup(nil, wire.Segments{Envelopes: [][]byte{make([]byte, wire.MaxEnvelope), make([]byte, wire.MaxEnvelope)}}); !errors.Is(err, chat.ErrTooLarge) {
		t.Errorf("two of the longest envelopes in one frame: %v, want ErrTooLarge", err)
	}
}

// However a peer fills a frame, reading it costs memory in proportion.
func TestSmallPartsDoNotExplode(t *testing.T) {
	const most = 8 << 20
	empty := func(tag byte) []byte { // a frame of nothing but empty parts, two bytes each
		return bytes.Repeat([]byte{tag, 0}, (wire.MaxFrame-40)/2)
	}
	nested := func(nums []protowire.Number, b []byte) []byte {
		for _, num := range nums {
			b = protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
		}
		return protowire.AppendBytes(nil, b)
	}
	for name, c := range map[string]struct {
		read  string
		frame []byte
	}{
		"items":    {"catchup", nested([]protowire.Number{5, 1, 3}, empty(0x0a))},
		"ranges":   {"catchup", nested([]protowire.Number{3}, empty(0x0a))},
		"want":     {"catchup", nested([]protowire.Number{4}, empty(0x0a))},
		"segments": {"catchup", nested([]protowire.Number{5}, empty(0x0a))},
		"beacons":  {"catchup", nested([]protowire.Number{2}, empty(0x0a))},
		"acks":     {"direct", nested([]protowire.Number{3}, empty(0x0a))},
		"goodbyes": {"direct", nested(nil, empty(0x22))},
		"unknown":  {"direct", nested([]protowire.Number{1}, empty(0x7a))},
	} {
		cost := allocated(func() { _, _ = readers()[c.read](bytes.NewReader(c.frame)) })
		t.Logf("%s: %d bytes allocated for a frame of %d", name, cost, len(c.frame))
		if cost > most {
			t.Errorf("%s: %d bytes allocated for a frame of %d, want at most %d", name, cost, len(c.frame), most)
		}
	}
}

func anyIDs(most int) *rapid.Generator[[]chat.SegmentID] {
	return rapid.Map(rapid.IntRange(0, most), func(n int) []chat.SegmentID {
		if n == 0 {
			return nil
		}
		return parents(n)
	})
}

func TestDirectRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var frames []wire.DirectFrame
		for range rapid.IntRange(1, 8).Draw(t, "frames") {
			frames = append(frames, rapid.OneOf(
				rapid.Custom(func(t *rapid.T) wire.DirectFrame {
					h := wire.Hello{Sent: time.UnixMilli(rapid.Int64Range(0, 1<<48-1).Draw(t, "sent"))}
					if nick, err := chat.NewNick(rapid.StringN(0, 10, chat.MaxNick).Draw(t, "nick")); err == nil {
						h.Nick = nick
					}
					return h
				}),
				rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 500), func(b []byte) wire.DirectFrame { return wire.DirectSegment(b) }),
				rapid.Map(anyIDs(wire.MaxAck), func(ids []chat.SegmentID) wire.DirectFrame { return wire.Ack(ids) }),
				rapid.Just[wire.DirectFrame](wire.Goodbye{}),
				rapid.Map(rapid.StringMatching("[a-zé ]{0,60}"), func(s string) wire.DirectFrame { return wire.Refuse{Reason: text(s)} }),
			).Draw(t, "frame"))
		}
		var stream []byte
		for _, f := range frames {
			var err error
			if stream, err = wire.AppendDirect(stream, f); err != nil {
				t.Fatal(err)
			}
		}
		r := wire.NewReader(bytes.NewReader(stream))
		for i, f := range frames {
			got, err := r.Direct()
			if err != nil || !reflect.DeepEqual(got, f) {
				t.Fatalf("frame %d: got %#v, %v; want %#v", i, got, err, f)
			}
		}
		if _, err := r.Direct(); err != io.EOF { //nolint:errorlint // io.Reader's contract
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestDirectLimits(t *testing.T) {
	for name, c := range map[string]struct {
		m    *pb.DirectFrame
		want error
	}{
		"256 acknowledgements": {&pb.DirectFrame{Kind: &pb.DirectFrame_Ack{Ack: &pb.DirectAck{Segments: rawIDs(wire.MaxAck)}}}, nil},
		"257 acknowledgements": {&pb.DirectFrame{Kind: &pb.DirectFrame_Ack{Ack: &pb.DirectAck{Segments: rawIDs(wire.MaxAck + 1)}}}, chat.ErrTooLarge},
		"an ID twice":          {&pb.DirectFrame{Kind: &pb.DirectFrame_Ack{Ack: &pb.DirectAck{Segments: append(rawIDs(1), rawIDs(1)...)}}}, chat.ErrMalformed},
		"an ID of 31 bytes":    {&pb.DirectFrame{Kind: &pb.DirectFrame_Ack{Ack: &pb.DirectAck{Segments: [][]byte{make([]byte, 31)}}}}, chat.ErrMalformed},
		"the longest nick":     {&pb.DirectFrame{Kind: &pb.DirectFrame_Hello{Hello: &pb.DirectHello{Nick: strings.Repeat("x", chat.MaxNick)}}}, nil},
		"a longer nick":        {&pb.DirectFrame{Kind: &pb.DirectFrame_Hello{Hello: &pb.DirectHello{Nick: strings.Repeat("x", chat.MaxNick+1)}}}, chat.ErrBadNick},
		"a clock beyond all":   {&pb.DirectFrame{Kind: &pb.DirectFrame_Hello{Hello: &pb.DirectHello{SentMs: 1<<64 - 1}}}, nil},
	} {
		if _, err := wire.NewReader(bytes.NewReader(frame(c.m))).Direct(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A reason is a stranger's text: cut, and safe to show even raw.
func TestReasonsAreCutAndSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"go away":                            "go away",
		"\x1b[2Jgo\naway\u202e":              "[2Jgo away",
		strings.Repeat("x", 1000):            strings.Repeat("x", wire.MaxReason-3),
		strings.Repeat("é", 500):             strings.Repeat("é", (wire.MaxReason-2)/2),
		strings.Repeat("\x1b", 60_000) + "x": "x",
	} {
		direct := frame(&pb.DirectFrame{Kind: &pb.DirectFrame_Refuse{Refuse: &pb.DirectRefuse{Reason: in}}})
		f, err := wire.NewReader(bytes.NewReader(direct)).Direct()
		if got, ok := f.(wire.Refuse); err != nil || !ok || got.Reason.Raw() != want || got.Reason.Len() > wire.MaxReason {
			t.Errorf("%.20q: %.300q, %v", in, got.Reason.Raw(), err)
		}
		catchup := frame(&pb.CatchupFrame{Kind: &pb.CatchupFrame_Refuse{Refuse: &pb.CatchupRefuse{Reason: in}}})
		c, err := wire.NewReader(bytes.NewReader(catchup)).Catchup()
		if got, ok := c.(wire.CatchupRefuse); err != nil || !ok || got.Reason.Raw() != want {
			t.Errorf("catch-up, %.20q: %.300q, %v", in, got.Reason.Raw(), err)
		}
	}
}

func FuzzDirect(f *testing.F) {
	for _, fr := range []wire.DirectFrame{
		wire.Hello{Nick: text("alice"), Sent: instant()},
		wire.DirectSegment(sealed(segment(nil, line("hi"))).Envelope),
		wire.Ack(parents(3)),
		wire.Goodbye{},
		wire.Refuse{Reason: text("no")},
	} {
		b, err := wire.AppendDirect(nil, fr)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, b...))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := wire.NewReader(bytes.NewReader(stream))
		for {
			got, err := r.Direct()
			if err != nil {
				return
			}
			again(t, got, wire.AppendDirect, (*wire.Reader).Direct)
		}
	})
}

func FuzzCatchup(f *testing.F) {
	for _, fr := range catchupFrames() {
		b, err := wire.AppendCatchup(nil, fr)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := wire.NewReader(bytes.NewReader(stream))
		for {
			got, err := r.Catchup()
			if err != nil {
				return
			}
			again(t, got, wire.AppendCatchup, (*wire.Reader).Catchup)
		}
	})
}

// again checks that what was read can be written, and read again as the same.
func again[F any](t *testing.T, f F, write func([]byte, F) ([]byte, error), read func(*wire.Reader) (F, error)) {
	t.Helper()
	b, err := write(nil, f)
	if err != nil {
		t.Fatalf("%#v was read, and cannot be written: %v", f, err)
	}
	back, err := read(wire.NewReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatalf("%#v was read, and once more: %v", f, err)
	}
	twice, err := write(nil, back)
	if err != nil || !bytes.Equal(twice, b) {
		t.Fatalf("%#v became %#v, %v", f, back, err)
	}
}
