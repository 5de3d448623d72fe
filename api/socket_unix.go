//go:build unix

package api

import (
	"io/fs"
	"os"
	"syscall"
)

// hasModes is false where modes say nothing about other users.
const hasModes = true

// ownModes reports whether a file is this user's, and no other may write to it.
func ownModes(info fs.FileInfo) bool {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return false
	}
	return info.Mode().Perm()&writableByOthers == 0
}
