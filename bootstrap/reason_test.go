package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/libp2p/go-libp2p/core/sec"
)

func TestReasonIsForPeople(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("failed to dial: %w", syscall.ECONNREFUSED), "nobody listens there"},
		{errors.Join(errors.New("x"), sec.ErrPeerIDMismatch{}), "another peer ID answers there"},
		{&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, "there is no way to it from here"},
		{&net.DNSError{Err: "no such host", Name: "x"}, "its name is not known"},
		{context.DeadlineExceeded, "no answer in time"},
		{fmt.Errorf("failed to dial: %w", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), "no answer in time"},
		{errors.New("failed to dial x: no good addresses"), "the name leads to no address"},
		{errors.New("failed to dial: all dials failed"), "not reached"},
		{fmt.Errorf("reach seed: %w", errSelf), "this is our own address"},
		{fmt.Errorf("reach seed: %w", errThrownOut), "it closed the connection at once"},
	} {
		if got := Reason(c.err); got != c.want {
			t.Errorf("Reason(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}
