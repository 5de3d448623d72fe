package identity

import (
	"fmt"
	"path/filepath"
	"runtime"
)

// envData overrides the data folder.
const envData = "P2PCHAT_DATA"

// appName is the data folder's name among those of other programs.
const appName = "p2pchat"

// DefaultDir is the data folder of a user who names none: $P2PCHAT_DATA, or
// $XDG_DATA_HOME/p2pchat, or where the system keeps such things:
// ~/.local/share/p2pchat, on macOS ~/Library/Application Support/p2pchat, on
// Windows %LOCALAPPDATA%\p2pchat. It touches no disk. The error wraps ErrFolder.
func DefaultDir(getenv func(string) string) (string, error) {
	return defaultDir(runtime.GOOS, getenv)
}

func defaultDir(goos string, getenv func(string) string) (string, error) {
	if dir := getenv(envData); dir != "" {
		return dir, nil
	}
	// The XDG rules say to ignore relative paths.
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, appName), nil
	}
	home, want := getenv("HOME"), "HOME"
	below := []string{".local", "share", appName}
	switch goos {
	case "windows":
		home, want = getenv("LOCALAPPDATA"), "LOCALAPPDATA"
		below = []string{appName}
	case "darwin", "ios":
		below = []string{"Library", "Application Support", appName}
	}
	if !filepath.IsAbs(home) {
		return "", fmt.Errorf("%w: no place for it is known: set %s or %s to an absolute path", ErrFolder, envData, want)
	}
	return filepath.Join(append([]string{home}, below...)...), nil
}
