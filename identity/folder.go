package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

const (
	// dirMode is the mode of folders that Open makes.
	dirMode fs.FileMode = 0o700
	// fileMode is the mode of every file in the folder.
	fileMode fs.FileMode = 0o600
	// openToOthers are the mode bits that a key file must not have.
	openToOthers fs.FileMode = 0o077
	// writableByOthers are the mode bits that the folder must not have: who may
	// write in a folder may replace every file in it.
	writableByOthers fs.FileMode = 0o022

	// hasModes is false where modes say nothing about other users; there the
	// user's profile is private by the access lists it inherits.
	hasModes = runtime.GOOS != "windows"
)

// A Folder is one data folder: one identity. Its methods may be called by
// several goroutines, and by several processes at once.
type Folder struct {
	dir string
	// readOnly is why nothing can be written, or nil: see OpenToRead.
	readOnly error
	// edits lets one goroutine of this process change files at a time. A channel,
	// not a mutex, so that waiting for it can end, and counts as waiting in tests
	// with fake time.
	edits chan struct{}
}

// Open checks the data folder at dir, and makes it (0700, its parents too) if
// there is none. Every error wraps ErrFolder, most a closer one too:
// ErrFolderNotDir, ErrFolderNotWritable or ErrFolderExposed.
func Open(dir string) (*Folder, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: its path is empty", ErrFolder)
	}
	dir, err := filepath.Abs(dir) // holds whatever the working directory is later
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	return &Folder{dir: dir, edits: make(chan struct{}, 1)}, nil
}

// OpenToRead is Open for those who only look. A folder that is there and cannot be
// written will do: a read-only disk, another user's backup. What would have to be
// written there then fails with ErrFolderNotWritable, such as a key at its first use.
func OpenToRead(dir string) (*Folder, error) {
	f, err := Open(dir)
	if !errors.Is(err, ErrFolderNotWritable) {
		return f, err
	}
	abs, bad := filepath.Abs(dir)
	if bad != nil {
		return nil, err
	}
	if info, bad := os.Stat(abs); bad != nil || !info.IsDir() {
		return nil, err
	}
	return &Folder{dir: abs, edits: make(chan struct{}, 1), readOnly: err}, nil
}

// Dir is the folder's absolute path.
func (f *Folder) Dir() string { return f.dir }

// path is the path of a file in the folder.
func (f *Folder) path(name string) string { return filepath.Join(f.dir, name) }

// makeFolder makes dir and its parents where they are missing.
func makeFolder(dir string) error {
	var missing []string // dir first
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%w: %s", ErrFolderNotDir, at)
		case err == nil && len(missing) == 0:
			return nil
		// Below a file everything is "not a directory": go up to name the file.
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			missing = append(missing, at)
			if at != filepath.Dir(at) {
				continue
			}
		case err != nil:
			return fmt.Errorf("%w: %w", ErrFolderNotWritable, err)
		}
		break
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("%w: %w", ErrFolderNotWritable, err)
	}
	// The umask may have taken bits of the owner's too.
	if err := os.Chmod(dir, dirMode); err != nil {
		return fmt.Errorf("%w: %w", ErrFolderNotWritable, err)
	}
	for _, made := range missing {
		if err := syncDir(filepath.Dir(made)); err != nil {
			return fmt.Errorf("%w: %w", ErrFolder, err)
		}
	}
	return nil
}

// checkFolder judges a folder that is there.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrFolder, err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s", ErrFolderNotDir, dir)
	case hasModes && info.Mode().Perm()&writableByOthers != 0:
		return fmt.Errorf("%w: %s has mode %04o: chmod 700 %s", ErrFolderExposed, dir, info.Mode().Perm(), dir)
	}
	// Modes do not tell of access lists, read-only file systems and root, so try.
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFolderNotWritable, dir, cause(err))
	}
	err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFolderNotWritable, dir, cause(err))
	}
	return nil
}

// cause drops the operation and the path of an error where they are told already.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
