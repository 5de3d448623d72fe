package settings

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func TestDefaultFile(t *testing.T) {
	for _, tc := range []struct {
		goos string
		env  vars
		want string
	}{
		{"linux", vars{"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/p2pchat/settings.toml"},
		{"linux", vars{"XDG_CONFIG_HOME": "x", "HOME": "/h"}, "/h/.config/p2pchat/settings.toml"},
		{"freebsd", vars{"HOME": "/h"}, "/h/.config/p2pchat/settings.toml"},
		{"darwin", vars{"HOME": "/h"}, "/h/Library/Application Support/p2pchat/settings.toml"},
		{"windows", vars{"APPDATA": "/a", "HOME": "/h"}, "/a/p2pchat/settings.toml"},
		{"linux", vars{"HOME": "h"}, ""},
		{"linux", nil, ""},
	} {
		if got := defaultFile(tc.goos, tc.env.get); got != tc.want {
			t.Errorf("%s, %v: %q, want %q", tc.goos, tc.env, got, tc.want)
		}
	}
}

func TestWhichFile(t *testing.T) {
	a, b := file(t, `name = "a"`), file(t, `name = "b"`)
	config := t.TempDir()
	env := vars{"XDG_CONFIG_HOME": config}
	if s := load(t, Sources{Getenv: env.get}); s.File != "" {
		t.Errorf("read %q, which is not there", s.File)
	}
	path := DefaultFile(env.get)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`name = "c"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := load(t, Sources{Getenv: env.get}); s.Name.Raw() != "c" || s.File != path {
		t.Errorf("%q of %q", s.Name, s.File)
	}
	env[EnvFile] = b
	if s := load(t, Sources{Getenv: env.get}); s.Name.Raw() != "b" || s.File != b {
		t.Errorf("%q of %q", s.Name, s.File)
	}
	if s := load(t, Sources{Getenv: env.get, File: a}); s.Name.Raw() != "a" || s.File != a {
		t.Errorf("%q of %q", s.Name, s.File)
	}
	if s := load(t, Sources{Getenv: env.get, File: os.DevNull}); !s.Name.Empty() {
		t.Errorf("%q of %q", s.Name, s.File)
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	for name, tc := range map[string]struct {
		from Sources
		path string
		want string
		is   error
	}{
		"no such file":        {Sources{File: missing}, missing, "no such file or directory", fs.ErrNotExist},
		"none of environment": {Sources{Getenv: vars{EnvFile: missing}.get}, missing, "no such file or directory", fs.ErrNotExist},
		"a folder":            {Sources{File: dir}, dir, "is a folder", nil},
		"not UTF-8":           {Sources{File: file(t, "name = \"\xff\"")}, "", "is not UTF-8 text", nil},
		"too large":           {Sources{File: file(t, strings.Repeat("#", MaxFile+1))}, "", "larger than allowed: more than 64 KiB", chat.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			path := tc.from.File
			if path == "" {
				path = tc.path
			}
			_, err := Load(tc.from)
			if want := "file " + path + ": " + tc.want; err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%v is not %v", err, tc.is)
			}
		})
	}
	load(t, Sources{File: file(t, strings.Repeat("#", MaxFile))})
}

// A default file that is there and cannot be used is an error: what it says would
// be missed.
func TestUnusableDefaultFile(t *testing.T) {
	config := t.TempDir()
	env := vars{"XDG_CONFIG_HOME": config}
	if err := os.MkdirAll(DefaultFile(env.get), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Sources{Getenv: env.get}); err == nil || !strings.HasSuffix(err.Error(), "is a folder") {
		t.Errorf("%v", err)
	}
}

// Opening such a file could wait for ever.
func TestNoPlainFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no sockets in files here")
	}
	defer l.Close()
	if _, err := Load(Sources{File: path}); err == nil || !strings.HasSuffix(err.Error(), "is not a plain file") {
		t.Errorf("%v", err)
	}
}
