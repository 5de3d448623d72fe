package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/core/sec"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
)

// reason puts into a few words why an address was not reached. libp2p's error
// goes into chat.Notice.Detail, for those who ask: it names the same thing
// several times over.
func reason(err error) string {
	var mismatch sec.ErrPeerIDMismatch
	var dns *net.DNSError
	var slow net.Error
	switch {
	case errors.As(err, &mismatch):
		return "another peer ID answers there"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to it from here"
	case errors.As(err, &dns):
		return "its name is not known"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "no answer in time"
	case strings.Contains(err.Error(), noGoodAddresses):
		return "the name leads to no address"
	}
	return "not reached"
}

// noGoodAddresses is libp2p's error when no name could be resolved. It is in a
// package that only host may import; its text is as good.
const noGoodAddresses = "no good addresses"

// seedTrouble says which seed does not answer, and why; both are empty while
// nothing is known. detail is safe to be shown.
func seedTrouble(seeds []bootstrap.SeedStatus) (text, detail string) {
	failed := 0
	for _, s := range seeds {
		if s.Connected || s.LastError == nil {
			continue
		}
		if failed++; failed > 1 {
			continue
		}
		detail = chat.SafeString(s.LastError.Error())
		text = reason(s.LastError)
		if len(s.Addrs) > 0 {
			text = chat.SafeString(s.Addrs[0].String()) + ": " + text
		}
	}
	if failed > 1 {
		text += fmt.Sprintf("; and %d more", failed-1)
	}
	return text, detail
}

// tryingNotice says why a private talk is not connected yet.
func tryingNotice(conv chat.Conversation, err error) chat.Notice {
	n := chat.Notice{
		Conversation: conv, Code: chat.NoticeUnreachable, Detail: chat.SafeString(err.Error()),
		Text: "peer " + conv.Peer.String() + " cannot be reached where it was last known to be",
	}
	if errors.Is(err, chat.ErrNotFound) {
		n.Code = chat.NoticeNotFound
		n.Text = "peer " + conv.Peer.String() + " was not found: nobody who was asked knows where it is"
	}
	return n
}
