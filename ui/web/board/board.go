package board

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/ui/web/assets"
)

//go:embed page
var pageFiles embed.FS

// DefaultAddr is where the board is served if Config does not say.
const DefaultAddr = "127.0.0.1:4748"

// Limits on what strangers who look may use.
const (
	// headerTimeout is for the first bytes of a request, readTimeout for all of
	// it, writeTimeout for the answer, idleTimeout for a kept connection between
	// two requests.
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 30 * time.Second
	// maxHeader is the size, in bytes, of a request's header.
	maxHeader = 8 << 10
	// closeTimeout is how long Close waits for answers on their way.
	closeTimeout = 500 * time.Millisecond
)

// Config configures a board. Only Source is needed.
type Config struct {
	// Addr is the TCP address to listen at. If empty, DefaultAddr.
	Addr   string
	Source Source
	// Dir is the folder for the plots' file. If empty, plots begin anew with
	// each start.
	Dir string
	// ShowAddrs shows people's addresses, which they did not ask for.
	ShowAddrs bool
	// Join is the command line with which a newcomer joins; the page shows it
	// and its QR code. If empty, the page does not say how to join.
	Join string
	// Version is the program's.
	Version string
	// Metrics, if set, answers with more metrics in Prometheus's text format.
	Metrics http.Handler
	// Log receives debug records and warnings. If nil, they are dropped.
	Log *slog.Logger
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
}

func (c Config) addr() string {
	if c.Addr == "" {
		return DefaultAddr
	}
	return c.Addr
}

func (c Config) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

func (c Config) now() func() time.Time {
	if c.Now == nil {
		return time.Now
	}
	return c.Now
}

// ErrNoSource is returned by Serve for a Config without a Source.
var ErrNoSource = errors.New("a board needs a source")

// A Server is a board that is being served.
type Server struct {
	listener net.Listener
	http     *http.Server
	rings    *rings
	cancel   context.CancelFunc
	running  sync.WaitGroup
	log      *slog.Logger
}

// Serve serves a board until ctx ends or Close is called. It fails if it cannot
// listen. A plots' file that cannot be used is a warning in the log, no error:
// the plots are then kept in memory only.
func Serve(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Source == nil {
		return nil, ErrNoSource
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.addr())
	if err != nil {
		return nil, fmt.Errorf("serve the page of who is online: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{listener: listener, cancel: cancel, log: cfg.log(), rings: openRings(cfg.ringFile(), cfg.log())}
	keeper := newKeeper(ctx, cfg.Source, cfg.now(), cfg.ShowAddrs)
	handler, err := newHandler(cfg, keeper, s.rings)
	if err != nil {
		cancel()
		return nil, errors.Join(err, listener.Close(), s.rings.close())
	}
	s.http = &http.Server{
		Handler: handler, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.running.Go(s.serve)
	s.running.Go(func() { s.shut(ctx) })
	s.running.Go(func() { sampleFor(ctx, keeper, s.rings, s.log) })
	return s, nil
}

// ringFile is the path of the plots' file, or "".
func (c Config) ringFile() string {
	if c.Dir == "" {
		return ""
	}
	return filepath.Join(c.Dir, "web-plots")
}

// newHandler is everything the board answers, behind its limits.
func newHandler(cfg Config, keeper *keeper, rings *rings) (http.Handler, error) {
	page, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return nil, err
	}
	site, err := assets.New(page)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", site)
	(&answers{cfg: cfg, keeper: keeper, stats: newStats(rings, cfg.now()), join: joinBody(cfg)}).route(mux)
	return site.Secure(newLimiter(cfg.now()).limit(mux)), nil
}

// serve answers until the http server is closed.
func (s *Server) serve() {
	if err := s.http.Serve(limitConns(s.listener)); !errors.Is(err, http.ErrServerClosed) {
		s.log.Warn("the page of who is online is no longer served", "error", err)
	}
}

// shut waits for the end of ctx, and ends serve.
func (s *Server) shut(ctx context.Context) {
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if s.http.Shutdown(last) != nil {
		_ = s.http.Close() // whoever reads this slowly has waited long enough
	}
}

// Addr is the address the board is served at.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL is the page's address.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/" }

// Close ends the board. When it returns, nothing of it runs.
func (s *Server) Close() error {
	s.cancel()
	s.running.Wait()
	return s.rings.close()
}
