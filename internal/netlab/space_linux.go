package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// spacesDir is where iproute2 keeps the names of namespaces.
const spacesDir = "/run/netns"

// A space is a network namespace that the lab made, by its name.
type space struct{ name string }

// prefix begins the names of all namespaces that a process made.
func prefix(pid int) string { return "pl" + strconv.Itoa(pid) + "-" }

// newSpace makes a namespace. IPv6 is on, but addresses are only those that are
// given: no router is asked, and none is checked for duplicates.
func newSpace(name string) (space, error) {
	s := space{name}
	if err := run("ip", "netns", "add", name); err != nil {
		return s, err
	}
	return s, errors.Join(
		s.ip("link set lo up"),
		s.sysctl("net.ipv6.conf.default.accept_ra", "0"),
		s.sysctl("net.ipv6.conf.default.accept_dad", "0"),
		s.sysctl("net.ipv6.conf.default.router_solicitations", "0"),
	)
}

// remove ends what still runs in the namespace and removes it.
func (s space) remove() error {
	out, err := exec.Command("ip", "netns", "pids", s.name).Output()
	if err != nil {
		return nil // it is gone
	}
	for field := range strings.FieldsSeq(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by now
		}
	}
	err = run("ip", "netns", "del", s.name)
	if _, gone := os.Stat(filepath.Join(spacesDir, s.name)); errors.Is(gone, fs.ErrNotExist) {
		return nil // perhaps by another lab that came upon the same leftovers
	}
	return err
}

// enter moves the calling goroutine's thread (see onOwnThread) into the namespace.
func (s space) enter() error {
	fd, err := unix.Open(filepath.Join(spacesDir, s.name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open namespace %s: %w", s.name, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", s.name, err)
	}
	return nil
}

// do runs f in the namespace and waits. What f opens belongs to it, as long as
// f's own goroutine does so. f may not end the test.
func (s space) do(f func() error) error {
	done := make(chan error, 1)
	onOwnThread(func() {
		if err := s.enter(); err != nil {
			done <- err
			return
		}
		done <- f()
	})
	return <-done
}

// onOwnThread starts f in a goroutine with a thread of its own, which ends with it.
// It is never the process's first thread: that one cannot end, and where it is, there
// is for everybody else the whole process.
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread() // never unlocked: so the thread ends
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		defer runtime.UnlockOSThread()
		done := make(chan struct{})
		go func() { // while the first thread waits here, this runs on another one
			defer close(done)
			runtime.LockOSThread()
			f()
		}()
		<-done
	}()
}

// ip runs lines of iproute2 in the namespace.
func (s space) ip(lines ...string) error {
	return s.feed(strings.Join(lines, "\n")+"\n", "ip", "-batch", "-")
}

// nft gives rules to the namespace's packet filter.
func (s space) nft(rules string) error { return s.feed(rules, "nft", "-f", "-") }

// feed runs a command in the namespace with a text as its input.
func (s space) feed(in, command string, args ...string) error {
	return s.do(func() error {
		cmd := exec.Command(command, args...)
		cmd.Stdin = strings.NewReader(in)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("in %s: %s: %w: %s\n%s", s.name, command, err, bytes.TrimSpace(out), in)
		}
		return nil
	})
}

func (s space) sysctl(key, value string) error {
	return s.do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/")), []byte(value), 0)
	})
}

// run runs a command where the test runs.
func run(command string, args ...string) error {
	if out, err := exec.CommandContext(context.Background(), command, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// removeLeftovers removes the namespaces of processes that are no more.
func removeLeftovers() error {
	entries, err := os.ReadDir(spacesDir)
	if err != nil {
		return nil // nobody made any yet
	}
	var errs []error
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), "pl")
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if ours && err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			errs = append(errs, space{e.Name()}.remove())
		}
	}
	return errors.Join(errs...)
}
