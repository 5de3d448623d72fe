package gui

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxConns is how many connections are open at once. When there are more, one goes
// that does nothing for the page and began longest ago: who opens a thousand, and
// says nothing, half a request, or asks for files and does not read them, does not
// keep the page out.
const maxConns = 128

// A crowd knows the connections, and which of them serve the page.
type crowd struct {
	most int

	mu    sync.Mutex
	conns map[net.Conn]stay
}

// A stay is how a connection passes its time.
type stay struct {
	since   time.Time // of its last request, or its beginning
	serving bool      // it has a request that knew the token
}

func newCrowd(most int) *crowd { return &crowd{most: most, conns: make(map[net.Conn]stay)} }

// change is the http.Server's ConnState.
func (c *crowd) change(conn net.Conn, to http.ConnState) {
	var drop net.Conn
	switch to {
	case http.StateNew:
		drop = c.come(conn, time.Now())
	case http.StateClosed, http.StateHijacked:
		c.mu.Lock()
		delete(c.conns, conn)
		c.mu.Unlock()
	}
	if drop != nil {
		drop.Close() // net/http notices
	}
}

// come notes a new connection, and returns the one that has to go, or nil.
func (c *crowd) come(conn net.Conn, now time.Time) (drop net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[conn] = stay{since: now}
	if len(c.conns) <= c.most {
		return nil
	}
	var oldest time.Time
	for other, s := range c.conns {
		if !s.serving && (drop == nil || s.since.Before(oldest)) {
			drop, oldest = other, s.since
		}
	}
	delete(c.conns, drop)
	return drop
}

// connKey is where a request's context has its connection.
type connKey struct{}

// mark is the http.Server's ConnContext.
func (c *crowd) mark(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// serving keeps the connection of a request while it is answered.
func (c *crowd) serving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		c.set(conn, true)
		defer c.set(conn, false)
		next.ServeHTTP(w, r)
	})
}

func (c *crowd) set(conn net.Conn, serving bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.conns[conn]; known {
		c.conns[conn] = stay{time.Now(), serving}
	}
}
