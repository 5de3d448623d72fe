package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/transport"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	mss "github.com/multiformats/go-multistream"
)

const (
	// maxRelays bounds the seeds that we ask for a reservation.
	maxRelays = 8
	// maxCircuitsOfRelay bounds the addresses that we tell of one relay.
	maxCircuitsOfRelay = 3
	// maxRelayAddrs bounds those that a relay may tell of itself.
	maxRelayAddrs = 16

	// reserveTimeout bounds one request for a reservation.
	reserveTimeout = 10 * time.Second
	// reserveAhead is how long before its end a reservation is renewed.
	reserveAhead = 5 * time.Minute
	// reserveAgain and reserveAgainMax are the pauses after a failure; the first
	// doubles each time. A refusal (the relay is full) takes the longest at once.
	reserveAgain    = 250 * time.Millisecond
	reserveAgainMax = 10 * time.Second
	// minRenewal keeps a relay that gives seconds, or whose clock is off, from
	// having us ask all the time.
	minRenewal = time.Minute
)

var (
	// errNoRelay says that a seed answered, but does not relay.
	errNoRelay = errors.New("it does not relay")
	// errLostRelay says that the connection with the relay ended.
	errLostRelay = errors.New("not connected with it")
)

// A Relay is a seed that was asked to relay for us.
type Relay struct {
	Peer peer.ID
	// Addrs are our addresses through it, while Reserved.
	Addrs []ma.Multiaddr
	// Reserved tells whether it relays for us now, and Expires until when.
	Reserved bool
	Expires  time.Time
	// Limit is what it allows each connection; zero fields are without limit.
	Limit RelayLimit
	// LastError is why the latest request failed; nil when it did not.
	LastError error
}

// circuitAddr is what the relay's client says of who called.
type circuitAddr = circuit.NetAddr

// A circuitTransport is libp2p's, with listeners that end as the swarm expects.
type circuitTransport struct{ *circuit.Client }

var _ transport.SkipResolver = circuitTransport{}

func (t circuitTransport) Listen(a ma.Multiaddr) (transport.Listener, error) {
	l, err := t.Client.Listen(a)
	if err != nil {
		return nil, err
	}
	return listener{l}, nil
}

// useRelays lets the host dial through relays, and, if it has seeds to reserve
// a place at, be called through them.
func (h *Host) useRelays() error {
	c, err := circuit.New(h, h.upgrader)
	if err != nil {
		return fmt.Errorf("relay client: %w", err)
	}
	if err := h.swarm.AddTransport(circuitTransport{c}); err != nil {
		return fmt.Errorf("relay client: %w", err)
	}
	if h.relays == nil {
		return nil
	}
	if err := h.swarm.AddListenAddr(ma.StringCast("/p2p-circuit")); err != nil {
		return fmt.Errorf("relay client: listen: %w", err)
	}
	c.Start()
	h.relays.start()
	return nil
}

// reservations keeps a place at each seed, as long as others need it to reach
// us. It takes the place of libp2p's autorelay, which polls, gives a relay that
// refused once an hour, and does not say what it got.
type reservations struct {
	h   *Host
	all []*reservation

	mu     sync.Mutex
	wanted bool
}

// A reservation is one seed's. Its own goroutine asks for it and renews it.
type reservation struct {
	relay peer.AddrInfo
	wake  chan struct{} // connected, disconnected, wanted or not; holds one

	state Relay // reservations.mu guards it

	// Owned by the goroutine.
	over  []network.Conn // the relay knows us by these
	renew time.Time      // ask again then
	pause time.Duration  // the next pause after a failure
}

func newReservations(h *Host) *reservations {
	r := &reservations{h: h, wanted: true}
	for _, ai := range h.cfg.Relays[:min(len(h.cfg.Relays), maxRelays)] {
		r.all = append(r.all, &reservation{
			relay: ai,
			wake:  make(chan struct{}, 1),
			state: Relay{Peer: ai.ID},
		})
	}
	return r
}

func (r *reservations) start() {
	for _, one := range r.all {
		r.h.running.Go(func() { r.keep(r.h.ctx, one) })
	}
}

// want says whether others need relays to reach us. A reservation that nobody
// needs any more is not renewed, nor told.
func (r *reservations) want(yes bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	changed := r.wanted != yes
	r.wanted = yes
	r.mu.Unlock()
	if changed {
		for _, one := range r.all {
			poke(one.wake)
		}
		r.h.refreshAddrs()
	}
}

// changed is called when p was connected or disconnected.
func (r *reservations) changed(p peer.ID) {
	if r == nil {
		return
	}
	for _, one := range r.all {
		if one.relay.ID == p {
			poke(one.wake)
		}
	}
}

// poke wakes who waits on c, now or next time.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// relays are the states of all, and addrs our addresses through those that hold.
func (r *reservations) relays() []Relay {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	states := make([]Relay, len(r.all))
	for i, one := range r.all {
		states[i] = one.state
		states[i].Addrs = slices.Clone(one.state.Addrs)
	}
	return states
}

func (r *reservations) addrs() (as []ma.Multiaddr) {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wanted {
		return nil
	}
	for _, one := range r.all {
		as = append(as, one.state.Addrs...)
	}
	return as
}

// keep holds one reservation until ctx ends.
func (r *reservations) keep(ctx context.Context, one *reservation) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-one.wake:
			one.renew = time.Time{} // another connection, another chance
			one.pause = reserveAgain
		case <-timer.C:
		}
		timer.Reset(r.step(ctx, one))
	}
}

