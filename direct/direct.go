// Package direct carries private messages to one peer over a long-lived stream,
// with acknowledgement and retry (PROTOCOL.md, section 6).
//
// A segment given to Send stays in the outbox until the peer says that it has
// stored it, and is sent again on every new stream: at least once on the wire.
// What a peer sends twice is told once, as far as a window reaches. The outbox
// is in memory: after a restart, Send what was not acknowledged.
//
// Each peer has a talk. Its goroutine owns the outbox; one goroutine tells
// Config.Events what happens, one hands the peer's segments to Config.Receive in
// order, and each stream has one that reads and one that writes. Close stops
// them all and waits.
//
// Package direct does not find peers (see discovery), does not remember
// messages (see history) and does not decide who may write to us: Config has a
// function for each.
package direct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// Config configures a Service. Self, Connect and Receive are required.
type Config struct {
	// Self is this node.
	Self chat.PeerID
	// Nick is what we call ourselves to the peer. If nil, nothing.
	Nick func() chat.Text
	// Connect finds and dials a peer by any way. It is called when there is no
	// connection, at most once at a time for one peer, and never for longer
	// than ConnectTimeout. Errors wrap chat.ErrNotFound or chat.ErrUnreachable.
	Connect func(ctx context.Context, p chat.PeerID) error
	// Admit says whether a peer may talk to us. The text of an error is told to
	// the peer as the reason. If nil, everybody may.
	Admit func(p chat.PeerID) error
	// Known says whether the user knows a peer. Strangers together may hold
	// only so many streams, and never those of the people known; nor of those
	// this node wants to talk to. If nil, all others are strangers.
	Known func(p chat.PeerID) bool
	// Receive stores segments of p: verified, of our conversation with p, and
	// new as far as direct remembers, which is not beyond a restart. All that is
	// there is given at once, up to batchSize. They are acknowledged when it
	// returns nil, not before, so they must be on stable storage by then; an
	// error ends the stream, and the peer sends them again later. It is called
	// once at a time for one peer. It may wait: the peer then waits too.
	Receive func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error
	// Events is told what happens, one event after the other for each peer. It
	// may wait, also for somebody who calls Send: up to reportSize events of a
	// peer wait for it, and only then does the talk. It must not call Goodbye
	// or Close. If nil, nobody is told.
	Events func(Event)
	// Jitter returns numbers from 0 up to 1. If nil, random ones.
	Jitter func() float64

	// Received is how many bytes came in over a connection so far: what grows
	// while a peer does not answer shows that it lives. If nil, that is not known.
	Received func(network.Conn) uint64

	// ConnectTimeout bounds one call of Connect. If zero, 30 seconds.
	ConnectTimeout time.Duration
	// HelloTimeout bounds opening a stream and both Hellos. If zero, 10 seconds.
	HelloTimeout time.Duration
	// WriteTimeout is how long a peer may not read. If zero, 15 seconds.
	WriteTimeout time.Duration
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
}

