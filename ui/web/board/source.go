package board

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// A Source is all the board needs of a running node. Snapshot is called at most
// once a second, never twice at the same time, and must return within
// snapshotTimeout.
type Source interface {
	Snapshot(ctx context.Context) (Snapshot, error)
}

// A Snapshot is the network as one node sees it at one moment. The board does
// not change it, and the source must not change it afterwards.
type Snapshot struct {
	// Self is the node that tells; it may be among People.
	Self chat.PeerID
	// People are those to be shown, in any order, at most MaxPeople. Somebody
	// who does not want to be seen is not among them.
	People []Person
	// Links are connections, each once, at most MaxLinks. Those with an end
	// that is neither Self nor online among People are not shown.
	Links    []Link
	Counters Counters
}

// A Person is somebody online, or a seed.
type Person struct {
	Peer chat.PeerID
	// Nick is what they call themselves; it may be empty.
	Nick chat.Text
	// Online is false for somebody who left lately.
	Online bool
	// Since is when they came or, if they are not online, when they left.
	Since time.Time
	// Seed is set for nodes that serve as seeds.
	Seed bool
	// Rooms are those they chose to show, at most MaxRooms.
	Rooms []chat.RoomName
	// Addrs are shown only with Config.ShowAddrs, at most MaxAddrs.
	Addrs []string
}

// A Link is one connection between two peers.
type Link struct {
	A, B chat.PeerID
	// Relayed is set if a third peer carries it.
	Relayed bool
	// RTT is the round trip; zero if nobody measured it.
	RTT   time.Duration
	Since time.Time
}

// Counters count since the node began, but for DHT.
type Counters struct {
	Joins, Leaves uint64
	// RelayedMessages and RelayedBytes are what this node passed on for others.
	RelayedMessages, RelayedBytes uint64
	// BytesIn and BytesOut are all traffic.
	BytesIn, BytesOut uint64
	// DHT is how many peers the hash table's routing table holds now.
	DHT int
}
