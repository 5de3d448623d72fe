package history

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A real disk that is full, and a folder that cannot be written: a child gets a
// small file system of its own, in a namespace, where even root is held to it.
func TestSmallDisk(t *testing.T) {
	if dir := os.Getenv(childJob); dir != "" {
		onSmallDisk(t, dir)
		return
	}
	cmd := childOf(t, t.Name(), t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
		t.Skipf("no namespaces on this machine: %v", err)
	}
	if strings.Contains(string(out), "no small disk") {
		t.Skipf("no file system can be mounted: %s", out)
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// onSmallDisk is the child.
func onSmallDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("no small disk: %v", err)
		return
	}
	path, ctx, c := filepath.Join(dir, "history.db"), context.Background(), conv("lobby")
	d, _, err := Open(ctx, path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 256<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	all := chainOf(3000)
	stored := 0
	for ; ; stored += 5 {
		if _, err = d.Append(ctx, all[stored:stored+5]...); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("on a full disk: %v", err)
	}
	if d.Len(c) != stored || d.Has(c, all[stored].ID) || stored == 0 {
		t.Errorf("%d segments, want %d", d.Len(c), stored)
	}
	wantSegs(t, "read on a full disk", segsOf(t)(d.Before(ctx, c, all[stored].Key(), 5)), all[stored-5:stored])
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Append(ctx, all[stored:stored+5]...); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if err := errors.Join(d.Check(ctx), d.Close()); err != nil {
		t.Fatal(err)
	}
	if d, _, err = Open(ctx, path, Config{}); err != nil || d.Len(c) != stored+5 {
		t.Fatalf("opened again: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	// The same folder, read-only.
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(ctx, path, Config{}); !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), path) {
		t.Errorf("a read-only folder: %v", err)
	}
	if _, _, err := Open(ctx, filepath.Join(dir, "new.db"), Config{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a new file in a read-only folder: %v", err)
	}
	r, err := OpenReadOnly(ctx, path)
	if err != nil {
		t.Fatalf("reading in a read-only folder: %v", err)
	}
	defer r.Close()
	if r.Len(c) != stored+5 || len(r.Heads(c)) != 1 {
		t.Errorf("%d segments", r.Len(c))
	}
	wantSegs(t, "read", segsOf(t)(r.After(ctx, c, all[stored-1].Key(), 9)), all[stored:stored+5])
}
