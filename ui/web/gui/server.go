package gui

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

const (
	// tokenBytes is how long the token is.
	tokenBytes = 32
	// headerTimeout bounds the head of a request, bodyTimeout its body, idleTimeout
	// the pause between two requests of one connection.
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = 60 * time.Second
	// fileTimeout bounds a request for one of the page's files, answerTimeout any
	// other but the event stream.
	fileTimeout   = 30 * time.Second
	answerTimeout = 2 * time.Minute
	// maxHeader is the longest head of a request, in bytes.
	maxHeader = 16 << 10
	// closeGrace is how long Close waits for requests under way.
	closeGrace = 300 * time.Millisecond
	// defaultAddr is any free port.
	defaultAddr = "127.0.0.1:0"
)

// ErrNotLoopback says that others than this machine could reach an address.
var ErrNotLoopback = errors.New("the chat page is for this machine alone")

// Config configures a Server. API is required.
type Config struct {
	// API reaches the node of the person's data folder; api.Transport gives one.
	API http.RoundTripper
	// Addr is where to listen: a loopback address and a port. If empty, 127.0.0.1
	// and any free port.
	Addr string
	// Version is that of the program.
	Version string
	// DefaultName is offered to a person who has no name yet.
	DefaultName string
	// Open lists the conversations, as the local interface names them, that a page
	// opens when it begins: those of last time. If nil, none.
	Open func() []string
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
}

func (c Config) addr() string { return cmp.Or(c.Addr, defaultAddr) }

func (c Config) logger() *slog.Logger { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

// A Server serves the chat page.
type Server struct {
	cfg    Config
	port   string
	host   string
	token  string
	crowd  *crowd
	http   *http.Server
	cancel context.CancelFunc
	served chan struct{}
	close  sync.Once
	err    error
}

// Serve begins to serve the page, until Close. The error is ErrNotLoopback, or
// that of listening.
func Serve(ctx context.Context, cfg Config) (*Server, error) {
	if err := checkLoopback(cfg.addr()); err != nil {
		return nil, fmt.Errorf("serve the chat page: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.addr())
	if err != nil {
		return nil, fmt.Errorf("serve the chat page: %w", err)
	}
	s := &Server{cfg: cfg, token: newToken(), crowd: newCrowd(maxConns), served: make(chan struct{})}
	if s.host, s.port, err = net.SplitHostPort(l.Addr().String()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	pages, err := s.routes()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve the chat page: %w", err), l.Close())
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.http = &http.Server{
		Handler: pages, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		WriteTimeout: fileTimeout, ConnState: s.crowd.change, ConnContext: s.crowd.mark, BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog: slog.NewLogLogger(cfg.logger().Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			cfg.logger().Error("the chat page ended", "err", err)
		}
	}()
	return s, nil
}

// checkLoopback accepts an address that only this machine reaches.
func checkLoopback(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address and port: %w", addr, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is no port", port)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() { // a name may mean anything tomorrow
		return fmt.Errorf("%w: %q is not a loopback address such as 127.0.0.1", ErrNotLoopback, host)
	}
	return nil
}

// newToken draws what proves that a request comes from the page.
func newToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// URL is the page's address, with the token: whoever has it can do all that the
// person can.
func (s *Server) URL() string { return s.Addr() + "/#token=" + s.token }

// Addr is the page's address without the token, such as "http://127.0.0.1:4321".
func (s *Server) Addr() string { return "http://" + net.JoinHostPort(s.host, s.port) }

// Close ends all streams and stops serving. When it returns, no goroutine of the
// Server is left. It may be called again.
func (s *Server) Close() error {
	s.close.Do(func() {
		s.cancel() // streams end
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			s.err = s.http.Close()
		}
		<-s.served
	})
	return s.err
}
