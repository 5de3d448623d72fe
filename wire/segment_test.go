package wire_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// anySegment draws a segment that may be sealed.
func anySegment() *rapid.Generator[*chat.Segment] {
	id := rapid.Custom(func(t *rapid.T) chat.SegmentID {
		return chat.SegmentID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
	})
	body := rapid.Custom(func(t *rapid.T) chat.Body {
		kind := chat.Kind(rapid.Uint32Range(1, 1<<32-1).Draw(t, "kind"))
		if rapid.Bool().Draw(t, "known") {
			kind = chat.Kind(rapid.Uint32Range(1, 7).Draw(t, "known kind"))
		}
		if kind.Known() {
			b := chat.Body{Kind: kind}
			if kind.HasTarget() {
				b.Target = chat.MessageID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "target"))
				b.Target[0] |= 1
			}
			switch kind {
			case chat.KindDelete:
			case chat.KindReaction:
				b.Text = text(rapid.StringMatching(`|(👍|❤️|no){1,3}`).Draw(t, "reaction"))
			case chat.KindTopic:
				b.Text = text(rapid.StringN(0, 40, 100).Draw(t, "topic"))
			default:
				b.Text = text(rapid.StringN(1, 40, 100).Draw(t, "text"))
			}
			return b
		}
		data := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "data")
		if len(data) == 0 {
			data = nil
		}
		return chat.Body{Kind: kind, Data: data}
	})
	return rapid.Custom(func(t *rapid.T) *chat.Segment {
		parents := rapid.SliceOfNDistinct(id, 0, chat.MaxParents, rapid.ID).Draw(t, "parents")
		if len(parents) == 0 {
			parents = nil
		}
		return &chat.Segment{
			Conversation: chat.ConversationID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "conversation")),
			Chain:        chat.Chain(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "chain")),
			Seq:          rapid.Uint64Range(1, 1<<48).Draw(t, "seq"),
			Parents:      parents,
			Time:         chat.Time(rapid.Uint64Range(1, 1<<64-1-chat.MaxBodies).Draw(t, "time")),
			Bodies:       rapid.SliceOfN(body, 1, 20).Draw(t, "bodies"),
		}
	})
}

func TestSegmentRoundTrip(t *testing.T) {
	key := testKey(1)
	rapid.Check(t, func(t *rapid.T) {
		s := anySegment().Draw(t, "segment")
		if err := wire.SealSegment(key, s); err != nil {
			t.Fatal(err)
		}
		got, err := wire.OpenSegment(s.Conversation, s.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Fatalf("got  %+v\nwant %+v", got, s)
		}
	})
}

// A segment's ID is all that is signed and by whom, and not the signature.
func TestSegmentID(t *testing.T) {
	m := pbSegment()
	payload := marshal(m)
	author, conv := peerOf(testKey(1)), lobby()
	want := chat.SegmentID(sha256.Sum256(slices.Concat([]byte("p2pchat segment 1\x00"), conv[:], author[:], payload)))
	s, err := wire.OpenSegment(conv, sign(1, wire.TypeSegment, conv, payload))
	if err != nil || s.ID != want {
		t.Fatalf("ID %s, %v; want %s", s.ID, err, want)
	}
	seen := map[chat.SegmentID]string{want: "the segment"}
	different := func(what string, n byte, conv chat.ConversationID, m *pb.Segment) {
		s, err := wire.OpenSegment(conv, sign(n, wire.TypeSegment, conv, marshal(m)))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[s.ID]; ok {
			t.Errorf("%s has the ID of %s", what, other)
		}
		seen[s.ID] = what
	}
	different("another author's", 2, conv, m)
	different("another room's", 1, chat.RoomID("other"), m)
	m.Seq++
	different("the next one", 1, conv, m)
	m.Time++
	different("a later one", 1, conv, m)
	m.Chain[0]++
	different("one of another chain", 1, conv, m)
	m.Parents = rawIDs(1)
	different("one with a parent", 1, conv, m)
	m.Bodies[0].Kind = 2
	different("an action", 1, conv, m)
}

