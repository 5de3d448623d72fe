package identity

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestDefaultDir(t *testing.T) {
	tests := []struct {
		name string
		goos string
		env  map[string]string
		want string
	}{
		{"own variable first", "linux", map[string]string{"P2PCHAT_DATA": "/d", "XDG_DATA_HOME": "/x", "HOME": "/h"}, "/d"},
		{"XDG", "linux", map[string]string{"XDG_DATA_HOME": "/x", "HOME": "/h"}, "/x/p2pchat"},
		{"relative XDG is ignored", "linux", map[string]string{"XDG_DATA_HOME": "x", "HOME": "/h"}, "/h/.local/share/p2pchat"},
		{"home", "linux", map[string]string{"HOME": "/h"}, "/h/.local/share/p2pchat"},
		{"macOS", "darwin", map[string]string{"HOME": "/h"}, "/h/Library/Application Support/p2pchat"},
		{"XDG on macOS", "darwin", map[string]string{"XDG_DATA_HOME": "/x", "HOME": "/h"}, "/x/p2pchat"},
		{"Windows", "windows", map[string]string{"LOCALAPPDATA": "/local", "HOME": "/h"}, "/local/p2pchat"},
		{"no home", "linux", nil, ""},
		{"relative home", "linux", map[string]string{"HOME": "h"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := defaultDir(test.goos, func(key string) string { return test.env[key] })
			if test.want == "" {
				if !errors.Is(err, ErrFolder) {
					t.Errorf("got %q, %v, want ErrFolder", got, err)
				}
				return
			}
			if err != nil || filepath.ToSlash(got) != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}
