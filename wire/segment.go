package wire

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/crypto"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// maxSeq is the highest number a message may have in its chain: 2^48 messages
// would take a writer of a million a second nine years.
const maxSeq = 1 << 48

// deterministic writes the one encoding that Strict accepts.
//
//archtest:constant
var deterministic = proto.MarshalOptions{Deterministic: true}

// SealSegment signs s for its conversation and fills in Author, ID and
// Envelope. It refuses what OpenSegment would refuse.
func SealSegment(key crypto.PrivKey, s *chat.Segment) error {
	m := &pb.Segment{
		Chain: s.Chain[:],
		Seq:   s.Seq,
		Time:  uint64(s.Time),
	}
	for _, id := range s.Parents {
		m.Parents = append(m.Parents, id[:])
	}
	for _, b := range s.Bodies {
		if err := b.Check(); err != nil {
			return err
		}
		m.Bodies = append(m.Bodies, &pb.Body{Kind: uint32(b.Kind), Data: bodyData(b)})
	}
	bytes, err := deterministic.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode segment: %w", err)
	}
	if err := checkSegment(m, new(chat.Segment)); err != nil {
		return err
	}
	author, env, err := seal(key, &payload{TypeSegment, s.Conversation, bytes})
	if err != nil {
		return err
	}
	s.Author, s.Envelope = author, env
	s.ID = segmentID(s.Conversation, author, bytes)
	return nil
}

// OpenSegment checks a segment of conversation conv as it came from a stranger:
// size, form, author, signature and every limit of PROTOCOL.md, section 4. The
// segment keeps data as its Envelope; the caller must not change it any more.
func OpenSegment(conv chat.ConversationID, data []byte) (*chat.Segment, error) {
	author, bytes, err := open(TypeSegment, conv, data)
	if err != nil {
		return nil, err
	}
	m := new(pb.Segment)
	if err := unmarshalStrict(bytes, m); err != nil {
		return nil, err
	}
	s := &chat.Segment{
		ID:           segmentID(conv, author, bytes),
		Author:       author,
		Conversation: conv,
		Envelope:     data,
	}
	if err := checkSegment(m, s); err != nil {
		return nil, err
	}
	return s, nil
}

// checkSegment enforces the rules for what a segment says, and copies it to s.
func checkSegment(m *pb.Segment, s *chat.Segment) error {
	switch {
	case len(m.Chain) != len(s.Chain):
		return fmt.Errorf("%w: chain of %d bytes", chat.ErrMalformed, len(m.Chain))
	case m.Seq == 0 || m.Seq > maxSeq:
		return fmt.Errorf("%w: message number %d", chat.ErrMalformed, m.Seq)
	case m.Time == 0 || m.Time > 1<<64-1-chat.MaxBodies:
		return fmt.Errorf("%w: time %d", chat.ErrMalformed, m.Time)
	case len(m.Bodies) == 0:
		return fmt.Errorf("%w: a segment without messages", chat.ErrMalformed)
	case len(m.Bodies) > chat.MaxBodies:
		return fmt.Errorf("%w: %d messages in one segment", chat.ErrTooLarge, len(m.Bodies))
	}
	s.Chain, s.Seq, s.Time = chat.Chain(m.Chain), m.Seq, chat.Time(m.Time)
	var err error
	if s.Parents, err = ids(m.Parents, chat.MaxParents); err != nil {
		return fmt.Errorf("parents: %w", err)
	}
	size := 0
	s.Bodies = make([]chat.Body, 0, len(m.Bodies))
	for _, b := range m.Bodies {
		body, err := parseBody(chat.Kind(b.Kind), b.Data)
		if err != nil {
			return err
		}
		size += body.Size()
		s.Bodies = append(s.Bodies, body)
	}
	if size > chat.MaxSegment {
		return fmt.Errorf("%w: a segment of %d bytes", chat.ErrTooLarge, size)
	}
	return nil
}

// segmentID hashes all that is signed, and by whom; not the signature, of which
// an author can make many for one text.
func segmentID(conv chat.ConversationID, author chat.PeerID, bytes []byte) chat.SegmentID {
	h := sha256.New()
	h.Write([]byte("p2pchat segment 1\x00"))
	h.Write(conv[:])
	h.Write(author[:])
	h.Write(bytes)
	return chat.SegmentID(h.Sum(nil))
}

// ids turns at most limit byte strings into distinct segment IDs.
func ids(raw [][]byte, limit int) ([]chat.SegmentID, error) {
	if len(raw) > limit {
		return nil, fmt.Errorf("%w: %d segment IDs", chat.ErrTooLarge, len(raw))
	}
	var out []chat.SegmentID
	for _, b := range raw {
		if len(b) != len(chat.SegmentID{}) {
			return nil, fmt.Errorf("%w: a segment ID of %d bytes", chat.ErrMalformed, len(b))
		}
		out = append(out, chat.SegmentID(b))
	}
	sorted := slices.Clone(out)
	slices.SortFunc(sorted, chat.SegmentID.Compare)
	if len(slices.Compact(sorted)) != len(out) {
		return nil, fmt.Errorf("%w: a segment ID twice", chat.ErrMalformed)
	}
	return out, nil
}

// rawIDs is the inverse of ids.
func rawIDs(ids []chat.SegmentID) [][]byte {
	var out [][]byte
	for _, id := range ids {
		out = append(out, id[:])
	}
	return out
}

// unmarshalStrict decodes signed bytes, which have one encoding only.
func unmarshalStrict(b []byte, m proto.Message) error {
	if err := Strict(m.ProtoReflect().Descriptor(), b); err != nil {
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %w", chat.ErrMalformed, err)
	}
	return nil
}