// Each limit of PROTOCOL.md, section 4: what is at it passes, what is above is
// refused, by him who seals and by him who opens.
func TestSegmentLimits(t *testing.T) {
	words := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	bodies := func(n, size int) (all []*pb.Body) {
		for range n {
			all = append(all, &pb.Body{Kind: 1, Data: words(size)})
		}
		return all
	}
	about := func(kind uint32, text string) []*pb.Body {
		id := parents(1)[0]
		return []*pb.Body{{Kind: kind, Data: append(id[:], text...)}}
	}
	for name, c := range map[string]struct {
		spoil func(m *pb.Segment)
		want  error
	}{
		"256 messages":                 {func(m *pb.Segment) { m.Bodies = bodies(chat.MaxBodies, 1) }, nil},
		"257 messages":                 {func(m *pb.Segment) { m.Bodies = bodies(chat.MaxBodies+1, 1) }, chat.ErrTooLarge},
		"no message":                   {func(m *pb.Segment) { m.Bodies = nil }, chat.ErrMalformed},
		"8 parents":                    {func(m *pb.Segment) { m.Parents = rawIDs(chat.MaxParents) }, nil},
		"9 parents":                    {func(m *pb.Segment) { m.Parents = rawIDs(chat.MaxParents + 1) }, chat.ErrTooLarge},
		"a parent twice":               {func(m *pb.Segment) { m.Parents = append(rawIDs(2), rawIDs(1)...) }, chat.ErrMalformed},
		"a parent of 31 bytes":         {func(m *pb.Segment) { m.Parents = [][]byte{make([]byte, 31)} }, chat.ErrMalformed},
		"a parent of 33 bytes":         {func(m *pb.Segment) { m.Parents = [][]byte{make([]byte, 33)} }, chat.ErrMalformed},
		"a parent of no bytes":         {func(m *pb.Segment) { m.Parents = [][]byte{{}} }, chat.ErrMalformed},
		"the longest text":             {func(m *pb.Segment) { m.Bodies = bodies(1, chat.MaxText) }, nil},
		"a longer text":                {func(m *pb.Segment) { m.Bodies = bodies(1, chat.MaxText+1) }, chat.ErrTooLong},
		"the most text":                {func(m *pb.Segment) { m.Bodies = bodies(16, chat.MaxSegment/16) }, nil},
		"more text":                    {func(m *pb.Segment) { m.Bodies = append(bodies(16, chat.MaxSegment/16), bodies(1, 1)...) }, chat.ErrTooLarge},
		"the most of an unknown kind":  {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 77, Data: words(chat.MaxText)} }, nil},
		"more of an unknown kind":      {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 77, Data: words(chat.MaxText + 1)} }, chat.ErrTooLarge},
		"none of an unknown kind":      {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 77} }, nil},
		"the highest kind":             {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 1<<32 - 1} }, nil},
		"no kind":                      {func(m *pb.Segment) { m.Bodies[0].Kind = 0 }, chat.ErrMalformed},
		"an empty text":                {func(m *pb.Segment) { m.Bodies[0].Data = nil }, chat.ErrMalformed},
		"a text that is not UTF-8":     {func(m *pb.Segment) { m.Bodies[0].Data = []byte("\xff") }, chat.ErrMalformed},
		"an action that is not UTF-8":  {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 2, Data: []byte("\xc0\x80")} }, chat.ErrMalformed},
		"a text of control characters": {func(m *pb.Segment) { m.Bodies[0].Data = []byte("\x1b[2J\x00") }, nil},
		"the longest reply":            {func(m *pb.Segment) { m.Bodies = about(3, string(words(chat.MaxText-32))) }, nil},
		"a longer reply":               {func(m *pb.Segment) { m.Bodies = about(3, string(words(chat.MaxText-31))) }, chat.ErrTooLong},
		"a reply of words only":        {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 3, Data: words(31)} }, chat.ErrMalformed},
		"a reply without words":        {func(m *pb.Segment) { m.Bodies = about(3, "") }, chat.ErrMalformed},
		"a reply to nothing":           {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 3, Data: append(make([]byte, 32), 'x')} }, chat.ErrMalformed},
		"a reply that is not UTF-8":    {func(m *pb.Segment) { m.Bodies = about(3, "\xff") }, chat.ErrMalformed},
		"the longest edit":             {func(m *pb.Segment) { m.Bodies = about(4, string(words(chat.MaxText-32))) }, nil},
		"a longer edit":                {func(m *pb.Segment) { m.Bodies = about(4, string(words(chat.MaxText-31))) }, chat.ErrTooLong},
		"an edit without words":        {func(m *pb.Segment) { m.Bodies = about(4, "") }, chat.ErrMalformed},
		"a deletion":                   {func(m *pb.Segment) { m.Bodies = about(5, "") }, nil},
		"a deletion with words":        {func(m *pb.Segment) { m.Bodies = about(5, "x") }, chat.ErrMalformed},
		"a deletion of 31 bytes":       {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 5, Data: words(31)} }, chat.ErrMalformed},
		"a deletion of nothing":        {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 5} }, chat.ErrMalformed},
		"a reaction":                   {func(m *pb.Segment) { m.Bodies = about(6, "👨‍👩‍👧‍👦") }, nil},
		"a reaction taken back":        {func(m *pb.Segment) { m.Bodies = about(6, "") }, nil},
		"the longest reaction":         {func(m *pb.Segment) { m.Bodies = about(6, string(words(chat.MaxReaction))) }, nil},
		"a longer reaction":            {func(m *pb.Segment) { m.Bodies = about(6, string(words(chat.MaxReaction+1))) }, chat.ErrTooLong},
		"a reaction of spaces":         {func(m *pb.Segment) { m.Bodies = about(6, "  ") }, chat.ErrMalformed},
		"a reaction of two lines":      {func(m *pb.Segment) { m.Bodies = about(6, "a\nb") }, chat.ErrMalformed},
		"a reaction that steers":       {func(m *pb.Segment) { m.Bodies = about(6, "\u009b2J") }, chat.ErrMalformed},
		"a reaction not UTF-8":         {func(m *pb.Segment) { m.Bodies = about(6, "\xff") }, chat.ErrMalformed},
		"the longest topic":            {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 7, Data: words(chat.MaxTopic)} }, nil},
		"a longer topic":               {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 7, Data: words(chat.MaxTopic + 1)} }, chat.ErrTooLong},
		"a topic cleared":              {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 7} }, nil},
		"a topic that is not UTF-8":    {func(m *pb.Segment) { m.Bodies[0] = &pb.Body{Kind: 7, Data: []byte("\xff")} }, chat.ErrMalformed},
		"no chain":                     {func(m *pb.Segment) { m.Chain = nil }, chat.ErrMalformed},
		"a chain of zeros":             {func(m *pb.Segment) { m.Chain = make([]byte, 8) }, nil},
		"a chain of 7 bytes":           {func(m *pb.Segment) { m.Chain = make([]byte, 7) }, chat.ErrMalformed},
		"a chain of 9 bytes":           {func(m *pb.Segment) { m.Chain = make([]byte, 9) }, chat.ErrMalformed},
		"message number 0":             {func(m *pb.Segment) { m.Seq = 0 }, chat.ErrMalformed},
		"the highest message number":   {func(m *pb.Segment) { m.Seq = 1 << 48 }, nil},
		"a higher message number":      {func(m *pb.Segment) { m.Seq = 1<<48 + 1 }, chat.ErrMalformed},
		"time 0":                       {func(m *pb.Segment) { m.Time = 0 }, chat.ErrMalformed},
		"the last time":                {func(m *pb.Segment) { m.Time = 1<<64 - 1 - chat.MaxBodies }, nil},
		"a later time":                 {func(m *pb.Segment) { m.Time = 1<<64 - chat.MaxBodies }, chat.ErrMalformed},
	} {
		m := pbSegment()
		c.spoil(m)
		data := sign(1, wire.TypeSegment, lobby(), marshal(m))
		s, err := wire.OpenSegment(lobby(), data)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
			continue
		}
		if c.want == nil {
			if !bytes.Equal(s.Envelope, data) {
				t.Errorf("%s: the envelope changed", name)
			}
			if s.End() < s.Time {
				t.Errorf("%s: the segment ends at %d, before %d", name, s.End(), s.Time)
			}
		}
		draft, ok := draftOf(m)
		if !ok {
			continue // the types do not allow it at all
		}
		if err := wire.SealSegment(testKey(1), draft); !errors.Is(err, c.want) {
			t.Errorf("seal %s: %v, want %v", name, err, c.want)
		} else if err != nil && (draft.Envelope != nil || draft.ID != chat.SegmentID{} || !draft.Author.IsZero()) {
			t.Errorf("seal %s: failed, and changed the segment", name)
		} else if err == nil && !bytes.Equal(draft.Envelope, data) {
			t.Errorf("seal %s: other bytes", name)
		}
	}
}

