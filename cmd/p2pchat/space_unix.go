//go:build linux || darwin

package main

import "syscall"

// freeSpace is how many bytes this user may still write where dir is, if the
// system says so.
func freeSpace(dir string) (free uint64, known bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return st.Bavail * uint64(st.Bsize), true
}
