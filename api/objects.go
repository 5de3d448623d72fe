package api

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// This file holds what requests answer, besides messages and events. Texts in a
// Text are a stranger's; strings are safe to be shown.

// A Ref names a conversation: in JSON as a room's name or a peer ID.
type Ref struct{ chat.Conversation }

// MarshalText implements encoding.TextMarshaler.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Ref) UnmarshalText(b []byte) (err error) {
	r.Conversation, err = parseConversation(string(b))
	return err
}

// A NodeInfo says who owns the node, and who it is: the handshake. Every version
// of the interface answers it at /v1/node with at least Version, API and PID.
type NodeInfo struct {
	// Program is always "p2pchat", Version that of the program and API that of
	// this interface.
	Program string `json:"program"`
	Version string `json:"version"`
	API     int    `json:"api"`
	// Peer is the node's identity, Fingerprint the same for people.
	Peer        chat.PeerID `json:"peer"`
	Fingerprint string      `json:"fingerprint"`
	// Name is the own nickname; it may be empty.
	Name Text `json:"name"`
	// PID is the process that owns the node, and Since when it began.
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
	// Seed is set if the node is a seed, which talks in no conversation.
	Seed bool `json:"seed,omitempty"`
	// Run is drawn anew at each start; event IDs begin with it.
	Run   string   `json:"run"`
	Addrs []string `json:"addrs"`
}

// A Status says what the node costs and how well it is connected.
type Status struct {
	NodeInfo
	// Memory is what the process has of the machine's, in bytes.
	Memory     uint64 `json:"memory_bytes"`
	Goroutines int    `json:"goroutines"`
	// Connections is how many there are, Relayed how many of them go through
	// another peer; Peers how many others are online.
	Connections int `json:"connections"`
	Relayed     int `json:"relayed"`
	Peers       int `json:"peers"`
	// Faces is how many event streams are open, Open how many conversations.
	Faces int `json:"faces"`
	Open  int `json:"open"`
	// Traffic is not set if it is not measured.
	Traffic *Traffic `json:"traffic,omitempty"`
	// Network is not set if the node does not tell it.
	Network *Network `json:"network,omitempty"`
}

// Traffic is how many bytes went over the network.
type Traffic struct {
	// In and Out are since the node's start.
	In  uint64 `json:"in_bytes"`
	Out uint64 `json:"out_bytes"`
	// InHour and OutHour are those of the last hour or, of a younger node, what
	// an hour would come to; zero in its first five minutes.
	InHour  uint64 `json:"in_bytes_hour"`
	OutHour uint64 `json:"out_bytes_hour"`
}

// A Network says how the node is reached, and how it looks for others.
type Network struct {
	// Reachability is "public", "private" or "unknown", NAT as host.Reach has it.
	Reachability string   `json:"reachability"`
	NAT          string   `json:"nat"`
	Advertised   []string `json:"advertised"`
	Seeds        []Seed   `json:"seeds"`
	// DHT is the hash table.
	DHT DHT `json:"dht"`
	// Searches are the attempts to find members, one for each conversation.
	Searches []Search `json:"searches"`
	// LAN are the local networks; none if the look-out on them is switched off.
	LAN []LAN `json:"lan"`
	// Dials is how many attempts to connect run, Resting how many peers are left
	// alone for a while because they could not be reached.
	Dials   int `json:"dials"`
	Resting int `json:"resting"`
	// Relayed is how many bytes a seed has passed on between others, Forwarded how
	// many messages of rooms that it is not in.
	Relayed   uint64 `json:"relayed_bytes"`
	Forwarded uint64 `json:"forwarded_messages"`
	// In and Out are all bytes since the start; they are shown as Traffic.
	In  uint64 `json:"-"`
	Out uint64 `json:"-"`
}

// A Seed is how it stands with one of our seeds.
type Seed struct {
	Peer      chat.PeerID `json:"peer"`
	Addrs     []string    `json:"addrs"`
	Connected bool        `json:"connected"`
	// Since is when it was reached or lost.
	Since time.Time `json:"since"`
	// Reserved is set if it relays for us.
	Reserved  bool   `json:"reserved"`
	LastError string `json:"last_error"`
}

// A DHT is how the hash table is doing.
type DHT struct {
	// Mode is "server" or "client", Size how many servers are known, Lookups how
	// often members were asked for.
	Mode      string `json:"mode"`
	Size      int    `json:"size"`
	Lookups   int    `json:"lookups"`
	LastError string `json:"last_error"`
}

// A Search is one search for the members of a conversation.
type Search struct {
	Conversation Ref       `json:"conversation"`
	Lookups      int       `json:"lookups"`
	Found        int       `json:"found"`
	Next         time.Time `json:"next"`
	LastError    string    `json:"last_error"`
}

// A LAN is the look-out on one local network.
type LAN struct {
	Interface string   `json:"interface"`
	On        bool     `json:"on"`
	Addrs     []string `json:"addrs"`
	LastError string   `json:"last_error"`
}

// A Peer is somebody who is online (README.md, "For scripts").
type Peer struct {
	Type   string      `json:"type"` // "peer"
	Nick   Text        `json:"nick"`
	Peer   chat.PeerID `json:"peer"`
	Online bool        `json:"online"`
	Seed   bool        `json:"seed"`
	// How is "direct", "relayed", "self", or "" when not connected.
	How  string `json:"how"`
	Addr string `json:"addr"`
	// RTT is the round trip in milliseconds, or 0.
	RTT   float64   `json:"rtt_ms"`
	Since time.Time `json:"since"`
	// Rooms are those that the peer shows to be in.
	Rooms []chat.RoomName `json:"rooms,omitempty"`
}

