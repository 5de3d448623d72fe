package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// reopen opens a log that has something to report.
func reopen(t testing.TB, path string) (*DB, Report) {
	t.Helper()
	d, report, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, report
}

// filled makes a file with n segments and closes it.
func filled(t testing.TB, n int) (path string, all []*chat.Segment) {
	t.Helper()
	path, all = filepath.Join(t.TempDir(), "history.db"), chainOf(n)
	d := openDB(t, path, Config{})
	put(t, d, all...)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path, all
}

// unclean makes the file look as after a crash.
func unclean(t testing.TB, path string) {
	t.Helper()
	name, err := dsn(path, "rw", readerCache)
	if err != nil {
		t.Fatal(err)
	}
	c, err := openConn(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.close() }() // nothing is left to write
	if err := c.script("INSERT OR REPLACE INTO meta(k, v) VALUES('open', 1)"); err != nil {
		t.Fatal(err)
	}
}

// Nobody else may read what was said.
func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space, ünïcode, 100% & ?#.db")
	d := openDB(t, path, Config{})
	put(t, d, seg(1))
	for _, suffix := range []string{"", "-wal", "-shm", lockSuffix} {
		st, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%q has mode %v", suffix, st.Mode())
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	// A clean stop leaves the one file, and the lock's.
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(names) != 2 {
		t.Errorf("after Close there are %v, %v", names, err)
	}
}

// A damaged file is moved aside, byte for byte, and named.
func TestDamagedFile(t *testing.T) {
	flip := func(from int) func([]byte) []byte {
		return func(b []byte) []byte {
			for i := from; i < min(from+4096, len(b)); i++ {
				b[i] ^= 0x5a
			}
			return b
		}
	}
	for name, damage := range map[string]func([]byte) []byte{
		"no database":      func([]byte) []byte { return []byte(strings.Repeat("no database ", 1000)) },
		"a flipped header": flip(0),
		"a flipped schema": flip(100),
		"a flipped page":   flip(40 * 4096),
		"half of it":       func(b []byte) []byte { return b[:len(b)/2] },
		"not a whole page": func(b []byte) []byte { return b[:4096+100] },
		"another's": func(b []byte) []byte {
			copy(b[60:64], []byte{0, 0, 0, 1}) // user_version
			copy(b[68:72], []byte("else"))     // application_id
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := filled(t, 600)
			unclean(t, path)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b = damage(b)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			d, report := reopen(t, path)
			if report.Damaged == "" || !strings.HasPrefix(report.Damaged, path+damagedSuffix) {
				t.Fatalf("the report is %+v", report)
			}
			kept, err := os.ReadFile(report.Damaged)
			if err != nil || string(kept) != string(b) {
				t.Errorf("the damaged file was changed: %d of %d bytes, %v", len(kept), len(b), err)
			}
			put(t, d, seg(1))
			if err := d.Check(t.Context()); err != nil || d.Len(conv("lobby")) != 1 {
				t.Errorf("the new history: %v", err)
			}
			if _, again := reopen(t, path); again != (Report{}) {
				t.Errorf("the next start reports %+v", again)
			}
		})
	}
}

// Two damaged files of one second are both kept, and so is what belongs to them.
func TestMoveAsideOverwritesNothing(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1_800_000_000, 0)
	path := filepath.Join(dir, "history.db")
	var names []string
	for i := range 3 {
		for _, suffix := range []string{"", "-wal"} {
			if err := os.WriteFile(path+suffix, fmt.Append(nil, i, suffix), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		aside, err := moveAside(path, now)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, aside)
	}
	for i, name := range names {
		for _, suffix := range []string{"", "-wal"} {
			if b, err := os.ReadFile(name + suffix); err != nil || string(b) != fmt.Sprint(i, suffix) {
				t.Errorf("%s%s has %q, %v", name, suffix, b, err)
			}
		}
	}
	if !strings.HasSuffix(names[0], ".damaged-20270115T080000Z") {
		t.Errorf("the name is %s", names[0])
	}
}

// After a clean stop nothing is looked through; after another a hidden damage is
// found.
func TestCheckOnlyAfterAnUncleanStop(t *testing.T) {
	path, all := filled(t, 600)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4096 {
		b[60*4096+i] ^= 0xff
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	d, report := reopen(t, path)
	if report != (Report{}) || d.Len(conv("lobby")) != len(all) {
		t.Errorf("after a clean stop: %+v", report)
	}
	if err := d.Check(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("the whole check finds %v", err)
	}
	// A second one that opens it meanwhile may not move it away.
	_, report = reopen(t, path)
	if report != (Report{}) {
		t.Errorf("while it is open: %+v", report)
	}
}

// A file of a newer version is refused and left alone.
func TestNewerVersion(t *testing.T) {
	path, _ := filled(t, 10)
	name, _ := dsn(path, "rw", readerCache)
	c, err := openConn(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.script(fmt.Sprintf("PRAGMA user_version = %d", version+1)), c.close()); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	_, _, err = Open(t.Context(), path, Config{})
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), path) {
		t.Errorf("opened: %v", err)
	}
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, ErrNewer) {
		t.Errorf("opened for reading: %v", err)
	}
	after, _ := os.ReadFile(path)
	if string(before) != string(after) {
		t.Error("the file was changed")
	}
}

