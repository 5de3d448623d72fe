package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"go.uber.org/goleak"

	"github.com/p2pchat/p2pchat/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func loopback() []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")} }

func newKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// start runs a host on loopback until the test ends.
func start(t testing.TB, cfg Config) *Host {
	t.Helper()
	if cfg.Key == nil {
		cfg.Key = newKey(t)
	}
	if cfg.Listen == nil {
		cfg.Listen = loopback()
	}
	h, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func connect(t testing.TB, a, b *Host) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()})
}

func TestHostsTalk(t *testing.T) {
	a, b := start(t, Config{UserAgent: "alice/1"}), start(t, Config{})
	b.SetStreamHandler("/echo", func(s network.Stream) {
		defer s.Close()
		_, _ = io.Copy(s, s)
	})
	if err := connect(t, a, b); err != nil {
		t.Fatal(err)
	}
	s, err := a.NewStream(t.Context(), b.ID(), "/echo")
	if err != nil {
		t.Fatal(err)
	}
	said := bytes.Repeat([]byte("hello "), 1000)
	go func() {
		_, _ = s.Write(said)
		_ = s.CloseWrite()
	}()
	if heard, err := io.ReadAll(s); err != nil || !bytes.Equal(heard, said) {
		t.Errorf("heard %d bytes, %v", len(heard), err)
	}
	c := a.Network().ConnsToPeer(b.ID())[0].ConnState()
	if c.Security != "/noise" || c.StreamMultiplexer != yamux.ID || c.Transport != "tcp" {
		t.Errorf("connection is %+v", c)
	}
	agent, err := a.Peerstore().Get(b.ID(), "AgentVersion")
	if err != nil || agent != "p2pchat" {
		t.Errorf("agent of b: %v, %v", agent, err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	a, b := start(t, Config{}), start(t, Config{})
	if err := connect(t, a, b); err != nil {
		t.Fatal(err)
	}
	port := a.Network().ListenAddresses()
	for range 2 {
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	start(t, Config{Listen: port}) // the port is free again
}

func TestNewNeedsASoundKey(t *testing.T) {
	if _, err := New(t.Context(), Config{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("without key: %v", err)
	}
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), Config{Key: key}); !errors.Is(err, chat.ErrBadPeerID) {
		t.Errorf("secp256k1 key: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	before := goleak.IgnoreCurrent()
	first := start(t, Config{})
	taken := first.Network().ListenAddresses()[0]
	for name, cfg := range map[string]Config{
		"required":     {Listen: []ma.Multiaddr{taken}},
		"second":       {Listen: append(loopback(), taken)},
		"optional too": {Listen: loopback(), ListenOptional: []ma.Multiaddr{taken}},
	} {
		cfg.Key = newKey(t)
		_, err := New(t.Context(), cfg)
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken.String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := goleak.Find(before); err != nil {
		t.Errorf("the failed hosts left: %v", err)
	}
}

func TestPortHeldByAnotherProgram(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, err := manet.FromNetAddr(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), Config{Key: newKey(t), Listen: []ma.Multiaddr{addr}}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
}

// noIPv6 is TCP on a machine without IPv6.
type noIPv6 struct{ Transport }

func (n noIPv6) Listen(a ma.Multiaddr) (transport.Listener, error) {
	if _, err := a.ValueForProtocol(ma.P_IP6); err == nil {
		return nil, &net.OpError{Op: "listen", Err: syscall.EAFNOSUPPORT}
	}
	return n.Transport.Listen(a)
}

func TestOptionalAddressMayBeMissing(t *testing.T) {
	cfg := Config{
		ListenOptional: []ma.Multiaddr{ma.StringCast("/ip6/::1/tcp/0")},
		Transport: func(u transport.Upgrader, rm network.ResourceManager) (Transport, error) {
			t, err := newTCP(u, rm, time.Second)
			return noIPv6{t}, err
		},
	}
	if got := start(t, cfg).Network().ListenAddresses(); len(got) != 1 {
		t.Errorf("listens on %v", got)
	}
	cfg.Key, cfg.Listen = newKey(t), cfg.ListenOptional
	if _, err := New(t.Context(), cfg); !errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Errorf("as a required address: %v", err)
	}
}

func TestProtectKeepsAPeer(t *testing.T) {
	a, b := start(t, Config{}), start(t, Config{})
	a.ConnManager().Protect(b.ID(), "room")
	if !a.ConnManager().IsProtected(b.ID(), "room") {
		t.Error("the connection manager forgets whom to protect")
	}
}

func TestCancelledNew(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx, Config{Key: newKey(t), Listen: loopback()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMuxerLeavesLibp2pAlone(t *testing.T) {
	if newMuxer(); yamux.DefaultTransport.KeepAliveInterval == keepAlive {
		t.Error("changed the global settings")
	}
}

func remember(h *Host, p peer.ID, at ...ma.Multiaddr) {
	h.Peerstore().AddAddrs(p, at, peerstore.PermanentAddrTTL)
}
