package api

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// A Node is what a Server needs of the running node; *node.Node is one.
type Node interface {
	Self() chat.PeerID
	Addrs() []string
	Name(p chat.PeerID) chat.Text
	SetName(name chat.Text)
	Join(ctx context.Context, room chat.RoomName) error
	Dial(ctx context.Context, p chat.PeerID) error
	Leave(ctx context.Context, conv chat.Conversation) error
	Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error
	Settle(ctx context.Context, conv chat.Conversation) (left int, err error)
	Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error)
	MarkRead(conv chat.Conversation, id chat.MessageID)
	Peers(ctx context.Context) ([]node.Peer, error)
	Connections(ctx context.Context) ([]node.Connection, error)
	Diagnose(ctx context.Context, o node.DiagnoseOptions, told func(node.Check)) (node.Diagnosis, error)
	AddAddrs(info peer.AddrInfo)
	PeerAt(ctx context.Context, addr ma.Multiaddr) (chat.PeerID, error)
}

// Holders is a Node that tells who holds a message of ours. If the Node is none,
// only how many do is known.
type Holders interface {
	Holders(ctx context.Context, conv chat.Conversation, id chat.MessageID) ([]chat.PeerID, error)
}

// A Networker is a Node that tells how it is connected. If the Node is none, nobody
// learns it.
type Networker interface {
	Network(ctx context.Context) (node.Network, error)
}

// A Seeder is a Node that stays attached to seeds which it learns later.
type Seeder interface {
	AddSeeds(seeds []peer.AddrInfo)
}

// A Connector is a Node that can be told to connect to a peer.
type Connector interface {
	Connect(ctx context.Context, p chat.PeerID) error
}

// Events are the events of a Node from its start, such as a *node.Subscription.
type Events interface {
	// Next waits for events and returns all there are. Events that were there when
	// it was called come before the error of a ctx that has ended; there is no other
	// error.
	Next(ctx context.Context) ([]chat.Event, error)
}

// A History is what a Server needs of the log; *history.DB and *history.Memory
// are some.
type History interface {
	Messages(ctx context.Context, q history.Query) ([]history.Entry, error)
	Find(ctx context.Context, conv chat.ConversationID, id chat.MessageID) (history.Entry, bool, error)
	Topic(ctx context.Context, conv chat.ConversationID) (history.Entry, bool, error)
	Search(ctx context.Context, s history.Search) ([]history.Entry, error)
	Conversations(ctx context.Context) ([]history.Summary, error)
	Unsettled(ctx context.Context, conv chat.ConversationID) ([]history.Own, error)
	States(ctx context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (map[chat.SegmentID]history.Standing, error)
}

// Config configures a Server. Node, Events and Folder are required.
type Config struct {
	Node Node
	// Events must have been subscribed before anything was opened.
	Events Events
	// History is the log. If nil, requests for it fail, as those to a seed.
	History History
	// Folder is where the socket is made, and what holds contacts, requests and
	// the own name. The caller holds its lock for as long as the Server runs.
	Folder *identity.Folder
	// Version is that of the program.
	Version string
	// Seed says that the node is a seed.
	Seed bool
	// Facts looks at the data folder, for diagnoses. If nil, they do not.
	Facts func(ctx context.Context) *node.FolderFacts
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
	// Now is the clock of what is shown and remembered. If nil, time.Now.
	Now func() time.Time
}

func (c Config) logger() *slog.Logger { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

func (c Config) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
