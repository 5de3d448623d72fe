//go:build !linux

package host

import "syscall"

// unanswered is what this system does not tell.
func unanswered(syscall.RawConn) bool { return false }
