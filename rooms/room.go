package rooms

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// subscribePatience is how long a room waits for its first topic peer before
	// it subscribes. Gossipsub joins the mesh at once if it knows somebody in
	// the room when we subscribe, and else only at its next heartbeat.
	subscribePatience = 150 * time.Millisecond

	// inboxLength and inboxBytes bound what was received and not yet handled.
	// What does not fit is dropped, and Handler.Lost is called.
	inboxLength = 256
	inboxBytes  = 4 << 20

	// maxHeard bounds the beacons of Hear not yet handled: those of a few
	// members' whole answers. More are dropped; the next round brings them.
	maxHeard = 4 * MaxBeacons

	// lostPause is the least time between two calls of Handler.Lost: whoever
	// floods us must not make us repair all the time.
	lostPause = time.Second

	// beaconReuse is how long a beacon is as good as a new one that would say the
	// same.
	beaconReuse = 5 * time.Second

	// farewell bounds how long Close waits for the last beacon to leave our
	// queues, and linger is what is left to the layers below, which do not tell.
	farewell = 300 * time.Millisecond
	linger   = 50 * time.Millisecond
)

// MaxBeacons is how many beacons Beacons returns at most.
const MaxBeacons = 256

// A Handler is told what happens in a room. Any of its functions may be nil.
// They are called from the room's one goroutine, except Heads, and must not call
// Room.Close. They may be called before Join has returned, and are not after
// Close has. While one of them waits, the room's inbox fills up.
type Handler struct {
	// Heads are the segments that our beacon says we hold, with all their
	// ancestors: at most chat.MaxHeads are named. It is called from the room's
	// goroutine and from those that call Room.Beacon and Room.Beacons, also at
	// the same time, and must not wait.
	Heads func() []chat.SegmentID
	// Segment is called for each verified segment that came from a neighbour,
	// whoever its author is. The same segment may come twice.
	Segment func(from chat.PeerID, s *chat.Segment)
	// Beacon is called for each verified beacon of another author that is newer
	// than what was known of them.
	Beacon func(b *chat.Beacon)
	// Member is called when somebody came, changed their nick, or left.
	Member func(m Member)
	// Peers is called when the number of connected topic peers changed.
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

// Relay makes a room in which we forward for others without being a member, as
// seeds do: no beacons, and the Handler may be empty.
func Relay() JoinOption { return Invisible() }

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

	mu     sync.Mutex // guards what follows; never held while calling out
	roster *roster
	peers  []peer.ID // topic peers to whom RPCs can leave
	heard  []*chat.Beacon
	ended  bool
	// introduced is set when those who are there have been sent our beacon.
	introduced bool

	// The loop's own:
	sub         *pubsub.Subscription
	subscribeAt time.Time // zero when subscribed
	pacer       pacer
	published   *chat.Beacon // our newest that was
	reported    int          // what Handler.Peers was told
	lost        bool         // Handler.Lost is due
	lostAt      time.Time    // when it was called last
}

// What the loop is told by others, as bits of notes.
const (
	notePeers      uint32 = 1 << iota // the topic peers changed
	noteHeads                         // our heads or our nick changed
	noteHeard                         // heard is not empty
	noteLoss                          // something was dropped on its way in
	noteIntroduced                    // Publish has sent our first beacon
)

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

// sayGoodbye publishes our last beacon and gives it a moment to leave.
func (r *Room) sayGoodbye(ctx context.Context) {
	peers := r.targets()
	if r.silent || len(peers) == 0 {
		return
	}
	b := r.makeBeacon(time.Now(), nil, true)
	if b == nil {
		return
	}
	if n, err := r.service.publish(ctx, r.topic, b.Envelope, peers); err != nil || n == 0 {
		return
	}
	if r.service.flow.wait(ctx, peers, 0, farewell) != nil {
		return
	}
	t := time.NewTimer(linger)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
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

// targets returns the topic peers to whom RPCs can leave.
func (r *Room) targets() []peer.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers
}

// note makes the loop look at something. It never waits.
func (r *Room) note(what uint32) {
	r.notes.Or(what)
	select {
	case r.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

func (r *Room) noteDropped() { r.dropped.Add(1) }
func (r *Room) noteLost()    { r.note(noteLoss) }

// watch waits for gossipsub's news of topic peers. Which news does not matter:
// the loop asks who is there.
func (r *Room) watch() {
	for {
		if _, err := r.events.NextPeerEvent(r.ctx); err != nil {
			return
		}
		r.note(notePeers)
	}
}

// loop owns the fields named so, calls the Handler, and alone changes roster
// and peers.
func (r *Room) loop() {
	r.subscribeAt = time.Now().Add(subscribePatience)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case m := <-r.inbox:
			r.receive(time.Now(), m)
		case <-r.wake:
			r.look(time.Now(), r.notes.Swap(0))
		case <-timer.C:
		case <-r.ctx.Done():
			return
		}
		timer.Reset(r.tick(time.Now()))
	}
}

