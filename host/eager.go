package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	manet "github.com/multiformats/go-multiaddr/net"
	mss "github.com/multiformats/go-multistream"
)

// errNoNoise says that the other side did not agree to Noise.
var errNoNoise = errors.New("the other side does not speak Noise over multistream")

// An eagerUpgrader saves one round trip of each dial. There is one security
// protocol, Noise, so what the other side answers to its name is known before
// it comes: we say the name and the first words of Noise at once, and look at
// the answer when it is there. Others see the bytes they always see.
type eagerUpgrader struct{ transport.Upgrader }

// Upgrade is the inner one's.
func (u eagerUpgrader) Upgrade(ctx context.Context, t transport.Transport, c manet.Conn, dir network.Direction, p peer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	if dir == network.DirOutbound {
		c = newEagerConn(c)
	}
	return u.Upgrader.Upgrade(ctx, t, c, dir, p, scope)
}

// An eagerConn answers the choice of Noise itself, and holds our part of it
// back until there is more to send. One goroutine reads and one writes, as they
// do with any connection in its handshakes.
type eagerConn struct {
	manet.Conn
	choice []byte // what both sides say

	held  []byte // not written yet
	began bool   // the choice was written, or is held

	canned []byte // what the reader still gets of our own answer
	agreed bool   // the other side's answer was read
}

func newEagerConn(c manet.Conn) *eagerConn {
	var choice bytes.Buffer
	for _, name := range []protocol.ID{mss.ProtocolID, noise.ID} {
		choice.WriteByte(byte(len(name) + 1)) // a varint below 128
		choice.WriteString(string(name) + "\n")
	}
	return &eagerConn{Conn: c, choice: choice.Bytes(), canned: choice.Bytes()}
}

// Write holds the choice back.
func (c *eagerConn) Write(p []byte) (int, error) {
	if !c.began {
		if !bytes.Equal(p, c.choice) {
			return 0, fmt.Errorf("choose Noise: unexpected first words %q", p)
		}
		c.began, c.held = true, c.choice
		return len(p), nil
	}
	if len(c.held) == 0 {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(slices.Concat(c.held, p))
	n = max(n-len(c.held), 0)
	c.held = nil
	return n, err
}

// Read gives the answer that is expected, then looks at the real one.
func (c *eagerConn) Read(p []byte) (int, error) {
	if len(c.canned) > 0 {
		n := copy(p, c.canned)
		c.canned = c.canned[n:]
		return n, nil
	}
	if !c.agreed {
		answer := make([]byte, len(c.choice))
		if _, err := io.ReadFull(c.Conn, answer); err != nil {
			return 0, err
		}
		if !bytes.Equal(answer, c.choice) {
			return 0, errNoNoise
		}
		c.agreed = true
	}
	return c.Conn.Read(p)
}

// Stat is the inner connection's, if it has one.
func (c *eagerConn) Stat() network.ConnStats { return statOf(c.Conn) }
