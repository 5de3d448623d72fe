package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	lockSuffix    = ".lock"
	damagedSuffix = ".damaged-"
	backupSuffix  = ".backup-v"
	// walLimit is how long SQLite's write-ahead log stays after it was emptied.
	walLimit = 16 << 20
	// walPages is after how many pages of 4 KiB the log's content is brought to
	// its place: a page that is written by several commits is then written there
	// once.
	walPages = 4000
)

// Open opens the log at path, or begins it, readable by nobody else. It brings
// the file of an older version to the form of this one, after a backup, and
// moves a damaged one aside: the Report says so. After a stop that was not
// clean the file is looked through, which takes about half a second for each 100
// MiB.
//
// The errors are ErrNewer, ErrReadOnly, ErrFull, ErrInUse, and ErrDamaged for a
// damaged file that another process has open.
func Open(ctx context.Context, path string, cfg Config) (*DB, Report, error) {
	var report Report
	if err := ctx.Err(); err != nil {
		return nil, report, err
	}
	lock := flock.New(path+lockSuffix, flock.SetPermissions(0o600))
	alone, err := lock.TryLock()
	if err == nil && !alone {
		err = sharedLock(ctx, lock)
	}
	if err != nil {
		return nil, report, inaccessible(path, err)
	}
	d, report, err := openLocked(ctx, path, cfg, alone)
	if err == nil && alone {
		err = sharedLock(ctx, lock) // others may come now
	}
	if err != nil {
		if d != nil {
			err = errors.Join(err, d.writer.c.close())
		}
		return nil, report, errors.Join(explain(path, err), lock.Unlock())
	}
	d.lock = lock
	go d.loop()
	return d, report, nil
}

// sharedLock waits for the lock, which others hold alone only for the time it
// takes to open or to close.
func sharedLock(ctx context.Context, lock *flock.Flock) error {
	ctx, cancel := context.WithTimeout(ctx, busyMillis*time.Millisecond)
	defer cancel()
	ok, err := lock.TryRLockContext(ctx, 5*time.Millisecond)
	if err == nil && !ok {
		err = ErrInUse
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return err
}

// inaccessible names what the system says about path.
func inaccessible(path string, err error) error {
	switch {
	case isFull(err):
		return fmt.Errorf("%w: %s: %w", ErrFull, path, err)
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		return fmt.Errorf("%w: %s: %w", ErrReadOnly, path, err)
	default:
		return fmt.Errorf("open history %s: %w", path, err)
	}
}

// openLocked opens the file; alone says that no other process has it open.
func openLocked(ctx context.Context, path string, cfg Config, alone bool) (d *DB, report Report, err error) {
	for range 2 {
		if err := create(path); err != nil {
			return nil, report, inaccessible(path, err)
		}
		d := newDB(path, cfg)
		if report.Backup, err = d.start(ctx, alone); err == nil {
			return d, report, nil
		}
		if err = explain(path, err); !errors.Is(err, ErrDamaged) || !alone || report.Damaged != "" {
			return nil, report, err
		}
		cfg.logger().Warn("the history is damaged, and moved aside", "err", chat.SafeString(err.Error()))
		aside, moveErr := moveAside(path, time.Now())
		if moveErr != nil {
			return nil, report, errors.Join(err, moveErr)
		}
		report.Damaged = aside
	}
	return nil, report, err
}

// create makes an empty file that nobody else may read, if there is none.
func create(path string) error {
	if err := createNew(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// moveAside renames a damaged file and what belongs to it, and returns the new
// name. It overwrites nothing.
func moveAside(path string, now time.Time) (string, error) {
	base := path + damagedSuffix + now.UTC().Format("20060102T150405Z")
	aside := base
	for i := 2; ; i++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s-%d", base, i)
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("move the damaged history aside: %w", err)
		}
	}
	return aside, nil
}

// start opens the connections and makes the file ready for use.
func (d *DB) start(ctx context.Context, alone bool) (backup string, err error) {
	name, err := dsn(d.path, "rw", writerCache)
	if err != nil {
		return "", err
	}
	c, err := openConn(name)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = c.close() // the first error says more
		}
	}()
	if backup, err = prepare(ctx, c, d.path, alone); err != nil {
		return "", err
	}
	if name, err = dsn(d.path, "rw", readerCache, "query_only(1)"); err != nil {
		return "", err
	}
	d.readers, d.views = newPool(name), newPool(name)
	d.writer = newWriter(d, c)
	err = d.writer.heed()
	d.shelf.last = d.writer.nextN - 1
	return backup, err
}

