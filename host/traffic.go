package host

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxCounted bounds the connections that are counted one by one; the resource
// manager allows fewer, so a connection that finds no room is one it refuses.
const maxCounted = 2 * connsAll

// Traffic is how many bytes a connection has brought and taken on the wire, TCP
// payload with all handshakes; 0, 0 if it is not known. A relayed connection's
// bytes are counted here and, inside those of the relay's, once more.
func (h *Host) Traffic(c network.Conn) (in, out uint64) {
	return h.traffic.of(connKey(c, c.RemotePeer().String()))
}

// TotalTraffic is the same of all connections since the start; what was relayed
// is in it once.
func (h *Host) TotalTraffic() (in, out uint64) { return h.traffic.total.read() }

// A count is the bytes of one connection, or of all.
type count struct {
	in, out atomic.Uint64
	raw     syscall.RawConn // nil if there is no socket below
}

func (c *count) read() (in, out uint64) { return c.in.Load(), c.out.Load() }

// traffic counts what goes over raw connections.
type traffic struct {
	total count

	mu    sync.Mutex
	conns map[string]*count // by connKey
}

func newTraffic() *traffic { return &traffic{conns: make(map[string]*count)} }

func (t *traffic) of(key string) (in, out uint64) {
	t.mu.Lock()
	c := t.conns[key]
	t.mu.Unlock()
	if c == nil {
		return 0, 0
	}
	return c.read()
}

// wrap counts what is read from and written to raw until it is closed.
func (t *traffic) wrap(raw manet.Conn) manet.Conn {
	c := &countedConn{Conn: raw, key: connKey(raw, relayedPeer(raw)), all: t}
	c.relayed = isCircuit(raw.RemoteMultiaddr())
	if socket, ok := raw.(syscall.Conn); ok {
		c.raw, _ = socket.SyscallConn() // an error: there is none
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.conns) < maxCounted {
		t.conns[c.key] = &c.count
	}
	return c
}

func (t *traffic) forget(c *countedConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns[c.key] == &c.count { // not a later one between the same two ports
		delete(t.conns, c.key)
	}
}

// connKey tells connections apart that are open at the same time. A TCP
// connection is its two ends; over one relay there is one connection with each
// peer, or seldom a second, which then takes the first one's place.
func connKey(c network.ConnMultiaddrs, remote string) string {
	to := c.RemoteMultiaddr()
	if isCircuit(to) {
		return to.String() + " " + remote
	}
	return c.LocalMultiaddr().String() + " " + to.String()
}

// relayedPeer is who is at the other end of a relayed connection not yet
// secured, which the relay's client says in its own kind of address.
func relayedPeer(raw manet.Conn) string {
	if a, ok := raw.RemoteAddr().(*circuitAddr); ok {
		return a.Remote
	}
	return ""
}

func isCircuit(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// A countedConn counts its bytes.
type countedConn struct {
	manet.Conn
	count
	key     string
	relayed bool // its bytes are in the relay's connection already
	all     *traffic
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.in.Add(uint64(n))
		if !c.relayed {
			c.all.total.in.Add(uint64(n))
		}
	}
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.out.Add(uint64(n))
		if !c.relayed {
			c.all.total.out.Add(uint64(n))
		}
	}
	return n, err
}

func (c *countedConn) Close() error {
	c.all.forget(c)
	return c.Conn.Close()
}

// Stat is the inner connection's, if it has one: a relayed one says there that
// it is limited.
func (c *countedConn) Stat() network.ConnStats { return statOf(c.Conn) }

func statOf(c manet.Conn) network.ConnStats {
	if cs, ok := c.(network.ConnStat); ok {
		return cs.Stat()
	}
	return network.ConnStats{}
}

// A countingUpgrader counts connections in both directions below Noise.
type countingUpgrader struct {
	transport.Upgrader
	traffic *traffic
}

// Upgrade is the inner one's, for connections that we dialled.
func (u countingUpgrader) Upgrade(ctx context.Context, t transport.Transport, c manet.Conn, dir network.Direction, p peer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	return u.Upgrader.Upgrade(ctx, t, u.traffic.wrap(c), dir, p, scope)
}

// UpgradeGatedMaListener is the inner one's, whose connections do not pass
// Upgrade. It comes after TCP has set its options on them.
func (u countingUpgrader) UpgradeGatedMaListener(t transport.Transport, l transport.GatedMaListener) transport.Listener {
	return u.Upgrader.UpgradeGatedMaListener(t, countingListener{l, u.traffic})
}

type countingListener struct {
	transport.GatedMaListener
	traffic *traffic
}

func (l countingListener) Accept() (manet.Conn, network.ConnManagementScope, error) {
	c, scope, err := l.GatedMaListener.Accept()
	if err != nil {
		return nil, nil, err
	}
	return l.traffic.wrap(c), scope, nil
}
