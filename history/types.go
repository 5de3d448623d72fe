package history

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// What can be wrong with a history on disk. Each is wrapped with the file it is
// about and what can be done.
var (
	// ErrDamaged means that the file, or a segment in it, cannot be read.
	ErrDamaged = errors.New("the history is damaged")
	// ErrNewer means that a newer version of the program wrote the file.
	ErrNewer = errors.New("the history was written by a newer version of p2pchat")
	// ErrFull means that there is no room on the disk. Nothing was stored; it can
	// be tried again.
	ErrFull = errors.New("the disk is full")
	// ErrReadOnly means that the file or its folder cannot be written.
	ErrReadOnly = errors.New("the history cannot be written")
	// ErrInUse means that another process held the file for longer than we wait.
	ErrInUse = errors.New("the history is in use by another process")
)

// maxMissing is how many IDs Missing returns.
const maxMissing = 256

// maxPruned is how many pruned or given up segments, of all conversations, are
// remembered by their IDs; beyond that the first are forgotten. One costs about
// 100 bytes.
const maxPruned = 1 << 16

// defaultMaxBytes is what a log may take in memory.
const defaultMaxBytes = 256 << 20

// Config configures a log. The zero value is ready to use.
type Config struct {
	// Self is whose segments are our own. Those that come back from others, and
	// so were not stored by AppendOwn, count as held.
	Self chat.PeerID
	// MaxBytes is about how much memory all segments of a Memory together may
	// take. When they take more, the oldest of the largest conversation are
	// pruned. If zero, 256 MiB. A DB is limited by SetRetention alone.
	MaxBytes int64
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
}

func (c Config) maxBytes() int64 { return cmp.Or(c.MaxBytes, defaultMaxBytes) }

func (c Config) logger() *slog.Logger { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

// A Report tells what Open had to do to the file.
type Report struct {
	// Damaged is where a damaged file was moved, or empty. A new history was
	// begun in its place.
	Damaged string
	// Backup is the copy that was made before the file was brought to this
	// version's form, or empty.
	Backup string
}

// An Own is one of our own segments, and how far it got.
type Own struct {
	Segment *chat.Segment
	State   chat.DeliveryState
	Reason  string
	// Since is when the segment was written.
	Since time.Time
}

// A Standing is how far an own segment got.
type Standing struct {
	State  chat.DeliveryState
	Reason string
}

// A Waiting is an entry of the outbox: an own segment for one peer who is not
// known to have it.
type Waiting struct {
	Peer         chat.PeerID
	Conversation chat.ConversationID
	Segment      chat.SegmentID
	// Since is when the segment was written.
	Since time.Time
	// Messages is how many messages the segment has.
	Messages int
	State    chat.DeliveryState
	Reason   string
}

// A Summary tells about one conversation.
type Summary struct {
	ID chat.ConversationID
	// Conversation is what Name was told, or zero.
	Conversation       chat.Conversation
	Segments, Messages int
	// Bytes is the length of all envelopes together.
	Bytes  int64
	Latest chat.Time
}

// Retention says what a conversation keeps. The zero value keeps everything.
type Retention struct {
	// MaxAge is how old a message may become. If zero, any age.
	MaxAge time.Duration
	// MaxBytes is how many bytes all envelopes together may have. If zero, any
	// number.
	MaxBytes int64
}

// Dropped is the reason of an outbox entry that the user took out (see DB.Drop).
const Dropped = "dropped"

// rank orders the delivery states; a state never goes to one of lower rank, but
// from failed. It is also how a state stands on disk.
func rank(s chat.DeliveryState) int {
	switch s {
	case chat.Queued:
		return 1
	case chat.Sent:
		return 2
	case chat.Held:
		return 3
	case chat.Read:
		return 4
	case chat.Failed:
		return 5
	default:
		return 0
	}
}

// ranked is the inverse of rank.
func ranked(n int) chat.DeliveryState {
	return [...]chat.DeliveryState{"", chat.Queued, chat.Sent, chat.Held, chat.Read, chat.Failed}[max(0, min(n, 5))]
}

// mayBecome reports whether an own segment in state a may be put into state b.
func mayBecome(a, b chat.DeliveryState) bool {
	switch {
	case rank(a) == 0 || rank(b) == 0:
		return false
	case a == chat.Failed:
		return true // it goes out after all, or fails for another reason
	case b == chat.Failed:
		return a == chat.Queued || a == chat.Sent
	default:
		return rank(b) >= rank(a) // the same state may get another reason
	}
}
