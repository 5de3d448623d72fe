package history

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// maxReaders is how many connections read at most; as many more are kept for
// Views, so that a View's owner can always read besides. They are opened when
// first needed.
const maxReaders = 3

// A pool lends connections.
type pool struct {
	name string // as SQLite opens it
	// free has those not lent; slots those that may still be opened.
	free  chan *conn
	slots chan struct{}
	quit  chan struct{}
	once  sync.Once
}

func newPool(name string) *pool {
	p := &pool{name: name, free: make(chan *conn, maxReaders), slots: make(chan struct{}, maxReaders), quit: make(chan struct{})}
	for range maxReaders {
		p.slots <- struct{}{}
	}
	return p
}

// get borrows a connection, which must be given back by put.
func (p *pool) get(ctx context.Context) (*conn, error) {
	select { // rather one that is there than another
	case <-p.quit:
		return nil, fmt.Errorf("history: %w", chat.ErrClosed)
	case c := <-p.free:
		return c, nil
	default:
	}
	select {
	case <-p.quit:
		return nil, fmt.Errorf("history: %w", chat.ErrClosed)
	case c := <-p.free:
		return c, nil
	case <-p.slots:
		c, err := openConn(p.name)
		if err != nil {
			p.slots <- struct{}{}
		}
		return c, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) put(c *conn) { p.free <- c }

// close waits until all connections are given back, and closes them.
func (p *pool) close() (err error) {
	p.once.Do(func() {
		close(p.quit)
		for range maxReaders {
			select {
			case <-p.slots:
			case c := <-p.free:
				err = errors.Join(err, c.close())
			}
		}
	})
	return err
}
