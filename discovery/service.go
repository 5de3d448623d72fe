package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/event"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// eventBuffer is how many events of the host wait for us. When it is full
	// the host's identify waits, so the loop that empties it never does.
	eventBuffer = 256

	// saveDelay is how long after a change the book is saved, so that a room
	// full of people is saved once.
	saveDelay = 5 * time.Second

	// givenAddrLife is how long addresses are kept that the user gave us.
	givenAddrLife = 24 * time.Hour

	// maxAnnouncing is how many names are announced at once; more wait.
	maxAnnouncing = 4

	// addrsSettle is how long our own addresses must have stayed the same
	// before they are announced anew, and reachSettle how long if we have become
	// reachable from elsewhere by the change: others wait for that one.
	addrsSettle = 3 * time.Second
	reachSettle = 50 * time.Millisecond

	// maxStoredSeeds is how many remembered seeds are dialled at the start.
	maxStoredSeeds = 8
)

// Config configures a Service. The zero value is ready to use.
type Config struct {
	// Server makes this node answer DHT questions always, as seeds do. If not
	// set, it does so when the host is known to be publicly reachable, or when
	// Bootstrap names nobody: a network without seeds has no other servers.
	Server bool
	// NoMDNS keeps this node from announcing itself on the local network and
	// from listening there.
	NoMDNS bool
	// Bootstrap gives the seeds. They are kept connected by package bootstrap;
	// here they tell a seed that came back from anybody else. It is called from
	// any goroutine and must not wait. If nil, there are none.
	Bootstrap func() []peer.AddrInfo
	// Book keeps the peers that were met. If nil, they are forgotten at Close.
	Book Book
	// Allowed tells whom we may dial. It is called from any goroutine and must
	// not wait. If nil, everybody.
	Allowed func(peer.ID) bool
	// MDNS starts looking around on the local network, and calls found for each
	// node heard there until it is closed. If nil, real mDNS.
	MDNS func(h corehost.Host, found func(peer.AddrInfo)) (io.Closer, error)
	// interfaces tells of the machine's local networks. If nil, the machine is
	// asked; tests do not depend on it.
	interfaces func() []attachment
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
	// Rand gives numbers in [0, 1) for jitter, to several goroutines. If nil,
	// those of math/rand/v2.
	Rand func() float64
}