// An older file is copied, then brought to the new form in one transaction.
func TestMigration(t *testing.T) {
	path, all := filled(t, 50)
	open := func() *conn {
		name, err := dsn(path, "rw", writerCache)
		if err != nil {
			t.Fatal(err)
		}
		c, err := openConn(name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	defer func() { _ = c.close() }() // nothing is left to write
	next := append(steps(),
		func(c *conn) error { return c.script("CREATE TABLE extra(x)") },
		func(c *conn) error { return c.script("INSERT INTO extra VALUES(42)") })
	// A step that fails leaves all as it was.
	broken := append(next[:len(next):len(next)], func(*conn) error { return errors.New("no") })
	if _, err := migrate(t.Context(), c, path, version, broken); err == nil {
		t.Fatal("a broken step is not told")
	}
	if v, err := c.number("SELECT user_version FROM pragma_user_version"); v != version || err != nil {
		t.Fatalf("after a broken step the version is %d, %v", v, err)
	}
	if n, err := c.number("SELECT count(*) FROM sqlite_master WHERE name = 'extra'"); n != 0 || err != nil {
		t.Fatalf("a broken step left a table, %v", err)
	}
	backup, err := migrate(t.Context(), c, path, version, next)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.number("SELECT x FROM extra"); n != 42 || err != nil {
		t.Errorf("the steps gave %d, %v", n, err)
	}
	if v, err := c.number("SELECT user_version FROM pragma_user_version"); v != version+2 || err != nil {
		t.Errorf("the version is %d, %v", v, err)
	}
	// The copy is as the file was. The first one, of the broken try, is kept too.
	if want := path + backupSuffix + fmt.Sprint(version) + "-2"; backup != want {
		t.Errorf("the copy is %s, want %s", backup, want)
	}
	if st, err := os.Stat(backup); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v", st.Mode(), err)
	}
	d := openDB(t, backup, Config{})
	wantSegs(t, "in the copy", segsOf(t)(d.After(t.Context(), conv("lobby"), chat.OrderKey{}, 100)), all)
	// Another process was quicker: nothing is done twice.
	if _, err := migrate(t.Context(), c, path, version, next); err != nil {
		t.Error(err)
	}
}

// Nothing to read is fs.ErrNotExist, also while a node has only begun.
func TestOpenReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty file: %v", err)
	}
	path, all := filled(t, 20)
	d, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	wantSegs(t, "read", segsOf(t)(d.After(t.Context(), conv("lobby"), chat.OrderKey{}, 100)), all)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 2 {
		t.Errorf("reading left %v, %v", names, err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged file: %v", err)
	}
}

// When there is no room the call fails and leaves nothing behind; when there is
// room again all goes on by itself.
func TestFull(t *testing.T) {
	d := openDB(t, filepath.Join(t.TempDir(), "history.db"), Config{Self: someone(1).id})
	c, ctx := conv("lobby"), context.Background()
	all := chainOf(3000)
	put(t, d, all[:100]...)
	pages := must[int64](t)(d.writer.c.number("PRAGMA page_count"))
	if err := d.writer.c.script(fmt.Sprintf("PRAGMA max_page_count = %d", pages+20)); err != nil {
		t.Fatal(err)
	}
	stored := 100
	for ; ; stored += 10 {
		_, err := d.AppendOwn(ctx, all[stored:stored+10]...)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		break
	}
	checkIs := func(n int) {
		t.Helper()
		want(t, "heads", d.Heads(c), idsOf(all[n-1]))
		if d.Len(c) != n || d.Has(c, all[n].ID) || d.Latest(c) != all[n-1].End() {
			t.Errorf("%d segments, want %d", d.Len(c), n)
		}
		if err := d.Check(ctx); err != nil {
			t.Error(err)
		}
		v := must[*View](t)(d.View(c))
		defer v.Close()
		if v.Len() != n {
			t.Errorf("a view of %d, want %d", v.Len(), n)
		}
	}
	checkIs(stored)
	if _, err := d.Append(ctx, all[stored:]...); !errors.Is(err, ErrFull) {
		t.Errorf("a large call: %v", err)
	}
	checkIs(stored)
	if err := d.writer.c.script("PRAGMA max_page_count = 1073741823"); err != nil {
		t.Fatal(err)
	}
	want(t, "added", put(t, d, all[stored:stored+50]...), all[stored:stored+50])
	checkIs(stored + 50)
}
