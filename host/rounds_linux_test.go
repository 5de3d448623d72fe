package host

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
)

func TestRounds(t *testing.T) { synctest.Test(t, testRounds) }

func testRounds(t *testing.T) {
	refused, nobody := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	handshake := errors.New("failed to negotiate")
	for _, c := range []struct {
		answers []error
		dials   int
	}{
		{[]error{nil}, 1},
		{[]error{nobody, nobody, nil}, 3},
		{[]error{nobody, refused, nil}, 2},
		{[]error{nobody, handshake, nil}, 2},
		{[]error{&net.OpError{Op: "dial", Err: syscall.EAGAIN}, nil}, 1}, // no way to go round and round
	} {
		dials := 0
		_, err := inRounds(t.Context(), func() (transport.CapableConn, error) {
			time.Sleep(connectRound)
			dials++
			return nil, c.answers[dials-1]
		})
		if dials != c.dials || !errors.Is(err, c.answers[dials-1]) {
			t.Errorf("%v: %d dials, %v", c.answers, dials, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	dials := 0
	_, err := inRounds(ctx, func() (transport.CapableConn, error) {
		time.Sleep(connectRound)
		if dials++; dials == 3 {
			cancel()
		}
		return nil, nobody
	})
	if dials != 3 || err == nil {
		t.Errorf("%d dials after the end, %v", dials, err)
	}
	dials = 0
	_, err = inRounds(t.Context(), func() (transport.CapableConn, error) {
		dials++
		return nil, nobody // at once: the deadline is over, the context a moment behind
	})
	if dials != 1 || err == nil {
		t.Errorf("%d dials in no time, %v", dials, err)
	}
}

// TestSilenceOfARealPort shows what the operating system's silence looks like.
func TestSilenceOfARealPort(t *testing.T) {
	alice := start(t, Config{})
	to, id := fullPort(t), peerOf(t)
	began := time.Now()
	tcp := alice.transport.(tcpTransport).TcpTransport
	if _, err := tcp.Dial(t.Context(), to, id); !silent(err) {
		t.Errorf("one round ends with %v", err)
	}
	if took := time.Since(began).Round(100 * time.Millisecond); took != connectRound {
		t.Errorf("one round takes %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), connectRound+connectRound/4)
	defer cancel()
	began = time.Now()
	if _, err := alice.transport.Dial(ctx, to, id); err == nil {
		t.Error("somebody answered")
	}
	if took := time.Since(began); took < connectRound+connectRound/5 {
		t.Errorf("given up after %v", took)
	}
}

func peerOf(t *testing.T) peer.ID {
	t.Helper()
	id, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// fullPort is a port that does not answer: nobody empties its queue.
func fullPort(t *testing.T) ma.Multiaddr {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	t.Cleanup(func() { _ = f.Close() })
	if err := errors.Join(
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0),
	); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(at.(*syscall.SockaddrInet4).Port)
	for {
		c, err := net.DialTimeout("tcp4", "127.0.0.1:"+port, 100*time.Millisecond)
		if err != nil {
			return ma.StringCast("/ip4/127.0.0.1/tcp/" + port)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}
