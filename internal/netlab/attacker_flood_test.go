package netlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	dhtpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// drips is how long one who is half-way through a handshake waits between bytes.
	drips = 200 * time.Millisecond
	// unreaders is how many identities do not read, and unreadStreams how many
	// streams each opens of each protocol.
	unreaders, unreadStreams = 18, 16
	// unreadQuestions is how much each asks on a stream.
	unreadQuestions = 100
)

// dripHandshakes opens TCP connections; one half says nothing, the other gives a byte
// of a Noise handshake every now and then: IP:PORT COUNT ADDRESS...
func dripHandshakes(ctx context.Context, args []string) (outcome, error) {
	var dripping conns
	got, err := openMany(ctx, args, func(c net.Conn) { dripping.add(c) })
	go dripping.drip(ctx)
	return got, err
}

// beginHandshakes opens TCP connections and leaves them in the middle of the
// handshake: IP:PORT COUNT ADDRESS...
func beginHandshakes(ctx context.Context, args []string) (outcome, error) {
	kept := new(conns)
	context.AfterFunc(ctx, kept.close) // else the collector would, sooner
	return openMany(ctx, args, func(c net.Conn) {
		kept.add(c)
		// The length and the beginning of a Noise message; the other side may have
		// hung up by now.
		_, _ = c.Write([]byte{0, 32, 1, 2, 3})
	})
}

// openMany opens TCP connections as a program's arguments say.
func openMany(ctx context.Context, args []string, opened func(net.Conn)) (outcome, error) {
	var count int
	if _, err := fmt.Sscan(args[1], &count); err != nil {
		return outcome{}, err
	}
	from, err := addrs(args[2:])
	if err != nil {
		return outcome{}, err
	}
	return repeat(count, func(i int) error {
		d := net.Dialer{Timeout: time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from[i%len(from)], 0))}
		c, err := d.DialContext(ctx, "tcp", args[0])
		if err == nil {
			opened(c)
		}
		return err
	}), nil
}

// conns are connections that are kept.
type conns struct {
	mu  sync.Mutex
	all []net.Conn
}

func (c *conns) add(n net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, n)
}

func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.all {
		_ = n.Close()
	}
}

// drip writes to every second connection until ctx ends.
func (c *conns) drip(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The length of the first message of Noise, and its beginning.
	text := append([]byte{0, 32}, strings.Repeat("n", 31)...)
	tick := time.NewTicker(drips)
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(text) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for j := 0; j < len(c.all); j += 2 {
			_, _ = c.all[j].Write(text[i : i+1]) // many are closed by now
		}
	}
}

// neverRead opens all streams that a node gives and reads none. Those of the DHT it
// asks what has long answers; to gossip it listens without reading: NODE ADDRESS.
func neverRead(ctx context.Context, args []string) (outcome, error) {
	node, from, err := target(args)
	if err != nil {
		return outcome{}, err
	}
	protocols := []protocol.ID{
		"/meshsub/1.2.0", "/p2pchat/direct/1.0.0", "/p2pchat/catchup/1.0.0", kadProtocol,
		"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", hopProtocol, dialRequest,
	}
	var who [unreaders]corehost.Host
	for i := range who {
		if who[i], err = intrude(ctx, from[0], node); err != nil {
			return outcome{}, err
		}
		for _, p := range protocols[:3] {
			who[i].SetStreamHandler(p, func(network.Stream) {}) // which is never read
		}
	}
	return repeat(unreaders*len(protocols)*unreadStreams, func(i int) error {
		p := protocols[i/unreaders%len(protocols)]
		s, err := openNow(ctx, who[i%unreaders], node.ID, p)
		if err != nil {
			return err
		}
		return ask(s, p)
	}), nil
}

// ask asks for whatever has an answer, again and again.
func ask(s network.Stream, p protocol.ID) error {
	if err := s.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	for range unreadQuestions {
		var err error
		switch p {
		case kadProtocol:
			err = writeKad(s, dhtpb.NewMessage(dhtpb.Message_FIND_NODE, []byte(s.Conn().RemotePeer()), 0))
		case "/ipfs/ping/1.0.0":
			_, err = s.Write(make([]byte, 32))
		default:
			_, err = s.Write([]byte{2, 0, 0})
			return err
		}
		if err != nil {
			return nil //nolint:nilerr // it had enough of us, as it should
		}
	}
	return nil
}
