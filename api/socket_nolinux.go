//go:build !linux

package api

import (
	"fmt"
	"net"
	"path/filepath"
)

// shortPath is a path of a socket in a folder, short enough for the system; done
// must be called when it is not needed any more.
func shortPath(dir, name string) (path string, done func(), err error) {
	if path = filepath.Join(dir, name); len(path) > maxSocketPath {
		return "", nil, tooLong(path)
	}
	return path, func() {}, nil
}

// checkPeer trusts the file's modes, which keep other users out.
func checkPeer(net.Conn) (pid int, err error) { return 0, nil }

// tooLong is the error of a path that no socket can have.
func tooLong(path string) error {
	return fmt.Errorf("%w: the path %s has %d bytes, and a socket's has at most %d: choose a folder with a shorter one",
		ErrSocket, path, len(path), maxSocketPath)
}
