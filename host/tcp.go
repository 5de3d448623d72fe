package host

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A RawConn is a connection before Noise, which knows its addresses.
type RawConn = manet.Conn

// tcpTransport is libp2p's TCP transport, made honest about ports in use and
// able to dial without handshakes.
type tcpTransport struct {
	*tcp.TcpTransport
}

func newTCP(upgrader transport.Upgrader, rm network.ResourceManager, timeout time.Duration) (Transport, error) {
	t, err := tcp.NewTCPTransport(upgrader, rm, nil, tcp.WithConnectionTimeout(min(timeout, connectRound)))
	if err != nil {
		return nil, err
	}
	return tcpTransport{t}, nil
}

// Listen fails if somebody else has the port. libp2p alone would not: it sets
// SO_REUSEPORT, which hole punching needs, and then two nodes of one user share
// a port and the kernel deals their callers out at random.
func (t tcpTransport) Listen(addr ma.Multiaddr) (transport.Listener, error) {
	if err := portFree(addr); err != nil {
		return nil, err
	}
	l, err := t.TcpTransport.Listen(addr)
	if err != nil {
		return nil, err
	}
	return listener{l}, nil
}

// A listener says that it was closed in the one way that the swarm understands.
// libp2p's own, when closed right after it was opened (a second address failed),
// does not, and the swarm prints an error on the user's terminal.
type listener struct{ transport.Listener }

func (l listener) Accept() (transport.CapableConn, error) {
	c, err := l.Listener.Accept()
	if err != nil && err.Error() == transport.ErrListenerClosed.Error() {
		return nil, transport.ErrListenerClosed
	}
	return c, err
}

// portFree takes the port without sharing, and gives it back.
func portFree(addr ma.Multiaddr) error {
	family, hostport, err := manet.DialArgs(addr)
	if err != nil {
		return err
	}
	l, err := net.Listen(family, hostport)
	if err != nil {
		return err
	}
	return l.Close()
}

// DialRaw does not reuse the listening port: the connection lives for a moment
// and must not be in the way of the real one that follows.
func (t tcpTransport) DialRaw(ctx context.Context, addr ma.Multiaddr) (RawConn, error) {
	family, hostport, err := manet.DialArgs(addr)
	if err != nil {
		return nil, err
	}
	var d net.Dialer // not manet.Dialer, which does not know names
	c, err := d.DialContext(ctx, family, hostport)
	if err != nil {
		return nil, err
	}
	wrapped, err := manet.WrapNetConn(c)
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connection to %s: %w", addr, err)
	}
	return wrapped, nil
}
