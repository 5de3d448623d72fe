package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

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

// Config configures a Node. Only Key is required.
type Config struct {
	// Key is this node's Ed25519 identity.
	Key crypto.PrivKey
	// Listen are the addresses to listen on; ListenOptional those that may
	// fail where the machine lacks their address family.
	Listen, ListenOptional []ma.Multiaddr
	// Name is the nickname others see. If empty, they see the end of the peer ID.
	Name chat.Text
	// Seeds are the nodes to begin with.
	Seeds []peer.AddrInfo
	// Seed makes this node a seed: a DHT server that takes no messages.
	Seed bool
	// NoMDNS switches the look-out on the local network off.
	NoMDNS bool
	// Invisible keeps this node out of the list of who is online.
	Invisible bool
	// Book remembers peers across restarts. If nil, nobody does.
	Book discovery.Book
	// Blocked reports peers the user wants nothing of. If nil, none.
	Blocked func(chat.PeerID) bool
	// Stranger reports peers of whom the user said nothing yet: what they write
	// first in private is a request. If nil, nobody is one.
	Stranger func(chat.PeerID) bool
	// Ignored reports peers whose requests are not shown. If nil, none.
	Ignored func(chat.PeerID) bool
	// Requested is told of each message of a request, and says whether it is the
	// first. It may be nil.
	Requested func(p chat.PeerID, nick, text chat.Text, at time.Time) (first bool)
	// NoReadMarks keeps others from learning what the user has read.
	NoReadMarks bool
	// ContactName is the user's own name for a peer. If nil, there are none.
	ContactName func(chat.PeerID) (chat.Text, bool)
	// Nick is what a peer called itself in an earlier run. If nil, that is not
	// known.
	Nick func(chat.PeerID) (chat.Text, bool)
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
	// NewHost builds the host; tests put one of a network in memory here. If
	// nil, host.New.
	NewHost func(context.Context, host.Config) (*host.Host, error)
	// History is the log of messages. The node does not close it. If nil, the
	// node remembers in memory, and forgets when it ends.
	History Log
}

func (c Config) logger() *slog.Logger { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

func (c Config) blocked(p chat.PeerID) bool { return c.Blocked != nil && c.Blocked(p) }

func (c Config) stranger(p chat.PeerID) bool { return c.Stranger != nil && c.Stranger(p) }

func (c Config) ignored(p chat.PeerID) bool { return c.Ignored != nil && c.Ignored(p) }

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

	close sync.Once
	wg    sync.WaitGroup
	ctx   context.Context
	stop  context.CancelFunc

	mu    sync.Mutex
	convs map[chat.ConversationID]*conversation
	name  chat.Text
	names map[chat.PeerID]chat.Text
	ended bool
	lost  bool // no seed is connected, and that was said
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
		name:      cfg.Name,
		log:       cfg.History,
		convs:     make(map[chat.ConversationID]*conversation),
		names:     make(map[chat.PeerID]chat.Text),
	}
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
		Blocked: n.blocks, Log: cfg.logger(),
	}); err != nil {
		return nil, err
	}
	if n.self, err = chat.PeerIDFromLibp2p(n.host.ID()); err != nil {
		return nil, err
	}
	if n.log == nil {
		n.log = history.NewMemory(history.Config{Self: n.self})
	}
	if n.rooms, err = rooms.New(n.host, rooms.Config{
		Self: n.self, Key: cfg.Key, Nick: n.nick, Seed: cfg.Seed, Log: cfg.logger(),
	}); err != nil {
		return nil, fmt.Errorf("start rooms: %w", err)
	}
	n.catchup = catchup.New(n.host, catchup.Config{
		Log: syncLog{n.log, n}, Accept: n.accept, Serve: n.serves,
		Beacon: n.beacon, Beacons: n.beacons, KnownBeacon: n.knownBeacon, HearBeacon: n.hearBeacon, Progress: n.fetching, Logger: cfg.logger(),
	})
	n.direct = direct.New(n.host, direct.Config{
		Self: n.self, Nick: n.nick, Connect: n.connect, Admit: n.admits,
		Known:   n.knows,
		Receive: n.receiveDirect, Events: n.directEvent, Log: cfg.logger(),
	})
	// The seeds are dialled by bootstrap, and known to the DHT.
	if n.discovery, err = discovery.New(n.host, discovery.Config{
		Server: cfg.Seed, NoMDNS: cfg.NoMDNS, Book: cfg.Book, Log: cfg.logger(),
		Bootstrap: func() []peer.AddrInfo { return cfg.Seeds },
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

// PeerAt learns which peer listens at a bare host:port.
func (n *Node) PeerAt(ctx context.Context, addr ma.Multiaddr) (chat.PeerID, error) {
	id, err := n.host.PeerAt(ctx, addr)
	if err != nil {
		return chat.PeerID{}, err
	}
	p, err := chat.PeerIDFromLibp2p(id)
	if err == nil {
		n.discovery.AddAddrs(peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{addr}})
	}
	return p, err
}

// AddAddrs tells the node where a peer may be found.
func (n *Node) AddAddrs(info peer.AddrInfo) { n.discovery.AddAddrs(info) }

// SetName changes the nickname.
func (n *Node) SetName(name chat.Text) {
	n.mu.Lock()
	n.name = name
	convs := n.snapshot()
	n.mu.Unlock()
	for _, c := range convs {
		if l, ok := c.link.(*roomLink); ok {
			l.room.NickChanged()
		}
	}
}

func (n *Node) nick() chat.Text {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.name
}

// learn remembers what a peer calls itself.
func (n *Node) learn(p chat.PeerID, nick chat.Text) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.names[p]; known || len(n.names) < maxNames {
		n.names[p] = nick
	}
}

