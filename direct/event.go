package direct

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// An Event tells what became of a talk. The concrete types are Connected,
// Disconnected, Trying, SegmentSent, SegmentDelivered, SegmentFailed,
// SegmentRead, SaidGoodbye and Refused.
type Event interface {
	// With is the peer that the event is about.
	With() chat.PeerID
}

type (
	// Connected says that both sides have said Hello. It comes before the first
	// segment of the peer.
	Connected struct {
		Peer chat.PeerID
		// Nick is the peer's name for itself; it may be empty.
		Nick chat.Text
		// Sent is the peer's clock when it said Hello, uncorrected.
		Sent time.Time
		// ByUs is set if we opened the stream.
		ByUs bool
	}

	// Disconnected ends what Connected began. It comes after the peer's last
	// segment.
	Disconnected struct {
		Peer chat.PeerID
		// Err is nil if one of the two closed the talk in the ordinary way.
		Err error
	}

	// Trying says that an attempt to connect failed and when the next follows.
	Trying struct {
		Peer chat.PeerID
		// Attempt counts from 1 since the last success.
		Attempt int
		Err     error
		When    time.Time
	}

	// SegmentSent says that a segment was written to the stream. It comes once,
	// even if the segment has to be sent again.
	SegmentSent struct {
		Peer chat.PeerID
		ID   chat.SegmentID
	}

	// SegmentDelivered says that the peer has stored a segment.
	SegmentDelivered struct {
		Peer chat.PeerID
		ID   chat.SegmentID
	}

	// SegmentFailed says that a segment will not be sent any more.
	SegmentFailed struct {
		Peer   chat.PeerID
		ID     chat.SegmentID
		Reason chat.Text
	}

	// SegmentRead says that the peer has shown to a person every segment of
	// ours that it has up to and including ID, in the order of (time, ID). One
	// that stands before ID and is delivered later counts as read when it is.
	// ID is what the peer says: it may be no segment of ours. The news may come
	// again, and older after newer.
	SegmentRead struct {
		Peer chat.PeerID
		ID   chat.SegmentID
	}

	// SaidGoodbye says that the peer ended the talk. It comes after its last
	// segment and its last acknowledgement. What it has not acknowledged is
	// still tried.
	SaidGoodbye struct{ Peer chat.PeerID }

	// Refused says that the peer does not want to talk. SegmentFailed follows
	// for all that was queued. Send and Open try anew.
	Refused struct {
		Peer   chat.PeerID
		Reason chat.Text
	}
)

// With is the peer that the event is about.
func (e Connected) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e Disconnected) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e Trying) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e SegmentSent) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e SegmentDelivered) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e SegmentFailed) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e SegmentRead) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e SaidGoodbye) With() chat.PeerID { return e.Peer }

// With is the peer that the event is about.
func (e Refused) With() chat.PeerID { return e.Peer }
