package host

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/prometheus/client_golang/prometheus"
)

// The limits are fixed, never infinite and never scaled to the machine: what a
// stranger can cost us is the same on a laptop, on a board and in a test.
const (
	// connsIn, connsOut and connsAll bound connections at any moment. A node
	// keeps connsHigh; the rest is room for a burst before the trim.
	connsIn  = 1024
	connsOut = 512
	connsAll = 1280

	// fileDescriptors allows one for each connection and some for listeners.
	fileDescriptors = connsAll + 64

	// memory is what libp2p may reserve. yamux reserves a stream's first window
	// of 256 KiB whether it is filled or not, so this is also 2048 idle streams:
	// five for each of connsHigh connections. Really used is about a tenth.
	memory = 512 << 20

	// streamsIn, streamsOut and streamsAll are what memory can carry at most.
	streamsIn  = 2048
	streamsOut = 2048
	streamsAll = 2048

	// connsHandshaking bounds connections before their Noise handshake is done,
	// where the cost of a flood from many addresses lies. A seed that restarts
	// is rejoined by everybody in the same second.
	connsHandshaking = 256
	// memoryHandshaking bounds what these, and streams before their protocol
	// is known, may reserve.
	memoryHandshaking  = 64 << 20
	streamsNegotiating = 512

	// connsOfPeer leaves room for crossed dials, a relayed connection beside a
	// direct one, and the one that died but is not noticed yet.
	connsOfPeer = 8
	// streamsOfPeer is far above what our protocols use (about ten), for pipes
	// and parallel file transfers.
	streamsOfPeer = 128
	// memoryOfPeer lets one fast stream grow its window to the full 16 MiB, and
	// keeps one peer from taking more than an eighth of the whole.
	memoryOfPeer = 64 << 20

	// streamsOfProtocol keeps one protocol from starving the others.
	streamsOfProtocol       = 1024
	streamsOfProtocolOnPeer = 64
	memoryOfProtocol        = 256 << 20
	memoryOfProtocolOnPeer  = 32 << 20

	memoryOfConn   = 32 << 20
	memoryOfStream = 16 << 20

	// connsOfIPv4 bounds connections with one address. Whole schools and mobile
	// networks share one; libp2p's 8 would lock their members out.
	connsOfIPv4 = 128
	// connsOfIPv6Home and connsOfIPv6Site do the same for what one household
	// and one site are usually given.
	connsOfIPv6Home = 128
	connsOfIPv6Site = 512
	ipv6HomeBits    = 56
	ipv6SiteBits    = 48

	// connsOfIPWhenCrowded bounds them for one address while there are more than
	// connsHigh in all: what is left then, until the trim, is for those who come
	// from elsewhere. A few addresses could take it all otherwise, again and again.
	connsOfIPWhenCrowded = 16

	// newConnsPerSecond and newConnsBurst bound new connections with one
	// address, ours outward too: redials and a seed's return need far more than
	// libp2p's 0.2 a second.
	newConnsPerSecond = 10
	newConnsBurst     = 256
	// A site is several households.
	newConnsPerSecondSite = 20
	newConnsBurstSite     = 512
	// All addresses together, and this machine with itself.
	newConnsPerSecondAll      = 200
	newConnsBurstAll          = 1024
	newConnsPerSecondLoopback = 1000
	newConnsBurstLoopback     = 2048

	// rateMemory is how long the count of a silent address is kept.
	rateMemory = time.Minute

	// connsLow and connsHigh are the watermarks: above high, unprotected
	// connections are closed down to low, the least useful first.
	connsLow  = 256
	connsHigh = 384
	// connGrace spares connections this young from the trim.
	connGrace = 30 * time.Second
)

