package rooms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// MaxRooms is how many rooms one node can be in.
const MaxRooms = 256

// The errors of Join, besides chat.ErrClosed.
var (
	ErrJoined       = errors.New("already in this room")
	ErrTooManyRooms = fmt.Errorf("in %d rooms, and no more are allowed", MaxRooms)
)

// Config configures a Service.
type Config struct {
	// Self is this node. Required.
	Self chat.PeerID
	// Key is Self's, to sign beacons. Required.
	Key crypto.PrivKey
	// Nick is asked for each beacon, from many goroutines; it must not wait. If
	// nil, beacons carry no nick.
	Nick func() chat.Text
	// Seed marks our beacons as a seed's.
	Seed bool
	// Forward makes this node forward, without being a member, the rooms that a
	// neighbour p is in while Forward(p) is true: at a seed, while p holds a relay
	// reservation. It is asked often, from many goroutines, and must not wait. If
	// nil, nothing is forwarded.
	Forward func(p peer.ID) bool
	// Forwarder tells a neighbour who only forwards rooms, a seed, from a member.
	// It is asked often, from many goroutines, and must not wait. If nil, all
	// neighbours are members.
	Forwarder func(p peer.ID) bool
	// Forgotten is called, from a goroutine of the Service, after a connected
	// member that gossipsub had lost sight of was disconnected: please dial it
	// again. It must not wait. If nil, nobody is told.
	Forgotten func(p chat.PeerID)
	// Rand returns numbers in [0, 1) to spread beacons in time. It is called
	// from many goroutines. If nil, the runtime's.
	Rand func() float64
	// Log receives debug records. If nil, they are dropped.
	Log *slog.Logger
}

func (c Config) log() *slog.Logger { return cmp.Or(c.Log, slog.New(slog.DiscardHandler)) }

func (c Config) random() func() float64 {
	if c.Rand == nil {
		return rand.Float64
	}
	return c.Rand
}

func (c Config) nick() chat.Text {
	if c.Nick == nil {
		return chat.Text{}
	}
	return c.Nick()
}

// A Service is gossipsub on a host.
type Service struct {
	cfg    Config
	host   corehost.Host
	ps     *pubsub.PubSub
	guard  *guard
	flow   *flow
	notify *network.NotifyBundle
	// forwarder and courier are nil where nothing is forwarded.
	forwarder *forwarder
	courier   *courier
	mender    *mender

	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup // the loops of forwarder, courier and mender

	// publishing is held while one message is handed to gossipsub: the channel
	// behind PublishBatch has room for one, and no context.
	publishing chan struct{}

	mu     sync.Mutex // never held across a call of gossipsub, which calls us
	rooms  map[string]*Room
	closed bool
}

// New starts gossipsub on h. A host can have one Service.
func New(h corehost.Host, cfg Config) (*Service, error) {
	if cfg.Key == nil || cfg.Self.IsZero() {
		return nil, errors.New("rooms: no identity given")
	}
	s := &Service{
		cfg:        cfg,
		host:       h,
		guard:      newGuard(),
		flow:       newFlow(),
		publishing: make(chan struct{}, 1), // full: somebody publishes
		rooms:      make(map[string]*Room),
	}
	s.guard.forwarder = cfg.Forwarder
	if cfg.Forward != nil {
		s.forwarder, s.courier = newForwarder(s), newCourier(s)
		s.guard.changed = s.forwarder.note
		s.guard.maxForeign = maxForeignForwarding
	}
	s.mender = newMender(s)
	s.flow.ended = s.mender.note
	s.flow.peersChanged = s.peersChanged
	s.flow.dropped = func(topic string) { s.tell(topic, (*Room).noteDropped) }
	s.flow.lost = func(topic string) { s.tell(topic, (*Room).noteLost) }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.notify = &network.NotifyBundle{DisconnectedF: s.disconnected}
	h.Network().Notify(s.notify)
	var err error
	s.ps, err = pubsub.NewGossipSub(s.ctx, flowHost{h, s.flow}, s.options()...)
	if err != nil {
		s.cancel()
		h.Network().StopNotify(s.notify)
		return nil, fmt.Errorf("start gossipsub: %w", err)
	}
	if s.forwarder != nil {
		s.done.Go(s.forwarder.loop)
		s.done.Go(s.courier.loop)
	}
	s.done.Go(s.mender.loop)
	return s, nil
}

