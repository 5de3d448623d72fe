package chat

import "time"

// An Event is something a face shows. The concrete types are Ready, Message,
// Delivery, Member, Notice and Ended.
type Event interface{ event() }

// Ready says that the node runs. It is the first event.
type Ready struct {
	Peer  PeerID
	Addrs []string
}

// A Message is one message of a conversation: somebody's or, where Mine is set,
// our own, which is shown as soon as it is accepted.
type Message struct {
	Conversation Conversation
	ID           MessageID
	Author       PeerID
	Nick         Text
	Time         time.Time
	Kind         Kind
	Text         Text
	Mine         bool
	// Key is the draft's key, on the node that wrote it.
	Key string
	// Old is set on what was written before this node joined: history.
	Old bool
}

// A DeliveryState says how far one of our own messages got.
type DeliveryState string

// The delivery states. A message never goes back to an earlier one.
const (
	Queued DeliveryState = "queued" // nobody has it yet; it goes out by itself
	Sent   DeliveryState = "sent"   // handed to Reached peers
	Held   DeliveryState = "held"   // HeldBy of Members say that they hold it
	Failed DeliveryState = "failed" // it will not go out, for Reason
)

// A Delivery tells that one of our own messages got further.
type Delivery struct {
	Conversation Conversation
	ID           MessageID
	State        DeliveryState
	Reached      int
	HeldBy       int
	// Members is how many others are in the conversation now.
	Members int
	Reason  string
}

// A Member came or went. In the presence room: is online, or is not.
type Member struct {
	Conversation Conversation
	Peer         PeerID
	Nick         Text
	Online       bool
	// Since is when this node first heard of the member.
	Since time.Time
	// Seed is set for seed nodes.
	Seed bool
}

// A NoticeCode says what a Notice is about. The values are stable, for scripts.
type NoticeCode string

// The notice codes.
const (
	NoticeWaiting     NoticeCode = "waiting"     // nobody else is here yet
	NoticeConnected   NoticeCode = "connected"   // somebody is
	NoticeNotFound    NoticeCode = "not-found"   // nobody knows where a peer is
	NoticeUnreachable NoticeCode = "unreachable" // a peer's addresses do not answer
	NoticeSeedLost    NoticeCode = "seed-lost"   // no seed is connected
	NoticeSeedBack    NoticeCode = "seed-back"   // one is again
	NoticeClock       NoticeCode = "clock"       // our clock is off
	NoticeFailed      NoticeCode = "failed"      // messages were not accepted
	NoticeMissed      NoticeCode = "missed"      // a slow face lost events
)

// A Notice is about the state of things, in our own words.
type Notice struct {
	// Conversation is the one concerned; the zero value means the whole node.
	Conversation Conversation
	Code         NoticeCode
	Text         string
	// Detail is the technical reason, if there is one, for those who ask.
	Detail string
}

// Ended says that the other side of a private conversation said goodbye, or
// refused.
type Ended struct {
	Conversation Conversation
	Refused      bool
	Reason       string
}

func (Ready) event()    {}
func (Message) event()  {}
func (Delivery) event() {}
func (Member) event()   {}
func (Notice) event()   {}
func (Ended) event()    {}
