package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// MaxFile is the most bytes of a settings file.
	MaxFile = 64 << 10
	// EnvFile is the variable that names a settings file.
	EnvFile = "P2PCHAT_CONFIG"
)

// DefaultFile is the settings file of somebody who names none:
// $XDG_CONFIG_HOME/p2pchat/settings.toml, or in ~/.config; on macOS in
// ~/Library/Application Support, on Windows in %APPDATA%. It is empty if no place
// is known. It touches no disk.
func DefaultFile(getenv func(string) string) string {
	return defaultFile(runtime.GOOS, getenv)
}

func defaultFile(goos string, getenv func(string) string) string {
	const own, name = "p2pchat", "settings.toml"
	// The XDG rules say to ignore relative paths.
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, own, name)
	}
	home, below := getenv("HOME"), []string{".config", own, name}
	switch goos {
	case "windows":
		home, below = getenv("APPDATA"), []string{own, name}
	case "darwin", "ios":
		below = []string{"Library", "Application Support", own, name}
	}
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(append([]string{home}, below...)...)
}

// readFile is the source above the defaults.
func (s *Settings) readFile(all []key, from Sources) ([]given, error) {
	path, must := from.File, true
	if path == "" {
		path = from.getenv(EnvFile)
	}
	if path == "" {
		path, must = DefaultFile(from.getenv), false
	}
	if path == "" {
		return nil, nil
	}
	data, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !must:
		return nil, nil
	case err != nil:
		return nil, newError(Origin{From: FromFile, Name: path}, "", err)
	}
	s.File = path
	return parse(all, path, data)
}

// read returns a plain file's content. The error does not name the file.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case info.IsDir():
		return nil, errors.New("is a folder")
	case !info.Mode().IsRegular() && path != os.DevNull: // opening a named pipe would wait for ever
		return nil, errors.New("is not a plain file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case len(data) > MaxFile:
		return nil, fmt.Errorf("%w: more than %d KiB", chat.ErrTooLarge, MaxFile>>10)
	case !utf8.Valid(data):
		return nil, errors.New("is not UTF-8 text")
	}
	return data, nil
}

// withoutPath is the reason alone, for messages that name the file already.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
