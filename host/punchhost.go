package host

import (
	"context"
	"errors"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	mss "github.com/multiformats/go-multistream"
)

// A punchHost is the host as libp2p's hole punching sees it, which leaves to the
// puncher what it would do by itself: begin when somebody has come through a
// relay, dial directly whatever addresses are known, and change roles in its
// third attempt.
type punchHost struct {
	*Host
	p *puncher
}

// Network does not tell of connections.
func (h punchHost) Network() network.Network { return quietNetwork{h.Host.Network()} }

// Peerstore has no addresses, so that none is dialled before the punch: a dial
// from one side alone spoils it, and crossed ones both fail.
func (h punchHost) Peerstore() peerstore.Peerstore { return addresslessBook{h.Host.Peerstore()} }

// SetStreamHandler lets only those peers begin a punch whose turn it is.
func (h punchHost) SetStreamHandler(id protocol.ID, handle network.StreamHandler) {
	h.Host.SetStreamHandler(id, func(s network.Stream) {
		end, err := h.p.follow(s.Conn().RemotePeer())
		if err != nil {
			_ = s.Reset() // it hears in any case that it may not
			return
		}
		defer end()
		handle(s)
	})
}

// NewStream opens the stream of a punch over a connection by which the peer has
// come to us. There may be one by which we have come to it as well, and what
// arrives over that the peer refuses, as beginning is its part there. The name of
// the protocol is sent along with the first words; an answer is not waited for.
func (h punchHost) NewStream(ctx context.Context, to peer.ID, ids ...protocol.ID) (network.Stream, error) {
	for _, c := range h.Host.Network().ConnsToPeer(to) {
		if c.Stat().Direction == network.DirInbound && isCircuit(c.RemoteMultiaddr()) && !c.IsClosed() {
			return openStream(ctx, c, ids[0])
		}
	}
	return nil, errNotCalled
}

var errNotCalled = errors.New("the peer has not come to us through a relay")

func openStream(ctx context.Context, c network.Conn, id protocol.ID) (network.Stream, error) {
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.SetProtocol(id); err != nil {
		_ = s.Reset() // nothing was said yet
		return nil, err
	}
	return namedStream{s, mss.NewMSSelect(s, id)}, nil
}

// A namedStream says the name of its protocol before the first words.
type namedStream struct {
	network.Stream
	rw mss.LazyConn
}

// Read is the stream's, without the answer to the name.
func (s namedStream) Read(p []byte) (int, error) { return s.rw.Read(p) }

// Write is the stream's, with the name first.
func (s namedStream) Write(p []byte) (int, error) { return s.rw.Write(p) }

// Connect dials at the addresses that were agreed on. Whoever has begun is the
// one who is spoken to in the handshake, in all attempts: in the third, libp2p
// would have both sides speak first, as peers of old times expect. What is in the
// peerstore for the punch goes when it has failed.
func (h punchHost) Connect(ctx context.Context, info peer.AddrInfo) error {
	if h.p.begins(info.ID) {
		var cancel context.CancelFunc
		ctx, cancel = h.listening(ctx)
		defer cancel()
	}
	known := h.Host.Peerstore().Addrs(info.ID)
	holes := ma.FilterAddrs(slices.Clone(info.Addrs), func(a ma.Multiaddr) bool { return !ma.Contains(known, a) })
	h.p.mark(info.ID, holes)
	err := h.Host.Connect(ctx, info)
	if err != nil {
		h.Host.Peerstore().SetAddrs(info.ID, holes, 0)
	}
	return err // identify has removed them by now
}

// listening is a context for the side that is spoken to, as long as ctx lives.
// The other role cannot be taken out of ctx.
func (h punchHost) listening(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancel(h.ctx)
	stop := context.AfterFunc(ctx, cancel)
	own = network.WithForceDirectDial(network.WithSimultaneousConnect(own, false, "punch"), "punch")
	return own, func() { stop(); cancel() }
}

// A quietNetwork notifies nobody.
type quietNetwork struct{ network.Network }

// Notify does nothing.
func (quietNetwork) Notify(network.Notifiee) {}

// StopNotify does nothing.
func (quietNetwork) StopNotify(network.Notifiee) {}

// An addresslessBook knows everything of peers but where they are.
type addresslessBook struct{ peerstore.Peerstore }

// Addrs gives none.
func (addresslessBook) Addrs(peer.ID) []ma.Multiaddr { return nil }
