package node

import (
	"context"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// A Log is what a node needs of the history. *history.DB is one, and
// *history.Memory one that forgets.
type Log interface {
	Append(ctx context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error)
	AppendOwn(ctx context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error)
	Has(conv chat.ConversationID, id chat.SegmentID) bool
	Lacks(conv chat.ConversationID, ids ...chat.SegmentID) []chat.SegmentID
	Get(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) ([]*chat.Segment, error)
	View(conv chat.ConversationID) (*history.View, error)
	Heads(conv chat.ConversationID) []chat.SegmentID
	Missing(conv chat.ConversationID) (ids []chat.SegmentID, n int)
	Len(conv chat.ConversationID) int
	Latest(conv chat.ConversationID) chat.Time
	LastOf(ctx context.Context, conv chat.ConversationID, author chat.PeerID) (*chat.Segment, error)
	Name(ctx context.Context, conv chat.Conversation) error
	SetState(ctx context.Context, conv chat.ConversationID, state chat.DeliveryState, reason string, ids ...chat.SegmentID) error
	After(ctx context.Context, conv chat.ConversationID, key chat.OrderKey, limit int) ([]*chat.Segment, error)
	GiveUp(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) error
	Forks(conv chat.ConversationID) []history.Fork
	Unsettled(ctx context.Context, conv chat.ConversationID) ([]history.Own, error)
	MarkSeen(conv chat.ConversationID)
	Unseen(ctx context.Context, conv chat.ConversationID, limit int) (segs []*chat.Segment, n int, err error)
}

// A syncLog is the log as catch-up sees it: what a conversation keeps aside, or
// is about to store, need not be fetched again.
type syncLog struct {
	Log
	node *Node
}

// Lacks implements catchup.Log.
func (l syncLog) Lacks(conv chat.ConversationID, ids ...chat.SegmentID) []chat.SegmentID {
	// What is kept goes into the log, so it is looked for before.
	if c := l.node.find(conv); c != nil {
		ids = slices.DeleteFunc(slices.Clone(ids), c.kept.has)
	}
	return l.Log.Lacks(conv, ids...)
}