// tick does what is due and returns how long nothing else will be.
func (r *Room) tick(now time.Time) time.Duration {
	if !r.subscribeAt.IsZero() && !now.Before(r.subscribeAt) {
		r.subscribe()
	}
	r.mu.Lock()
	gone := r.roster.sweep(now)
	n, next := r.roster.size(), r.roster.sweepAt
	r.mu.Unlock()
	for _, m := range gone {
		r.tellMember(m)
	}
	if at, ok := r.pacer.next(now, n); ok && !r.silent {
		if !now.Before(at) {
			r.sendBeacon(now, n)
			at, _ = r.pacer.next(now, n)
		}
		next = earlier(next, at)
	}
	if r.lost {
		at := r.lostAt.Add(lostPause)
		if !now.Before(at) {
			r.lost, r.lostAt = false, now
			if r.handler.Lost != nil {
				r.handler.Lost()
			}
		} else {
			next = earlier(next, at)
		}
	}
	next = earlier(next, r.subscribeAt)
	if next.IsZero() {
		return idle
	}
	return max(0, time.Until(next))
}

// idle is when to look again if nothing is due: in effect never.
const idle = time.Hour

// earlier is the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// look does what others asked for.
func (r *Room) look(now time.Time, notes uint32) {
	if notes&notePeers != 0 {
		r.refreshPeers(now)
	}
	if notes&noteHeads != 0 {
		r.mu.Lock()
		n := r.roster.size()
		r.mu.Unlock()
		r.pacer.change(now, n)
	}
	if notes&noteHeard != 0 {
		r.mu.Lock()
		heard := r.heard
		r.heard = nil
		r.mu.Unlock()
		for _, b := range heard {
			r.takeBeacon(now, b)
		}
	}
	if notes&noteLoss != 0 {
		r.lost = true
	}
	if notes&noteIntroduced != 0 && r.pacer.on {
		r.mu.Lock()
		n := r.roster.size()
		r.mu.Unlock()
		r.beaconMu.Lock()
		r.published = r.last
		r.beaconMu.Unlock()
		r.pacer.sent(now, n)
	}
}

// refreshPeers asks gossipsub who is there.
func (r *Room) refreshPeers(now time.Time) {
	peers := r.service.flow.open(r.topic.ListPeers())
	slices.Sort(peers)
	r.mu.Lock()
	old := r.peers
	r.peers = peers
	r.introduced = r.introduced && len(peers) > 0
	for _, p := range old {
		if _, still := slices.BinarySearch(peers, p); !still {
			r.connect(now, p, false)
		}
	}
	for _, p := range peers {
		if _, before := slices.BinarySearch(old, p); !before {
			r.connect(now, p, true)
		}
	}
	r.mu.Unlock()

	if len(peers) > 0 && !r.subscribeAt.IsZero() {
		r.subscribe()
	}
	if len(peers) > 0 {
		r.pacer.start(now)
	} else {
		r.pacer.stop()
	}
	if len(peers) != r.reported {
		r.reported = len(peers)
		if r.handler.Peers != nil {
			r.handler.Peers(len(peers))
		}
	}
}

// connect tells the roster. r.mu is held.
func (r *Room) connect(now time.Time, p peer.ID, connected bool) {
	if id, err := chat.PeerIDFromLibp2p(p); err == nil {
		r.roster.connect(now, id, connected)
	}
}

// subscribe joins the mesh.
func (r *Room) subscribe() {
	r.subscribeAt = time.Time{}
	// The filter hands messages over where gossipsub delivers them, and keeps
	// them out of the subscription: its channel would need one more goroutine
	// for each room to empty it, and would drop without telling.
	sub, err := r.topic.Subscribe(pubsub.WithBufferSize(1), pubsub.WithMessageFilter(r.deliver))
	if err != nil {
		r.service.cfg.log().Debug("subscribe", "err", err) // closed meanwhile
		return
	}
	r.sub = sub
}

// deliver is called by gossipsub, in its one goroutine, for each message that
// validate accepted. It never waits.
func (r *Room) deliver(m *pubsub.Message) bool {
	if m.ValidatorData == nil {
		return false // our own
	}
	size := int64(len(m.Data))
	if r.inBytes.Add(size) > inboxBytes {
		r.inBytes.Add(-size)
		r.noteLost()
		return false
	}
	select {
	case r.inbox <- m:
	default:
		r.inBytes.Add(-size)
		r.noteLost()
	}
	return false
}

// receive handles one message of a neighbour.
func (r *Room) receive(now time.Time, m *pubsub.Message) {
	r.inBytes.Add(-int64(len(m.Data)))
	switch v := m.ValidatorData.(type) {
	case *chat.Segment:
		if from, err := chat.PeerIDFromLibp2p(m.ReceivedFrom); err == nil && r.handler.Segment != nil {
			r.handler.Segment(from, v)
		}
	case *chat.Beacon:
		r.takeBeacon(now, v)
	}
}

