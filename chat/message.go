package chat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Limits of a segment (PROTOCOL.md, section 4).
const (
	// MaxBodies is how many messages one segment may hold.
	MaxBodies = 256
	// MaxParents is how many parents one segment may name.
	MaxParents = 8
	// MaxSegment is the most bytes of bodies its author puts into a segment of
	// several messages. A single message may be as long as MaxText.
	MaxSegment = 48 << 10
)

// A SegmentID is SHA-256 of the exact signed bytes and the author.
type SegmentID [32]byte

// String is the hexadecimal form.
func (id SegmentID) String() string { return hex.EncodeToString(id[:]) }

// Compare orders segments by the bytes of their IDs.
func (id SegmentID) Compare(o SegmentID) int { return bytes.Compare(id[:], o[:]) }

// A MessageID is SHA-256 of a segment's ID and the message's index in it.
type MessageID [32]byte

// String is the hexadecimal form.
func (id MessageID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes the hexadecimal form.
func (id MessageID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the hexadecimal form.
func (id *MessageID) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(id)) {
		return fmt.Errorf("a message ID has %d hexadecimal digits", hex.EncodedLen(len(id)))
	}
	_, err := hex.Decode(id[:], text)
	return err
}

// A Chain is drawn at random at each start of a node. Within it the messages
// of one conversation are numbered without gaps, so that a gap or a fork shows;
// across starts nothing is numbered, so two copies of a key do not fork for ever.
type Chain [8]byte

// A Segment is one or more messages that one author queued for one
// conversation, signed as one (PROTOCOL.md, section 4).
type Segment struct {
	ID           SegmentID
	Author       PeerID
	Conversation ConversationID
	Chain        Chain
	// Seq is the number of the first message within Chain, from 1.
	Seq uint64
	// Parents are the heads the author had seen, its own last segment first.
	Parents []SegmentID
	// Time is that of the first message; message i has Time + i.
	Time   Time
	Bodies []Body
	// Envelope is the segment as it was signed, ready to be passed on.
	Envelope []byte
}

// MessageID is the ID of the segment's message i.
func (s *Segment) MessageID(i int) MessageID {
	var b [36]byte
	copy(b[:], s.ID[:])
	binary.BigEndian.PutUint32(b[32:], uint32(i))
	return sha256.Sum256(b[:])
}

// End is the Time of the last message.
func (s *Segment) End() Time { return s.Time + Time(max(len(s.Bodies), 1)-1) }

// Next is the number the author's next message has.
func (s *Segment) Next() uint64 { return s.Seq + uint64(len(s.Bodies)) }

// Key is the segment's place in the order of its conversation.
func (s *Segment) Key() OrderKey { return OrderKey{Time: s.Time, ID: s.ID} }

// An OrderKey sorts segments the same way at everybody: by time, then by ID.
type OrderKey struct {
	Time Time
	ID   SegmentID
}

// Compare is negative if k comes before o.
func (k OrderKey) Compare(o OrderKey) int {
	switch {
	case k.Time < o.Time:
		return -1
	case k.Time > o.Time:
		return 1
	default:
		return k.ID.Compare(o.ID)
	}
}

// A Place sorts single messages the same way at everybody: by time, then by ID.
// It decides which of several edits, reactions or topics is the newest.
type Place struct {
	Time Time
	ID   MessageID
}

// Compare is negative if p comes before o.
func (p Place) Compare(o Place) int {
	switch {
	case p.Time < o.Time:
		return -1
	case p.Time > o.Time:
		return 1
	default:
		return bytes.Compare(p.ID[:], o.ID[:])
	}
}

// A Draft is a message on its way into a segment.
type Draft struct {
	// Key is the writer's own name for the message, given back in the Message
	// event, so that a face can follow what it wrote. It may be empty.
	Key  string
	Body Body
}

// A Beacon is a member's signed statement: I am here, this is my nick, and I
// hold these heads and all their ancestors (PROTOCOL.md, section 5).
type Beacon struct {
	Author       PeerID
	Conversation ConversationID
	// Sent is the author's clock, uncorrected.
	Sent time.Time
	Nick Text
	// Heads are at most MaxHeads segments, the newest where there are more.
	Heads []SegmentID
	// Leaving is set in the last beacon before the author goes.
	Leaving bool
	// Seed is set by seed nodes, which are in no room but forward for all.
	Seed bool
	// Rooms are at most MaxShownRooms rooms that the author shows to be in. Only
	// beacons of the presence room name any.
	Rooms []RoomName
	// Envelope is the beacon as it was signed.
	Envelope []byte
}

// MaxShownRooms is how many rooms one beacon may name.
const MaxShownRooms = 8

// MaxHeads is how many heads one beacon may name.
const MaxHeads = 16
