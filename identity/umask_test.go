//go:build unix

package identity

import (
	"path/filepath"
	"syscall"
	"testing"
)

// The umask belongs to the process: no test that runs beside this one may make files.
func TestUmaskChangesNothing(t *testing.T) {
	root := t.TempDir()
	for name, mask := range map[string]int{"none": 0, "usual": 0o022, "strict": 0o377} {
		old := syscall.Umask(mask)
		f, err := Open(filepath.Join(root, name))
		if err == nil {
			_, _, err = f.Key()
		}
		if err == nil {
			err = f.WriteFile("note", []byte("hi"))
		}
		syscall.Umask(old)
		if err != nil {
			t.Fatalf("umask %03o: %v", mask, err)
		}
		wantMode(t, f.Dir(), 0o700)
		wantMode(t, f.path(keyFile), 0o600)
		wantMode(t, f.path("note"), 0o600)
	}
}
