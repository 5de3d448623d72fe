package bootstrap

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/core/sec"
)

// Reason puts into a few words for people why an address was not reached. libp2p's
// own text names the same thing several times over.
func Reason(err error) string {
	var mismatch sec.ErrPeerIDMismatch
	var dns *net.DNSError
	var slow net.Error
	switch {
	case errors.Is(err, errSelf):
		return errSelf.Error()
	case errors.Is(err, errThrownOut):
		return errThrownOut.Error()
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

// Trouble is why the latest attempt failed, in a few words for people; empty while
// connected, and before any failed.
func (s SeedStatus) Trouble() string {
	if s.LastError == nil {
		return ""
	}
	return Reason(s.LastError)
}
