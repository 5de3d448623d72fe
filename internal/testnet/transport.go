package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
	mafmt "github.com/multiformats/go-multiaddr-fmt"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/p2pchat/p2pchat/host"
)

const (
	// synAgain is when an unanswered attempt to connect is repeated first; the
	// pause doubles each time, as TCP's does.
	synAgain = time.Second

	// backlog is how many connections wait to be accepted; more are refused.
	backlog = 1024

	// firstEphemeral is where the ports of dialled connections begin.
	firstEphemeral = 49152
)

// memTransport takes the place of TCP: same addresses, same upgrade to Noise
// and yamux, same accounting in the resource manager.
type memTransport struct {
	node     *node
	upgrader transport.Upgrader
	rm       network.ResourceManager
}

var _ host.Transport = (*memTransport)(nil)

func (t *memTransport) String() string                 { return "memory" }
func (t *memTransport) Protocols() []int               { return []int{ma.P_TCP} }
func (t *memTransport) Proxy() bool                    { return false }
func (t *memTransport) CanDial(addr ma.Multiaddr) bool { return mafmt.TCP.Matches(addr) }

func (t *memTransport) Dial(ctx context.Context, addr ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	scope, err := t.rm.OpenConnection(network.DirOutbound, true, addr)
	if err != nil {
		return nil, err
	}
	c, err := t.dial(ctx, addr, p, scope)
	if err != nil {
		scope.Done()
		return nil, err
	}
	return c, nil
}

func (t *memTransport) dial(ctx context.Context, addr ma.Multiaddr, p peer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	if err := scope.SetPeer(p); err != nil {
		return nil, err
	}
	c, err := t.DialRaw(ctx, addr)
	if err != nil {
		return nil, err
	}
	dir := network.DirOutbound
	if ok, isClient, _ := network.GetSimultaneousConnect(ctx); ok && !isClient {
		dir = network.DirInbound
	}
	return t.upgrader.Upgrade(ctx, t, c, dir, p, scope)
}

// DialRaw takes one round trip, like TCP. While the way is cut, or the other
// machine is off or was never there, it goes on asking until ctx ends.
func (t *memTransport) DialRaw(ctx context.Context, addr ma.Multiaddr) (host.RawConn, error) {
	to, err := addrPort(addr)
	if err != nil {
		return nil, err
	}
	t.node.knocks(to)
	for again := synAgain; ; again *= 2 {
		c, err := t.node.connect(ctx, to)
		if !errors.Is(err, errLost) {
			if err != nil {
				return nil, opError("dial", err)
			}
			return c, nil
		}
		if !pause(ctx, again) {
			return nil, opError("dial", contextError(ctx))
		}
	}
}

// errLost says that a packet of the handshake vanished.
var errLost = errors.New("lost on the way")

// connect is one SYN and what comes of it.
func (n *node) connect(ctx context.Context, to netip.AddrPort) (*conn, error) {
	target := n.net.nodeAt(to.Addr())
	if target == nil || target.off.Load() || n.off.Load() {
		return nil, errLost
	}
	there, back := n.net.link(n, target), n.net.link(target, n)
	if err := travel(ctx, there); err != nil {
		return nil, err
	}
	l := target.listener(to.Port())
	if err := travel(ctx, back); err != nil {
		return nil, err
	}
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := newPair(n, target, netip.AddrPortFrom(n.ip, n.ephemeral()), to)
	// The caller is connected now; the listener learns it one way later.
	latency, _ := there.way()
	l.deliver(theirs, latency)
	return ours, nil
}

// travel waits for as long as a packet takes over l.
func travel(ctx context.Context, l *link) error {
	latency, cut := l.way()
	if cut {
		return errLost
	}
	if latency > 0 && !pause(ctx, latency) {
		return contextError(ctx)
	}
	if _, cut := l.way(); cut {
		return errLost
	}
	return nil
}

// pause waits for d and tells whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// contextError words the end of a context as the net package does.
func contextError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return ctx.Err()
}

func (t *memTransport) Listen(addr ma.Multiaddr) (transport.Listener, error) {
	at, err := addrPort(addr)
	if err != nil {
		return nil, err
	}
	l, err := t.node.listen(at)
	if err != nil {
		return nil, opError("listen", err)
	}
	return t.upgrader.UpgradeGatedMaListener(t, t.upgrader.GateMaListener(l)), nil
}

// A listener queues connections until they are accepted.
type listener struct {
	node *node
	at   netip.AddrPort

	mu     sync.Mutex
	closed bool
	queue  chan *conn
	done   chan struct{}
}

var _ manet.Listener = (*listener)(nil)

func (l *listener) Accept() (manet.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, opError("accept", net.ErrClosed)
	}
}

// deliver hands c to Accept after the given time. Should the listener be gone
// or full by then, the connection is reset.
func (l *listener) deliver(c *conn, after time.Duration) {
	if after > 0 {
		time.AfterFunc(after, func() { l.deliver(c, 0) })
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && !l.node.off.Load() {
		select {
		case l.queue <- c:
			return
		default:
		}
	}
	c.refuse()
}

func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return opError("close", net.ErrClosed)
	}
	l.closed = true
	close(l.done)
	l.node.unlisten(l)
	for {
		select {
		case c := <-l.queue:
			c.refuse()
		default:
			return nil
		}
	}
}

func (l *listener) Addr() net.Addr          { return net.TCPAddrFromAddrPort(l.at) }
func (l *listener) Multiaddr() ma.Multiaddr { return multiaddr(l.at) }

func multiaddr(a netip.AddrPort) ma.Multiaddr {
	return ma.StringCast(fmt.Sprintf("/ip4/%s/tcp/%d", a.Addr(), a.Port()))
}

// addrPort reads /ip4/A/tcp/P, with or without /p2p/ID behind it.
func addrPort(a ma.Multiaddr) (netip.AddrPort, error) {
	family, hostport, err := manet.DialArgs(a)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if family != "tcp4" {
		return netip.AddrPort{}, fmt.Errorf("testnet has IPv4 and TCP only, not %s", a)
	}
	return netip.ParseAddrPort(hostport)
}
