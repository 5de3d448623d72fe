package wire

import (
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// ReadSegment is OpenSegment without its dearest part, the check of the
// signature: for what OpenSegment accepted before it was stored. The ID is
// computed from the bytes, so a caller that knows it finds any damage. The
// segment keeps data as its Envelope.
func ReadSegment(conv chat.ConversationID, data []byte) (*chat.Segment, error) {
	e, err := parseEnvelope(data)
	if err != nil {
		return nil, err
	}
	m := new(pb.Segment)
	if err := unmarshalStrict(e.payload, m); err != nil {
		return nil, err
	}
	s := &chat.Segment{
		ID:           segmentID(conv, e.author, e.payload),
		Author:       e.author,
		Conversation: conv,
		Envelope:     data,
	}
	if err := checkSegment(m, s); err != nil {
		return nil, err
	}
	return s, nil
}
