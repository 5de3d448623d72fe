package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockFile = "lock"      // held for as long as a node runs
	editFile = "edit.lock" // held for the time of one change

	// pidAt is where in the lock file the holder's process ID begins. Byte 0 is
	// what flock locks on Windows, and there nobody can read or write it.
	pidAt = 1
	// pidWidth is how many bytes the ID has, filled up with spaces, so that the
	// file need not be cut.
	pidWidth = 20

	// editWait is how long one change waits for others. A change takes a few
	// milliseconds; who holds the lock longer is stopped or hangs.
	editWait = 10 * time.Second
	// editRetry is how often a waiting change tries again.
	editRetry = 2 * time.Millisecond
)

// Lock makes the caller the one node of this folder, until it calls unlock (which
// it must keep till then) or its process ends in whatever way. The lock file then
// holds its process ID. If another holds the lock (another Folder in the same process, too), the error
// wraps ErrInUse and names the process. Calling unlock again does nothing.
func (f *Folder) Lock() (unlock func() error, err error) {
	if f.readOnly != nil {
		return nil, f.readOnly
	}
	path := f.path(lockFile)
	if err := makeLockFile(path); err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	lock := flock.New(path, flock.SetPermissions(fileMode))
	switch ok, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock data folder: %w", err)
	case !ok:
		return nil, fmt.Errorf("%w: %s, by %s", ErrInUse, f.dir, holder(path))
	}
	if err := writePID(path, strconv.Itoa(os.Getpid())); err != nil {
		return nil, errors.Join(fmt.Errorf("lock data folder: %w", err), lock.Unlock())
	}
	return sync.OnceValue(func() error {
		// The file stays: removing it would let two processes lock two files of
		// one name. The ID goes, so that nobody blames a process that is gone.
		return errors.Join(writePID(path, ""), lock.Unlock())
	}), nil
}

// makeLockFile makes the lock file if there is none, with byte 0 in place.
func makeLockFile(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(" ")
	return errors.Join(err, file.Close())
}

// writePID writes pid into the lock file, through a handle of its own: closing
// that does not end the lock.
func writePID(path, pid string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(fmt.Appendf(nil, "%-*s\n", pidWidth, pid), pidAt)
	return errors.Join(err, file.Close())
}

// holder names the process that holds the lock at path, as far as it says so.
func holder(path string) string {
	const somebody = "another process" // which has the lock but did not yet write its ID
	file, err := os.Open(path)
	if err != nil {
		return somebody
	}
	defer file.Close()
	b := make([]byte, pidWidth)
	n, _ := file.ReadAt(b, pidAt) // a short file gives a short ID
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return somebody
	}
	return fmt.Sprintf("process %d", pid)
}

// edit runs change while no other goroutine or process changes the folder's
// files. It must not be nested.
func (f *Folder) edit(change func() error) (err error) {
	if f.readOnly != nil {
		return f.readOnly
	}
	ctx, cancel := context.WithTimeout(context.Background(), editWait)
	defer cancel()
	select {
	case f.edits <- struct{}{}:
		defer func() { <-f.edits }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %s", ErrBusy, f.dir)
	}
	lock := flock.New(f.path(editFile), flock.SetPermissions(fileMode))
	switch ok, err := lock.TryLockContext(ctx, editRetry); {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s", ErrBusy, f.dir)
	case err != nil:
		return fmt.Errorf("lock data folder for a change: %w", err)
	case !ok:
		return fmt.Errorf("%w: %s", ErrBusy, f.dir)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	return change()
}
