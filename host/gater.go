package host

import (
	"log/slog"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// A gater refuses two kinds of peers, whoever dials: those the user blocked,
// and those whose identity proves nothing (not Ed25519, or a key of small
// order, for which one signature fits every message; libp2p accepts both).
type gater struct {
	blocked func(peer.ID) bool
	crowded func(ma.Multiaddr) bool // nil: never
	log     *slog.Logger
}

var _ connmgr.ConnectionGater = (*gater)(nil)

func (g *gater) allow(p peer.ID) bool {
	if _, err := chat.PeerIDFromLibp2p(p); err != nil {
		g.log.Debug("refused a peer without a sound identity", "peer", p, "err", err)
		return false
	}
	if g.blocked != nil && g.blocked(p) {
		g.log.Debug("refused a blocked peer", "peer", p)
		return false
	}
	return true
}

// InterceptPeerDial runs before addresses are looked up, so a blocked peer's
// machine does not hear from us at all.
func (g *gater) InterceptPeerDial(p peer.ID) bool { return g.allow(p) }

// InterceptAddrDial allows every address: a peer is refused as a whole.
func (g *gater) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

// InterceptAccept only keeps an address from taking the last places: who calls is
// known after the handshake.
func (g *gater) InterceptAccept(c network.ConnMultiaddrs) bool {
	return g.crowded == nil || !g.crowded(c.RemoteMultiaddr())
}

// InterceptSecured runs right after the Noise handshake, before the stranger
// can open a stream.
func (g *gater) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.allow(p)
}

// InterceptUpgraded asks once more, for connections that a transport secured by
// itself (a relayed one) and for a block made during the handshake.
func (g *gater) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	return g.allow(c.RemotePeer()), 0
}
