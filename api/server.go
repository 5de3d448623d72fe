package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

const (
	// closeGrace is how long Close waits for requests under way.
	closeGrace = 500 * time.Millisecond
	// saveAfter is how long a read mark may wait to be stored.
	saveAfter = 2 * time.Second
	// headerTimeout bounds the head of a request, bodyTimeout its body, idleTimeout
	// the pause between two requests of one connection.
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// maxHeader is the longest head of a request, in bytes.
	maxHeader = 16 << 10
)

// A Server serves one node to its faces.
type Server struct {
	cfg      Config
	log      *slog.Logger
	since    time.Time
	self     chat.PeerID
	contacts *identity.Contacts
	requests *identity.Requests

	// mu lets a new stream begin between two batches of events: ring and board
	// change together.
	mu    sync.Mutex
	ring  *ring
	board *board
	fence fence

	holds  holds
	keys   keys
	marks  *marks
	dirty  chan struct{} // holds one: marks are to be saved
	drafts atomic.Uint64

	facesMu sync.Mutex
	streams int // event streams and diagnoses
	faces   map[string]*presence
	closed  bool
	name    chat.Text
	meter   meter

	http   *http.Server
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	close  sync.Once
	err    error
}

// Serve begins to serve a node on the socket of cfg.Folder, whose lock the caller
// holds, until Close. A socket that a killed process left is replaced. The errors
// are ErrSocket, ErrExposed and ErrServed, and those of the folder's files.
func Serve(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{
		cfg: cfg, log: cfg.logger(), since: cfg.now(), self: cfg.Node.Self(),
		ring: newRing(), board: newBoard(), dirty: make(chan struct{}, 1), faces: make(map[string]*presence),
	}
	if err := s.openFiles(); err != nil {
		return nil, fmt.Errorf("serve the node: %w", err)
	}
	l, err := listen(ctx, cfg.Folder.Dir())
	if err != nil {
		return nil, fmt.Errorf("serve the node: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.wg.Go(s.pump)
	s.wg.Go(s.keepHouse)
	s.wg.Go(func() {
		if err := s.http.Serve(netutil.LimitListener(guarded{l, s.log}, MaxConns)); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the local interface ended", "err", err)
		}
	})
	return s, nil
}

// openFiles opens what the folder holds.
func (s *Server) openFiles() (err error) {
	if s.contacts, err = s.cfg.Folder.Contacts(); err != nil {
		return err
	}
	if s.requests, err = s.cfg.Folder.Requests(); err != nil {
		return err
	}
	if s.name = s.cfg.Node.Name(s.self); s.name.Empty() { // the settings may have another than the folder
		if s.name, err = s.cfg.Folder.Name(); err != nil {
			return err
		}
	}
	if s.marks, err = loadMarks(s.cfg.Folder); err != nil {
		s.log.Error("the read marks are begun anew", "err", err)
	}
	return nil
}

// Close tells all faces that the node ends, waits a moment for their requests, and
// removes the socket. When it returns, no goroutine of the Server is left. It may
// be called again.
func (s *Server) Close() error {
	s.close.Do(func() { s.err = s.shutdown() })
	return s.err
}

func (s *Server) shutdown() error {
	err := os.Remove(SocketPath(s.cfg.Folder.Dir())) // who looks from now on finds no node
	s.facesMu.Lock()
	s.closed = true
	s.facesMu.Unlock()
	s.ring.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), closeGrace)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.cancel()
		err = errors.Join(err, s.http.Close())
	}
	s.cancel()
	s.wg.Wait()
	return errors.Join(err, s.marks.save(s.cfg.Folder))
}

// pump gathers the node's events.
func (s *Server) pump() {
	for s.ctx.Err() == nil {
		wait, asked := s.fence.begin(s.ctx)
		evs, err := s.cfg.Events.Next(wait)
		if err == nil { // or it is of our context: the node's events have no end
			s.happen(evs)
		}
		s.fence.end(asked)
	}
}

// happen hands events to all faces.
func (s *Server) happen(evs []chat.Event) {
	name := s.ownName()
	for _, ev := range evs {
		if m, ok := ev.(chat.Message); ok {
			s.marks.note(m, name)
		}
	}
	s.mu.Lock()
	s.ring.add(evs...)
	s.board.note(evs)
	s.mu.Unlock()
}

// keepHouse measures traffic and stores read marks.
func (s *Server) keepHouse() {
	tick := time.NewTicker(trafficEvery)
	defer tick.Stop()
	var save <-chan time.Time
	s.measure()
	for {
		select {
		case <-tick.C:
			s.measure()
		case <-s.dirty:
			if save == nil {
				save = time.After(saveAfter)
			}
		case <-save:
			save = nil
			if err := s.marks.save(s.cfg.Folder); err != nil {
				s.log.Error("the read marks were not stored", "err", err)
			}
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Server) measure() {
	n := s.network(s.ctx)
	if n == nil {
		return
	}
	s.facesMu.Lock()
	defer s.facesMu.Unlock()
	s.meter.note(sample{s.cfg.now(), n.In, n.Out})
}

// ownName is the own nickname.
func (s *Server) ownName() chat.Text {
	s.facesMu.Lock()
	defer s.facesMu.Unlock()
	return s.name
}

// A guarded listener refuses other users.
type guarded struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (g guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if _, err := checkPeer(c); err != nil {
			g.log.Error("refused a connection to the local interface", "err", err)
			c.Close()
			continue
		}
		return c, nil
	}
}
