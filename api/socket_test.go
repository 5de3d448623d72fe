package api

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/history"
)

func TestNobodyServes(t *testing.T) {
	folder := folderOf(t, t.TempDir()+"/data")
	if _, err := Dial(context.Background(), folder.Dir(), Options{}); !errors.Is(err, ErrNoNode) {
		t.Fatal(err)
	}
}

// A socket that a killed process left is replaced; nobody answers there.
func TestStaleSocket(t *testing.T) {
	folder := folderOf(t, t.TempDir()+"/data")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: SocketPath(folder.Dir()), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := os.Chmod(SocketPath(folder.Dir()), socketMode); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(context.Background(), folder.Dir(), Options{}); !errors.Is(err, ErrNoNode) {
		t.Fatal(err)
	}
	s := serveIn(t, apitest.New(t), folder)
	attach(t, s, Options{})
	info, err := os.Lstat(SocketPath(folder.Dir()))
	if err != nil || info.Mode() != fs.ModeSocket|socketMode {
		t.Fatal(info, err)
	}
}

func TestServedTwice(t *testing.T) {
	s := serve(t, apitest.New(t))
	f := apitest.New(t)
	_, err := Serve(context.Background(), Config{Node: f, Events: f, History: f.Log, Folder: s.cfg.Folder})
	if !errors.Is(err, ErrServed) {
		t.Fatal(err)
	}
	attach(t, s, Options{}) // the first goes on
}

func TestNoSocketInItsPlace(t *testing.T) {
	folder := folderOf(t, t.TempDir()+"/data")
	if err := os.WriteFile(SocketPath(folder.Dir()), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := apitest.New(t)
	if _, err := Serve(context.Background(), Config{Node: f, Events: f, Folder: folder}); !errors.Is(err, ErrSocket) {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(SocketPath(folder.Dir())); string(b) != "precious" {
		t.Fatal(b, err)
	}
	if _, err := Dial(context.Background(), folder.Dir(), Options{}); !errors.Is(err, ErrSocket) {
		t.Fatal(err)
	}
}

func TestSocketOfOthers(t *testing.T) {
	s := serve(t, apitest.New(t))
	dir := s.cfg.Folder.Dir()
	for _, x := range []struct {
		path string
		mode fs.FileMode
		back fs.FileMode
	}{{SocketPath(dir), 0o666, socketMode}, {SocketPath(dir), 0o620, socketMode}, {dir, 0o777, 0o700}} {
		if err := os.Chmod(x.path, x.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(context.Background(), dir, Options{}); !errors.Is(err, ErrExposed) {
			t.Errorf("%s with mode %o: %v", x.path, x.mode, err)
		}
		if err := os.Chmod(x.path, x.back); err != nil {
			t.Fatal(err)
		}
	}
	attach(t, s, Options{})
	if os.Geteuid() == 0 { // then another owner can be tried
		if err := os.Lchown(SocketPath(dir), 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(context.Background(), dir, Options{}); !errors.Is(err, ErrExposed) {
			t.Error("a socket of another user:", err)
		}
	}
}

func TestServerRefusesOpenFolder(t *testing.T) {
	folder := folderOf(t, t.TempDir()+"/data")
	if err := os.Chmod(folder.Dir(), 0o777); err != nil {
		t.Fatal(err)
	}
	f := apitest.New(t)
	if _, err := Serve(context.Background(), Config{Node: f, Events: f, History: f.Log, Folder: folder}); !errors.Is(err, ErrExposed) {
		t.Fatal(err)
	}
}

// A folder with a path that no socket can have works, or is refused with words.
func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	f := apitest.New(t)
	s, err := Serve(context.Background(), Config{Node: f, Events: f, History: history.NewMemory(history.Config{}), Folder: folderOf(t, dir)})
	if err != nil {
		if !errors.Is(err, ErrSocket) || !strings.Contains(err.Error(), "shorter") {
			t.Fatal(err)
		}
		return
	}
	defer s.Close()
	if c := attach(t, s, Options{}); c.Self() != f.Self() {
		t.Fatal(c.Self())
	}
}

// Close leaves no socket behind.
func TestSocketGoes(t *testing.T) {
	s := serve(t, apitest.New(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(SocketPath(s.cfg.Folder.Dir())); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// A node of another version is named.
func TestOtherVersion(t *testing.T) {
	folder := folderOf(t, t.TempDir()+"/data")
	l, err := listen(context.Background(), folder.Dir())
	if err != nil {
		t.Fatal(err)
	}
	other := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(headerVersion, "7")
		_, _ = w.Write([]byte(`{"program":"p2pchat","version":"9.9.9","api":7,"pid":4242,"peer":"?"}`))
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = other.Serve(l) }()
	defer func() { other.Close(); <-done }()
	_, err = Dial(context.Background(), folder.Dir(), Options{})
	var v *VersionError
	if !errors.As(err, &v) || !errors.Is(err, ErrVersion) || v.API != 7 || v.PID != 4242 {
		t.Fatal(err)
	}
	for _, word := range []string{"9.9.9", "interface 7", "4242", "interface 1"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %q", word, err)
		}
	}
}
