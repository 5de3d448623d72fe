package identity

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func TestReadWhatWasWritten(t *testing.T) {
	f := testFolder(t)
	if _, err := f.ReadFile("note", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	for _, content := range []string{"hello", "", "0123456789"} {
		if err := f.WriteFile("note", []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := f.ReadFile("note", 10)
		if err != nil || string(got) != content {
			t.Errorf("got %q, %v, want %q", got, err, content)
		}
	}
	if _, err := f.ReadFile("note", 9); !errors.Is(err, chat.ErrTooLarge) {
		t.Errorf("10 bytes, 9 allowed: got %v", err)
	}
	wantMode(t, f.path("note"), 0o600)
	wantFiles(t, f, "note")
}

func TestFileNames(t *testing.T) {
	f := testFolder(t)
	for _, good := range []string{"a", "peers.json", "0-9_x", strings.Repeat("a", maxFileName)} {
		if err := f.WriteFile(good, nil); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", ".hidden", "-x", "a/b", "/a", "../a", `a\b`, "a b", "a\x00", "a\n", "A", "Key", "KEY", "ä", "a:b", "a.",
		keyFile, lockFile, editFile, strings.Repeat("a", maxFileName+1),
	} {
		if err := f.WriteFile(bad, []byte("x")); !errors.Is(err, ErrBadFileName) {
			t.Errorf("write %q: got %v", bad, err)
		}
		if _, err := f.ReadFile(bad, 10); !errors.Is(err, ErrBadFileName) {
			t.Errorf("read %q: got %v", bad, err)
		}
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	f := testFolder(t)
	if err := os.Mkdir(f.path("note"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFile("note", 10); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

func TestFailedWriteLeavesOldFile(t *testing.T) {
	f := testFolder(t)
	if err := f.WriteFile("note", []byte("old")); err != nil {
		t.Fatal(err)
	}
	// A folder that is not empty, where the new content would be prepared.
	if err := os.MkdirAll(f.path(tempName("note")+"/x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteFile("note", []byte("new")); err == nil {
		t.Error("no error")
	}
	wantContent(t, f, "note", "old")
}

func TestWriteClearsUpAfterCrash(t *testing.T) {
	f := testFolder(t)
	put(t, f, tempName("note"), "half a no")
	if err := f.WriteFile("note", []byte("whole")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, f, "note", "whole")
	wantFiles(t, f, "note")
}

// A process that writes without pause is killed, again and again: each time the
// file is a whole one, and what the process held is free.
func TestKilledWriterLeavesWholeFile(t *testing.T) {
	f := testFolder(t)
	if err := f.WriteFile("big", bigContent('-')); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		writer := startChild(t, "write", f.Dir())
		before, err := f.ReadFile("big", bigSize)
		for err == nil {
			var now []byte
			if now, err = f.ReadFile("big", bigSize); !bytes.Equal(now, before) {
				break // it is at work
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		writer.kill()
		_ = writer.cmd.Wait()
		got, err := f.ReadFile("big", bigSize)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != bigSize || !bytes.Equal(got, bigContent(got[0])) {
			t.Fatalf("%d bytes that are not from one write", len(got))
		}
	}
	if err := f.WriteFile("big", []byte("done")); err != nil {
		t.Error(err)
	}
	wantFiles(t, f, "big")
}
