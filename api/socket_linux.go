package api

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// shortPath is a path of a socket in a folder, short enough for the system; done
// must be called when it is not needed any more. Where the real one is too long,
// it goes through an open folder.
func shortPath(dir, name string) (path string, done func(), err error) {
	if path = filepath.Join(dir, name); len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name), func() { d.Close() }, nil
}

// checkPeer refuses the process at the other end if another user runs it, and tells
// which process that is: of a listener's, the one that made it.
func checkPeer(c net.Conn) (pid int, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("%w: not a connection of this machine", ErrExposed)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if failed != nil {
		return 0, fmt.Errorf("%w: who is at the other end is not known: %w", ErrExposed, failed)
	}
	return int(cred.Pid), judgePeer(int(cred.Uid), os.Geteuid())
}

// judgePeer refuses another user.
func judgePeer(theirs, ours int) error {
	if theirs != ours {
		return fmt.Errorf("%w: user %d is at the other end", ErrExposed, theirs)
	}
	return nil
}
