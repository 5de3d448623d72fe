package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	dhtpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	dhtrecords "github.com/libp2p/go-libp2p-kad-dht/records"
	kb "github.com/libp2p/go-libp2p-kbucket"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// protocolPrefix keeps our DHT apart from all others (PROTOCOL.md,
	// section 8).
	protocolPrefix = "/p2pchat"
	kadProtocol    = protocol.ID(protocolPrefix + "/kad/1.0.0")

	// maxAnswers is how many providers one look-up reads. More than are
	// dialled, so that those known to be unreachable do not hide the others.
	maxAnswers = 512

	// lookupTimeout bounds one look-up, announceTimeout the search for whom to
	// tell, and putTimeout the telling.
	lookupTimeout   = 15 * time.Second
	announceTimeout = 10 * time.Second
	putTimeout      = 5 * time.Second

	// earlyPut is when an announcement that is still looking for the right
	// servers tells those it is connected with. A dead server in the table
	// must not keep a room hidden for the length of a dial.
	earlyPut = 250 * time.Millisecond

	// refreshPeriod is how often the table is refreshed, refreshLater when a
	// client does it first, and fewServers what is too few for a client.
	refreshPeriod = 10 * time.Minute
	refreshLater  = 3 * time.Second
	fewServers    = 8

	// neighbours is how many servers hold a record: Kademlia's k.
	neighbours = 20
)

var (
	errNoServers  = errors.New("no DHT server is known")
	errNoAddrs    = errors.New("we have no address to tell")
	errNobodyTold = errors.New("no DHT server could be told")
)

// A table is this node's part of the DHT.
type table struct {
	h   corehost.Host
	dht *dht.IpfsDHT
	rpc *dhtpb.ProtocolMessenger
	log *slog.Logger
	use func([]ma.Multiaddr) []ma.Multiaddr

	kept *records      // what we tell others, where we answer questions
	asks chan struct{} // one in it for each ask that runs
}

// A judge says which addresses that strangers name are passed on to others, and
// which are used. Both keep at most maxAddrs.
type judge struct {
	pass, use func([]ma.Multiaddr) []ma.Multiaddr
}

func newTable(h corehost.Host, mode dht.ModeOpt, allowed func(peer.ID) bool, addrs judge, log *slog.Logger) (*table, error) {
	kept := newRecords()
	d, err := dht.New(h,
		dht.ProtocolPrefix(protocolPrefix),
		dht.Mode(mode),
		dht.DisableValues(),
		// The DHT would refresh its table as soon as it has an entry, while we
		// look for the room: see refresh.
		dht.DisableAutoRefresh(),
		dht.Datastore(kept),
		dht.ProviderManagerOpts(
			dhtrecords.Cache(noCache{}),
			dhtrecords.ProvideValidity(recordLife),
			dhtrecords.ProviderAddrTTL(recordLife),
		),
		dht.BucketSize(neighbours),
		dht.AddressFilter(addrs.pass),
		dht.QueryFilter(func(_ any, ai peer.AddrInfo) bool { return allowed(ai.ID) }),
		dht.RoutingTableFilter(func(_ any, p peer.ID) bool { return allowed(p) }),
	)
	if err != nil {
		return nil, fmt.Errorf("start the DHT: %w", err)
	}
	rpc, err := dhtpb.NewProtocolMessenger(d.MessageSender())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the DHT: %w", err), d.Close())
	}
	return &table{h: h, dht: d, rpc: rpc, log: log, use: addrs.use, kept: kept, asks: make(chan struct{}, maxAsks)}, nil
}

func (t *table) close() error { return t.dht.Close() }

func (t *table) size() int { return t.dht.RoutingTable().Size() }

func (t *table) has(p peer.ID) bool { return t.dht.RoutingTable().Find(p) != "" }

// serves reports whether we answer others now.
func (t *table) serves() bool { return slices.Contains(t.h.Mux().Protocols(), kadProtocol) }

// speaks reports whether p answers DHT questions, as far as identify knows.
func (t *table) speaks(p peer.ID) bool {
	protos, err := t.h.Peerstore().SupportsProtocols(p, kadProtocol)
	return err == nil && len(protos) > 0
}

