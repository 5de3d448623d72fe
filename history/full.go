package history

import (
	"errors"
	"syscall"
)

// isFull reports whether the system, not SQLite, said that there is no room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// isReadOnly reports whether the system said that the disk cannot be written.
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
