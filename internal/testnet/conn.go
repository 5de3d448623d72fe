package testnet

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A conn is one end of an in-memory connection.
type conn struct {
	node          *node
	local, remote netip.AddrPort
	in, out       *half
	closing       sync.Once
	onClose       func()
}

var _ manet.Conn = (*conn)(nil)

// newPair connects two nodes. The ends are equal but for their direction.
func newPair(a, b *node, aAddr, bAddr netip.AddrPort) (*conn, *conn) {
	there, back := newHalf(a.net.link(a, b)), newHalf(a.net.link(b, a))
	ca := &conn{node: a, local: aAddr, remote: bAddr, in: back, out: there}
	cb := &conn{node: b, local: bAddr, remote: aAddr, in: there, out: back}
	p := &pair{a: ca, b: cb}
	p.open.Store(2)
	ca.onClose, cb.onClose = func() { a.net.ended(p) }, func() { a.net.ended(p) }
	a.net.began(p)
	return ca, cb
}

func (c *conn) Read(p []byte) (int, error) { return c.in.read(p) }

func (c *conn) Write(p []byte) (int, error) {
	if c.in.ended() {
		return 0, opError("write", syscall.EPIPE)
	}
	return c.out.write(p)
}

// Close lets what was written arrive, which is kinder than libp2p's TCP, where
// Close resets; nothing above may rely on it.
func (c *conn) Close() error {
	err := error(opError("close", net.ErrClosed))
	c.closing.Do(func() {
		c.out.closeWriter()
		c.in.closeReader()
		c.onClose()
		err = nil
	})
	return err
}

func (c *conn) LocalAddr() net.Addr           { return net.TCPAddrFromAddrPort(c.local) }
func (c *conn) RemoteAddr() net.Addr          { return net.TCPAddrFromAddrPort(c.remote) }
func (c *conn) LocalMultiaddr() ma.Multiaddr  { return multiaddr(c.local) }
func (c *conn) RemoteMultiaddr() ma.Multiaddr { return multiaddr(c.remote) }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.readBy.set(t)
	c.out.writeBy.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.readBy.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.writeBy.set(t)
	return nil
}

// reset kills the connection at both ends.
func (c *conn) reset() {
	c.in.fail(syscall.ECONNRESET)
	c.out.fail(syscall.ECONNRESET)
}

// refuse resets a connection that nobody will ever accept.
func (c *conn) refuse() {
	c.reset()
	_ = c.Close()
}