// draftOf is m as a segment to be sealed, if the types can hold it.
func draftOf(m *pb.Segment) (*chat.Segment, bool) {
	if len(m.Chain) != 8 {
		return nil, false
	}
	s := &chat.Segment{Conversation: lobby(), Chain: chat.Chain(m.Chain), Seq: m.Seq, Time: chat.Time(m.Time)}
	for _, p := range m.Parents {
		if len(p) != 32 {
			return nil, false
		}
		s.Parents = append(s.Parents, chat.SegmentID(p))
	}
	for _, b := range m.Bodies {
		body := chat.Body{Kind: chat.Kind(b.Kind)}
		if body.Kind.Known() {
			data := b.Data
			if body.Kind.HasTarget() {
				n := copy(body.Target[:], data)
				if n < len(body.Target) {
					return nil, false
				}
				data = data[n:]
			}
			t, err := chat.NewText(string(data))
			if err != nil {
				return nil, false
			}
			body.Text = t
		} else {
			body.Data = b.Data
		}
		s.Bodies = append(s.Bodies, body)
	}
	return s, true
}

// The fullest segment fits an envelope, and so a frame, whatever its kinds.
func TestFullestSegmentFits(t *testing.T) {
	for name, kind := range map[string]chat.Kind{"text": chat.KindText, "a kind of the future": 1<<32 - 1} {
		s := segment(parents(chat.MaxParents))
		s.Seq, s.Time = 1<<48, 1<<64-1-chat.MaxBodies
		for range chat.MaxBodies {
			b := chat.Body{Kind: kind}
			if content := strings.Repeat("x", chat.MaxSegment/chat.MaxBodies); kind.Known() {
				b.Text = text(content)
			} else {
				b.Data = []byte(content)
			}
			s.Bodies = append(s.Bodies, b)
		}
		if err := wire.SealSegment(testKey(1), s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Logf("%s: %d bytes of at most %d", name, len(s.Envelope), wire.MaxEnvelope)
		if _, err := wire.OpenSegment(lobby(), s.Envelope); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if frame, err := wire.AppendDirect(nil, wire.DirectSegment(s.Envelope)); err != nil || len(frame) > wire.MaxFrame {
			t.Errorf("%s: a frame of %d bytes, %v", name, len(frame), err)
		}
		if frame, err := wire.AppendCatchup(nil, wire.Segments{Envelopes: [][]byte{s.Envelope}, Last: true}); err != nil || len(frame) > wire.MaxFrame {
			t.Errorf("%s: a catch-up frame of %d bytes, %v", name, len(frame), err)
		}
	}
}

// A member of an older version keeps and passes on what it does not understand.
func TestUnknownKindsAreKeptByteForByte(t *testing.T) {
	content := []byte("\x00\xff\x1b[2J not even UTF-8 \x80")
	s := sealed(segment(nil, line("before"), chat.Body{Kind: 4711, Data: content}, line("after")))
	got, err := wire.OpenSegment(lobby(), s.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	if b := got.Bodies[1]; b.Kind != 4711 || b.Kind.Known() || !bytes.Equal(b.Data, content) || !b.Text.Empty() {
		t.Errorf("kept as %+v", b)
	}
	if !bytes.Equal(got.Envelope, s.Envelope) || got.ID != s.ID {
		t.Error("what is passed on is not what was received")
	}
	if got.Bodies[0].Text.Raw() != "before" || got.Bodies[2].Text.Raw() != "after" {
		t.Error("the messages beside it are lost")
	}
}

// A body that is not what it says cannot be sealed: nothing is left out of it
// silently.
func TestSealRefusesWhatIsNoBody(t *testing.T) {
	target := chat.MessageID{1}
	for name, b := range map[string]chat.Body{
		"a text with a target":      {Kind: chat.KindText, Text: text("x"), Target: target},
		"a text with data":          {Kind: chat.KindText, Text: text("x"), Data: []byte("x")},
		"a topic with a target":     {Kind: chat.KindTopic, Target: target},
		"a reply without a target":  {Kind: chat.KindReply, Text: text("x")},
		"a new kind with a text":    {Kind: 99, Text: text("x")},
		"a new kind with a target":  {Kind: 99, Target: target},
		"a deletion with some text": {Kind: chat.KindDelete, Target: target, Text: text("x")},
	} {
		s := segment(nil, b)
		if err := wire.SealSegment(testKey(1), s); !errors.Is(err, chat.ErrMalformed) || s.Envelope != nil {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

// What a fuzzer makes of a valid envelope is either that envelope or refused.
func FuzzOpenSegment(f *testing.F) {
	valid := make(map[string]chat.SegmentID)
	for _, s := range []*chat.Segment{
		segment(nil, line("hi")),
		segment(parents(chat.MaxParents), line("a"), chat.Body{Kind: chat.KindAction, Text: text("waves")}),
		segment(parents(1), chat.Body{Kind: 99, Data: []byte{0xff, 0}}, chat.Body{Kind: 8}),
		segment(nil, everyKind()...),
	} {
		valid[string(sealed(s).Envelope)] = s.ID
		f.Add(s.Envelope)
	}
	f.Add(sealedBeacon(fullBeacon()).Envelope)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := wire.OpenSegment(lobby(), data)
		if err != nil {
			return
		}
		if id, ok := valid[string(data)]; !ok || id != s.ID {
			t.Fatalf("%x is accepted as segment %s", data, s.ID)
		}
	})
}

// The same behind the signature: an author may sign anything. What is accepted
// is what we should have sealed ourselves.
func FuzzSegmentPayload(f *testing.F) {
	m := pbSegment()
	f.Add(marshal(m))
	m.Parents = rawIDs(8)
	m.Bodies = append(m.Bodies, &pb.Body{Kind: 2, Data: []byte("waves")}, &pb.Body{Kind: 9, Data: []byte{0xff}}, &pb.Body{Kind: 10})
	f.Add(marshal(m))
	for _, b := range everyKind() {
		seed, data := pbSegment(), b.Text.Raw()
		if b.Kind.HasTarget() {
			data = string(b.Target[:]) + data
		}
		seed.Bodies[0] = &pb.Body{Kind: uint32(b.Kind), Data: []byte(data)}
		f.Add(marshal(seed))
	}
	f.Add([]byte{})
	key := testKey(1)
	f.Fuzz(func(t *testing.T, payload []byte) {
		data := sign(1, wire.TypeSegment, lobby(), payload)
		s, err := wire.OpenSegment(lobby(), data)
		if err != nil {
			return
		}
		again := *s
		if err := wire.SealSegment(key, &again); err != nil {
			t.Fatalf("%+v is accepted, and cannot be sealed: %v", s, err)
		}
		if !bytes.Equal(again.Envelope, data) || again.ID != s.ID {
			t.Fatalf("%x is accepted, and sealed as %x", data, again.Envelope)
		}
	})
}
