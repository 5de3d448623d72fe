//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestLANNeedsNoSeed lets two people who know nothing at all find each other by
// mDNS, in two network namespaces joined by a cable.
func TestLANNeedsNoSeed(t *testing.T) {
	t.Parallel()
	var spaces [2]string
	for i := range spaces {
		spaces[i] = fmt.Sprintf("p2pchat%d-%d", os.Getpid(), i)
		if err := ip("netns", "add", spaces[i]); err != nil {
			if os.Getenv("REQUIRE_NETNS") != "" {
				t.Fatal(err)
			}
			t.Skipf("network namespaces cannot be made here: %v", err)
		}
		t.Cleanup(func() { _ = ip("netns", "del", spaces[i]) })
	}
	for _, args := range [][]string{
		{"link", "add", "name", "eth0", "netns", spaces[0], "type", "veth", "peer", "name", "eth0", "netns", spaces[1]},
		{"-n", spaces[0], "addr", "add", "192.168.77.1/24", "dev", "eth0"},
		{"-n", spaces[1], "addr", "add", "192.168.77.2/24", "dev", "eth0"},
		{"-n", spaces[0], "link", "set", "lo", "up"},
		{"-n", spaces[1], "link", "set", "lo", "up"},
		{"-n", spaces[0], "link", "set", "eth0", "up"},
		{"-n", spaces[1], "link", "set", "eth0", "up"},
	} {
		if err := ip(args...); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := func(space, name, in string, args ...string) *exec.Cmd {
		all := append([]string{"netns", "exec", space, "p2pchat", "join", "lobby", "--name", name, "--data", t.TempDir()}, args...)
		cmd := exec.CommandContext(ctx, "ip", all...)
		cmd.Env = append(os.Environ(), "P2PCHAT_SEEDS=")
		cmd.Stdin = strings.NewReader(in)
		return cmd
	}
	reader := run(spaces[0], "alice", "", "--follow")
	heard := newWatcher("bob | found you\n")
	reader.Stdout = heard
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = reader.Process.Kill()
		_ = reader.Wait()
	}()
	if out, err := run(spaces[1], "bob", "found you\n", "--wait", "30s").CombinedOutput(); err != nil {
		t.Fatalf("bob: %v\n%s", err, out)
	}
	select {
	case <-heard.seen:
	case <-ctx.Done():
		t.Fatalf("alice heard %q", heard.buf.String())
	}
}

// ip runs one command of iproute2.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// A watcher is output that tells when a text is in it.
type watcher struct {
	buf  bytes.Buffer
	want string
	seen chan struct{}
}

func newWatcher(want string) *watcher { return &watcher{want: want, seen: make(chan struct{})} }

func (w *watcher) Write(b []byte) (int, error) {
	before := strings.Contains(w.buf.String(), w.want)
	w.buf.Write(b)
	if !before && strings.Contains(w.buf.String(), w.want) {
		close(w.seen)
	}
	return len(b), nil
}
