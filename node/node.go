package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/catchup"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/direct"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/rooms"
)

const (
	// maxConversations bounds the private conversations that strangers can
	// open besides our own.
	maxConversations = 256
	// maxNames bounds the nicknames remembered.
	maxNames = 10_000
	// waitingAfter is when an empty room is said to be empty.
	waitingAfter = 1500 * time.Millisecond
	// closeGrace bounds each polite goodbye when the node ends.
	closeGrace = 2 * time.Second
)

// A Node is one running peer.
type Node struct {
	cfg  Config
	self chat.PeerID
	feed feed
	// started is when this node began.
	started time.Time

	host      *host.Host
	log       Log
	discovery *discovery.Service
	seeds     *bootstrap.Attachment
	rooms     *rooms.Service
	direct    *direct.Service
	catchup   *catchup.Service

	attaching chan struct{} // closed when seeds is set
	given     seedSet       // those of cfg, and of AddSeeds

	close sync.Once
	wg    sync.WaitGroup
	ctx   context.Context
	stop  context.CancelFunc

	mu    sync.Mutex
	convs map[chat.ConversationID]*conversation
	name  chat.Text
	names map[chat.PeerID]chat.Text
	// relayedTo are those to whom there is only a relayed connection.
	relayedTo map[chat.PeerID]bool
	ended     bool
	lost      bool // no seed is connected, and that was said
	// attached is set once a seed was connected.
	attached bool
}

// Start builds a node and connects it. It returns as soon as the node listens;
// finding others goes on behind it. Errors: an unusable key or address, a port
// in use.
func Start(ctx context.Context, cfg Config) (_ *Node, err error) {
	n := &Node{
		cfg:       cfg,
		started:   time.Now(),
		attaching: make(chan struct{}),
		relayedTo: make(map[chat.PeerID]bool),
		name:      cfg.Name,
		log:       cfg.History,
		convs:     make(map[chat.ConversationID]*conversation),
		names:     make(map[chat.PeerID]chat.Text),
	}
	n.given.add(cfg.Seeds)
	n.ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			n.shutdown(ctx)
		}
	}()
	newHost := cfg.NewHost
	if newHost == nil {
		newHost = host.New
	}
	if n.host, err = newHost(ctx, host.Config{
		Key: cfg.Key, Listen: cfg.Listen, ListenOptional: cfg.ListenOptional,
		Relays: cfg.Seeds, Seed: cfg.Seed, RelayLimit: cfg.RelayLimit,
		NoPortMapping: cfg.NoPortMapping, Moved: n.moved,
		Blocked: n.blocks, Metrics: cfg.Metrics, Log: cfg.logger(),
	}); err != nil {
		return nil, err
	}
	if n.self, err = chat.PeerIDFromLibp2p(n.host.ID()); err != nil {
		return nil, err
	}
	if err = n.watchWays(); err != nil {
		return nil, err
	}
	if n.log == nil {
		n.log = history.NewMemory(history.Config{Self: n.self})
	}
	if n.rooms, err = rooms.New(n.host, n.roomsConfig()); err != nil {
		return nil, fmt.Errorf("start rooms: %w", err)
	}
	n.catchup = catchup.New(n.host, catchup.Config{
		Log: syncLog{n.log, n}, Accept: n.accept, Serve: n.serves,
		Beacon: n.beacon, Beacons: n.beacons, KnownBeacon: n.knownBeacon, HearBeacon: n.hearBeacon, Progress: n.fetching, Logger: cfg.logger(),
	})
	n.direct = direct.New(n.host, direct.Config{
		Self: n.self, Nick: n.nick, Connect: n.connect, Admit: n.admits,
		Known: n.knows, Received: n.received,
		Receive: n.receiveDirect, Events: n.directEvent, Log: cfg.logger(),
	})
	// The seeds are dialled by bootstrap, and known to the DHT.
	if n.discovery, err = discovery.New(n.host, discovery.Config{
		Server: cfg.Seed, NoMDNS: cfg.NoMDNS, Book: cfg.Book, Log: cfg.logger(),
		Bootstrap: n.given.all,
		Allowed:   func(p peer.ID) bool { return !n.blocks(p) },
	}); err != nil {
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	n.seeds = bootstrap.Attach(n.host, bootstrap.Config{
		Seeds: cfg.Seeds, Seed: cfg.Seed, Changed: n.seedsChanged, Log: cfg.logger(),
	})
	close(n.attaching)
	if !cfg.Seed && !cfg.Invisible {
		n.discovery.AnnounceSelf(true)
	}
	if _, err := n.open(chat.Presence()); err != nil {
		return nil, fmt.Errorf("join the list of who is online: %w", err)
	}
	if log, shared := n.log.(sharedLog); shared && cfg.History != nil {
		n.wg.Go(func() { n.watchLog(log) })
	}
	return n, nil
}

// Self is this node's identity.
func (n *Node) Self() chat.PeerID { return n.self }

// Addrs are the full addresses others can reach this node by.
func (n *Node) Addrs() []string {
	var out []string
	for _, a := range n.host.Addrs() {
		out = append(out, a.String()+"/p2p/"+n.self.String())
	}
	return out
}

// Subscribe begins to collect events, starting with Ready and, if no seed
// answers, that.
func (n *Node) Subscribe() *Subscription {
	first := []chat.Event{chat.Ready{Peer: n.self, Addrs: n.Addrs()}}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lost {
		first = append(first, n.lostNotice())
	}
	return n.feed.subscribe(first...)
}

// Close says goodbye everywhere, as far as ctx and closeGrace allow, and ends
// the node. When it returns no goroutine of the node is left.
func (n *Node) Close(ctx context.Context) error {
	n.close.Do(func() { n.shutdown(ctx) })
	return nil
}

func (n *Node) shutdown(ctx context.Context) {
	n.mu.Lock()
	n.ended = true
	convs := n.snapshot()
	n.mu.Unlock()
	// The conversations go first and all at once: each waits for its goodbye.
	ctx, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	var leaving sync.WaitGroup
	for _, c := range convs {
		leaving.Go(func() {
			if err := c.end(ctx); err != nil {
				c.log.Debug("leave", "err", err)
			}
		})
	}
	leaving.Wait()
	n.stop()
	if n.seeds != nil {
		n.seeds.Close()
	}
	var errs []error
	if n.direct != nil {
		errs = append(errs, n.direct.Close())
	}
	if n.catchup != nil {
		errs = append(errs, n.catchup.Close())
	}
	if n.discovery != nil {
		errs = append(errs, n.discovery.Close())
	}
	if n.rooms != nil {
		errs = append(errs, n.rooms.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	n.wg.Wait()
	if err := errors.Join(errs...); err != nil {
		n.cfg.logger().Debug("close", "err", err)
	}
}
