package host

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

func TestPeerAt(t *testing.T) {
	a, b := start(t, Config{}), start(t, Config{})
	got, err := a.PeerAt(t.Context(), b.Network().ListenAddresses()[0])
	if err != nil || got != b.ID() {
		t.Errorf("got %s, %v, want %s", got, err, b.ID())
	}
	if n := len(a.Network().Conns()); n != 0 {
		t.Errorf("%d connections left", n)
	}
	// The handshake's name resolves like any other.
	port, _ := b.Network().ListenAddresses()[0].ValueForProtocol(ma.P_TCP)
	addr, err := ParseHostPort("localhost:" + port)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.PeerAt(t.Context(), addr); err != nil || got != b.ID() {
		t.Errorf("by name: %s, %v", got, err)
	}
}

func TestPeerAtFindsNoPeer(t *testing.T) {
	asker := start(t, Config{DialTimeout: 300 * time.Millisecond})
	serve := func(answer func(net.Conn)) ma.Multiaddr {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				answer(c)
			}
		}()
		a, err := manet.FromNetAddr(l.Addr())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	free := start(t, Config{})
	unused := free.Network().ListenAddresses()[0]
	free.Close()

	for name, c := range map[string]struct {
		at   ma.Multiaddr
		want error
	}{
		"nobody": {unused, ErrNobodyListens},
		"silence": {serve(func(c net.Conn) {
			t.Cleanup(func() { c.Close() })
		}), ErrNoAnswer},
		"hangs up": {serve(func(c net.Conn) { c.Close() }), ErrNotAPeer},
		"web server": {serve(func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}), ErrNotAPeer},
	} {
		if _, err := asker.PeerAt(t.Context(), c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := asker.PeerAt(ctx, unused); err == nil {
		t.Error("asked in spite of a cancelled context")
	}
}

func TestParseHostPort(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:4001":        "/ip4/192.0.2.1/tcp/4001",
		" 192.0.2.1:4001 ":      "/ip4/192.0.2.1/tcp/4001",
		"[2001:db8::1]:4001":    "/ip6/2001:db8::1/tcp/4001",
		"[::ffff:192.0.2.1]:80": "/ip4/192.0.2.1/tcp/80",
		"example.org:65535":     "/dns/example.org/tcp/65535",
		"192.0.2.1":             "",
		"192.0.2.1:":            "",
		"192.0.2.1:0":           "",
		"192.0.2.1:65536":       "",
		"192.0.2.1:-1":          "",
		":4001":                 "",
		"a/b:4001":              "",
		"a b:4001":              "",
		"2001:db8::1:4001":      "",
		"[fe80::1%eth0]:4001":   "",
		"":                      "",
	} {
		got, err := ParseHostPort(in)
		if want == "" {
			if err == nil {
				t.Errorf("%q: got %s, want an error", in, got)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%q: got %v, %v, want %s", in, got, err, want)
		}
	}
}
