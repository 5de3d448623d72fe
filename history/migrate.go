package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A step brings a file from one version's form to the next. All steps that are
// needed run in one transaction.
type step func(*conn) error

// steps are the steps, the one from version 0, an empty file, first.
func steps() []step {
	return []step{
		func(c *conn) error { return c.script(schema) },
	}
}

// migrate brings the file from version from to the last one that steps know.
// What was not empty is copied before, and the copy's name returned.
func migrate(ctx context.Context, c *conn, path string, from int64, steps []step) (backup string, err error) {
	if from > 0 {
		if backup, err = backUp(c, path, from); err != nil {
			return "", err
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return "", err
	}
	err = func() error {
		// Another process may have been quicker.
		now, err := c.number("PRAGMA user_version")
		if err != nil || now != from {
			return err
		}
		for _, step := range steps[from:] {
			if err := step(c); err != nil {
				return err
			}
		}
		return c.script(fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT", len(steps), applicationID))
	}()
	if err != nil {
		return "", errors.Join(fmt.Errorf("bring the history from form %d to %d: %w", from, len(steps), err), c.script("ROLLBACK"))
	}
	_ = c.script("ROLLBACK") // where another process was quicker; else there is nothing to end
	return backup, nil
}

// backUp copies the whole file. It overwrites nothing.
func backUp(c *conn, path string, v int64) (string, error) {
	base := fmt.Sprintf("%s%s%d", path, backupSuffix, v)
	backup := base
	for i := 2; ; i++ {
		err := createNew(backup)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", inaccessible(backup, err)
		}
		backup = fmt.Sprintf("%s-%d", base, i)
	}
	// SQLite writes into a file that is there if it is empty.
	if _, err := c.c.ExecContext(context.Background(), "VACUUM INTO ?", backup); err != nil {
		return "", errors.Join(fmt.Errorf("copy the history before it is changed: %w", err), os.Remove(backup))
	}
	return backup, nil
}

// createNew makes an empty file that nobody else may read.
func createNew(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// checkWith runs one of SQLite's checks, which answers "ok".
func checkWith(c *conn, pragma string) error {
	var said string
	err := c.query(func(rows *sql.Rows) error {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if said == "" {
			said = line
		}
		return nil
	}, pragma)
	if err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, said)
	}
	return nil
}
