package host

import (
	"cmp"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// What a seed gives to whoever asks. A circuit costs it two streams, of which
// the resource manager allows streamsOfProtocol in all (so about five hundred
// circuits), and two buffers for each direction: at most 8 MiB of buffers
// besides the streams' windows, which are within memoryOfProtocol.
const (
	// maxReservations is how many peers can be called through one seed. It is more
	// than connsHigh, so that places run out by connections, of which a crowd with
	// few addresses gets few (see connsOfIPWhenCrowded), and not by reservations.
	maxReservations = 512
	// maxReservationsOfIP is how many of them may share an address: ten friends
	// behind one router, or a school.
	maxReservationsOfIP = 64
	// maxReservationsOfASN bounds those of one IPv6 network operator. Everybody
	// may well be with the same one.
	maxReservationsOfASN = 256
	// maxCircuitsOfPeer is how many relayed connections one peer may have.
	maxCircuitsOfPeer = 16
	// maxCircuitsOfIP is how many relayed connections those with one address may
	// have asked for: a quarter of the 512 that streamsOfProtocol allows in all.
	maxCircuitsOfIP = 128
	// reservationTTL is how long a reservation holds; it is renewed in time, and
	// ends with the connection.
	reservationTTL = time.Hour
	// relayBuffer is one direction of one circuit.
	relayBuffer = 4 << 10

	defaultRelayDuration = time.Hour
	defaultRelayData     = 64 << 20
)

// reservationTag is what the relay service puts on a peer that holds a
// reservation, in the connection manager; it has no other way to ask.
const reservationTag = "relay-reservation"

// A RelayLimit bounds one relayed connection.
type RelayLimit struct {
	// Duration is how long it may live. If zero, 1 hour.
	Duration time.Duration
	// Data is how many bytes it may carry in each direction. If zero, 64 MiB.
	Data int64
}

// resources always set a limit: gossip then knows the connection for a relayed
// one, and does not settle on it.
func (l RelayLimit) resources() relay.Resources {
	return relay.Resources{
		Limit: &relay.RelayLimit{
			Duration: cmp.Or(l.Duration, defaultRelayDuration),
			Data:     cmp.Or(l.Data, defaultRelayData),
		},
		ReservationTTL:        reservationTTL,
		MaxReservations:       maxReservations,
		MaxCircuits:           maxCircuitsOfPeer,
		BufferSize:            relayBuffer,
		MaxReservationsPerIP:  maxReservationsOfIP,
		MaxReservationsPerASN: maxReservationsOfASN,
	}
}

// serveRelay starts the relay service of a seed.
func (h *Host) serveRelay() error {
	r, err := relay.New(share{h, func(st network.Stream) bool { return h.streamsFrom(st) <= maxCircuitsOfIP }},
		relay.WithResources(h.cfg.RelayLimit.resources()),
		relay.WithACL(relayGate{h.gate}),
		relay.WithMetricsTracer(newRelayMeter(h.cfg.Metrics, &h.relayed)),
		// In one home, or in a lab, a seed has private addresses only.
		relay.WithReservationAddressFilter(func(a ma.Multiaddr) bool { return !manet.IsIPLoopback(a) }),
	)
	if err != nil {
		return fmt.Errorf("relay service: %w", err)
	}
	h.services.add(r)
	return nil
}

// A relayGate keeps the blocked from being relayed, at either end.
type relayGate struct{ gate *gater }

var _ relay.ACLFilter = relayGate{}

// AllowReserve is asked at each reservation.
func (g relayGate) AllowReserve(p peer.ID, _ ma.Multiaddr) bool { return g.gate.allow(p) }

// AllowConnect is asked at each circuit.
func (g relayGate) AllowConnect(src peer.ID, _ ma.Multiaddr, dest peer.ID) bool {
	return g.gate.allow(src) && g.gate.allow(dest)
}

// Reserved tells a seed whether p holds a relay reservation here. Any goroutine
// may ask; it does not wait.
func (h *Host) Reserved(p peer.ID) bool {
	if !h.cfg.Seed || h.Network().Connectedness(p) != network.Connected {
		return false
	}
	tags := h.ConnManager().GetTagInfo(p)
	return tags != nil && tags.Tags[reservationTag] > 0
}
