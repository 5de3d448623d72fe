package wire

import (
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// CatchupProtocol is the protocol that makes two logs equal (PROTOCOL.md,
// section 7).
const CatchupProtocol = "/p2pchat/catchup/1.0.0"

// Limits of the catch-up frames.
const (
	// MaxRanges is how many ranges one frame may hold.
	MaxRanges = 1024
	// MaxItems is how many items all ranges of one frame may list together.
	MaxItems = 1024
	// MaxWant is how many segments one frame may ask for.
	MaxWant = 1024
	// FingerprintSize is the length of a range's fingerprint, in bytes.
	FingerprintSize = 16
	// SaltSize is the length of a run's salt, in bytes.
	SaltSize = 16
)

// A CatchupFrame is one of Open, Beacons, Ranges, Want, Segments, Held and
// CatchupRefuse.
type CatchupFrame interface{ catchup() *pb.CatchupFrame }

type (
	// Open begins a run, with the caller's own beacon (an envelope, not yet
	// opened) or none.
	Open struct {
		Conversation chat.ConversationID
		Salt         [SaltSize]byte
		Beacon       []byte
	}
	// Beacons are the latest the answering member has, as envelopes not yet
	// opened. The last one tells about how many segments it holds.
	Beacons struct {
		Envelopes [][]byte
		Last      bool
		Held      uint64
	}
	// Ranges cover the whole order of a conversation, one after the other.
	Ranges []Range
	// Want asks for segments, in the order wished.
	Want []chat.SegmentID
	// Segments are envelopes, not yet opened.
	Segments struct {
		Envelopes [][]byte
		Last      bool
	}
	// Held says what became of the segments that were pushed.
	Held struct{ Held, Refused uint32 }
	// CatchupRefuse ends a run before it began.
	CatchupRefuse struct{ Reason chat.Text }
)

// A RangeMode says what a Range tells about its segments.
type RangeMode int

// The modes of a Range.
const (
	RangeSkip        RangeMode = iota // nothing more to say
	RangeFingerprint                  // all of them, as a fingerprint
	RangeItems                        // each of them
)

// A Bound separates two ranges: it stands before the segments at Time whose ID
// is not below Prefix. The zero Bound, as an end, is the end of all.
type Bound struct {
	Time   chat.Time
	Prefix []byte // 0 to 32 bytes
}

// A Range tells about the segments from the end of the range before it up to
// End.
type Range struct {
	End         Bound
	Mode        RangeMode
	Fingerprint [FingerprintSize]byte
	Items       []chat.OrderKey // ascending
}

func (f Open) catchup() *pb.CatchupFrame {
	return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Open{Open: &pb.CatchupOpen{
		Conversation: f.Conversation[:], Salt: f.Salt[:], Beacon: f.Beacon,
	}}}
}

func (f Beacons) catchup() *pb.CatchupFrame {
	return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Beacons{Beacons: &pb.CatchupBeacons{
		Beacons: f.Envelopes, Last: f.Last, Held: f.Held,
	}}}
}

func (f Ranges) catchup() *pb.CatchupFrame {
	m := &pb.CatchupRanges{}
	for _, r := range f {
		p := &pb.CatchupRange{EndTime: uint64(r.End.Time), EndId: r.End.Prefix}
		switch r.Mode {
		case RangeFingerprint:
			p.Mode = &pb.CatchupRange_Fingerprint{Fingerprint: r.Fingerprint[:]}
		case RangeItems:
			p.Mode = &pb.CatchupRange_Items{Items: rawItems(r.Items)}
		default:
			p.Mode = &pb.CatchupRange_Skip{Skip: true}
		}
		m.Ranges = append(m.Ranges, p)
	}
	return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Ranges{Ranges: m}}
}

func rawItems(keys []chat.OrderKey) *pb.CatchupItems {
	m := &pb.CatchupItems{}
	before := chat.Time(0)
	for _, k := range keys {
		m.Steps = append(m.Steps, uint64(k.Time-before))
		m.Ids = append(m.Ids, k.ID[:]...)
		before = k.Time
	}
	return m
}

func (f Want) catchup() *pb.CatchupFrame {
	return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Want{Want: &pb.CatchupWant{Segments: rawIDs(f)}}}
}

func (f Segments) catchup() *pb.CatchupFrame {
	return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Segments{Segments: &pb.CatchupSegments{Segments: f.Envelopes, Last: f.Last}}}
}

func (f Held) catchup() *pb.CatchupFrame {
	return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Held{Held: &pb.CatchupHeld{Held: f.Held, Refused: f.Refused}}}
}

func (f CatchupRefuse) catchup() *pb.CatchupFrame {
	return &pb.CatchupFrame{Kind: &pb.CatchupFrame_Refuse{Refuse: &pb.CatchupRefuse{Reason: f.Reason.Raw()}}}
}

