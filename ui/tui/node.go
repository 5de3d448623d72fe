package tui

import (
	"context"
	"errors"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

var (
	// ErrGone says that there is no node now, or that it does not answer. What was to
	// be said is kept here, and said with the same key when there is one again.
	ErrGone = errors.New("there is no node")
	// ErrOtherPeer says that another peer answers at an address than last time.
	ErrOtherPeer = errors.New("not dialled")
)

// Node is all these screens need of a node, which may run in another process.
// Its methods are called from goroutines, several at a time, and may take time;
// each is given a context that ends with Run.
//
// An error is shown to the person as it is. While Next fails the node is shown
// as gone, and asked again until it is back; after that everything shown is
// fetched anew, for events may have been missed.
type Node interface {
	// Self is the own identity.
	Self(ctx context.Context) (Self, error)
	// Next waits for events and returns all there are, in order.
	Next(ctx context.Context) ([]chat.Event, error)
	// Conversations lists the open conversations and those of the history.
	Conversations(ctx context.Context) ([]Conversation, error)
	// Page reads messages of the history, oldest first, as later ones have left
	// them: edits, deletions and reactions are not on it, but in what they are about.
	Page(ctx context.Context, conv chat.Conversation, q PageQuery) (Page, error)
	// Search finds messages by their words, the newest first.
	Search(ctx context.Context, q SearchQuery) ([]chat.Message, error)
	// Say hands a message over. The same key twice acts once. What becomes of it is
	// told by events. While there is no node it fails with ErrGone.
	Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error
	// Members lists who else is in a conversation; in the presence room, who is
	// online, which may take some seconds.
	Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error)
	// Holders tells how far one of our own messages got.
	Holders(ctx context.Context, conv chat.Conversation, id chat.MessageID) (Holders, error)
	// Open opens a conversation that was open before, or is open elsewhere.
	Open(ctx context.Context, conv chat.Conversation) error
	// Join opens a room, which a name or an invite names; an invite to a private
	// conversation opens that.
	Join(ctx context.Context, room string) (chat.Conversation, error)
	// Dial opens a private conversation with whom a contact's name, a peer ID, an
	// address, a host:port or an invite names. It fails with ErrOtherPeer if another
	// peer than last time answers at a host:port, unless newKey is set.
	Dial(ctx context.Context, peer string, newKey bool) (chat.Conversation, error)
	// Leave leaves a conversation; its history stays.
	Leave(ctx context.Context, conv chat.Conversation) error
	// MarkRead says that the person has read a conversation up to a message.
	MarkRead(ctx context.Context, conv chat.Conversation, id chat.MessageID) error
	// Requests lists the unknown people who wrote first.
	Requests(ctx context.Context) ([]Request, error)
	// Answer answers the request of a peer.
	Answer(ctx context.Context, p chat.PeerID, a Answer) error
	// Contacts lists the people the person knows.
	Contacts(ctx context.Context) ([]Contact, error)
	// Verify remembers that a peer's fingerprint was compared and matched, or, if
	// ok is false, that this holds no longer.
	Verify(ctx context.Context, p chat.PeerID, ok bool) error
	// SaveContact gives a peer a name of one's own.
	SaveContact(ctx context.Context, p chat.PeerID, name string) error
	// Invite is the short text with which somebody else comes to a conversation,
	// or, for a private or the zero one, to this person.
	Invite(ctx context.Context, conv chat.Conversation) (string, error)
	// SetName changes the own nickname.
	SetName(ctx context.Context, name chat.Text) error
	// Net lists the connections. It may take some seconds.
	Net(ctx context.Context) ([]Connection, error)
	// Status is how well the node is connected.
	Status(ctx context.Context) (Status, error)
}

// Self is the own identity.
type Self struct {
	Peer chat.PeerID
	// Name is the own nickname; empty until one is chosen.
	Name chat.Text
}

// A Conversation is one that is open, or in the history.
type Conversation struct {
	ID    chat.Conversation
	Topic chat.Text
	// Nick is the other's, of a private conversation.
	Nick chat.Text
	// Open is set while this or another face has it open; else there is only its
	// history.
	Open bool
	// Unread messages were not marked as read; Mentions of them name the person.
	Unread, Mentions int
	// Read is the newest message marked as read; zero if none is.
	Read chat.Place
	// Waiting is how many own messages nobody else has.
	Waiting int
	History chat.History
}

// A PageQuery asks for messages between two places, which are not on the page.
// If only After is set, for the oldest after it, else for the newest.
type PageQuery struct {
	Before, After chat.Place
	Limit         int
}

// A Page is messages of one conversation.
type Page struct {
	Messages []chat.Message
	// Deliveries are of the own ones among them, as far as they are known.
	Deliveries []chat.Delivery
}

// A SearchQuery asks for messages in which all words occur.
type SearchQuery struct {
	Words string
	// In is the conversation to look into; if nil, all.
	In    *chat.Conversation
	Limit int
}

// Holders tell how far a message got.
type Holders struct {
	Delivery chat.Delivery
	// Holding say that they hold it; Missing are the members who do not say so.
	Holding, Missing []chat.Member
}

// A Request is of somebody unknown, who wrote first.
type Request struct {
	Peer  chat.PeerID
	Nick  chat.Text
	First time.Time
	Count int
	// Text is what the peer wrote first.
	Text chat.Text
}

// An Answer is the person's word on a request.
type Answer string

// The answers.
const (
	Accept Answer = "accept" // the peer may write
	Ignore Answer = "ignore" // what it writes is not shown
	Block  Answer = "block"  // no connection to it is kept
)

// A Contact is somebody the person knows.
type Contact struct {
	Peer chat.PeerID
	// Name is the person's own name for the peer, or empty.
	Name     string
	Verified bool
	Blocked  bool
}

// A Status is how well the node is connected.
type Status struct {
	Seeds []Seed
	// Peers is how many others are online, Relayed how many connections go through
	// a relay.
	Peers, Relayed int
	// Reach says in a few words how others reach this node; it may be empty.
	Reach string
	// LAN says what the search in the local network does, such as "searching".
	LAN string
}

// A Seed is one of the nodes that the own node stays attached to.
type Seed struct {
	Name      string
	Connected bool
	// Trouble is why it is not, if that is known.
	Trouble string
}

// A Connection is one of the node's.
type Connection struct {
	Peer chat.PeerID
	Nick chat.Text
	// Role is what the peer is, in a word, such as "member" or "seed".
	Role string
	// Relayed is set if it goes through another peer: Via, if that is known.
	Relayed bool
	Via     chat.PeerID
	// Remote is the peer's address.
	Remote string
	// RTT is the round trip; zero if it is not known.
	RTT   time.Duration
	Since time.Time
	// In and Out are in bytes.
	In, Out uint64
}
