package identity

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
)

func TestLockKeepsSecondProcessOut(t *testing.T) {
	f := testFolder(t)
	owner := startChild(t, "lock", f.Dir())

	_, err := f.Lock()
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	}
	if want := fmt.Sprintf("process %d", owner.cmd.Process.Pid); !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, want it to name %s", err, want)
	}

	owner.kill()
	_ = owner.cmd.Wait()
	unlock, err := f.Lock()
	if err != nil {
		t.Fatalf("after the owner was killed: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func TestLockAndUnlockInOneProcess(t *testing.T) {
	f := testFolder(t)
	unlock, err := f.Lock()
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, f.path(lockFile), 0o600)
	_, err = openFolder(t, f.Dir()).Lock()
	if want := fmt.Sprintf("process %d", os.Getpid()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want ErrInUse and %s", err, want)
	}
	for range 2 {
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
	if got := holder(f.path(lockFile)); got != "another process" {
		t.Errorf("an open lock names %s", got)
	}
	again, err := f.Lock()
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	// An unlock called twice must not open the lock of who came after.
	if err := unlock(); err != nil {
		t.Error(err)
	}
	_, err = f.Lock()
	if want := fmt.Sprintf("process %d", os.Getpid()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want ErrInUse and %s", err, want)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}

func TestLockFileWithNonsense(t *testing.T) {
	for _, content := range []string{"", " ", "x", strings.Repeat("9", 100), " -\n"} {
		f := testFolder(t)
		put(t, f, lockFile, content)
		unlock, err := f.Lock()
		if err != nil {
			t.Fatalf("%q: %v", content, err)
		}
		if _, err := f.Lock(); !strings.Contains(fmt.Sprint(err), fmt.Sprintf("process %d", os.Getpid())) {
			t.Errorf("%q: got %v, want our process ID", content, err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
}

// A process that stopped within a change does not hang the others.
func TestChangeDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := testFolder(t)
		if err := f.SetPort(1234); err != nil {
			t.Fatal(err)
		}
		stuck := flock.New(f.path(editFile))
		if ok, err := stuck.TryLock(); !ok || err != nil {
			t.Fatal(ok, err)
		}
		start := time.Now()
		done := make(chan error)
		for range 2 { // one waits for the file, one for the other
			go func() { done <- f.SetPort(4321) }()
		}
		for range 2 {
			if err := <-done; !errors.Is(err, ErrBusy) {
				t.Errorf("got %v, want ErrBusy", err)
			}
		}
		if waited := time.Since(start); waited > editWait+time.Second {
			t.Errorf("waited %v", waited)
		}
		if err := stuck.Unlock(); err != nil {
			t.Fatal(err)
		}
		if err := f.SetPort(4321); err != nil {
			t.Error(err)
		}
	})
}

// Two folders on one path in one process, as a second face has it, with several
// goroutines each: no change is lost, and in fake time nobody waits for ever.
func TestChangesOfManyAreAllKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := testFolder(t)
		folders := []*Folder{f, openFolder(t, f.Dir())}
		const each = 8
		done := make(chan error)
		for i, f := range folders {
			contacts, err := f.Contacts()
			if err != nil {
				t.Fatal(err)
			}
			for j := range each {
				p := testPeer(t)
				go func() { done <- contacts.Add(fmt.Sprintf("%d-%d", i, j), p) }()
			}
		}
		for range each * len(folders) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		contacts, err := f.Contacts()
		if err != nil {
			t.Fatal(err)
		}
		if got := len(contacts.List()); got != each*len(folders) {
			t.Errorf("%d contacts, want %d", got, each*len(folders))
		}
	})
}
