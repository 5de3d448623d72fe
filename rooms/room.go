package rooms

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// maxHeard bounds the beacons of Hear not yet handled: those of a few members'
// whole answers. More are dropped; the next round brings them.
const maxHeard = 4 * MaxBeacons

// MaxBeacons is how many beacons Beacons returns at most.
const MaxBeacons = 256

// A Handler is told what happens in a room. Any of its functions may be nil.
// They are called from the room's one goroutine, except Heads and Rooms, and must not call
// Room.Close. They may be called before Join has returned, and are not after
// Close has. While one of them waits, the room's inbox fills up.
type Handler struct {
	// Heads are the segments that our beacon says we hold, with all their
	// ancestors: at most chat.MaxHeads are named. It is called from the room's
	// goroutine and from those that call Room.Beacon and Room.Beacons, also at
	// the same time, and must not wait.
	Heads func() []chat.SegmentID
	// Rooms are those that our beacon says we are in, in the presence room alone: at
	// most chat.MaxShownRooms are named. It is called as Heads is.
	Rooms func() []chat.RoomName
	// Segment is called for each verified segment that came from a neighbour,
	// whoever its author is. The same segment may come twice.
	Segment func(from chat.PeerID, s *chat.Segment)
	// Beacon is called for each verified beacon of another author that is newer
	// than what was known of them.
	Beacon func(b *chat.Beacon)
	// Member is called when somebody came, changed their nick, or left.
	Member func(m Member)
	// Peers is called when the neighbours changed whom Publish reaches, with their
	// number: those who are members; or 1, if there are none but somebody else is
	// known to be in the room and a neighbour forwards. So it may be called with
	// the same number twice.
	Peers func(n int)
	// Lost is called when messages of this room were dropped on their way in,
	// at most once a second: time to repair.
	Lost func()
}

// A JoinOption changes what a Room does besides listening.
type JoinOption func(*Room)

// Invisible makes a room that sends no beacons: nobody sees us there, until we
// say something.
func Invisible() JoinOption { return func(r *Room) { r.silent = true } }

// A Room is a conversation that this node is in. All methods may be called from
// any goroutine, also from the Handler's functions, except Close from those.
type Room struct {
	service   *Service
	conv      chat.ConversationID
	topicName string
	topic     *pubsub.Topic
	events    *pubsub.TopicEventHandler
	handler   Handler
	silent    bool

	ctx    context.Context
	cancel context.CancelFunc
	ready  chan struct{} // closed when Join is done, well or not
	done   sync.WaitGroup

	inbox   chan *pubsub.Message // inboxLength; when full, messages are lost
	inBytes atomic.Int64         // in inbox
	dropped atomic.Uint64
	notes   atomic.Uint32 // what the loop is to look at
	wake    chan struct{} // holds one: the loop is to look at notes

	// beaconMu is held while an own beacon is made.
	beaconMu sync.Mutex
	last     *chat.Beacon // our newest
	leaving  bool         // our last was made

	mu      sync.Mutex // guards what follows; never held while calling out
	roster  *roster
	peers   []peer.ID // topic peers to whom RPCs can leave
	members []peer.ID // those of peers who do not only forward
	near    []peer.ID // peers, and neighbours in the room to whom none can leave
	heard   []*chat.Beacon
	ended   bool
	// introduced is set when those who are there have been sent our beacon.
	introduced bool

	// The loop's own:
	sub         *pubsub.Subscription
	subscribeAt time.Time // zero when subscribed
	pacer       pacer
	published   *chat.Beacon // our newest that was
	reported    int          // what Handler.Peers was told
	reportedTo  []peer.ID    // r.members then
	lost        bool         // Handler.Lost is due
	lostAt      time.Time    // when it was called last
}