// Close leaves all rooms and stops gossipsub. Say goodbye with Room.Close
// before: Close does not.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	var open []*Room
	for _, r := range s.rooms {
		open = append(open, r)
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, r := range open {
		wg.Go(r.end)
	}
	wg.Wait()
	s.cancel()
	s.done.Wait()
	s.host.Network().StopNotify(s.notify)
	for _, id := range protocols() {
		s.host.RemoveStreamHandler(id)
	}
	// Or gossipsub's goroutines that read from them would live as long as the host.
	s.resetStreams(s.host.Network().Conns())
	return nil
}

// disconnected is called by the host.
func (s *Service) disconnected(n network.Network, c network.Conn) {
	// A limited connection carries no gossip.
	if p := c.RemotePeer(); n.Connectedness(p) != network.Connected {
		s.forget(p)
	}
}

// forget is called when a neighbour is none any more. Gossipsub may have told the
// rooms before.
func (s *Service) forget(p peer.ID) {
	for _, topic := range s.guard.forget(p) {
		s.tell(topic, (*Room).notePeersChanged)
	}
}

// inspect is asked by gossipsub before it looks into an RPC.
func (s *Service) inspect(from peer.ID, rpc *pubsub.RPC) error {
	err := s.guard.inspect(from, rpc)
	if err != nil && !errors.Is(err, errBad) {
		for _, m := range rpc.GetPublish() {
			s.tell(m.GetTopic(), (*Room).noteLost)
		}
	}
	return err
}

// tell calls f, which must not wait, for the room of a topic.
func (s *Service) tell(topic string, f func(*Room)) {
	s.mu.Lock()
	r := s.rooms[topic]
	s.mu.Unlock()
	if r != nil {
		f(r)
	}
}

// peersChanged makes every room look who is there.
func (s *Service) peersChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		r.notePeersChanged()
	}
}

// enter and leave keep the table of rooms.
func (s *Service) enter(r *Room) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return chat.ErrClosed
	case s.rooms[r.topicName] != nil:
		return ErrJoined
	case len(s.rooms) >= MaxRooms:
		return ErrTooManyRooms
	}
	s.rooms[r.topicName] = r
	return nil
}

func (s *Service) leave(r *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms, r.topicName)
}

// publish hands an envelope to gossipsub and returns how many topic peers took
// it. Peers get it if gossipsub believes that it was published before.
func (s *Service) publish(ctx context.Context, t *pubsub.Topic, data []byte, peers []peer.ID) (taken, error) {
	if err := s.lockPublishing(ctx); err != nil {
		return taken{}, err
	}
	defer s.unlockPublishing()
	var batch pubsub.MessageBatch
	if err := t.AddToBatch(ctx, &batch, data); err != nil {
		return taken{}, closedOr(s.ctx.Err() != nil, err)
	}
	return s.handOver(&batch, parcel{topic: t.String(), data: data, to: peers})
}

// deliverTo hands a message that others published to some neighbours.
func (s *Service) deliverTo(p parcel) error {
	if err := s.lockPublishing(s.ctx); err != nil {
		return err
	}
	defer s.unlockPublishing()
	_, err := s.handOver(&pubsub.MessageBatch{}, p)
	return err
}

// handOver gives gossipsub a batch of one message; or of none, and then p is
// what it sends.
func (s *Service) handOver(batch *pubsub.MessageBatch, p parcel) (taken, error) {
	if s.ctx.Err() != nil {
		return taken{}, chat.ErrClosed
	}
	h := &handover{
		flow: s.flow, forwarder: s.isForwarder, topic: p.topic, data: p.data, peers: p.to,
		done: make(chan struct{}),
	}
	if err := s.ps.PublishBatch(batch, inOrderOf(h)); err != nil {
		return taken{}, err
	}
	// Not a caller's context: the message is on its way now, and this takes
	// microseconds.
	select {
	case <-h.done:
		return h.taken, nil
	case <-s.ctx.Done():
		return taken{}, chat.ErrClosed
	}
}

func (s *Service) lockPublishing(ctx context.Context) error {
	select {
	case s.publishing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return chat.ErrClosed
	}
}

func (s *Service) unlockPublishing() { <-s.publishing }

// isForwarder reports whether a neighbour only forwards.
func (s *Service) isForwarder(p peer.ID) bool { return s.cfg.Forwarder != nil && s.cfg.Forwarder(p) }

func inOrderOf(h *handover) pubsub.BatchPubOpt {
	return func(o *pubsub.BatchPublishOptions) error {
		o.Strategy = h
		return nil
	}
}

// closedOr is chat.ErrClosed where err is a consequence of having been closed.
func closedOr(closed bool, err error) error {
	if closed || errors.Is(err, pubsub.ErrTopicClosed) {
		return chat.ErrClosed
	}
	return err
}
