package rooms

import (
	"slices"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
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

	// lostPause is the least time between two calls of Handler.Lost: whoever
	// floods us must not make us repair all the time.
	lostPause = time.Second
)

// What the loop is told by others, as bits of notes.
const (
	notePeers      uint32 = 1 << iota // the topic peers changed
	noteHeads                         // our heads, our nick or our rooms changed
	noteHeard                         // heard is not empty
	noteLoss                          // something was dropped on its way in
	noteIntroduced                    // Publish has sent our first beacon
)

// note makes the loop look at something. It never waits.
func (r *Room) note(what uint32) {
	r.notes.Or(what)
	select {
	case r.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

func (r *Room) noteDropped()      { r.dropped.Add(1) }
func (r *Room) noteLost()         { r.note(noteLoss) }
func (r *Room) notePeersChanged() { r.note(notePeers) }

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
	n, calm, next := r.roster.size(), r.roster.calm(), r.roster.sweepAt
	r.mu.Unlock()
	for _, m := range gone {
		r.tellMember(m)
	}
	r.tellReach()
	r.pacer.settle(now, calm)
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
	members := slices.DeleteFunc(slices.Clone(peers), r.service.isForwarder)
	near := r.service.near(r.topicName, peers)
	r.mu.Lock()
	old := r.near
	r.peers, r.members, r.near = peers, members, near
	r.introduced = r.introduced && len(peers) > 0
	for _, p := range old {
		if _, still := slices.BinarySearch(near, p); !still {
			r.connect(now, p, false)
		}
	}
	for _, p := range near {
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
}

// near returns, in the order of their keys, the neighbours in a room: those whom
// gossipsub knows, and those of whom it has lost sight for a while, or to whom
// nothing can leave just now. They see our connection, and we theirs.
func (s *Service) near(topic string, known []peer.ID) []peer.ID {
	out := slices.Clone(known)
	for _, p := range s.guard.membersOf(topic) {
		if _, listed := slices.BinarySearch(known, p); !listed && s.host.Network().Connectedness(p) == network.Connected {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// tellReach tells whom Publish would reach, if that changed.
func (r *Room) tellReach() {
	r.mu.Lock()
	n, members := r.reach(), r.members
	r.mu.Unlock()
	if n == r.reported && slices.Equal(members, r.reportedTo) {
		return
	}
	r.reported, r.reportedTo = n, members
	if r.handler.Peers != nil {
		r.handler.Peers(n)
	}
}

// reach is the number of members connected to us; or one, if there is none but
// somebody in the room, whom a forwarder connects with us. r.mu is held.
func (r *Room) reach() int {
	if len(r.members) == 0 && len(r.peers) > 0 && r.roster.people() > 0 {
		return 1
	}
	return len(r.members)
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
	size := r.roster.size()
	_, connected := slices.BinarySearch(r.near, b.Author.Libp2p())
	if n.came && connected {
		r.roster.connect(now, b.Author, true)
	}
	forwarded := len(r.peers) > len(r.members)
	r.mu.Unlock()
	if !n.fresh {
		return
	}
	if n.came && !connected && forwarded {
		r.pacer.answer(now, size)
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