// AppendCatchup appends f as a frame.
func AppendCatchup(b []byte, f CatchupFrame) ([]byte, error) { return appendFrame(b, f.catchup()) }

// Catchup reads one frame of catch-up.
func (r *Reader) Catchup() (CatchupFrame, error) {
	var m pb.CatchupFrame
	if err := r.read(&m); err != nil {
		return nil, err
	}
	switch k := m.Kind.(type) {
	case *pb.CatchupFrame_Open:
		o := k.Open
		if len(o.GetConversation()) != len(chat.ConversationID{}) || len(o.GetSalt()) != SaltSize {
			return nil, fmt.Errorf("%w: a run opened without conversation or salt", chat.ErrMalformed)
		}
		return Open{chat.ConversationID(o.Conversation), [SaltSize]byte(o.Salt), o.Beacon}, nil
	case *pb.CatchupFrame_Beacons:
		return Beacons{k.Beacons.GetBeacons(), k.Beacons.GetLast(), k.Beacons.GetHeld()}, nil
	case *pb.CatchupFrame_Ranges:
		return ranges(k.Ranges)
	case *pb.CatchupFrame_Want:
		want, err := ids(k.Want.GetSegments(), MaxWant)
		return Want(want), err
	case *pb.CatchupFrame_Segments:
		return Segments{k.Segments.GetSegments(), k.Segments.GetLast()}, nil
	case *pb.CatchupFrame_Held:
		return Held{k.Held.GetHeld(), k.Held.GetRefused()}, nil
	case *pb.CatchupFrame_Refuse:
		return CatchupRefuse{reason(k.Refuse.GetReason())}, nil
	}
	return nil, errKind()
}

// ranges checks that the ranges of a frame are bounded and ascend, and so cover
// the order once.
func ranges(m *pb.CatchupRanges) (Ranges, error) {
	if len(m.GetRanges()) > MaxRanges {
		return nil, fmt.Errorf("%w: %d ranges", chat.ErrTooLarge, len(m.Ranges))
	}
	var out Ranges
	items := 0
	for i, p := range m.GetRanges() {
		r := Range{End: Bound{chat.Time(p.GetEndTime()), p.GetEndId()}}
		if len(r.End.Prefix) > len(chat.SegmentID{}) {
			return nil, fmt.Errorf("%w: a bound of %d bytes", chat.ErrMalformed, len(r.End.Prefix))
		}
		if i > 0 && !out[i-1].End.below(r.End) {
			return nil, fmt.Errorf("%w: ranges out of order", chat.ErrMalformed)
		}
		switch k := p.Mode.(type) {
		case *pb.CatchupRange_Skip:
		case *pb.CatchupRange_Fingerprint:
			if len(k.Fingerprint) != FingerprintSize {
				return nil, fmt.Errorf("%w: a fingerprint of %d bytes", chat.ErrMalformed, len(k.Fingerprint))
			}
			r.Mode, r.Fingerprint = RangeFingerprint, [FingerprintSize]byte(k.Fingerprint)
		case *pb.CatchupRange_Items:
			r.Mode = RangeItems
			if items += len(k.Items.GetSteps()); items > MaxItems {
				return nil, fmt.Errorf("%w: %d items", chat.ErrTooLarge, items)
			}
			var err error
			if r.Items, err = itemsOf(k.Items); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: a range of unknown mode", chat.ErrMalformed)
		}
		out = append(out, r)
	}
	return out, nil
}

// itemsOf reads a list of keys, and sees to it that they ascend.
func itemsOf(m *pb.CatchupItems) ([]chat.OrderKey, error) {
	const size = len(chat.SegmentID{})
	steps, ids := m.GetSteps(), m.GetIds()
	if len(ids) != size*len(steps) {
		return nil, fmt.Errorf("%w: %d bytes of IDs for %d items", chat.ErrMalformed, len(ids), len(steps))
	}
	var keys []chat.OrderKey
	for i, step := range steps {
		k := chat.OrderKey{Time: chat.Time(step), ID: chat.SegmentID(ids[size*i:])}
		if i > 0 {
			if k.Time += keys[i-1].Time; k.Time < keys[i-1].Time || k.Compare(keys[i-1]) <= 0 {
				return nil, fmt.Errorf("%w: items out of order", chat.ErrMalformed)
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// IsEnd reports whether b is the end of all.
func (b Bound) IsEnd() bool { return b.Time == 0 && len(b.Prefix) == 0 }

// below reports whether b ends strictly before o.
func (b Bound) below(o Bound) bool {
	if b.IsEnd() || o.IsEnd() {
		return !b.IsEnd()
	}
	return b.Time < o.Time || b.Time == o.Time && string(b.Prefix) < string(o.Prefix)
}

// After reports whether a segment stands at or behind the bound.
func (b Bound) After(k chat.OrderKey) bool {
	if b.IsEnd() {
		return false
	}
	return k.Time > b.Time || k.Time == b.Time && string(k.ID[:]) >= string(b.Prefix)
}