// refresh looks for servers all over the key space, once when the table got its
// first entry and every refreshPeriod from then on, until ctx ends.
//
// Servers need a full table, as others find their way by it. A client's table
// fills with those it asks anyway, so it looks only if it knows few, and first
// lets the user's own questions pass: the same search at once made a cold start
// four times slower in a network of 50 servers on one machine.
func (t *table) refresh(ctx context.Context, ready <-chan struct{}, rand func() float64) {
	select {
	case <-ready:
	case <-ctx.Done():
		return
	}
	if !t.serves() && !sleep(ctx, refreshLater) {
		return
	}
	for {
		if t.serves() || t.size() < fewServers {
			select {
			case err := <-t.dht.RefreshRoutingTable():
				if err != nil { // the next one is in ten minutes
					t.log.Debug("DHT table not refreshed", "err", err)
				}
			case <-ctx.Done():
				return
			}
		}
		if !sleep(ctx, refreshPeriod+time.Duration(rand()*float64(refreshPeriod/5))) {
			return
		}
	}
}

// find calls found for each provider of k as it comes, ourselves excepted,
// until ctx ends or all servers around k were asked. found must not wait.
func (t *table) find(ctx context.Context, k key, found func(peer.AddrInfo)) error {
	if t.size() == 0 {
		return errNoServers
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	// The channel must be read to its end: the DHT's goroutine waits for us.
	for info := range t.dht.FindProvidersAsync(ctx, k.cid, maxAnswers) {
		if info.ID != t.h.ID() {
			info.Addrs = t.use(info.Addrs)
			found(info)
		}
	}
	return ctx.Err()
}

// announce makes this node a provider of k at the servers closest to k, and
// returns how many of them were told. It sets begun before the first is.
//
// It does what dht.Provide does, which does not tell whether anybody listened.
func (t *table) announce(ctx context.Context, k key, begun *atomic.Bool) (int, error) {
	// What nobody would dial on our word, nobody needs to be told.
	self := peer.AddrInfo{ID: t.h.ID(), Addrs: t.use(t.h.Addrs())}
	if len(self.Addrs) == 0 {
		return 0, errNoAddrs
	}
	if err := t.dht.ProviderStore().AddProvider(ctx, k.cid.Hash(), self); err != nil {
		return 0, fmt.Errorf("announce: %w", err)
	}
	if t.size() == 0 {
		return 0, errNoServers
	}
	var (
		puts sync.WaitGroup
		told atomic.Int64
		done = make(map[peer.ID]bool)
	)
	put := func(p peer.ID) {
		if done[p] {
			return
		}
		done[p] = true
		begun.Store(true)
		puts.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, putTimeout)
			defer cancel()
			if t.rpc.PutProviderAddrs(ctx, p, k.cid.Hash(), self) == nil {
				told.Add(1)
			}
		})
	}
	closest, err := t.closest(ctx, k, func() {
		for _, p := range t.dht.RoutingTable().NearestPeers(kb.ConvertKey(string(k.cid.Hash())), neighbours) {
			if t.h.Network().Connectedness(p) == network.Connected {
				put(p)
			}
		}
	})
	for _, p := range closest {
		put(p)
	}
	puts.Wait()
	if told.Load() > 0 {
		return int(told.Load()), nil
	}
	return 0, errors.Join(errNobodyTold, err)
}

// closest looks for the servers closest to k. It calls early, in the same
// goroutine, if that takes longer than earlyPut.
func (t *table) closest(ctx context.Context, k key, early func()) ([]peer.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	type answer struct {
		peers []peer.ID
		err   error
	}
	answers := make(chan answer, 1)
	go func() { // ends with ctx, and the answer is awaited below
		peers, err := t.dht.GetClosestPeers(ctx, string(k.cid.Hash()))
		answers <- answer{peers, err}
	}()
	timer := time.NewTimer(earlyPut)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			early()
		case a := <-answers:
			return a.peers, a.err
		}
	}
}
