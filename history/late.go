package history

import "strings"

// maxTogether is how many rows one statement inserts at most. More gain nothing:
// the driver looks for each parameter among all.
const maxTogether = 16

// Late rows are inserted into one table some at a time, which takes a quarter
// less than one by one. They are there for every other statement on their
// connection: that writes them first (see conn.stmt).
type lateRows struct {
	into    string // table and columns
	columns int
	args    []any // of all rows
	queries map[int]string
}

// query inserts n rows. It need not be undone by itself where it fails: then the
// whole transaction is undone, and SQLite need not be prepared for the former.
func (l *lateRows) query(n int) string {
	if q := l.queries[n]; q != "" {
		return q
	}
	row := "(?" + strings.Repeat(", ?", l.columns-1) + ")"
	q := "INSERT OR FAIL INTO " + l.into + " VALUES" + row + strings.Repeat(", "+row, n-1)
	l.queries[n] = q
	return q
}

// insert adds a row to a table, together with others, soon: at the latest before
// the next other statement on c. What it is given must not be changed any more.
func (c *conn) insert(into string, row ...any) error {
	l := c.rowsFor(into, len(row))
	l.args = append(l.args, row...)
	c.waiting = true
	if len(l.args) < maxTogether*l.columns {
		return nil
	}
	return c.write(l)
}

func (c *conn) rowsFor(into string, columns int) *lateRows {
	for _, l := range c.late {
		if l.into == into {
			return l
		}
	}
	l := &lateRows{into: into, columns: columns, queries: make(map[int]string)}
	c.late = append(c.late, l)
	return l
}

// settle writes what insert was given.
func (c *conn) settle() error {
	if !c.waiting {
		return nil
	}
	c.waiting = false
	for _, l := range c.late {
		if err := c.write(l); err != nil {
			return err
		}
	}
	return nil
}

// write writes late rows. There is a statement for each power of two.
func (c *conn) write(l *lateRows) error {
	args := l.args
	for n := maxTogether; len(args) > 0; n /= 2 {
		for len(args) >= n*l.columns {
			if _, err := c.run(l.query(n), args[:n*l.columns]); err != nil {
				return err
			}
			args = args[n*l.columns:]
		}
	}
	clear(l.args)
	l.args = l.args[:0]
	return nil
}

// rollback undoes the transaction, and forgets what insert was given. There may
// be no transaction any more.
func (c *conn) rollback() {
	c.waiting = false
	for _, l := range c.late {
		clear(l.args)
		l.args = l.args[:0]
	}
	_, _ = c.run("ROLLBACK", nil)
}
