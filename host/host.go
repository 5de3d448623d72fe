package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	tptu "github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// keepAlive is how often yamux asks whether a silent peer still lives: this
	// long after it was last heard. With muxWriteTimeout it decides how soon a
	// vanished peer is noticed: after at most 13 s, in place of the 40 s of the
	// defaults. A question is 30 bytes of TCP payload and so is its answer; one
	// side's question counts as a sign of life for the other's clock, so an idle
	// connection costs 27 kB an hour in each direction together.
	keepAlive = 8 * time.Second

	// muxWriteTimeout is how long yamux waits for one write, and for the answer
	// to one keep-alive, before it gives the connection up.
	muxWriteTimeout = 5 * time.Second

	// defaultDialTimeout bounds TCP, Noise and yamux together for one address.
	defaultDialTimeout = 5 * time.Second

	// acceptTimeout bounds the same three for a stranger who dials us.
	acceptTimeout = 10 * time.Second
)

// ErrNoKey says that Config.Key is missing. New never makes a key up: an
// identity that changes at every start looks like a different person.
var ErrNoKey = errors.New("no private key given")

// A Transport is what New needs of the layer below Noise.
type Transport interface {
	transport.Transport
	// DialRaw opens a connection without Noise and yamux, for PeerAt.
	DialRaw(ctx context.Context, addr ma.Multiaddr) (RawConn, error)
}

// Config configures a Host. All fields but Key may stay zero.
type Config struct {
	// Key is the node's identity, an Ed25519 key. Required.
	Key crypto.PrivKey
	// Listen is where to listen. Each address must work or New fails. If empty,
	// the host only dials.
	Listen []ma.Multiaddr
	// ListenOptional is where to listen if the machine can: an address whose
	// family it does not have (IPv6 switched off) is skipped. Everything else,
	// above all a port in use, is an error here too.
	ListenOptional []ma.Multiaddr
	// UserAgent is told to every peer by identify. If empty, "p2pchat".
	UserAgent string
	// Blocked tells whether to refuse a peer, in both directions. It is asked at
	// each new connection, from many goroutines at once, and must not wait; who
	// blocks a connected peer also closes its connections (Network().ClosePeer).
	// If nil, nobody is blocked.
	Blocked func(peer.ID) bool
	// DialTimeout bounds the attempt to reach one address, handshakes included.
	// If zero, 5 seconds.
	DialTimeout time.Duration
	// Transport makes the layer below Noise; tests put an in-memory one here.
	// If nil, TCP.
	Transport func(transport.Upgrader, network.ResourceManager) (Transport, error)
	// Relays are the seeds, which are asked for a relay reservation and whether
	// others can reach us. May be empty: then nobody is asked.
	Relays []peer.AddrInfo
	// Seed makes this node a seed: public by its own word, it relays for others
	// and tells them whether they can be reached.
	Seed bool
	// RelayLimit bounds each connection that a seed relays. If zero, the defaults.
	RelayLimit RelayLimit
	// NoPortMapping keeps the host from asking the router for a port.
	NoPortMapping bool
	// Moved is called after the machine changed its network or woke up, when the
	// listeners are renewed already, on a goroutine of its own, one call at a
	// time. It may not block long: Close waits for it. If nil, nobody is told.
	Moved func(why string)
	// Metrics receives libp2p's own metrics, for Prometheus. They belong to the
	// process: several hosts share them. If nil, none are kept.
	Metrics prometheus.Registerer
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger

	// interfaces gives the machine's addresses; tests have their own. If nil,
	// the operating system's.
	interfaces func() ([]netip.Addr, error)
	// links gives the machine's links. If nil, the operating system's, or none if
	// interfaces is set.
	links func() []link
	// wallClock is the time of day, which jumps when the machine wakes up. If
	// nil, the real one.
	wallClock func() time.Time
}

