package rooms

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// beaconReuse is how long a beacon is as good as a new one that would say the
	// same.
	beaconReuse = 5 * time.Second

	// farewell bounds how long Close waits for the last beacon to leave our
	// queues, and linger is what is left to the layers below, which do not tell.
	farewell = 300 * time.Millisecond
	linger   = 50 * time.Millisecond
)

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
	if n, err := r.service.publish(ctx, r.topic, b.Envelope, peers); err != nil || n == (taken{}) {
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

// targets returns the topic peers to whom RPCs can leave.
func (r *Room) targets() []peer.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers
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
	var shown []chat.RoomName
	if r.handler.Rooms != nil && !leaving {
		shown = r.handler.Rooms()
		shown = shown[:min(len(shown), chat.MaxShownRooms)]
	}
	cfg := r.service.cfg
	r.beaconMu.Lock()
	defer r.beaconMu.Unlock()
	if r.leaving {
		return nil
	}
	r.leaving = leaving
	nick := cfg.nick()
	if l := r.last; l != nil && l != not && !leaving && now.Sub(l.Sent) < beaconReuse && l.Nick == nick &&
		slices.Equal(l.Heads, heads) && slices.Equal(l.Rooms, shown) {
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
		Rooms:        shown,
	}
	if err := wire.SealBeacon(cfg.Key, b); err != nil {
		cfg.log().Warn("beacon not sent", "err", err)
		return nil
	}
	r.last = b
	return b
}

// Publish hands an envelope, a segment's, to all neighbours in the room, and
// returns how many members took it. If there are none, but somebody else is
// known to be in the room and a neighbour who only forwards took it, that is 1.
// If nobody is there at all, it was not published, and 0 is returned: try again
// when Handler.Peers tells of one.
//
// A forwarder is given nothing while nobody is known to be behind it: it would
// take the same message for a duplicate when somebody is.
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
	r.mu.Lock()
	peers, reach := r.peers, r.reach() // of now
	r.mu.Unlock()
	if reach == 0 {
		return 0, nil
	}
	r.introduce(ctx)
	n, err := r.service.publish(ctx, r.topic, envelope, peers)
	if err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	if n.members == 0 && n.forwarders > 0 {
		return 1, nil
	}
	return n.members, nil
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