func (c Config) log() *slog.Logger { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

func (c Config) rand() float64 {
	if c.Rand != nil {
		return c.Rand()
	}
	return rand.Float64()
}

func (c Config) attachments() []attachment {
	if c.interfaces != nil {
		return c.interfaces()
	}
	return attachments()
}

func (c Config) seeds() []peer.AddrInfo {
	if c.Bootstrap == nil {
		return nil
	}
	return c.Bootstrap()
}

func (c Config) isSeed(p peer.ID) bool {
	return slices.ContainsFunc(c.seeds(), func(s peer.AddrInfo) bool { return s.ID == p })
}

func (c Config) allowed(p peer.ID) bool { return c.Allowed == nil || c.Allowed(p) }

func (c Config) mode() dht.ModeOpt {
	switch {
	case c.Server:
		return dht.ModeServer
	case len(c.seeds()) == 0:
		return dht.ModeAutoServer
	default:
		return dht.ModeAuto
	}
}

// A Service is the discovery of one node.
type Service struct {
	h      corehost.Host
	cfg    Config
	self   chat.PeerID
	table  *table
	dials  *dialer
	memory *memory
	lan    *lan
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // everything that is not part of a Search

	ready      chan struct{} // closed when the table got its first entry
	announcing chan struct{} // one in it for each announcement that runs
	changed    chan struct{} // the memory changed; holds one, more would say the same
	redials    chan redialResult
	upgraded   chan upgradeResult
	moves      chan struct{} // the network changed; holds one, more would say the same
	horizon    *horizon
	counts     loopCounts // what the loop is busy with
	parted     partedSet
	lookups    atomic.Int64

	mu       sync.Mutex
	closed   bool
	searches map[*Search]struct{}
	selfName *announcer         // nil while this node is not announced itself
	selfStop context.CancelFunc // ends selfName
	watchers map[*watcher]struct{}
	fault    error // the latest one that is nobody else's
}

// A watcher is told when a peer gets connected.
type watcher struct {
	peer peer.ID
	came chan struct{} // holds one: more would say the same
}

// New starts discovery on a host. The Service must be closed before the host.
func New(h corehost.Host, cfg Config) (*Service, error) {
	self, err := chat.PeerIDFromLibp2p(h.ID())
	if err != nil {
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	var known []Known
	if cfg.Book != nil {
		if known, err = cfg.Book.Load(); err != nil {
			// Memories are a convenience: without them we start as newcomers.
			cfg.log().Debug("no remembered peers", "err", err)
		}
	}
	s := &Service{
		h:          h,
		cfg:        cfg,
		self:       self,
		dials:      newDialer(h, cfg.allowed, cfg.rand),
		memory:     newMemory(known),
		ready:      make(chan struct{}),
		announcing: make(chan struct{}, maxAnnouncing),
		changed:    make(chan struct{}, 1),
		redials:    make(chan redialResult, redialBuffer),
		upgraded:   make(chan upgradeResult, redialBuffer),
		moves:      make(chan struct{}, 1),
		horizon:    &horizon{h: h, seeds: cfg.seeds, server: cfg.Server},
		searches:   make(map[*Search]struct{}),
		watchers:   make(map[*watcher]struct{}),
		fault:      err,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.dials.horizon, s.dials.isSeed = s.horizon.scope, cfg.isSeed
	s.dials.beside = func(f func(context.Context)) { s.beside(func() { f(s.ctx) }) }
	s.dials.remembered = func(p peer.ID) []ma.Multiaddr {
		id, err := chat.PeerIDFromLibp2p(p)
		if err != nil {
			return nil
		}
		return s.memory.addrs(id)
	}
	// Before the DHT: it must not see a server that we missed.
	sub, err := h.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted),
		new(event.EvtPeerProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged),
		new(event.EvtLocalAddressesUpdated),
	}, eventbus.BufSize(eventBuffer))
	if err != nil {
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	if s.table, err = newTable(tidyHost{h, s.dials}, cfg.mode(), s.dials.usable, s.judge(), cfg.log()); err != nil {
		return nil, errors.Join(fmt.Errorf("start discovery: %w", err), sub.Close())
	}
	s.lan = newLAN(s)
	s.wg.Go(func() { s.loop(sub) })
	s.wg.Go(s.saver)
	s.wg.Go(func() { s.table.refresh(s.ctx, s.ready, cfg.rand) })
	s.wg.Go(s.dialStoredSeeds)
	return s, nil
}

// Close ends all searches, saves the book, stops the DHT and mDNS and waits.
// Connections stay. It may be called again.
func (s *Service) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	searches := make([]*Search, 0, len(s.searches))
	for q := range s.searches {
		searches = append(searches, q)
	}
	s.mu.Unlock()
	s.cancel()
	for _, q := range searches {
		<-q.done
	}
	s.wg.Wait()
	s.lan.stop()
	return errors.Join(s.save(), s.table.close())
}

// judge gives the rules for addresses that strangers name. A seed passes on what
// it is told, within reason, because those who ask it may live elsewhere; what it
// dials itself is tidied.
func (s *Service) judge() judge {
	ours := func(addrs []ma.Multiaddr) []ma.Multiaddr { return s.horizon.scope().filter(addrs) }
	if s.cfg.Server {
		return judge{pass: loopbackScope.filter, use: ours}
	}
	return judge{pass: ours, use: ours}
}

// beside runs f in a goroutine that Close waits for; not after Close.
func (s *Service) beside(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wg.Go(f)
	}
}