func (c Config) userAgent() string          { return cmp.Or(c.UserAgent, "p2pchat") }
func (c Config) dialTimeout() time.Duration { return cmp.Or(c.DialTimeout, defaultDialTimeout) }
func (c Config) log() *slog.Logger          { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

func (c Config) wall() func() time.Time {
	if c.wallClock != nil {
		return c.wallClock
	}
	return func() time.Time { return time.Now().Round(0) } // without the other clock's reading
}

func (c Config) linkSource() func() []link {
	switch {
	case c.links != nil:
		return c.links
	case c.interfaces != nil:
		return func() []link { return nil }
	}
	return systemLinks
}

// A Host is a running libp2p host.
type Host struct {
	// BasicHost and not the core interface, because libp2p's own services ask
	// for more than that (AllAddrs, IDService, Reachability).
	*basichost.BasicHost

	cfg        Config
	swarm      *swarm.Swarm
	gate       *gater
	upgrader   transport.Upgrader
	transport  Transport
	traffic    *traffic
	interfaces *interfaces
	observer   *observer
	puncher    *puncher
	mapper     *mapper       // nil: the router is not asked
	relayed    atomic.Uint64 // bytes, as a seed
	relays     *reservations // nil: no seeds, or a seed
	proofs     *proofs       // nil: as above

	reachability atomic.Int32 // a network.Reachability
	emitReach    event.Emitter
	emitAddrs    event.Emitter
	told         sync.Mutex
	toldAddrs    []ma.Multiaddr // guarded by told

	ctx       context.Context // ends the goroutines in running
	stop      context.CancelFunc
	running   sync.WaitGroup
	services  closers // closed before the basic host
	closeOnce sync.Once
}

var _ corehost.Host = (*Host)(nil)

// New builds a host, starts it and listens. When it fails nothing is left
// behind: no goroutine, no open port. The context bounds New only.
func New(ctx context.Context, cfg Config) (*Host, error) {
	id, err := checkKey(cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("build host: %w", err)
	}
	h := &Host{cfg: cfg}
	if err := h.assemble(id); err != nil {
		return nil, fmt.Errorf("build host: %w", err)
	}
	if err := h.serve(); err != nil {
		return nil, errors.Join(fmt.Errorf("build host: %w", err), h.Close())
	}
	// Listening comes last: the gater, the limits and identify must be at work
	// before the first stranger is let in.
	if err := h.listen(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if h.watches() {
		known := h.interfaces.fresh()
		h.running.Go(func() { h.watch(h.ctx, known) })
	}
	cfg.log().Debug("host started", "peer", id, "listen", h.Network().ListenAddresses())
	return h, nil
}

func checkKey(key crypto.PrivKey) (peer.ID, error) {
	if key == nil {
		return "", ErrNoKey
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return "", err
	}
	if _, err := chat.PeerIDFromLibp2p(id); err != nil {
		return "", fmt.Errorf("own key: %w", err)
	}
	return id, nil
}

// assemble puts the parts together and starts them, in the order that each
// needs: resource manager, connection manager and peerstore below the swarm,
// the swarm below the transport, everything below the basic host.
func (h *Host) assemble(id peer.ID) (err error) {
	// Until the basic host exists, which closes all of these, we must.
	var built closers
	defer func() {
		if err != nil {
			built.close()
		}
	}()

	rm, err := newResourceManager(h.cfg.Metrics)
	if err != nil {
		return fmt.Errorf("resource manager: %w", err)
	}
	built.add(rm)
	cm, err := newConnManager()
	if err != nil {
		return fmt.Errorf("connection manager: %w", err)
	}
	built.add(cm)
	ps, err := newPeerstore(id, h.cfg.Key)
	if err != nil {
		return fmt.Errorf("peerstore: %w", err)
	}
	built.add(ps)

	bus := eventbus.NewBus()
	h.gate = &gater{blocked: h.cfg.Blocked, crowded: h.crowded, log: h.cfg.log()}
	if h.swarm, err = h.newSwarm(id, ps, bus, rm, h.gate); err != nil {
		return fmt.Errorf("swarm: %w", err)
	}
	built.add(h.swarm)

	h.traffic = newTraffic()
	if h.upgrader, err = h.newUpgrader(h.cfg.Key, rm, h.gate); err != nil {
		return fmt.Errorf("upgrader: %w", err)
	}
	if h.transport, err = h.newTransport(h.upgrader, rm); err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	if err := h.swarm.AddTransport(h.transport); err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	h.knowOurselves()
	// AutoNAT, hole punching, the relay service and port mapping are not asked
	// of the basic host: serve starts them, with fewer polls and fewer believers.
	h.BasicHost, err = basichost.NewHost(h.swarm, &basichost.HostOpts{
		EventBus:     bus,
		ConnManager:  cm,
		EnablePing:   true,
		UserAgent:    h.cfg.userAgent(),
		AddrsFactory: h.addrs,

		EnableMetrics:        h.cfg.Metrics != nil,
		PrometheusRegisterer: h.cfg.Metrics,
	})
	if err != nil {
		return err
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.Start()
	return nil
}

// knowOurselves prepares what AddrsFactory asks.
func (h *Host) knowOurselves() {
	source := h.cfg.interfaces
	if source == nil {
		source = systemInterfaces
	}
	h.interfaces = &interfaces{source: source}
	h.observer = newObserver(h.swarm.ListenAddresses, h.isRelay)
	h.puncher = &puncher{h: h}
	if h.hasSeeds() {
		h.relays, h.proofs = newReservations(h), newProofs(h)
	}
	if h.mapsPorts() {
		h.mapper = newMapper(h.swarm, h.interfaces)
	}
}

// serve starts what makes us reachable, and a seed's services for others.
func (h *Host) serve() (err error) {
	if h.emitReach, err = h.EventBus().Emitter(new(event.EvtLocalReachabilityChanged), eventbus.Stateful); err != nil {
		return err
	}
	if h.emitAddrs, err = h.EventBus().Emitter(new(event.EvtAutoRelayAddrsUpdated), eventbus.Stateful); err != nil {
		return err
	}
	if err := h.useRelays(); err != nil {
		return err
	}
	if h.cfg.Seed {
		if err := h.serveRelay(); err != nil {
			return err
		}
	}
	if err := h.startReach(); err != nil {
		return err
	}
	if err := h.listenToEvents(); err != nil {
		return err
	}
	if h.mapper != nil {
		h.running.Go(func() { h.mapper.run(h.ctx) })
	}
	return nil
}

func newPeerstore(id peer.ID, key crypto.PrivKey) (peerstore.Peerstore, error) {
	ps, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ps.AddPrivKey(id, key), ps.AddPubKey(id, key.GetPublic())); err != nil {
		return nil, errors.Join(err, ps.Close())
	}
	return ps, nil
}

func (h *Host) newSwarm(id peer.ID, ps peerstore.Peerstore, bus event.Bus, rm network.ResourceManager, gate *gater, more ...swarm.Option) (*swarm.Swarm, error) {
	if h.cfg.Metrics != nil {
		more = append(more, swarm.WithMetricsTracer(swarm.NewMetricsTracer(swarm.WithRegisterer(h.cfg.Metrics))))
	}
	return swarm.NewSwarm(id, ps, bus, append([]swarm.Option{
		swarm.WithResourceManager(rm),
		swarm.WithConnectionGater(gate),
		swarm.WithDialTimeout(h.cfg.dialTimeout()),
		swarm.WithDialTimeoutLocal(h.cfg.dialTimeout()),
		// We never dial UDP, so there is nothing to learn about it.
		swarm.WithUDPBlackHoleSuccessCounter(nil),
	}, more...)...)
}

func (h *Host) newUpgrader(key crypto.PrivKey, rm network.ResourceManager, gate *gater) (transport.Upgrader, error) {
	muxers := []tptu.StreamMuxer{{ID: yamux.ID, Muxer: newMuxer()}}
	security, err := noise.New(noise.ID, key, muxers)
	if err != nil {
		return nil, err
	}
	u, err := tptu.New([]sec.SecureTransport{security}, muxers, nil, rm, gate, tptu.WithAcceptTimeout(acceptTimeout))
	if err != nil {
		return nil, err
	}
	return countingUpgrader{eagerUpgrader{u}, h.traffic}, nil
}

// newMuxer copies libp2p's yamux settings, so that no other host in the process
// is changed, and shortens the two timers.
func newMuxer() *yamux.Transport {
	c := *yamux.DefaultTransport
	c.KeepAliveInterval = keepAlive
	c.ConnectionWriteTimeout = muxWriteTimeout
	return &c
}

func (h *Host) newTransport(upgrader transport.Upgrader, rm network.ResourceManager) (Transport, error) {
	if h.cfg.Transport != nil {
		return h.cfg.Transport(upgrader, rm)
	}
	return newTCP(upgrader, rm, h.cfg.dialTimeout())
}

// listen listens on every address itself, because swarm.Listen is content when
// one of them works.
func (h *Host) listen(ctx context.Context) error {
	for _, a := range h.cfg.Listen {
		if err := errors.Join(ctx.Err(), h.swarm.AddListenAddr(a)); err != nil {
			return fmt.Errorf("listen on %s: %w", a, err)
		}
	}
	for _, a := range h.cfg.ListenOptional {
		err := errors.Join(ctx.Err(), h.swarm.AddListenAddr(a))
		if familyMissing(err) {
			h.cfg.log().Debug("address family missing, not listening", "addr", a, "err", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("listen on %s: %w", a, err)
		}
	}
	return nil
}

// familyMissing tells the machine without IPv6 from all other failures.
func familyMissing(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) ||
		errors.Is(err, syscall.EPROTONOSUPPORT)
}

// Close disconnects from everybody and stops the host. When it returns, no port
// is open and no goroutine is left. It may be called again.
func (h *Host) Close() error {
	var err error
	h.closeOnce.Do(func() {
		h.stop()
		// Before the rest: these work on the host, and some wait for its events.
		h.running.Wait()
		err = h.puncher.close()
		h.services.close()
		err = errors.Join(err, h.BasicHost.Close())
		for _, e := range []event.Emitter{h.emitReach, h.emitAddrs} {
			if e != nil {
				err = errors.Join(err, e.Close())
			}
		}
	})
	return err
}

// closer is a function that closes.
type closer func() error

func (c closer) Close() error { return c() }

// closers closes what was built, in reverse order.
type closers []io.Closer

func (c *closers) add(x io.Closer) { *c = append(*c, x) }

func (c closers) close() {
	for i := len(c) - 1; i >= 0; i-- {
		_ = c[i].Close()
	}
}
