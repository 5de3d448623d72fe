package wire

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// DirectProtocol is the protocol of private chat (PROTOCOL.md, section 6).
const DirectProtocol = "/p2pchat/direct/1.0.0"

// MaxAck is how many segments one acknowledgement may name.
const MaxAck = 256

// MaxReason is how much of a reason is read, in bytes.
const MaxReason = 256

// A DirectFrame is one of Hello, DirectSegment, Ack, Goodbye, Refuse and Read.
type DirectFrame interface{ direct() *pb.DirectFrame }

type (
	// Hello is the first frame in each direction.
	Hello struct {
		Nick chat.Text
		Sent time.Time
	}
	// DirectSegment carries the envelope of a segment, not yet opened.
	DirectSegment []byte
	// Ack says that these segments are on stable storage.
	Ack []chat.SegmentID
	// Goodbye says that nothing but Ack and Read follows.
	Goodbye struct{}
	// Refuse ends the talk before it began.
	Refuse struct{ Reason chat.Text }
	// Read says that a person was shown all segments of the receiver's up to
	// and including this one, in the order of (time, ID).
	Read chat.SegmentID
)

func (f Hello) direct() *pb.DirectFrame {
	return &pb.DirectFrame{Kind: &pb.DirectFrame_Hello{Hello: &pb.DirectHello{
		Nick: f.Nick.Raw(), SentMs: uint64(max(f.Sent.UnixMilli(), 0)),
	}}}
}

func (f DirectSegment) direct() *pb.DirectFrame {
	return &pb.DirectFrame{Kind: &pb.DirectFrame_Segment{Segment: f}}
}

func (f Ack) direct() *pb.DirectFrame {
	return &pb.DirectFrame{Kind: &pb.DirectFrame_Ack{Ack: &pb.DirectAck{Segments: rawIDs(f)}}}
}

func (Goodbye) direct() *pb.DirectFrame {
	return &pb.DirectFrame{Kind: &pb.DirectFrame_Goodbye{Goodbye: &pb.DirectGoodbye{}}}
}

func (f Refuse) direct() *pb.DirectFrame {
	return &pb.DirectFrame{Kind: &pb.DirectFrame_Refuse{Refuse: &pb.DirectRefuse{Reason: f.Reason.Raw()}}}
}

func (f Read) direct() *pb.DirectFrame {
	return &pb.DirectFrame{Kind: &pb.DirectFrame_Read{Read: &pb.DirectRead{Segment: f[:]}}}
}

// AppendDirect appends f as a frame.
func AppendDirect(b []byte, f DirectFrame) ([]byte, error) { return appendFrame(b, f.direct()) }

// Direct reads one frame of private chat.
func (r *Reader) Direct() (DirectFrame, error) {
	var m pb.DirectFrame
	if err := r.read(&m); err != nil {
		return nil, err
	}
	switch k := m.Kind.(type) {
	case *pb.DirectFrame_Hello:
		n, err := nick(k.Hello.GetNick())
		if err != nil {
			return nil, err
		}
		return Hello{Nick: n, Sent: time.UnixMilli(int64(k.Hello.GetSentMs() & maxSentMS))}, nil
	case *pb.DirectFrame_Segment:
		return DirectSegment(k.Segment), nil
	case *pb.DirectFrame_Ack:
		acked, err := ids(k.Ack.GetSegments(), MaxAck)
		return Ack(acked), err
	case *pb.DirectFrame_Goodbye:
		return Goodbye{}, nil
	case *pb.DirectFrame_Refuse:
		return Refuse{Reason: reason(k.Refuse.GetReason())}, nil
	case *pb.DirectFrame_Read:
		read, err := ids([][]byte{k.Read.GetSegment()}, 1)
		if err != nil {
			return nil, err
		}
		return Read(read[0]), nil
	}
	return nil, errKind()
}

// reason keeps what a person can use of a stranger's explanation.
func reason(s string) chat.Text {
	s = chat.SafeString(s)
	for i := range s {
		if i > MaxReason-4 {
			s = s[:i]
			break
		}
	}
	t, _ := chat.NewText(s) // SafeString returns valid UTF-8
	return t
}
