// Package rooms joins, publishes to and listens in gossip rooms, and knows who
// is in them (PROTOCOL.md, section 5).
//
// A Service is gossipsub on a host. A Room is one conversation in it: envelopes
// go out with Publish and come in, verified, through a Handler; beacons are sent
// and heard by the Room itself. Gossip loses messages without a word: the Room
// reports what it notices (Handler.Lost, Dropped), and leaves the repair to
// others. Package rooms does not find peers (see discovery) and does not
// remember messages (see history).
//
// A Room owns one goroutine, which calls the Handler, and one that waits for
// gossipsub's news of topic peers; Close stops and waits for both. A Service
// owns gossipsub's goroutines; Close stops them.
package rooms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
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

	ctx    context.Context
	cancel context.CancelFunc

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
	s.flow.peersChanged = s.peersChanged
	s.flow.dropped = func(topic string) { s.tell(topic, (*Room).noteDropped) }
	s.flow.lost = func(topic string) { s.tell(topic, (*Room).noteLost) }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.notify = &network.NotifyBundle{DisconnectedF: s.disconnected}
	h.Network().Notify(s.notify)
	var err error
	s.ps, err = pubsub.NewGossipSub(s.ctx, flowHost{h, s.flow}, options(s.guard, s.inspect, s.flow)...)
	if err != nil {
		s.cancel()
		h.Network().StopNotify(s.notify)
		return nil, fmt.Errorf("start gossipsub: %w", err)
	}
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
	s.host.Network().StopNotify(s.notify)
	for _, id := range protocols() {
		s.host.RemoveStreamHandler(id)
	}
	s.resetStreams()
	return nil
}

// resetStreams ends the goroutines of gossipsub that read from streams, which
// otherwise live as long as the host.
func (s *Service) resetStreams() {
	for _, c := range s.host.Network().Conns() {
		for _, st := range c.GetStreams() {
			if strings.HasPrefix(string(st.Protocol()), "/meshsub/") {
				_ = st.Reset() // it has ended by itself meanwhile
			}
		}
	}
}

// disconnected is called by the host.
func (s *Service) disconnected(n network.Network, c network.Conn) {
	if p := c.RemotePeer(); n.Connectedness(p) == network.NotConnected {
		s.guard.forget(p)
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
		r.note(notePeers)
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

// publish hands an envelope to gossipsub and returns to how many topic peers it
// went. Peers get it if gossipsub believes that it was published before.
func (s *Service) publish(ctx context.Context, t *pubsub.Topic, data []byte, peers []peer.ID) (int, error) {
	select {
	case s.publishing <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.ctx.Done():
		return 0, chat.ErrClosed
	}
	defer func() { <-s.publishing }()
	var batch pubsub.MessageBatch
	if err := t.AddToBatch(ctx, &batch, data); err != nil {
		return 0, closedOr(s.ctx.Err() != nil, err)
	}
	if s.ctx.Err() != nil {
		return 0, chat.ErrClosed
	}
	h := &handover{flow: s.flow, topic: t.String(), data: data, peers: peers, done: make(chan struct{})}
	if err := s.ps.PublishBatch(&batch, inOrderOf(h)); err != nil {
		return 0, err
	}
	// Not ctx: the message is on its way now, and this takes microseconds.
	select {
	case <-h.done:
		return h.reached, nil
	case <-s.ctx.Done():
		return 0, chat.ErrClosed
	}
}

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
