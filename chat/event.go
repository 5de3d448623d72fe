package chat

import "time"

// An Event is something a face shows. The concrete types are Ready, Message,
// Delivery, Refused, Member, History, Notice and Ended.
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
	// Clock is Time on the conversation's clock, which sorts its messages; zero
	// where that is not known. See Place.
	Clock Time
	Kind  Kind
	// Target is the message that this one is about, where Kind.HasTarget.
	Target MessageID
	Text   Text
	Mine   bool
	// Key is the draft's key, on the node that wrote it.
	Key string
	// Gap is set if something that it follows is missing: nobody online has it.
	Gap bool
	// Old is set on what was written before this node joined: history.
	Old bool
	// Request is set on the first messages of somebody unknown, which wait until
	// the user has decided about that person.
	Request bool

	// These are for pages of history, where a message stands as all later ones
	// have left it; in the live stream they are not set.

	// Edited is set if Text is not what was written first.
	Edited bool
	// Deleted is set if the author has taken the message back; Text is empty.
	Deleted bool
	// Reactions are in the order of their first authors.
	Reactions []Reaction
}

// Place is where m stands in the order of its conversation.
func (m Message) Place() Place {
	at := m.Clock
	if at == 0 {
		at = TimeOf(m.Time)
	}
	return Place{Time: at, ID: m.ID}
}

// A Reaction is what some people showed beside a message.
type Reaction struct {
	Text Text
	// By are those who did, the first one first.
	By []PeerID
}

// A DeliveryState says how far one of our own messages got.
type DeliveryState string

// The delivery states. A message never goes back to an earlier one.
const (
	Queued DeliveryState = "queued" // nobody has it yet; it goes out by itself
	Sent   DeliveryState = "sent"   // handed to Reached peers
	Held   DeliveryState = "held"   // HeldBy of Members say that they hold it
	Read   DeliveryState = "read"   // in private: the other one has seen it
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

// A Refused tells that a draft did not become a message: it could not be stored.
type Refused struct {
	Conversation Conversation
	// Key is the draft's key.
	Key string
	// Reason is in our own words.
	Reason string
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
	// Path is how the member is connected to this node, in rooms and in private. The
	// event comes again when that has changed: at once, and from then on at most every
	// ten seconds. The presence room does not tell of it.
	Path Path
	// Via is who relays, where Path is PathRelayed; zero if that is not known.
	Via PeerID
}

// A Path says how a member is connected to this node. The values are stable, for
// scripts.
type Path string

// The paths.
const (
	PathNone    Path = ""        // not at all: known through others
	PathDirect  Path = "direct"  // straight
	PathRelayed Path = "relayed" // through a relay, Via, and no other way yet
)

// A History tells how much of what was said in a conversation this node holds.
type History struct {
	Conversation Conversation
	// Complete is set when all is here that anybody online has, and nothing that
	// is known of is missing.
	Complete bool
	// Missing is how many messages are known of that nobody online has.
	Missing int
	// Fetched of about Total messages have come. While neither Complete nor
	// Missing is set, more are on their way.
	Fetched, Total int
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
	NoticeStored      NoticeCode = "stored"      // messages can be stored again
	NoticeEarlier     NoticeCode = "earlier"     // there is more in the history than is shown
	NoticeFork        NoticeCode = "fork"        // two different messages have one number
	NoticeMissed      NoticeCode = "missed"      // a slow face lost events
	NoticeRequest     NoticeCode = "request"     // somebody unknown wrote
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
func (Refused) event()  {}
func (Member) event()   {}
func (History) event()  {}
func (Notice) event()   {}
func (Ended) event()    {}