// step looks at where one reservation stands, asks for it if need be, and
// returns when to look again if nothing happens until then. Without a direct
// connection there is no reservation: the relay has forgotten it too.
func (r *reservations) step(ctx context.Context, one *reservation) time.Duration {
	conns := directConns(r.h.Network(), one.relay.ID)
	if held(one.over, conns) {
		if left := time.Until(one.renew); left > 0 {
			return left
		}
	} else if one.over != nil {
		one.over = nil
		r.publish(one, Relay{Peer: one.relay.ID, LastError: errLostRelay})
	}
	if len(conns) == 0 || !r.needed() {
		return reserveAgainMax
	}
	rsvp, err := r.request(ctx, one.relay.ID)
	if err != nil {
		return r.failed(ctx, one, err)
	}
	one.over, one.pause = conns, reserveAgain
	wait := renewal(time.Until(rsvp.Expiration))
	one.renew = time.Now().Add(wait)
	r.publish(one, Relay{
		Peer:     one.relay.ID,
		Addrs:    circuitAddrs(one.relay, conns, rsvp.Addrs),
		Reserved: true,
		Expires:  rsvp.Expiration,
		Limit:    RelayLimit{Duration: rsvp.LimitDuration, Data: int64(min(rsvp.LimitData, math.MaxInt64))},
	})
	return wait
}

// held tells whether the relay, which forgets us when we are gone, still knows
// us: one of the connections that it knew is open.
func held(over, open []network.Conn) bool {
	return slices.ContainsFunc(over, func(c network.Conn) bool { return slices.Contains(open, c) })
}

// renewal is when to renew what holds for ttl, by our clock; the relay's may be
// minutes off.
func renewal(ttl time.Duration) time.Duration {
	return max(ttl-reserveAhead, minRenewal)
}

// failed notes why a request came to nothing, and returns when to try again. A
// reservation that could not be renewed holds until its end.
func (r *reservations) failed(ctx context.Context, one *reservation, err error) time.Duration {
	if ctx.Err() != nil {
		return reserveAgainMax
	}
	r.mu.Lock()
	state := one.state
	r.mu.Unlock()
	state.LastError = err
	if !time.Now().Before(state.Expires) {
		state.Reserved, state.Addrs = false, nil
	}
	r.publish(one, state)
	var refused circuit.ReservationError
	if errors.As(err, &refused) && refused.Status != pb.Status_CONNECTION_FAILED || errors.Is(err, errNoRelay) {
		return reserveAgainMax
	}
	one.pause = min(max(2*one.pause, reserveAgain), reserveAgainMax)
	return one.pause
}

func (r *reservations) needed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted
}

// publish replaces what others see of a reservation.
func (r *reservations) publish(one *reservation, state Relay) {
	r.mu.Lock()
	same := slices.EqualFunc(one.state.Addrs, state.Addrs, ma.Multiaddr.Equal)
	one.state = state
	r.mu.Unlock()
	if !same {
		r.h.cfg.log().Debug("relay addresses changed", "relay", state.Peer, "addrs", state.Addrs, "err", state.LastError)
		r.h.refreshAddrs()
	}
}

// request asks p for a reservation, over the connection that we have.
func (r *reservations) request(ctx context.Context, p peer.ID) (*circuit.Reservation, error) {
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "relay reservation"), reserveTimeout)
	defer cancel()
	rsvp, err := circuit.Reserve(ctx, r.h, peer.AddrInfo{ID: p})
	var unknown mss.ErrNotSupported[protocol.ID]
	if errors.As(err, &unknown) {
		return nil, errNoRelay
	}
	return rsvp, err
}

// directConns are the connections with p that lead through no relay.
func directConns(n network.Network, p peer.ID) (cs []network.Conn) {
	for _, c := range n.ConnsToPeer(p) {
		if !isCircuit(c.RemoteMultiaddr()) && !c.IsClosed() {
			cs = append(cs, c)
		}
	}
	return cs
}

// circuitAddrs are our addresses through a relay: where it says it is, where we
// reached it, and where we were told that it is. Names are left out: nobody
// resolves one on a stranger's word. What only this machine or this home reaches
// is told only if we reach it there too.
func circuitAddrs(relay peer.AddrInfo, conns []network.Conn, told []ma.Multiaddr) (as []ma.Multiaddr) {
	var reached []ma.Multiaddr
	for _, c := range conns {
		if c.Stat().Direction == network.DirOutbound {
			reached = append(reached, c.RemoteMultiaddr())
		}
	}
	local := slices.ContainsFunc(reached, func(a ma.Multiaddr) bool { return !manet.IsPublicAddr(a) })
	via := ma.StringCast("/p2p/" + relay.ID.String() + "/p2p-circuit")
	for _, a := range slices.Concat(reached, told[:min(len(told), maxRelayAddrs)], relay.Addrs) {
		at, ok := endpoint(a)
		if !ok || at.Addr().IsUnspecified() || !local && !manet.IsPublicAddr(a) || len(as) == maxCircuitsOfRelay {
			continue
		}
		full := multiaddrs([]netip.AddrPort{at})[0].Encapsulate(via)
		if !ma.Contains(as, full) {
			as = append(as, full)
		}
	}
	return as
}
