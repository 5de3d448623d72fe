package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/libp2p/go-libp2p/core/sec"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
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
	} {
		if got := reason(c.err); got != c.want {
			t.Errorf("reason(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestSeedTroubleNamesOneAndCountsTheOthers(t *testing.T) {
	t.Parallel()
	down := bootstrap.SeedStatus{
		Addrs:     []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/1")},
		LastError: fmt.Errorf("reach: %w", syscall.ECONNREFUSED),
	}
	text, detail := seedTrouble([]bootstrap.SeedStatus{{}, down, {Connected: true}, down, down})
	if want := "/ip4/192.0.2.1/tcp/1: nobody listens there; and 2 more"; text != want {
		t.Errorf("text = %q, want %q", text, want)
	}
	if !strings.Contains(detail, "reach: ") {
		t.Errorf("detail = %q, want the error itself", detail)
	}
	if text, detail := seedTrouble([]bootstrap.SeedStatus{{}}); text != "" || detail != "" {
		t.Errorf("nothing known: %q, %q; want neither", text, detail)
	}
}

func TestTryingNoticeKeepsTheErrorToTheDetail(t *testing.T) {
	t.Parallel()
	raw := errors.New("failed to dial: failed to dial x: all dials failed")
	for err, code := range map[error]chat.NoticeCode{
		fmt.Errorf("%w: %w", chat.ErrUnreachable, raw): chat.NoticeUnreachable,
		fmt.Errorf("%w: %w", chat.ErrNotFound, raw):    chat.NoticeNotFound,
	} {
		n := tryingNotice(chat.With(chat.PeerID{1}), err)
		if n.Code != code || strings.Contains(n.Text, "dial") || !strings.Contains(n.Detail, "all dials failed") {
			t.Errorf("notice of %v = %+v", err, n)
		}
	}
}
