package node

import (
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/rooms"
)

// This file says what those we are connected with are to us.

// Connected reports whether there is a connection to p, direct or relayed.
func (n *Node) Connected(p chat.PeerID) bool {
	switch n.host.Network().Connectedness(p.Libp2p()) {
	case network.Connected, network.Limited:
		return true
	default:
		return false
	}
}

// relayed reports whether all our connections to p go through a relay that
// bounds them: gossip does not use these.
func (n *Node) relayed(p chat.PeerID) bool {
	return n.host.Network().Connectedness(p.Libp2p()) == network.Limited
}

// isSeed reports whether p is one of the seeds this node was given.
func (n *Node) isSeed(p peer.ID) bool { return n.given.has(p) }

// forwards reports whether p passes on rooms without being in them. Only seeds
// do, and they alone relay. Until identify has told, who was given as a seed is
// taken for one: anybody may be given as one.
func (n *Node) forwards(p peer.ID) bool {
	book := n.host.Peerstore()
	if known, err := book.GetProtocols(p); err != nil || len(known) == 0 {
		return n.isSeed(p)
	}
	got, err := book.SupportsProtocols(p, proto.ProtoIDv2Hop)
	return err == nil && len(got) > 0
}

// roomsConfig is what rooms is started with. A seed passes on the rooms of those
// it relays for.
func (n *Node) roomsConfig() rooms.Config {
	cfg := rooms.Config{
		Self: n.self, Key: n.cfg.Key, Nick: n.nick, Seed: n.cfg.Seed, Log: n.cfg.logger(),
		Forwarder: n.forwards, Forgotten: n.forgotten,
	}
	if n.cfg.Seed {
		cfg.Forward = n.host.Reserved
	}
	return cfg
}

// moved is called when this machine changed its network, or woke up.
func (n *Node) moved(why string) {
	if !n.complete() {
		return
	}
	n.cfg.logger().Debug("moved", "why", why)
	n.seeds.Moved()
	n.discovery.Moved()
}

// forgotten is called when a member was disconnected because gossipsub had lost
// sight of it.
func (n *Node) forgotten(p chat.PeerID) {
	if n.complete() {
		n.discovery.Redial(p)
	}
}

// complete reports whether the node has all its parts. Some of them call us before
// the others are made.
func (n *Node) complete() bool {
	select {
	case <-n.attaching:
		return true
	default:
		return false
	}
}