// Join enters the room of a conversation. It returns at once, whether or not
// anybody is there.
func (s *Service) Join(conv chat.ConversationID, handler Handler, options ...JoinOption) (*Room, error) {
	r := &Room{
		service:   s,
		conv:      conv,
		topicName: topicOf(conv),
		handler:   handler,
		inbox:     make(chan *pubsub.Message, inboxLength),
		wake:      make(chan struct{}, 1),
		roster:    newRoster(s.cfg.Self),
		pacer:     pacer{random: s.cfg.random()},
		ready:     make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancel(s.ctx)
	for _, o := range options {
		o(r)
	}
	// From here on Service.Close may end the room; it waits for ready.
	if err := s.enter(r); err != nil {
		r.cancel()
		return nil, fmt.Errorf("join room: %w", err)
	}
	defer close(r.ready)
	if err := r.open(); err != nil {
		r.ended = true
		r.cancel()
		r.close()
		return nil, fmt.Errorf("join room: %w", closedOr(s.ctx.Err() != nil, err))
	}
	r.note(notePeers)
	r.done.Go(r.watch)
	r.done.Go(r.loop)
	return r, nil
}

// open makes the topic known, so that others' subscriptions are seen, but does
// not subscribe yet.
func (r *Room) open() (err error) {
	ps := r.service.ps
	if f := r.service.forwarder; f != nil {
		f.release(r.topicName)
	}
	r.service.guard.allow(r.topicName, true)
	// In gossipsub's own goroutine: the check is CPU only, and the order stays.
	if err := ps.RegisterTopicValidator(r.topicName, r.validate, pubsub.WithValidatorInline(true)); err != nil {
		return err
	}
	if r.topic, err = ps.Join(r.topicName); err != nil {
		return err
	}
	if err := r.topic.SetScoreParams(topicScoreParams()); err != nil {
		return err
	}
	r.events, err = r.topic.EventHandler()
	return err
}

// close undoes open, and what the loop did.
func (r *Room) close() {
	log := r.service.cfg.log()
	if r.sub != nil {
		r.sub.Cancel()
	}
	if r.events != nil {
		r.events.Cancel()
	}
	if r.topic != nil {
		if err := r.topic.Close(); err != nil {
			log.Debug("close topic", "err", err)
		}
	}
	if err := r.service.ps.UnregisterTopicValidator(r.topicName); err != nil {
		log.Debug("remove validator", "err", err)
	}
	r.service.guard.allow(r.topicName, false)
	r.service.leave(r)
}

// Close says goodbye, leaves the room and waits for its goroutines. The
// goodbye takes at most about 0.4 s, and less if ctx ends. A second Close does
// nothing.
func (r *Room) Close(ctx context.Context) error {
	if r.isEnded() {
		return nil
	}
	r.sayGoodbye(ctx)
	r.end()
	return nil
}

// end leaves the room without a word.
func (r *Room) end() {
	<-r.ready
	r.mu.Lock()
	was := r.ended
	r.ended = true
	r.mu.Unlock()
	r.cancel()
	r.done.Wait()
	if !was {
		r.close()
	}
}

func (r *Room) isEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// HeadsChanged schedules a beacon.
func (r *Room) HeadsChanged() { r.note(noteHeads) }

// RoomsChanged schedules a beacon.
func (r *Room) RoomsChanged() { r.note(noteHeads) }

// NickChanged schedules a beacon.
func (r *Room) NickChanged() { r.note(noteHeads) }

// Hear takes a verified beacon of this room that came another way than by
// gossip. It does not wait; should too many come at once, some are dropped.
func (r *Room) Hear(b *chat.Beacon) {
	if b.Conversation != r.conv {
		return
	}
	r.mu.Lock()
	if len(r.heard) < maxHeard {
		r.heard = append(r.heard, b)
	}
	r.mu.Unlock()
	r.note(noteHeard)
}

// Beacon makes and returns our beacon, with the heads of now, as an envelope.
// It is nil in a room that sends none, and when Close was called.
func (r *Room) Beacon() []byte {
	if r.silent {
		return nil
	}
	if b := r.makeBeacon(time.Now(), nil, false); b != nil {
		return b.Envelope
	}
	return nil
}

// Beacons returns our own beacon, as Beacon does, the newest of each member
// online, those heard last first, and the last of those who left lately: at most
// MaxBeacons envelopes.
func (r *Room) Beacons() [][]byte {
	var out [][]byte
	if own := r.Beacon(); own != nil {
		out = append(out, own)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(out, r.roster.envelopes(MaxBeacons-len(out))...)
}

// Knows reports, at little cost, whether an envelope is a beacon that the room
// has already, and which so need not be verified again.
func (r *Room) Knows(envelope []byte) bool {
	typ, author, err := wire.Peek(envelope)
	if err != nil || typ != wire.TypeBeacon {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.knows(author, envelope)
}

// Roster returns the members online but for ourselves, in the order of their
// keys.
func (r *Room) Roster() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.list()
}

// Peers returns the neighbours who are in the room, not those who only forward
// it, and to whom messages can leave. In the order of their keys.
func (r *Room) Peers() []chat.PeerID {
	r.mu.Lock()
	members := r.members
	r.mu.Unlock()
	var out []chat.PeerID
	for _, p := range members {
		if id, err := chat.PeerIDFromLibp2p(p); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// Dropped is how many messages for neighbours in this room gossipsub has
// dropped because their queues were full.
func (r *Room) Dropped() uint64 { return r.dropped.Load() }
