package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	blankhost "github.com/libp2p/go-libp2p/p2p/host/blank"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"
)

// How much calling back a seed does. Nobody gets it to dial anything but public
// addresses, one in a request, and for another address than the asker's own only
// after 30 to 100 kB of the asker's bytes: libp2p sees to that. For ports see
// dialBackGate.
const (
	// dialBacksPerMinute bounds the requests of all, and dialBacksOfPeer those
	// of one; an honest node asks each seed at most once in two minutes.
	dialBacksPerMinute = 120
	dialBacksOfPeer    = 6
	// dialBacksElsewhere bounds, of these, the ones to another address than the
	// asker's: at most 1.2 MB a minute is read for them.
	dialBacksElsewhere = 12
	// dialBacksAtOnce bounds what one peer may have under way.
	dialBacksAtOnce = 2
	// dialBacksOfIP bounds the requests of all with one address: so many at once,
	// then half as many a minute.
	dialBacksOfIP = 40
	// firstUserPort is where the ports begin that need no privilege. Those below
	// belong to servers of others, but for the web's two.
	firstUserPort = 1024
)

// serveAutoNAT tells others whether they can be reached, as a seed does.
func (h *Host) serveAutoNAT() error {
	dialer, err := h.newDialer()
	if err != nil {
		return fmt.Errorf("AutoNAT dialer: %w", err)
	}
	nat, err := autonatv2.New(dialer,
		autonatv2.WithServerRateLimit(dialBacksPerMinute, dialBacksOfPeer, dialBacksElsewhere, dialBacksAtOnce))
	if err == nil {
		limiter := newDialBackLimiter()
		err = nat.Start(share{h, func(st network.Stream) bool {
			from, ok := household(st.Conn().RemoteMultiaddr())
			return st.Protocol() != autonatv2.DialProtocol || ok && limiter.Allow(from.Addr())
		}})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("AutoNAT: %w", err), dialer.Close())
	}
	h.services.add(closer(func() error { nat.Close(); return nil }))
	return nil
}

// newDialBackLimiter lets each address have its share of the requests. This machine
// itself is no exception: tests go by the same rules.
func newDialBackLimiter() *rate.Limiter {
	each := rate.Limit{RPS: dialBacksOfIP / 2 / 60.0, Burst: dialBacksOfIP}
	return &rate.Limiter{SubnetRateLimiter: rate.SubnetLimiter{
		IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: each}},
		IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: ipv6HomeBits, Limit: each}},
		GracePeriod:      rateMemory,
	}}
}

// A dialBackGate keeps those who ask a seed to call them from having it knock at
// servers of other protocols: mail, say, where a knock is a complaint to its operator.
type dialBackGate struct{ *gater }

// InterceptAddrDial is asked before each dial.
func (g dialBackGate) InterceptAddrDial(_ peer.ID, a ma.Multiaddr) bool {
	at, ok := endpoint(a)
	return ok && (at.Port() >= firstUserPort || at.Port() == 80 || at.Port() == 443)
}

// A dialerHost calls back for AutoNAT: under a throw-away identity, without
// listening, so that the call is a new one to every router on the way.
type dialerHost struct {
	*blankhost.BlankHost
	peers peerstore.Peerstore
}

// Close closes what newDialer made.
func (d dialerHost) Close() error { return errors.Join(d.BlankHost.Close(), d.peers.Close()) }

func (h *Host) newDialer() (_ corehost.Host, err error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	var built closers
	defer func() {
		if err != nil {
			built.close()
		}
	}()
	ps, err := newPeerstore(id, key)
	if err != nil {
		return nil, err
	}
	built.add(ps)
	bus, rm := eventbus.NewBus(), h.Network().ResourceManager()
	sw, err := h.newSwarm(id, ps, bus, rm, h.gate,
		swarm.WithConnectionGater(dialBackGate{h.gate}),
		swarm.WithDialRanker(swarm.NoDelayDialRanker),
		// What fails here says nothing of our own network.
		swarm.WithReadOnlyBlackHoleDetector())
	if err != nil {
		return nil, err
	}
	built.add(sw)
	upgrader, err := h.newUpgrader(key, rm, h.gate)
	if err != nil {
		return nil, err
	}
	t, err := h.newTransport(upgrader, rm)
	if err != nil {
		return nil, err
	}
	if err := sw.AddTransport(t); err != nil {
		return nil, err
	}
	return dialerHost{blankhost.NewBlankHost(sw, blankhost.WithEventBus(bus)), ps}, nil
}

// A noDialer stands for the dialer of an AutoNAT that serves nobody.
type noDialer struct{ corehost.Host }

// Close has nothing to close.
func (noDialer) Close() error { return nil }

// askSeeds is the host as AutoNAT sees it: only our seeds are its servers. A
// stranger could say what he likes of our addresses, or, together with one who
// told us a wrong one, have us advertise somebody else's.
type askSeeds struct{ *Host }

// Peerstore is the host's, but for the protocols.
func (a askSeeds) Peerstore() peerstore.Peerstore {
	return seedProtocols{a.Host.Peerstore(), a.isRelay}
}

// NewStream opens a stream that ends with ctx. AutoNAT reads from it without a look
// at ctx, and a seed that calls into a closed router is silent for seconds: nobody
// who leaves is to wait for that.
func (a askSeeds) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	st, err := a.Host.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	// AutoNAT's own context ends when it is done with the stream.
	context.AfterFunc(ctx, func() { _ = st.Reset() })
	return st, nil
}

type seedProtocols struct {
	peerstore.Peerstore
	seed func(peer.ID) bool
}

// SupportsProtocols says none of who is no seed.
func (s seedProtocols) SupportsProtocols(p peer.ID, ids ...protocol.ID) ([]protocol.ID, error) {
	if !s.seed(p) {
		return nil, nil
	}
	return s.Peerstore.SupportsProtocols(p, ids...)
}
