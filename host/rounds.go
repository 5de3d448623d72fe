package host

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
)

// connectRound is how long the kernel's attempt to open a TCP connection is left
// alone. Many ask at once, a second later, and then with pauses that double, so
// that a way which is whole again would be noticed up to four seconds late. Two
// questions a round are one a second. Whoever answers later than this could not
// finish the handshakes, which take three more round trips, in defaultDialTimeout.
const connectRound = 2 * time.Second

// DialWithUpdates is libp2p's, in rounds.
func (t tcpTransport) DialWithUpdates(ctx context.Context, raddr ma.Multiaddr, p peer.ID, updates chan<- transport.DialUpdate) (transport.CapableConn, error) {
	return inRounds(ctx, func() (transport.CapableConn, error) {
		return t.TcpTransport.DialWithUpdates(ctx, raddr, p, updates)
	})
}

// Dial is libp2p's, in rounds.
func (t tcpTransport) Dial(ctx context.Context, raddr ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	return t.DialWithUpdates(ctx, raddr, p, nil)
}

// inRounds calls dial, which gives up opening after connectRound, until it has
// another answer than silence or ctx ends. A dial that takes less than a round has
// seen the end of ctx, and there is no other.
func inRounds(ctx context.Context, dial func() (transport.CapableConn, error)) (transport.CapableConn, error) {
	for {
		began := time.Now()
		c, err := dial()
		if err == nil || !silent(err) || time.Since(began) < connectRound || ctx.Err() != nil {
			return c, err
		}
	}
}

// silent reports whether a connection was given up because nothing came back. A
// handshake that is not answered has another error.
func silent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" &&
		(errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded))
}