// prepare brings the file to this version's form, checks it if need be, and
// marks it as open.
func prepare(ctx context.Context, c *conn, path string, alone bool) (backup string, err error) {
	v, err := versionOf(c)
	if err != nil {
		return "", err
	}
	if err := c.script(fmt.Sprintf(`PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA journal_size_limit = %d;
		PRAGMA wal_autocheckpoint = %d`, walLimit, walPages)); err != nil {
		return "", err
	}
	if v != 0 && alone {
		if err := quickCheck(c); err != nil {
			return "", err
		}
	}
	if v != version {
		if backup, err = migrate(ctx, c, path, v, steps()); err != nil {
			return "", err
		}
	}
	if !alone {
		return backup, nil
	}
	_, err = c.exec("INSERT OR REPLACE INTO meta(k, v) VALUES('open', 1)")
	return backup, err
}

// versionOf is the version of the file's form, 0 for an empty file.
func versionOf(c *conn) (int64, error) {
	v, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	id, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_master")
	switch {
	case err != nil:
		return 0, err
	case v == 0 && tables == 0:
		return 0, nil
	case id != applicationID || v <= 0:
		return 0, fmt.Errorf("%w: it is the database of another program", ErrDamaged)
	case v > version:
		return 0, fmt.Errorf("%w (form %d; this one knows %d)", ErrNewer, v, version)
	}
	return v, nil
}

// quickCheck checks the file if the last stop was not clean.
func quickCheck(c *conn) error {
	open, err := c.number("SELECT count(*) FROM meta WHERE k = 'open'")
	if err != nil || open == 0 {
		return err
	}
	return checkWith(c, "PRAGMA quick_check(1)")
}

// OpenReadOnly opens the log at path for reading, also while another process
// writes it. If there is none, the error is fs.ErrNotExist; others are as those
// of Open. Methods that write return ErrReadOnly.
func OpenReadOnly(ctx context.Context, path string) (*DB, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	d := newDB(path, Config{})
	d.readOnly = true
	close(d.done) // there is no loop
	// The first way leaves nothing behind. The others are for folders and files
	// that we may not write.
	var first error
	for _, way := range []struct{ mode, more string }{{"rw", "query_only(1)"}, {"ro", ""}, {"ro", "immutable"}} {
		if way.more == "immutable" {
			if _, err := os.Stat(path + "-wal"); err == nil {
				break // it would miss what stands there
			}
		}
		err := d.tryRead(ctx, way.mode, way.more)
		if err == nil {
			return d, nil
		}
		first = errors.Join(first, err)
		if err := explain(path, err); !errors.Is(err, ErrReadOnly) {
			return nil, err
		}
	}
	return nil, explain(path, first)
}

func (d *DB) tryRead(ctx context.Context, mode, more string) error {
	var pragmas []string
	if more != "" {
		pragmas = append(pragmas, more)
	}
	name, err := dsn(d.path, mode, readerCache, pragmas...)
	if err != nil {
		return err
	}
	d.readers, d.views = newPool(name), newPool(name)
	c, err := d.readers.get(ctx)
	if err != nil {
		return err
	}
	v, err := versionOf(c)
	switch {
	case err != nil:
	case v == 0: // begun by a node that has not written anything yet
		err = fmt.Errorf("open history %s: %w", d.path, fs.ErrNotExist)
	case v < version:
		err = fmt.Errorf("%w: %s is of an older version: start the program once without this command", ErrReadOnly, filepath.Base(d.path))
	default:
		return d.putBack(c)
	}
	return errors.Join(err, d.putBack(c), d.readers.close())
}

func (d *DB) putBack(c *conn) error {
	d.readers.put(c)
	return nil
}
