package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// socketName is the socket's name in the data folder.
	socketName = "node.sock"
	// newSocketName is what it is called until nobody else can write to it.
	newSocketName = "node.sock.new"
	// maxSocketPath is the longest path that every system takes for a socket, in
	// bytes.
	maxSocketPath = 103
	// socketMode lets only the owner connect.
	socketMode fs.FileMode = 0o600
	// writableByOthers are the mode bits that neither the socket nor its folder may
	// have.
	writableByOthers fs.FileMode = 0o022
	// connectTimeout bounds one attempt to connect.
	connectTimeout = 2 * time.Second
)

// SocketPath is where the node of a data folder is found.
func SocketPath(dir string) string { return filepath.Join(dir, socketName) }

// listen makes the folder's socket. The caller holds the folder's lock, so a
// socket that is there belongs to nobody, unless somebody answers at it.
func listen(ctx context.Context, dir string) (*net.UnixListener, error) {
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	for _, name := range []string{newSocketName, socketName} {
		if err := removeStale(ctx, dir, name); err != nil {
			return nil, err
		}
	}
	l, err := bind(dir, newSocketName)
	if err != nil {
		return nil, err
	}
	made := filepath.Join(dir, newSocketName)
	err = os.Chmod(made, socketMode)
	if err == nil {
		err = checkSocket(made)
	}
	if err == nil { // only now it can be found
		err = os.Rename(made, SocketPath(dir))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrSocket, err), l.Close(), os.Remove(made))
	}
	return l, nil
}

// bind listens at a name in a folder.
func bind(dir, name string) (*net.UnixListener, error) {
	path, done, err := shortPath(dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("%w: listen at %s: %w", ErrSocket, filepath.Join(dir, name), cause(err))
	}
	l.SetUnlinkOnClose(false) // it is renamed; see Server.Close
	return l, nil
}

// removeStale removes a socket at which nobody answers, as one that was killed
// leaves it.
func removeStale(ctx context.Context, dir, name string) error {
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrSocket, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w: %s is something else: move it away", ErrSocket, path)
	}
	c, err := connect(ctx, dir, name)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("%w: %s answers", ErrServed, path), c.Close())
	case !nobodyThere(err):
		return fmt.Errorf("%w: %s: %w", ErrSocket, path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrSocket, err)
	}
	return nil
}

// dial connects to the folder's socket, after a look at who could write to it, and
// tells which process made it, or 0 where the system does not say. It fails with
// ErrNoNode if nobody is there.
func dial(ctx context.Context, dir string) (_ net.Conn, pid int, err error) {
	err = checkFolder(dir)
	if err == nil {
		err = checkSocket(SocketPath(dir))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("%w on %s", ErrNoNode, dir)
	case err != nil:
		return nil, 0, err
	}
	c, err := connect(ctx, dir, socketName)
	switch {
	case nobodyThere(err):
		return nil, 0, fmt.Errorf("%w on %s", ErrNoNode, dir)
	case err != nil:
		return nil, 0, fmt.Errorf("connect to the node on %s: %w", dir, err)
	}
	if pid, err = checkPeer(c); err != nil {
		return nil, 0, errors.Join(err, c.Close())
	}
	return c, pid, nil
}

// connect connects to a name in a folder.
func connect(ctx context.Context, dir, name string) (*net.UnixConn, error) {
	path, done, err := shortPath(dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: connectTimeout}
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, cause(err)
	}
	return c.(*net.UnixConn), nil
}

// nobodyThere reports whether an error of connect means that nobody listens.
func nobodyThere(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// checkFolder refuses a folder in which another user could put a socket.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !ownModes(info):
		return fmt.Errorf("%w: others may write in %s: chmod 700 %s, if it is yours", ErrExposed, dir, dir)
	}
	return nil
}

// checkSocket refuses a socket that is not ours alone.
func checkSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket && hasModes:
		return fmt.Errorf("%w: %s is no socket", ErrSocket, path)
	case !ownModes(info):
		return fmt.Errorf("%w: %s: remove it, if no node of yours runs", ErrExposed, path)
	}
	return nil
}

// cause drops what an error of package net or os says of paths, which may be
// those of shortPath.
func cause(err error) error {
	var op *net.OpError
	var sys *os.SyscallError
	switch {
	case errors.As(err, &sys):
		return sys
	case errors.As(err, &op):
		return op.Err
	default:
		return err
	}
}
