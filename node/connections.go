package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// The roles of a connection's other end.
const (
	RoleSeed    = "seed"
	RoleContact = "contact"
	RoleMember  = "member"
	RoleOther   = "other"
)

const (
	// maxStreamsShown is how many streams of one connection are listed: a peer
	// can open hundreds.
	maxStreamsShown = 32
	// maxProtocolShown is how many bytes of a protocol's name are: a peer
	// chooses what it asks for.
	maxProtocolShown = 64
)

// What every connection of ours is secured and shared by: package host has no
// other.
const (
	onlySecurity = "/noise"
	onlyMuxer    = "/yamux/1.0.0"
)

// A Connection is one connection of this node, and with whom it is.
type Connection struct {
	Peer chat.PeerID
	// Name is how the peer is shown; it may be empty.
	Name chat.Text
	// Role is what the peer is to us: the first that fits of RoleSeed,
	// RoleContact, RoleMember (of a room we are in, or of the list of who is
	// online) and RoleOther.
	Role string
	// Local and Remote are the addresses of the two ends.
	Local, Remote string
	// Inbound is set if the peer opened the connection.
	Inbound bool
	// Relayed is set if it goes through another peer, which is Via; that is zero
	// if it is not known.
	Relayed bool
	Via     chat.PeerID
	// Transport, Security and Muxer are what carries it, such as "tcp",
	// "/noise" and "/yamux/1.0.0". Each may be empty.
	Transport, Security, Muxer string
	Opened                     time.Time
	// In and Out are how many bytes went over it, as the machine's network saw
	// them; zero if that is not known.
	In, Out uint64
	// RTT is the round trip to the peer, or zero if it did not answer in time.
	// It takes the way that new streams take, so it is the same for all
	// connections to one peer.
	RTT time.Duration
	// Streams are the protocols in use, each with ">" before it if we opened the
	// stream and "<" if the peer did; at most 32, safe to show.
	Streams []string
}

// Connections lists what this node is connected to, by peer and then by age. It
// pings each peer and so takes up to about two seconds, or a multiple of that
// with very many peers that do not answer.
func (n *Node) Connections(ctx context.Context) ([]Connection, error) {
	members, err := n.membersOfRooms(ctx)
	if err != nil {
		return nil, err
	}
	var out []Connection
	for _, c := range n.host.Network().Conns() {
		if conn, ok := n.connection(c, members); ok {
			out = append(out, conn)
		}
	}
	slices.SortFunc(out, func(a, b Connection) int {
		return cmp.Or(a.Peer.Compare(b.Peer), a.Opened.Compare(b.Opened), cmp.Compare(a.Remote, b.Remote))
	})
	n.pingAll(ctx, out)
	return out, nil
}

// connection describes one connection, or reports false if its peer cannot be
// one of ours.
func (n *Node) connection(c network.Conn, members map[chat.PeerID]bool) (Connection, bool) {
	p, err := chat.PeerIDFromLibp2p(c.RemotePeer())
	if err != nil {
		return Connection{}, false
	}
	stat, state := c.Stat(), c.ConnState()
	out := Connection{
		Peer: p, Name: n.Name(p), Role: n.role(p, members),
		Local: chat.SafeString(c.LocalMultiaddr().String()), Remote: chat.SafeString(c.RemoteMultiaddr().String()),
		Inbound:   stat.Direction == network.DirInbound,
		Transport: state.Transport, Security: string(state.Security), Muxer: string(state.StreamMultiplexer),
		Opened: stat.Opened, Streams: streamsOf(c),
	}
	if out.Security == "" { // libp2p does not tell it of relayed ones
		out.Security, out.Muxer = onlySecurity, onlyMuxer
	}
	out.Relayed, out.Via = via(c.RemoteMultiaddr())
	out.In, out.Out = n.host.Traffic(c)
	return out, true
}

// role is what a peer is to us.
func (n *Node) role(p chat.PeerID, members map[chat.PeerID]bool) string {
	if n.isSeed(p.Libp2p()) {
		return RoleSeed
	}
	if n.cfg.ContactName != nil {
		if _, named := n.cfg.ContactName(p); named {
			return RoleContact
		}
	}
	if members[p] {
		return RoleMember
	}
	return RoleOther
}

// membersOfRooms are all whom this node knows to be in a room with it, or in a
// private talk.
func (n *Node) membersOfRooms(ctx context.Context) (map[chat.PeerID]bool, error) {
	n.mu.Lock()
	convs := n.snapshot()
	n.mu.Unlock()
	all := make(map[chat.PeerID]bool)
	for _, c := range convs {
		members, err := n.Members(ctx, c.conv)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue // it was just left
		}
		for _, m := range members {
			all[m.Peer] = true
		}
	}
	return all, nil
}

// via tells whether a remote address is one through a relay, and through whose.
func via(addr ma.Multiaddr) (relayed bool, relay chat.PeerID) {
	before, after := ma.SplitFunc(addr, func(c ma.Component) bool { return c.Protocol().Code == ma.P_CIRCUIT })
	if len(after) == 0 {
		return false, chat.PeerID{}
	}
	if text, err := before.ValueForProtocol(ma.P_P2P); err == nil {
		relay, _ = chat.ParsePeerID(text) // zero if it is of no kind we know
	}
	return true, relay
}

// streamsOf lists what a connection is used for.
func streamsOf(c network.Conn) []string {
	streams := c.GetStreams()
	out := make([]string, 0, min(len(streams), maxStreamsShown))
	for _, st := range streams {
		if len(out) == maxStreamsShown {
			break
		}
		name := string(st.Protocol())
		if len(name) > maxProtocolShown {
			name = name[:maxProtocolShown]
		}
		if name == "" {
			continue // not agreed yet
		}
		way := ">"
		if st.Stat().Direction == network.DirInbound {
			way = "<"
		}
		out = append(out, way+chat.SafeString(name))
	}
	slices.Sort(out)
	return out
}

// pingAll fills in the round trips, one ping for each peer.
func (n *Node) pingAll(ctx context.Context, conns []Connection) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxPings)
	for i := 0; i < len(conns); {
		same := conns[i:]
		for k := range same {
			if same[k].Peer != same[0].Peer {
				same = same[:k]
				break
			}
		}
		i += len(same)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			rtt := n.ping(ctx, same[0].Peer)
			for k := range same {
				same[k].RTT = rtt
			}
		})
	}
	wg.Wait()
}