// A Connection is one connection of the node (README.md, "When something does not
// work").
type Connection struct {
	Type      string       `json:"type"` // "connection"
	Nick      Text         `json:"nick"`
	Peer      chat.PeerID  `json:"peer"`
	Role      string       `json:"role"`
	Relayed   bool         `json:"relayed"`
	Via       *chat.PeerID `json:"via,omitempty"`
	Inbound   bool         `json:"inbound"`
	Local     string       `json:"local"`
	Remote    string       `json:"remote"`
	Transport string       `json:"transport"`
	Security  string       `json:"security"`
	Muxer     string       `json:"muxer"`
	Opened    time.Time    `json:"opened"`
	In        uint64       `json:"in_bytes"`
	Out       uint64       `json:"out_bytes"`
	RTT       float64      `json:"rtt_ms"`
	Streams   []string     `json:"streams"`
}

// A Conversation is one that is open or of which there is history.
type Conversation struct {
	Type         string `json:"type"` // "conversation"
	Conversation Ref    `json:"conversation"`
	Room         bool   `json:"room"`
	// Name is how the other of a private conversation is shown; it may be empty.
	Name Text `json:"name"`
	// Open is set while a face has it open.
	Open bool `json:"open"`
	// Messages and Bytes are what the history holds of it.
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
	// Unread is how many messages of others came after Read, at most MaxUnread,
	// and Mentions how many of them name us.
	Unread   int `json:"unread"`
	Mentions int `json:"mentions"`
	// Waiting is how many own messages nobody else is known to hold.
	Waiting int `json:"waiting"`
	// Read is up to where faces said that a person has read.
	Read *chat.MessageID `json:"read,omitempty"`
	// Request is set while somebody unknown waits for an answer.
	Request bool `json:"request,omitempty"`
	// Last is when something was said, and Message the last words.
	Last    time.Time      `json:"last"`
	Message *messageObject `json:"message,omitempty"`
	// Topic is what the room is about.
	Topic Text `json:"topic"`
}

// LastMessage is the last message, if there is one.
func (c Conversation) LastMessage() (chat.Message, bool) {
	if c.Message == nil {
		return chat.Message{}, false
	}
	m, err := c.Message.message()
	return m, err == nil
}

// An Opened is the answer to opening a conversation.
type Opened struct {
	Conversation Ref `json:"conversation"`
	// First is set if no other face had it open: then the node shows by events what
	// nobody has seen yet. Else a face pages for it.
	First bool `json:"first"`
	// Event is the last event before it was opened.
	Event string `json:"event"`
}

// A Sent is the answer to a message.
type Sent struct {
	Conversation Ref `json:"conversation"`
	// Accepted is set when the message is stored, so that it is not lost. ID and
	// Time are then set.
	Accepted bool            `json:"accepted"`
	ID       *chat.MessageID `json:"id,omitempty"`
	Time     string          `json:"time,omitempty"`
}

// A DeliveryDetail is how far an own message got, and at whom.
type DeliveryDetail struct {
	Conversation Ref                `json:"conversation"`
	ID           chat.MessageID     `json:"id"`
	State        chat.DeliveryState `json:"state"`
	Reached      int                `json:"reached"`
	HeldBy       int                `json:"held_by"`
	Members      int                `json:"members"`
	Reason       string             `json:"reason"`
	// Holders are those known to hold it. Known is not set if the node does not
	// tell.
	Holders []Holder `json:"holders"`
	Known   bool     `json:"known"`
}

// A Holder is a member, and whether it holds a message.
type Holder struct {
	Peer   chat.PeerID `json:"peer"`
	Nick   Text        `json:"nick"`
	Online bool        `json:"online"`
	Holds  bool        `json:"holds"`
}

// A HistoryState is how much of a conversation this node holds.
type HistoryState struct {
	Conversation Ref  `json:"conversation"`
	Complete     bool `json:"complete"`
	Missing      int  `json:"missing"`
	Fetched      int  `json:"fetched"`
	Total        int  `json:"total"`
	// Messages and Bytes are what is held.
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

// A Request is somebody unknown who wrote first (README.md, "For scripts").
type Request struct {
	Type  string      `json:"type"` // "request"
	Peer  chat.PeerID `json:"peer"`
	Nick  Text        `json:"nick"`
	First time.Time   `json:"first"`
	Last  time.Time   `json:"last"`
	Count int         `json:"count"`
	Text  Text        `json:"text"`
}

// A Contact is what the user said about a peer.
type Contact struct {
	Name        string      `json:"name"`
	Peer        chat.PeerID `json:"peer"`
	Fingerprint string      `json:"fingerprint"`
	Verified    bool        `json:"verified"`
	Blocked     bool        `json:"blocked"`
	Accepted    bool        `json:"accepted"`
	Ignored     bool        `json:"ignored"`
}

// A Check is one finding of a diagnosis (README.md, "When something does not
// work").
type Check struct {
	Type   string            `json:"type"` // "check"
	Name   string            `json:"name"`
	Status string            `json:"status"`
	Saw    string            `json:"saw"`
	Advice string            `json:"advice"`
	Detail map[string]string `json:"detail"`
}

// A Summary is what a diagnosis comes to.
type Summary struct {
	Type     string `json:"type"` // "summary"
	Status   string `json:"status"`
	ExitCode int    `json:"exit_code"`
	Text     string `json:"text"`
	OK       int    `json:"ok"`
	Warn     int    `json:"warn"`
	Fail     int    `json:"fail"`
	Skip     int    `json:"skip"`
}
