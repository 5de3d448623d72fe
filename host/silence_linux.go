package host

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unanswered reports whether what a TCP connection says is not acknowledged.
func unanswered(c syscall.RawConn) (is bool) {
	_ = c.Control(func(fd uintptr) { // fails on a closed connection, which is none
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		is = err == nil && info.Retransmits >= silenceResent &&
			time.Duration(info.Last_ack_recv)*time.Millisecond >= silenceAfter
	})
	return is
}
