package node

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/host"
)

// Config configures a Node. Only Key is required.
type Config struct {
	// Key is this node's Ed25519 identity.
	Key crypto.PrivKey
	// Listen are the addresses to listen on; ListenOptional those that may
	// fail where the machine lacks their address family.
	Listen, ListenOptional []ma.Multiaddr
	// Name is the nickname others see. If empty, they see the end of the peer ID.
	Name chat.Text
	// Seeds are the nodes to begin with; see Node.AddSeeds.
	Seeds []peer.AddrInfo
	// Seed makes this node a seed: a DHT server that takes no messages.
	Seed bool
	// RelayLimit bounds each connection that a seed relays. If zero, the host's
	// defaults.
	RelayLimit host.RelayLimit
	// NoPortMapping keeps the node from asking the router for a port.
	NoPortMapping bool
	// NoMDNS switches the look-out on the local network off.
	NoMDNS bool
	// Invisible keeps this node out of the list of who is online.
	Invisible bool
	// ShowRooms are rooms that others see us in, in the list of who is online, while
	// they are open: at most chat.MaxShownRooms of them, the first ones.
	ShowRooms []chat.RoomName
	// Book remembers peers across restarts. If nil, nobody does.
	Book discovery.Book
	// Blocked reports peers the user wants nothing of. If nil, none.
	Blocked func(chat.PeerID) bool
	// Stranger reports peers of whom the user said nothing yet: what they write
	// first in private is a request. If nil, nobody is one.
	Stranger func(chat.PeerID) bool
	// Ignored reports peers whose requests are not shown. If nil, none.
	Ignored func(chat.PeerID) bool
	// Requested is told of each message of a request, and says whether it is the
	// first. It may be nil.
	Requested func(p chat.PeerID, nick, text chat.Text, at time.Time) (first bool)
	// NoReadMarks keeps others from learning what the user has read.
	NoReadMarks bool
	// ContactName is the user's own name for a peer. If nil, there are none.
	ContactName func(chat.PeerID) (chat.Text, bool)
	// Nick is what a peer called itself in an earlier run. If nil, that is not
	// known.
	Nick func(chat.PeerID) (chat.Text, bool)
	// Metrics receives libp2p's metrics; see host.Config. If nil, none are kept.
	Metrics prometheus.Registerer
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
	// NewHost builds the host; tests put one of a network in memory here. If
	// nil, host.New.
	NewHost func(context.Context, host.Config) (*host.Host, error)
	// History is the log of messages. The node does not close it. If nil, the
	// node remembers in memory, and forgets when it ends.
	History Log
}

func (c Config) logger() *slog.Logger { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

func (c Config) blocked(p chat.PeerID) bool { return c.Blocked != nil && c.Blocked(p) }

func (c Config) stranger(p chat.PeerID) bool { return c.Stranger != nil && c.Stranger(p) }

func (c Config) ignored(p chat.PeerID) bool { return c.Ignored != nil && c.Ignored(p) }
