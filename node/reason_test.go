package node

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
)

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
