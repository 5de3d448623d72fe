package netlab

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	tptu "github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// attackWithin bounds each step of an attack.
	attackWithin = 10 * time.Second
	// attackers is how many of an attack's steps run at a time.
	attackers = 16
)

// attacks are the programs that do what p2pchat does not. Each tells with Events what
// became of it, and keeps what it got until its input ends.
func attacks() map[string]func(args []string) error {
	return map[string]func(args []string) error{
		"reserve":  attack(reserveMuch),
		"circuits": attack(circuitsToNowhere),
		"crowd":    attack(circuitsOfMany),
		"dialback": attack(askForDialBacks),
		"junk":     attack(spreadJunk),
		"flood":    attack(beginHandshakes),
		"silence":  attack(dripHandshakes),
		"unread":   attack(neverRead),
	}
}

// attack wraps an attack's step in what all have in common.
func attack(f func(ctx context.Context, args []string) (outcome, error)) func([]string) error {
	return func(args []string) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		got, err := f(ctx, args)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(Event{Type: "done", Reached: got.granted, Missing: got.refused, Text: got.text}); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		return err
	}
}

// An outcome is what became of an attack.
type outcome struct {
	granted, refused int
	text             string // of one of the refusals, or whatever is worth a look
}

// A tally counts outcomes on many goroutines.
type tally struct {
	mu  sync.Mutex
	sum outcome
}

// add counts one attempt.
func (t *tally) add(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.sum.granted++
		return
	}
	t.sum.refused++
	t.sum.text = err.Error()
}

// repeat calls f n times, some at a time, and counts what became of it.
func repeat(n int, f func(i int) error) outcome {
	var (
		t    tally
		next atomic.Int64
		wg   sync.WaitGroup
	)
	for range attackers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				t.add(f(i))
			}
		})
	}
	wg.Wait()
	return t.sum
}

// A stranger is a new identity at one of the attacker's addresses. It listens there if
// it is given a port, and lets itself be told nothing: no limits, no gater. It is
// never closed; the program's end ends it.
func newStranger(from netip.Addr, port string) (corehost.Host, error) {
	key, id, err := newIdentity()
	if err != nil {
		return nil, err
	}
	ps, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ps.AddPrivKey(id, key), ps.AddPubKey(id, key.GetPublic())); err != nil {
		return nil, err
	}
	bus, rm := eventbus.NewBus(), &network.NullResourceManager{}
	sw, err := swarm.NewSwarm(id, ps, bus, swarm.WithResourceManager(rm))
	if err != nil {
		return nil, err
	}
	muxers := []tptu.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}}
	security, err := noise.New(noise.ID, key, muxers)
	if err != nil {
		return nil, err
	}
	up, err := tptu.New([]sec.SecureTransport{security}, muxers, nil, rm, nil)
	if err != nil {
		return nil, err
	}
	at, err := tcp.NewTCPTransport(up, rm, nil, tcp.WithDialerForAddr(func(ma.Multiaddr) (tcp.ContextDialer, error) {
		return &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}, nil
	}))
	if err != nil {
		return nil, err
	}
	if err := sw.AddTransport(at); err != nil {
		return nil, err
	}
	h, err := basichost.NewHost(sw, &basichost.HostOpts{EventBus: bus})
	if err != nil {
		return nil, err
	}
	h.Start()
	if port != "" {
		err = sw.Listen(ma.StringCast("/ip4/" + from.String() + "/tcp/" + port))
	}
	return h, err
}

// newIdentity makes up somebody whose identity is sound.
func newIdentity() (crypto.PrivKey, peer.ID, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	id, err := peer.IDFromPrivateKey(key)
	return key, id, err
}

// intrude makes a stranger who is connected to a node.
func intrude(ctx context.Context, from netip.Addr, to peer.AddrInfo) (corehost.Host, error) {
	h, err := newStranger(from, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, attackWithin)
	defer cancel()
	return h, h.Connect(ctx, to)
}

// addrs reads addresses.
func addrs(args []string) (all []netip.Addr, err error) {
	for _, s := range args {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// target reads a node's full address and the addresses to attack it from.
func target(args []string) (to peer.AddrInfo, from []netip.Addr, err error) {
	info, err := peer.AddrInfoFromString(args[0])
	if err != nil {
		return to, nil, err
	}
	from, err = addrs(args[1:])
	return *info, from, err
}