func (c Config) connectTimeout() time.Duration {
	return cmp.Or(c.ConnectTimeout, defaultConnectTimeout)
}
func (c Config) helloTimeout() time.Duration { return cmp.Or(c.HelloTimeout, defaultHelloTimeout) }
func (c Config) writeTimeout() time.Duration { return cmp.Or(c.WriteTimeout, defaultWriteTimeout) }
func (c Config) log() *slog.Logger           { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

func (c Config) nick() chat.Text {
	if c.Nick == nil {
		return chat.Text{}
	}
	return c.Nick()
}

func (c Config) admit(p chat.PeerID) error {
	if c.Admit == nil {
		return nil
	}
	return c.Admit(p)
}

func (c Config) known(p chat.PeerID) bool { return c.Known != nil && c.Known(p) }

func (c Config) received(conn network.Conn) uint64 {
	if c.Received == nil {
		return 0
	}
	return c.Received(conn)
}

func (c Config) report(ev Event) {
	if c.Events != nil {
		c.Events(ev)
	}
}

func (c Config) jitter() float64 {
	if c.Jitter == nil {
		return rand.Float64()
	}
	return c.Jitter()
}

func (c Config) connect(ctx context.Context, p chat.PeerID) error {
	if c.Connect == nil {
		return chat.ErrUnreachable
	}
	return c.Connect(ctx, p)
}

// A Service holds this node's talks. Its methods may be called from any
// goroutine.
type Service struct {
	host corehost.Host
	cfg  Config

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	notify network.Notifiee
	wg     sync.WaitGroup // of talks and of handlers

	mu      sync.Mutex
	closed  bool
	talks   map[chat.PeerID]*talk
	resting int                  // talks without a stream and without a wish for one
	wanted  map[chat.PeerID]bool // by Open or Send, until Goodbye
	inbound map[chat.PeerID]visits
	streams int // those of strangers
}

// visits count the streams that one peer opened.
type visits struct{ all, strange int }

// New serves wire.DirectProtocol on h until Close.
func New(h corehost.Host, cfg Config) *Service {
	s := &Service{
		host:    h,
		cfg:     cfg,
		talks:   make(map[chat.PeerID]*talk),
		wanted:  make(map[chat.PeerID]bool),
		inbound: make(map[chat.PeerID]visits),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.notify = &network.NotifyBundle{ConnectedF: s.connected}
	h.Network().Notify(s.notify)
	h.SetStreamHandler(wire.DirectProtocol, s.accept)
	return s
}

// Close ends all talks, without a goodbye. What is not acknowledged stays as it
// was reported, and what Events has not been told by now it is told no more.
// Close waits until Receive and Connect, whose contexts end, and Events have
// returned; then no goroutine of the Service is left. It may be called again.
func (s *Service) Close() error {
	s.host.RemoveStreamHandler(wire.DirectProtocol)
	s.host.Network().StopNotify(s.notify)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return nil
}

// Send queues a segment of ours for p, connects if need be, and keeps trying
// until p has acknowledged or refused it. It waits only while MaxQueued
// segments are waiting for p. A segment that is queued already is not queued
// again. Events tell what becomes of it.
func (s *Service) Send(ctx context.Context, p chat.PeerID, seg *chat.Segment) error {
	if err := s.sendable(p, seg); err != nil {
		return fmt.Errorf("send to %s: %w", p, err)
	}
	t, err := s.want(p)
	if err != nil {
		return fmt.Errorf("send to %s: %w", p, err)
	}
	defer s.release(t)
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("send to %s: %w", p, ctx.Err())
	case <-t.done:
		return fmt.Errorf("send to %s: %w", p, chat.ErrClosed)
	}
	taken := false
	if !t.ask(func() { taken = t.enqueue(seg) }) || !taken {
		return fmt.Errorf("send to %s: %w", p, chat.ErrClosed)
	}
	return nil
}

// sendable finds what the peer would cut the stream for.
func (s *Service) sendable(p chat.PeerID, seg *chat.Segment) error {
	switch {
	case p.IsZero(), p == s.cfg.Self:
		return fmt.Errorf("%w: nobody to talk to", chat.ErrBadPeerID)
	case seg.Author != s.cfg.Self, seg.Conversation != chat.DirectID(s.cfg.Self, p):
		return fmt.Errorf("%w: not a segment of ours to this peer", chat.ErrMalformed)
	case len(seg.Envelope) == 0:
		return fmt.Errorf("%w: a segment that is not signed", chat.ErrMalformed)
	case len(seg.Envelope) > wire.MaxEnvelope:
		return fmt.Errorf("%w: a segment of %d bytes", chat.ErrTooLarge, len(seg.Envelope))
	}
	return nil
}

// Open wants a talk with p, even with nothing to send, and keeps trying until
// Goodbye, or until either side ends it. A second call tries again at once. If
// there is a stream already, Connected is told once more.
func (s *Service) Open(p chat.PeerID) {
	if p.IsZero() || p == s.cfg.Self {
		return
	}
	t, err := s.want(p)
	if err != nil {
		return
	}
	defer s.release(t)
	t.ask(func() { t.handle(evOpened{}) })
}

// Wanted reports whether this node wants to talk with p: whether Open or Send
// was called, and Goodbye not since.
func (s *Service) Wanted(p chat.PeerID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted[p]
}

// Linked returns what Connected said of the present stream with p, and false if
// there is none.
func (s *Service) Linked(p chat.PeerID) (Connected, bool) {
	t := s.lookUp(p)
	if t == nil {
		return Connected{}, false
	}
	defer s.release(t)
	ev := t.linked.Load()
	if ev == nil {
		return Connected{}, false
	}
	return *ev, true
}

// Read tells p that a person was shown everything of p's up to and including
// a segment, in the order of (time, ID): call it with ascending ones, for only
// the latest goes out, now and on each new stream. It does not connect, and it
// is forgotten with the talk, so call it again when Connected comes.
func (s *Service) Read(p chat.PeerID, upTo chat.SegmentID) {
	t := s.lookUp(p)
	if t == nil {
		return
	}
	defer s.release(t)
	t.post(func() { t.markRead(upTo) })
}

// Goodbye waits until p has acknowledged what is queued, or until ctx ends,
// then tells p that the talk is over and ends it, which takes another few
// seconds at most, and as long as Receive takes. What p has on its way is still
// received and acknowledged. What is not acknowledged by p is dropped from the
// outbox without an event, and Goodbye returns an error that says how much.
func (s *Service) Goodbye(ctx context.Context, p chat.PeerID) error {
	s.mu.Lock()
	delete(s.wanted, p)
	s.mu.Unlock()
	t := s.lookUp(p)
	if t == nil {
		return nil
	}
	defer s.release(t)
	parted := make(chan int, 1)
	if !t.ask(func() { t.leaving = append(t.leaving, parted) }) {
		return nil
	}
	var left int
	select {
	case left = <-parted:
	case <-t.done:
		return fmt.Errorf("goodbye to %s: %w", p, chat.ErrClosed)
	case <-ctx.Done():
		t.ask(t.part)
		select {
		case left = <-parted:
		case <-t.done:
			return fmt.Errorf("goodbye to %s: %w", p, chat.ErrClosed)
		}
	}
	if left > 0 {
		return fmt.Errorf("goodbye to %s: %w: %d not acknowledged", p, chat.ErrUnreachable, left)
	}
	return nil
}

// Pending is how many segments p has not acknowledged.
func (s *Service) Pending(p chat.PeerID) int {
	t := s.lookUp(p)
	if t == nil {
		return 0
	}
	defer s.release(t)
	return int(t.pending.Load())
}

var (
	errSuperseded = errors.New("the peer opened another stream")
	errNotReading = errors.New("the peer does not read")
	errSilent     = errors.New("silent, and others want in")
)