// meet remembers the nick of somebody of whom we know none. Whoever wrote a line
// and left may never be in a roster of ours: their last beacon names them.
func (n *Node) meet(b *chat.Beacon) {
	n.mu.Lock()
	unknown := n.names[b.Author].Empty()
	n.mu.Unlock()
	if b.Author != n.self && unknown {
		n.learn(b.Author, b.Nick)
	}
}

// Name is how a peer is shown: the user's own name for it, else its nickname,
// else the one it had in an earlier run, else nothing.
func (n *Node) Name(p chat.PeerID) chat.Text {
	if n.cfg.ContactName != nil {
		if name, ok := n.cfg.ContactName(p); ok {
			return name
		}
	}
	n.mu.Lock()
	name := n.names[p]
	if p == n.self {
		name = n.name
	}
	n.mu.Unlock()
	if name.Empty() && p != n.self && n.cfg.Nick != nil {
		name, _ = n.cfg.Nick(p)
	}
	return name
}

func (n *Node) memberEvent(conv chat.Conversation, m rooms.Member) chat.Member {
	return chat.Member{
		Conversation: conv, Peer: m.Peer, Nick: n.Name(m.Peer),
		Online: m.Online, Since: m.Since, Seed: m.Seed,
	}
}

// snapshot lists the conversations; n.mu is held.
func (n *Node) snapshot() (out []*conversation) {
	for _, c := range n.convs {
		out = append(out, c)
	}
	return out
}

// find returns an open conversation, or nil.
func (n *Node) find(id chat.ConversationID) *conversation {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.convs[id]
}

// open returns the conversation, after joining it if need be.
func (n *Node) open(conv chat.Conversation) (*conversation, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := conv.ID(n.self)
	if c := n.convs[id]; c != nil {
		return c, nil
	}
	if n.ended {
		return nil, chat.ErrClosed
	}
	c := newConversation(n, conv)
	if conv.IsDirect() {
		c.start(&directLink{c: c, peer: conv.Peer})
	} else {
		l, err := n.joinRoom(c)
		if err != nil {
			c.cancel()
			return nil, err
		}
		c.start(l)
		if !conv.IsPresence() {
			n.wg.Go(func() { n.sayIfAlone(c) })
		}
	}
	n.convs[id] = c
	return c, nil
}

// sayIfAlone tells the user what an empty room waits for, and when it is not
// empty any more.
func (n *Node) sayIfAlone(c *conversation) {
	wait := time.NewTimer(waitingAfter)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-c.done:
		return
	}
	_ = c.call(c.ctx, func() {
		if !c.syncer.company {
			text, detail := n.waitingFor()
			n.feed.publish(chat.Notice{Conversation: c.conv, Code: chat.NoticeWaiting, Text: text, Detail: detail})
		}
	})
}

