package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// MaxSeeds is how many seeds an Attachment has at most, so that invites cannot
// make a node dial without end.
const MaxSeeds = 64

const (
	// dialTimeout bounds one attempt to reach a seed, on all its addresses.
	dialTimeout = 10 * time.Second

	// eventBuffer is how many events of the host wait for us. When it is full
	// the host's identify waits, so the loop that empties it never does.
	eventBuffer = 64

	// protection is the connection manager's tag.
	protection = "p2pchat-seed"
)

// errSelf is the status of a seed that is this node.
var errSelf = errors.New("this is our own address")

// Config configures an Attachment. The zero value has no seeds.
type Config struct {
	// Seeds are whom to stay attached to, besides those of Attachment.Add.
	Seeds []peer.AddrInfo
	// Seed says that this node is a seed itself, so that the others may be
	// dialling us at the same moment as we them.
	Seed bool
	// Changed is called after a seed was reached or lost, or an attempt failed.
	// It must not wait. If nil, nobody is told.
	Changed func()
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
	// Rand gives numbers in [0, 1) for jitter, to several goroutines. If nil,
	// those of math/rand/v2.
	Rand func() float64
}

func (c Config) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (c Config) rand() float64 {
	if c.Rand != nil {
		return c.Rand()
	}
	return rand.Float64()
}

// A SeedStatus tells how it stands with one seed.
type SeedStatus struct {
	Peer  chat.PeerID
	Addrs []ma.Multiaddr
	// Connected is whether the seed is connected.
	Connected bool
	// Since is when that began, or when the seed was lost; for a seed never
	// reached, when we began to try.
	Since time.Time
	// LastError is why the latest attempt failed. It is nil while connected. Its
	// text is safe to be shown.
	LastError error
}

// An Attachment keeps a node connected to its seeds.
type Attachment struct {
	h      corehost.Host
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// mu guards all below; nothing waits while it is locked.
	mu     sync.Mutex
	closed bool
	seeds  []*seed // as they came
	byPeer map[peer.ID]*seed
	// watching is set once events of the host are heard.
	watching bool
}

// A seed is what an Attachment knows of one of its seeds.
type seed struct {
	id peer.ID
	// nudge says that the connection may have come or gone. It holds one: more
	// would say the same.
	nudge chan struct{}
	// moved says that we are in another network. It holds one, as above.
	moved chan struct{}

	mu     sync.Mutex
	addrs  []ma.Multiaddr
	status SeedStatus // without Addrs
}

// Attach dials all seeds at once, and from then on whichever is lost, until
// Close. It returns at once.
func Attach(h corehost.Host, cfg Config) *Attachment {
	a := &Attachment{h: h, cfg: cfg, byPeer: make(map[peer.ID]*seed)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.Add(cfg.Seeds)
	return a
}

// watch starts the goroutine that wakes the keeper of a seed whose connection
// came or went. a.mu is held.
func (a *Attachment) watch() {
	if a.watching {
		return
	}
	a.watching = true
	sub, err := a.h.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.BufSize(eventBuffer))
	if err != nil {
		// Only a wrong event type can do this; keepers look by themselves, too.
		a.cfg.log().Debug("no events of the host", "err", err)
		return
	}
	a.wg.Go(func() {
		defer sub.Close()
		for {
			select {
			case <-a.ctx.Done():
				return
			case e, ok := <-sub.Out():
				if !ok {
					return
				}
				a.nudge(e.(event.EvtPeerConnectednessChanged).Peer)
			}
		}
	})
}

// nudge wakes the keeper of a peer, if it is a seed.
func (a *Attachment) nudge(p peer.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.byPeer[p]; s != nil {
		select {
		case s.nudge <- struct{}{}:
		default:
		}
	}
}

// headStart is what we give another seed that may be dialling us.
func (a *Attachment) headStart(other peer.ID) time.Duration {
	if a.cfg.Seed && a.h.ID() > other {
		return mutualPause
	}
	return 0
}

func (a *Attachment) connected(s *seed) bool {
	return a.h.Network().Connectedness(s.id) == network.Connected
}

// record notes how it stands and tells cfg.Changed of a difference.
func (a *Attachment) record(s *seed, connected bool, err error) (came bool) {
	s.mu.Lock()
	changed := err != nil || s.status.Connected != connected
	if s.status.Connected != connected {
		s.status.Since = time.Now()
		came = connected
	}
	s.status.Connected = connected
	if s.status.LastError = nil; err != nil {
		s.status.LastError = safeError{fmt.Errorf("reach seed %s: %w", s.status.Peer.Short(), err)}
	}
	s.mu.Unlock()
	if changed && a.cfg.Changed != nil {
		a.cfg.Changed()
	}
	return came
}

// Status tells how it stands with each seed, in the order they came.
func (a *Attachment) Status() []SeedStatus {
	a.mu.Lock()
	seeds := slices.Clone(a.seeds)
	a.mu.Unlock()
	all := make([]SeedStatus, len(seeds))
	for i, s := range seeds {
		all[i] = s.now()
	}
	return all
}

// Close lets the seeds go: connections stay open, but are no longer protected
// nor redialled. When it returns, no goroutine of the attachment is left.
func (a *Attachment) Close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.cancel()
	a.wg.Wait()
	for p := range a.byPeer { // nobody changes it any more
		a.h.ConnManager().Unprotect(p, protection)
	}
}

// A safeError has a text of one line that cannot hurt a terminal: parts of it
// came from the network or the DNS.
type safeError struct{ error }

func (e safeError) Error() string { return chat.SafeString(e.error.Error()) }
func (e safeError) Unwrap() error { return e.error }
