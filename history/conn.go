package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

const (
	// busyMillis is how long one process waits for another's transaction.
	busyMillis = 5000
	// writerCache and readerCache are what one connection may keep of the file
	// in memory, in KiB. The system's own cache does the rest.
	writerCache = 4096
	readerCache = 512
)

// dsn is the name SQLite opens path by. mode is rwc, rw or ro.
func dsn(path, mode string, cache int, more ...string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}
	q := url.Values{"mode": {mode}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyMillis),
		fmt.Sprintf("cache_size(-%d)", cache),
		"temp_store(memory)",
	}}
	for _, m := range more {
		if m == "immutable" {
			q.Set(m, "1")
			continue
		}
		q.Add("_pragma", m)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// A conn is one connection to the file, with the statements that were used on
// it. One goroutine at a time may use it.
//
// Statements run without the caller's context: with one, each would cost a
// goroutine, and none of ours runs for long.
type conn struct {
	pool  *sql.DB
	c     *sql.Conn
	stmts map[string]*sql.Stmt
	// late are rows to be inserted, and waiting is set if there may be any.
	late    []*lateRows
	waiting bool
	// version is the file's data_version when it was last looked at.
	version int64
}

// openConn opens a connection of its own to the file.
func openConn(name string) (*conn, error) {
	pool, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	c, err := pool.Conn(context.Background())
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &conn{pool: pool, c: c, stmts: make(map[string]*sql.Stmt)}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.c.Close(), c.pool.Close())...)
}

// stmt is a statement that is about to run: what it may look at is written.
func (c *conn) stmt(query string) (*sql.Stmt, error) {
	if err := c.settle(); err != nil {
		return nil, err
	}
	return c.prepared(query)
}

func (c *conn) prepared(query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a statement that is kept for the next time.
func (c *conn) exec(query string, args ...any) (sql.Result, error) {
	if err := c.settle(); err != nil {
		return nil, err
	}
	return c.run(query, args)
}

// run is exec for what looks at no late rows.
func (c *conn) run(query string, args []any) (sql.Result, error) {
	s, err := c.prepared(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

// script runs statements that are needed once.
func (c *conn) script(query string) error {
	if err := c.settle(); err != nil {
		return err
	}
	_, err := c.c.ExecContext(context.Background(), query)
	return err
}

// query gives each row to fn, which may stop with an error.
func (c *conn) query(fn func(*sql.Rows) error, query string, args ...any) error {
	s, err := c.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// get reads one row into dest, and reports whether there is one.
func (c *conn) get(dest []any, query string, args ...any) (bool, error) {
	s, err := c.stmt(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// number reads one number; without a row, or where it is null, it is 0.
func (c *conn) number(query string, args ...any) (int64, error) {
	var n sql.NullInt64
	_, err := c.get([]any{&n}, query, args...)
	return n.Int64, err
}

// code is SQLite's result code in err, or 0.
func code(err error) int {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// explain wraps an error of SQLite's with the one of ours that it amounts to.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	var is error
	switch code(err) {
	case lib.SQLITE_FULL:
		is = ErrFull
	case lib.SQLITE_IOERR:
		// The shared memory beside a WAL cannot be made: a disk that was full from
		// the start.
		if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code() == lib.SQLITE_IOERR_SHMSIZE || isFull(err) {
			is = ErrFull
			break
		}
		return fmt.Errorf("history %s: %w", path, err)
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		is = ErrReadOnly
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		is = ErrInUse
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		is = ErrDamaged
	default:
		if isFull(err) {
			is = ErrFull
			break
		}
		return fmt.Errorf("history %s: %w", path, err)
	}
	if errors.Is(err, is) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", is, path, err)
}