// waitingFor says why nobody is here yet, as far as this node knows.
func (n *Node) waitingFor() (text, detail string) {
	seeds := n.seeds.Status()
	up := slices.ContainsFunc(seeds, func(s bootstrap.SeedStatus) bool { return s.Connected })
	down, detail := seedTrouble(seeds)
	switch {
	case len(n.cfg.Seeds) == 0 && n.cfg.NoMDNS:
		return "nobody is here yet, and no seed is set; waiting for people met before", ""
	case len(n.cfg.Seeds) == 0:
		return "nobody is here yet; looking on the local network", ""
	case up:
		return "nobody else is here yet; waiting", ""
	case down != "":
		return "nobody is here yet, and no seed answers (" + down + "); still trying", detail
	default:
		return "nobody is here yet, and no seed answers; still trying", ""
	}
}

// Join opens a room.
func (n *Node) Join(_ context.Context, room chat.RoomName) error {
	c, err := n.open(chat.InRoom(room))
	if err != nil {
		return fmt.Errorf("join %s: %w", room, err)
	}
	c.watch()
	return nil
}

// Dial opens a private talk and keeps trying to connect it; how that goes is
// told by events.
func (n *Node) Dial(_ context.Context, p chat.PeerID) error {
	if p == n.self {
		return fmt.Errorf("%w: this is your own peer ID", chat.ErrBadPeerID)
	}
	c, err := n.open(chat.With(p))
	if err != nil {
		return fmt.Errorf("dial %s: %w", p, err)
	}
	c.watch()
	n.direct.Open(p)
	return nil
}

// Say hands a message to a conversation that was joined or dialled. It waits
// only while more is being written than can go out. What becomes of the message
// is told by events; see chat.Draft for how to recognise it.
func (n *Node) Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error {
	c := n.find(conv.ID(n.self))
	if c == nil || conv.IsPresence() {
		return fmt.Errorf("say in %s: %w", conv, chat.ErrNotFound)
	}
	err := d.Body.Check()
	if err == nil && !d.Body.Kind.Known() {
		err = fmt.Errorf("%w: kind %d", chat.ErrMalformed, d.Body.Kind)
	}
	if err != nil { // it would spoil the segment it shares
		return fmt.Errorf("say in %s: %w", conv, err)
	}
	select {
	case c.drafts <- d:
		return nil
	case <-c.done:
		return fmt.Errorf("say in %s: %w", conv, chat.ErrClosed)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Settle waits until somebody else says to hold everything that was said in a
// conversation, or it failed, or ctx ends. It returns how many messages nobody
// is known to hold.
func (n *Node) Settle(ctx context.Context, conv chat.Conversation) (left int, err error) {
	c := n.find(conv.ID(n.self))
	if c == nil {
		return 0, fmt.Errorf("settle %s: %w", conv, chat.ErrNotFound)
	}
	w := &settling{done: make(chan struct{})}
	err = c.call(ctx, func() {
		c.settling = append(c.settling, w)
		c.syncAny()
	})
	if err == nil {
		select {
		case <-w.done:
		case <-c.done:
			err = chat.ErrClosed
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	count := make(chan int, 1)
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if c.call(ask, func() {
		c.settling = slices.DeleteFunc(c.settling, func(o *settling) bool { return o == w })
		count <- c.unsettled()
	}) == nil {
		left = <-count
	}
	return left, err
}

// Leave leaves a conversation: members see it at once.
func (n *Node) Leave(ctx context.Context, conv chat.Conversation) error {
	id := conv.ID(n.self)
	c := n.find(id)
	if c == nil {
		return nil
	}
	err := c.end(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.convs[id] == c {
		delete(n.convs, id)
	}
	return err
}

// Members lists who else is in a conversation, by peer ID.
func (n *Node) Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error) {
	c := n.find(conv.ID(n.self))
	if c == nil {
		return nil, fmt.Errorf("members of %s: %w", conv, chat.ErrNotFound)
	}
	var out []chat.Member
	err := c.call(ctx, func() { out = c.memberEvents() })
	return out, err
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

// Connected reports whether there is a connection to p.
func (n *Node) Connected(p chat.PeerID) bool {
	return n.host.Network().Connectedness(p.Libp2p()) == network.Connected
}