// limits spells every limit out, so that none falls back to libp2p's defaults,
// which scale with the machine.
func limits() rcmgr.PartialLimitConfig {
	system := resources(streamsIn, streamsOut, streamsAll, connsIn, connsOut, connsAll, fileDescriptors, memory)
	handshaking := resources(streamsNegotiating, streamsNegotiating, streamsNegotiating,
		connsHandshaking, connsHandshaking, connsHandshaking, connsHandshaking, memoryHandshaking)
	protocol := resources(streamsOfProtocol, streamsOfProtocol, streamsOfProtocol, connsIn, connsOut, connsAll,
		fileDescriptors, memoryOfProtocol)
	protocolOnPeer := resources(streamsOfProtocolOnPeer, streamsOfProtocolOnPeer, streamsOfProtocolOnPeer,
		connsOfPeer, connsOfPeer, connsOfPeer, connsOfPeer, memoryOfProtocolOnPeer)
	return rcmgr.PartialLimitConfig{
		System:               system,
		Transient:            handshaking,
		AllowlistedSystem:    system, // we keep no such list; never more than the rest
		AllowlistedTransient: handshaking,
		ServiceDefault:       protocol,
		ServicePeerDefault:   protocolOnPeer,
		ProtocolDefault:      protocol,
		ProtocolPeerDefault:  protocolOnPeer,
		PeerDefault: resources(streamsOfPeer, streamsOfPeer, streamsOfPeer,
			connsOfPeer, connsOfPeer, connsOfPeer, connsOfPeer, memoryOfPeer),
		Conn:   resources(1, 1, 1, 1, 1, 1, 1, memoryOfConn),
		Stream: resources(1, 1, 1, 1, 1, 1, 1, memoryOfStream),
	}
}

func resources(streamsIn, streamsOut, streams, connsIn, connsOut, conns, fds, memory int) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{
		StreamsInbound:  rcmgr.LimitVal(streamsIn),
		StreamsOutbound: rcmgr.LimitVal(streamsOut),
		Streams:         rcmgr.LimitVal(streams),
		ConnsInbound:    rcmgr.LimitVal(connsIn),
		ConnsOutbound:   rcmgr.LimitVal(connsOut),
		Conns:           rcmgr.LimitVal(conns),
		FD:              rcmgr.LimitVal(fds),
		Memory:          rcmgr.LimitVal64(memory),
	}
}

// newResourceManager makes the limits. Its own metrics go to a registry that is
// global, unless one is given.
func newResourceManager(metrics prometheus.Registerer) (network.ResourceManager, error) {
	reports := rcmgr.WithMetricsDisabled()
	if metrics != nil {
		rcmgr.MustRegisterWith(metrics)
		reporter, err := rcmgr.NewStatsTraceReporter()
		if err != nil {
			return nil, err
		}
		reports = rcmgr.WithTraceReporter(reporter)
	}
	loopback4, loopback6 := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(limits().Build(rcmgr.ConcreteLimitConfig{})),
		reports,
		rcmgr.WithNetworkPrefixLimit(
			[]rcmgr.NetworkPrefixLimit{{Network: loopback4, ConnCount: connsAll}},
			[]rcmgr.NetworkPrefixLimit{{Network: loopback6, ConnCount: connsAll}},
		),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsOfIPv4}},
			[]rcmgr.ConnLimitPerSubnet{
				{PrefixLength: ipv6HomeBits, ConnCount: connsOfIPv6Home},
				{PrefixLength: ipv6SiteBits, ConnCount: connsOfIPv6Site},
			},
		),
		rcmgr.WithConnRateLimiters(newRateLimiter(loopback4, loopback6)),
	)
}

func newRateLimiter(loopback ...netip.Prefix) *rate.Limiter {
	home := rate.Limit{RPS: newConnsPerSecond, Burst: newConnsBurst}
	site := rate.Limit{RPS: newConnsPerSecondSite, Burst: newConnsBurstSite}
	l := &rate.Limiter{
		GlobalLimit: rate.Limit{RPS: newConnsPerSecondAll, Burst: newConnsBurstAll},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: home}},
			IPv6SubnetLimits: []rate.SubnetLimit{
				{PrefixLength: ipv6HomeBits, Limit: home},
				{PrefixLength: ipv6SiteBits, Limit: site},
			},
			GracePeriod: rateMemory,
		},
	}
	for _, p := range loopback {
		l.NetworkPrefixLimits = append(l.NetworkPrefixLimits, rate.PrefixLimit{
			Prefix: p,
			Limit:  rate.Limit{RPS: newConnsPerSecondLoopback, Burst: newConnsBurstLoopback},
		})
	}
	return l
}

func newConnManager() (*connmgr.BasicConnMgr, error) {
	return connmgr.NewConnManager(connsLow, connsHigh, connmgr.WithGracePeriod(connGrace))
}
