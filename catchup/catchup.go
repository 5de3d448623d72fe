package catchup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// service is what the resource manager counts our streams under.
const service = "p2pchat.catchup"

// Config configures a Service. Log and Accept are required. The functions
// are called from many goroutines at once.
type Config struct {
	// Log is our log of segments.
	Log Log
	// Accept is given verified segments, sorted by Key, and returns when they
	// are stored. What it stores must show in Log by then. The newest batches come
	// first, so parents often come later than their children. One run gives one
	// batch at a time.
	Accept func(ctx context.Context, from chat.PeerID, segs []*chat.Segment) error
	// Serve says whether a peer may catch up on a conversation with us now. If
	// nil, nobody may.
	Serve func(from chat.PeerID, conv chat.ConversationID) bool
	// Beacon gives our own beacon, which we send when we call. It may be nil,
	// and return nil.
	Beacon func(conv chat.ConversationID) []byte
	// Beacons gives our beacon and those we know of others, which we send when
	// we are called: at most the first 256. It may be nil.
	Beacons func(conv chat.ConversationID) [][]byte
	// KnownBeacon reports whether an envelope is one that HearBeacon was given
	// or that came another way, and was verified then: most of a roster is. It
	// may be nil.
	KnownBeacon func(conv chat.ConversationID, envelope []byte) bool
	// HearBeacon is given each other verified beacon, and whom it came from, who need
	// not be its author. It may be nil.
	HearBeacon func(from chat.PeerID, b *chat.Beacon)
	// Progress is told, each time Accept took a batch in a run that we called, how
	// many segments the run has fetched, and about how many it will: 1,200 of about
	// 98,000. It must not wait. It may be nil.
	Progress func(conv chat.ConversationID, from chat.PeerID, fetched, needed int)
	// Logger receives debug records. If nil, they are dropped.
	Logger *slog.Logger
}

func (c *Config) logger() *slog.Logger { return cmp.Or(c.Logger, slog.New(slog.DiscardHandler)) }

func (c *Config) serve(from chat.PeerID, conv chat.ConversationID) bool {
	return c.Serve != nil && c.Serve(from, conv)
}

func (c *Config) beacon(conv chat.ConversationID) []byte {
	if c.Beacon == nil {
		return nil
	}
	return c.Beacon(conv)
}

func (c *Config) beacons(conv chat.ConversationID) [][]byte {
	if c.Beacons == nil {
		return nil
	}
	b := c.Beacons(conv)
	return b[:min(len(b), maxBeacons)]
}

// hear opens a beacon and passes it on. It must be by author, unless that is
// zero.
func (c *Config) hear(from chat.PeerID, conv chat.ConversationID, data []byte, author chat.PeerID) error {
	if author.IsZero() && c.KnownBeacon != nil && c.KnownBeacon(conv, data) {
		return nil
	}
	b, err := wire.OpenBeacon(conv, data)
	switch {
	case err != nil:
		return judge(err)
	case !author.IsZero() && b.Author != author:
		return fmt.Errorf("%w: a beacon of another", ErrLied)
	case c.HearBeacon != nil:
		c.HearBeacon(from, b)
	}
	return nil
}

// A Service runs catch-up in both directions.
type Service struct {
	host corehost.Host
	cfg  Config
	lim  limits
	runs *runs
	// claims keeps runs of one conversation from fetching the same.
	claims *claims
	// ctx ends when Close begins.
	ctx    context.Context
	cancel context.CancelFunc
}

// New starts answering to catch-up on h.
func New(h corehost.Host, cfg Config) *Service { return newService(h, cfg, defaultLimits()) }

func newService(h corehost.Host, cfg Config, lim limits) *Service {
	s := &Service{host: h, cfg: cfg, lim: lim, runs: newRuns(lim), claims: newClaims()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	h.SetStreamHandler(wire.CatchupProtocol, s.handle)
	return s
}

// Close stops answering and ends all runs. When it returns, none is left. It
// may be called again.
func (s *Service) Close() error {
	s.host.RemoveStreamHandler(wire.CatchupProtocol)
	s.cancel()
	s.runs.close()
	return nil
}

// call opens a stream to p.
func (s *Service) call(ctx context.Context, p chat.PeerID) (*exchange, error) {
	st, err := s.host.NewStream(network.WithAllowLimitedConn(ctx, "catchup"), p.Libp2p(), wire.CatchupProtocol)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	if err := prepare(st, callMemory); err != nil {
		_ = st.Reset()
		return nil, err
	}
	x := newExchange(st, s.lim)
	if x.relayed {
		x.lim.bytes = min(x.lim.bytes, s.runs.overRelay(p, time.Now()))
	}
	return x, nil
}

// prepare counts a stream, and what a run holds, with the resource manager, which
// gives it all back when the stream ends.
func prepare(st network.Stream, memory int) error {
	if err := st.Scope().SetService(service); err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	if err := st.Scope().ReserveMemory(memory, network.ReservationPriorityMedium); err != nil {
		return fmt.Errorf("reserve memory: %w", err)
	}
	return nil
}

// closeStream says goodbye after a good run, and cuts a bad one off.
func closeStream(st network.Stream, err error) {
	if err == nil {
		err = st.Close()
	}
	if err != nil {
		_ = st.Reset()
	}
}

// handle is the stream handler: libp2p runs it in a goroutine of its own.
func (s *Service) handle(st network.Stream) {
	x := newExchange(st, s.lim) // reads no frame beyond wire.MaxFrame
	if err := errors.Join(st.SetDeadline(x.deadline()), prepare(st, runMemory)); err != nil {
		_ = st.Reset()
		return
	}
	from, err := chat.PeerIDFromLibp2p(st.Conn().RemotePeer())
	if err != nil {
		_ = st.Reset()
		return
	}
	leave, err := s.runs.answer(from, time.Now())
	if err != nil {
		closeStream(st, x.write(refusal(err)))
		return
	}
	defer leave()
	ctx, cancel := context.WithTimeout(s.ctx, s.lim.runTime)
	defer cancel()
	unwatch := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer unwatch()
	if err = s.respond(ctx, x, from); err != nil {
		s.cfg.logger().Debug("catch-up for a peer failed", "peer", from, "err", chat.SafeString(err.Error()))
	}
	closeStream(st, err)
}