// addSearch runs a search, whose run closes q.done; not after Close.
func (s *Service) addSearch(q *Search, run func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.searches[q] = struct{}{}
	go run()
	return true
}

func (s *Service) dropSearch(q *Search) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.searches, q)
}

// Ready is closed when the first DHT server is known.
func (s *Service) Ready() <-chan struct{} { return s.ready }

// awaitTable waits for that, and tells whether ctx let it.
func (s *Service) awaitTable(ctx context.Context) bool {
	select {
	case <-s.ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// hopeForTable waits for the first DHT server as long as one may still come.
func (s *Service) hopeForTable(ctx context.Context) bool {
	wait := lonelyWait
	if len(s.cfg.seeds()) > 0 || len(s.h.Network().Peers()) > 0 {
		wait = tableWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return s.awaitTable(ctx)
}

// announce is one attempt of an announcer.
func (s *Service) announce(ctx context.Context, a *announcer) (int, error) {
	select {
	case s.announcing <- struct{}{}:
		defer func() { <-s.announcing }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return s.table.announce(ctx, a.key, &a.begun)
}

// AnnounceSelf makes this node findable by its peer ID alone, or stops to. What
// was announced is forgotten by the servers after at most 2 hours.
func (s *Service) AnnounceSelf(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed, on == (s.selfName != nil):
	case on:
		ctx, cancel := context.WithCancel(s.ctx)
		s.selfName, s.selfStop = newAnnouncer(s, peerKey(s.self), announceSelfAfter), cancel
		name := s.selfName
		s.wg.Go(func() { name.run(ctx) })
	default:
		s.selfStop()
		s.selfName, s.selfStop = nil, nil
	}
}

// AddAddrs remembers addresses of a peer that the user gave, until tomorrow.
func (s *Service) AddAddrs(info peer.AddrInfo) {
	s.dials.given.add(info.ID, info.Addrs, time.Now().Add(givenAddrLife))
	addAddrs(s.h, info, givenAddrLife)
}

// Met remembers a peer that is connected now, as a member of conv or, with the
// zero conversation, in general, so that it is found again without any server.
func (s *Service) Met(p chat.PeerID, conv chat.ConversationID) {
	if p == s.self {
		return
	}
	s.memory.met(p, conv, s.cfg.isSeed(p.Libp2p()), time.Now())
	s.noteChange()
}

func (s *Service) noteChange() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// saver saves the book some time after each change.
func (s *Service) saver() {
	for {
		select {
		case <-s.changed:
		case <-s.ctx.Done():
			return
		}
		if !sleep(s.ctx, saveDelay) {
			return
		}
		if err := s.save(); err != nil {
			s.cfg.log().Debug("remembered peers not saved", "err", err)
			s.note(err)
		}
	}
}

// save writes the book if there is something new. Only the saver calls it, and
// Close after the saver.
func (s *Service) save() error {
	if s.cfg.Book == nil {
		return nil
	}
	known := s.memory.snapshot(time.Now(), s.where)
	if known == nil {
		return nil
	}
	if err := s.cfg.Book.Save(known); err != nil {
		s.memory.touch()
		return fmt.Errorf("save remembered peers: %w", err)
	}
	return nil
}

// dialStoredSeeds dials the seeds of last time that are not configured now.
func (s *Service) dialStoredSeeds() {
	b := newBurst(s.dials, func() int { return 0 }, func(peer.ID) {})
	defer b.wait()
	n := 0
	for _, info := range s.memory.members(chat.ConversationID{}) {
		if n++; n > maxStoredSeeds {
			return
		}
		if !s.cfg.isSeed(info.ID) {
			b.offer(s.ctx, candidate{info: info})
		}
	}
}

// note keeps an error for Status.
func (s *Service) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// watch tells when a peer gets connected, until stop is called.
func (s *Service) watch(p peer.ID) (came <-chan struct{}, stop func()) {
	w := &watcher{peer: p, came: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = struct{}{}
	return w.came, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	}
}
