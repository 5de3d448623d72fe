package testnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

// ends makes two nodes without hosts, and a connection between them.
func ends(t testing.TB, cfg Config) (*Network, *conn, *conn) {
	t.Helper()
	n := New(t, cfg)
	a := &node{net: n, ip: address(1)}
	b := &node{net: n, ip: address(2)}
	n.all = append(n.all, a, b)
	ca, cb := newPair(a, b, netip.AddrPortFrom(a.ip, firstEphemeral), netip.AddrPortFrom(b.ip, Port))
	return n, ca, cb
}

// TestConnBehavesLikeAConn runs the checks of the standard library's own
// connections, in real time.
func TestConnBehavesLikeAConn(t *testing.T) {
	for name, cfg := range map[string]Config{
		"at once": {},
		"delayed": {Latency: time.Millisecond, Bandwidth: 64 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				_, a, b := ends(t, cfg)
				return a, b, func() { a.Close(); b.Close() }, nil
			})
		})
	}
}

func TestWriteWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := ends(t, Config{Latency: time.Second})
		_ = a.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := a.Write(make([]byte, 3*window))
		if n != window || !os.IsTimeout(err) {
			t.Errorf("wrote %d bytes that nobody reads, %v; want %d", n, err, window)
		}
		if time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) != time.Minute {
			t.Error("the deadline was not kept")
		}
		_ = a.SetWriteDeadline(time.Time{})
		done := make(chan error)
		go func() {
			_, err := a.Write(make([]byte, window))
			a.Close()
			done <- err
		}()
		got, err := io.ReadAll(b)
		if len(got) != 2*window || err != nil {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestBytesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := ends(t, Config{Latency: 50 * time.Millisecond})
		var want []byte
		go func() {
			defer a.Close()
			for i := range 300 {
				p := bytes.Repeat([]byte{byte(i)}, i)
				want = append(want, p...)
				if _, err := a.Write(p); err != nil {
					t.Error(err)
				}
				switch i {
				case 50:
					n.links[[2]*node{a.node, b.node}].latency = time.Millisecond
				case 100:
					n.cut(a.node, b.node)
				case 200:
					n.heal(a.node, b.node)
				}
				if i%3 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v; want %d in order", len(got), err, len(want))
		}
	})
}

func TestEndsOfAConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 10 * time.Millisecond
		n, a, b := ends(t, Config{Latency: latency})
		_ = b.Close()
		// The news travels; until then a writes into the void.
		if _, err := a.Write([]byte("x")); err != nil {
			t.Errorf("write before the end arrived: %v", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after the end arrived: %v", err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read from the closed end: %v", err)
		}
		if err := b.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		_ = a.Close()
		if len(n.pairs) != 0 {
			t.Error("a closed connection is remembered")
		}
	})
}
