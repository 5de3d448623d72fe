package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); hasModes && got != want {
		t.Errorf("%s has mode %04o, want %04o", path, got, want)
	}
}

func TestOpenMakesPrivateFolder(t *testing.T) {
	root := t.TempDir()
	f := openFolder(t, filepath.Join(root, "new", "data"))
	wantMode(t, f.Dir(), 0o700)
	wantMode(t, filepath.Join(root, "new"), 0o700)
	openFolder(t, f.Dir())
	wantFiles(t, f) // nothing is left of looking whether it can be written
}

func TestOpenKeepsAbsolutePath(t *testing.T) {
	t.Chdir(t.TempDir())
	f := openFolder(t, "data")
	t.Chdir(t.TempDir())
	if err := f.WriteFile("note", []byte("hi")); err != nil {
		t.Errorf("after a change of working directory: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	withMode := func(name string, mode fs.FileMode) string {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	readOnly := withMode("readonly", 0o500)
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		readOnly = "/proc/self" // nor can root make a file there
	}
	tests := []struct {
		name, dir string
		want      error
		says      string
	}{
		{"empty path", "", ErrFolder, "empty"},
		{"a file", file, ErrFolderNotDir, file},
		{"below a file", filepath.Join(file, "a", "b"), ErrFolderNotDir, file},
		{"not writable", readOnly, ErrFolderNotWritable, readOnly},
		{"cannot be made", filepath.Join(readOnly, "data"), ErrFolderNotWritable, readOnly},
		{"all may write", withMode("shared", 0o777), ErrFolderExposed, "0777: chmod 700 "},
		{"the group may write", withMode("group", 0o770), ErrFolderExposed, "0770: chmod 700 "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !hasModes && errors.Is(test.want, ErrFolder) && test.dir != file && test.dir != "" {
				t.Skip("no modes on this system")
			}
			_, err := Open(test.dir)
			if !errors.Is(err, test.want) || !errors.Is(err, ErrFolder) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if text := err.Error(); !strings.Contains(text, test.says) || strings.Contains(text, "\n") {
				t.Errorf("got %q, want one line with %q", text, test.says)
			}
		})
	}
}

func TestOpenTakesFolderOthersMayRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	openFolder(t, dir)
	wantMode(t, dir, 0o755) // it is the user's
}

// TestOpenToRead: what is there can be read where nothing can be written, and what
// would have to be written is refused.
func TestOpenToRead(t *testing.T) {
	if !hasModes || os.Geteuid() == 0 {
		t.Skip("needs a folder that this user cannot write: see testdata/disk in cmd/p2pchat for root")
	}
	f := openFolder(t, filepath.Join(t.TempDir(), "data"))
	_, id, err := f.Key()
	if err != nil {
		t.Fatal(err)
	}
	dir := f.Dir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if _, err := Open(dir); !errors.Is(err, ErrFolderNotWritable) {
		t.Errorf("Open: %v", err)
	}
	r, err := OpenToRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantReadOnly(t, r, id)
}

// TestReadOnlyFolder is the same with a folder that is only said to be read-only.
func TestReadOnlyFolder(t *testing.T) {
	f := openFolder(t, filepath.Join(t.TempDir(), "data"))
	_, id, err := f.Key()
	if err != nil {
		t.Fatal(err)
	}
	r := &Folder{dir: f.Dir(), readOnly: ErrFolderNotWritable}
	wantReadOnly(t, r, id)
	empty := &Folder{dir: t.TempDir(), readOnly: ErrFolderNotWritable}
	if _, _, err := empty.Key(); !errors.Is(err, ErrFolderNotWritable) {
		t.Errorf("a key where none can be made: %v", err)
	}
}

func wantReadOnly(t *testing.T, r *Folder, id chat.PeerID) {
	t.Helper()
	if _, got, err := r.Key(); got != id || err != nil {
		t.Errorf("the key is %s, %v", got, err)
	}
	if contacts, err := r.Contacts(); err != nil {
		t.Error(err)
	} else if err := contacts.Add("bob", id); !errors.Is(err, ErrFolderNotWritable) {
		t.Errorf("Add: %v", err)
	}
	if _, err := r.Lock(); !errors.Is(err, ErrFolderNotWritable) {
		t.Errorf("Lock: %v", err)
	}
	if err := r.WriteFile("note", nil); !errors.Is(err, ErrFolderNotWritable) {
		t.Errorf("WriteFile: %v", err)
	}
}
