package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/p2pchat/p2pchat/chat"
)

// maxFileName is the longest name that ReadFile and WriteFile take, in bytes.
const maxFileName = 100

// ReadFile returns the content of a file in the folder. If there is none the
// error is fs.ErrNotExist; if it has more than max bytes, chat.ErrTooLarge; if it
// is a folder, a pipe or the like, ErrDamaged.
func (f *Folder) ReadFile(name string, max int64) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	data, _, err := f.read(name, max)
	return data, err
}

// WriteFile replaces a file in the folder as a whole. When it returns nil, data
// is on stable storage; when it returns an error, or the process dies, the file
// is the old one or the new one. The mode is 0600. Names are 1 to 100 lower-case
// ASCII letters, digits, '-', '_' and '.', beginning with a letter or digit; the
// key and the locks are not to be had (ErrBadFileName).
func (f *Folder) WriteFile(name string, data []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	return f.edit(func() error { return f.replace(name, data) })
}

// checkName refuses what is not a plain file name everywhere, and the files
// that only this package may touch. Upper case is refused because some file
// systems fold it: "KEY" is the key there.
func checkName(name string) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
	}
	switch {
	case name == "", len(name) > maxFileName, name[0] == '.', name[0] == '-', name[0] == '_',
		strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }),
		!filepath.IsLocal(name), // Windows' device names
		strings.HasSuffix(name, "."):
		return fmt.Errorf("%w: %q", ErrBadFileName, name)
	case name == keyFile, name == lockFile, name == editFile:
		return fmt.Errorf("%w: %q is kept by package identity", ErrBadFileName, name)
	}
	return nil
}

// read returns a file's content and what Stat says of the very file it read.
func (f *Folder) read(name string, max int64) ([]byte, fs.FileInfo, error) {
	path := f.path(name)
	// Opening a named pipe would wait for ever.
	if info, err := os.Stat(path); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w: %s: not a plain file", ErrDamaged, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	var data []byte
	if info.Size() <= max {
		// The size may be a lie, or grow.
		if data, err = io.ReadAll(io.LimitReader(file, max+1)); err != nil {
			return nil, nil, err
		}
	}
	if max < info.Size() || max < int64(len(data)) {
		return nil, nil, fmt.Errorf("%w: %s has more than %d bytes", chat.ErrTooLarge, path, max)
	}
	return data, info, nil
}

// replace implements WriteFile. It runs within edit.
func (f *Folder) replace(name string, data []byte) error {
	temp, err := f.writeTemp(name, data)
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path(name), cause(err))
	}
	if err := os.Rename(temp, f.path(name)); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.path(name), err), os.Remove(temp))
	}
	if err := syncDir(f.dir); err != nil {
		return fmt.Errorf("write %s: %w", f.path(name), err)
	}
	return nil
}

// tempName is the file in which the next content of name is prepared. There is
// only one, so that crashes leave one file behind and not many.
func tempName(name string) string { return "." + name + ".tmp" }

// writeTemp writes and syncs data to the temporary file of name. It runs within
// edit, so what is there is left over from a crash.
func (f *Folder) writeTemp(name string, data []byte) (path string, err error) {
	path = f.path(tempName(name))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return "", err
	}
	// The umask may have taken bits of the owner's.
	err = file.Chmod(fileMode)
	if err == nil {
		_, err = file.Write(data)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

// syncDir makes what was renamed or made in dir survive a power cut, where the
// system can do that.
func syncDir(dir string) error {
	if !hasModes {
		return nil // Windows has no such call
	}
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a parent that we may not list
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err // EINVAL: some network file systems
	}
	return nil
}