// takeBeacon handles one verified beacon.
func (r *Room) takeBeacon(now time.Time, b *chat.Beacon) {
	r.mu.Lock()
	n := r.roster.hear(now, b)
	if _, connected := slices.BinarySearch(r.peers, b.Author.Libp2p()); n.came && connected {
		r.roster.connect(now, b.Author, true)
	}
	r.mu.Unlock()
	if !n.fresh {
		return
	}
	if n.came || n.left || n.renamed {
		r.tellMember(n.member)
	}
	if r.handler.Beacon != nil {
		r.handler.Beacon(b)
	}
}

func (r *Room) tellMember(m Member) {
	if r.handler.Member != nil {
		r.handler.Member(m)
	}
}

// sendBeacon publishes our beacon.
func (r *Room) sendBeacon(now time.Time, n int) {
	r.pacer.sent(now, n)
	b := r.makeBeacon(now, r.published, false)
	if b == nil {
		return
	}
	r.published = b
	r.mu.Lock()
	r.introduced = true
	r.mu.Unlock()
	if _, err := r.service.publish(r.ctx, r.topic, b.Envelope, nil); err != nil && r.ctx.Err() == nil {
		r.service.cfg.log().Debug("publish beacon", "err", err)
	}
}

// makeBeacon returns our beacon of now, but not the one given, or nil when our
// last was made.
func (r *Room) makeBeacon(now time.Time, not *chat.Beacon, leaving bool) *chat.Beacon {
	var heads []chat.SegmentID
	if r.handler.Heads != nil {
		heads = r.handler.Heads()
		heads = heads[:min(len(heads), chat.MaxHeads)]
	}
	cfg := r.service.cfg
	r.beaconMu.Lock()
	defer r.beaconMu.Unlock()
	if r.leaving {
		return nil
	}
	r.leaving = leaving
	nick := cfg.nick()
	if l := r.last; l != nil && l != not && !leaving && now.Sub(l.Sent) < beaconReuse && l.Nick == nick && slices.Equal(l.Heads, heads) {
		return l
	}
	// Whoever hears two of our beacons must know which is newer.
	sent := now.Truncate(time.Millisecond)
	if r.last != nil && !sent.After(r.last.Sent) {
		sent = r.last.Sent.Add(time.Millisecond)
	}
	b := &chat.Beacon{
		Conversation: r.conv,
		Sent:         sent,
		Nick:         nick,
		Heads:        heads,
		Leaving:      leaving,
		Seed:         cfg.Seed,
	}
	if err := wire.SealBeacon(cfg.Key, b); err != nil {
		cfg.log().Warn("beacon not sent", "err", err)
		return nil
	}
	r.last = b
	return b
}

// Publish hands an envelope, a segment's, to all connected topic peers, and
// returns how many took it. If there is none, it was not published, and 0 is
// returned: try again when Handler.Peers tells of one.
//
// Publish waits while earlier messages still queue for one of them (but not for
// one that takes nothing at all, and a second at most), so that whoever calls it
// in a loop is slowed down to what the room can take. It fails with
// chat.ErrClosed when the room is closed, and with ctx.
func (r *Room) Publish(ctx context.Context, envelope []byte) (reached int, err error) {
	if len(envelope) > wire.MaxEnvelope {
		return 0, fmt.Errorf("publish %d bytes: %w", len(envelope), chat.ErrTooLarge)
	}
	if r.isEnded() {
		return 0, fmt.Errorf("publish: %w", chat.ErrClosed)
	}
	if err := r.service.flow.wait(ctx, r.targets(), queueHigh, publishPatience); err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	peers := r.targets() // of now
	if len(peers) == 0 {
		return 0, nil
	}
	r.introduce(ctx)
	if reached, err = r.service.publish(ctx, r.topic, envelope, peers); err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	return reached, nil
}

// introduce sends our first beacon now, if it was not yet: whoever hears us
// speak is to know our nick, and we may be gone before the beacon is due.
func (r *Room) introduce(ctx context.Context) {
	r.mu.Lock()
	first := !r.introduced && !r.silent
	r.introduced = true
	r.mu.Unlock()
	if !first {
		return
	}
	b := r.makeBeacon(time.Now(), nil, false)
	if b == nil {
		return
	}
	if _, err := r.service.publish(ctx, r.topic, b.Envelope, nil); err != nil {
		r.service.cfg.log().Debug("publish beacon", "err", err)
		return
	}
	r.note(noteIntroduced)
}

// HeadsChanged schedules a beacon.
func (r *Room) HeadsChanged() { r.note(noteHeads) }

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

// Peers returns the topic peers: neighbours who are in the room, member or not,
// and to whom messages can leave. In the order of their keys.
func (r *Room) Peers() []chat.PeerID {
	var out []chat.PeerID
	for _, p := range r.targets() {
		if id, err := chat.PeerIDFromLibp2p(p); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// Dropped is how many messages for neighbours in this room gossipsub has
// dropped because their queues were full.
func (r *Room) Dropped() uint64 { return r.dropped.Load() }
