package rooms

import (
	"cmp"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// topicPrefix stands before the conversation in a topic name (PROTOCOL.md,
// section 5).
const topicPrefix = "/p2pchat/room/1/"

// topicLength is the length of every topic name of ours.
const topicLength = len(topicPrefix) + 52

func topicOf(conv chat.ConversationID) string { return topicPrefix + conv.Base32() }

// conversationOf is the conversation of a topic that is wellFormed, unless no
// conversation has this name after all: the last letter has bits to spare.
func conversationOf(topic string) (conv chat.ConversationID, ok bool) {
	name := strings.ToUpper(strings.TrimPrefix(topic, topicPrefix))
	id, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(name)
	if err != nil || len(id) != len(conv) {
		return conv, false
	}
	copy(conv[:], id)
	return conv, topicOf(conv) == topic
}

// wellFormed reports whether topic could name a room.
func wellFormed(topic string) bool {
	name, ok := strings.CutPrefix(topic, topicPrefix)
	return ok && len(topic) == topicLength && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// What one neighbour may cost us.
const (
	// maxSubsPerRPC is how many subscriptions one RPC may announce: all that a
	// node can have, which it announces in its first RPC. More, and the RPC is
	// dropped.
	maxSubsPerRPC = MaxRooms + maxForwarded

	// subsBurst and subsPerSecond bound how often a neighbour may change its
	// subscriptions: twice all of them at once, for a reconnection.
	subsBurst     = 2 * maxSubsPerRPC
	subsPerSecond = 16

	// maxForeign is how many rooms that we are not in are remembered of one
	// neighbour, maxForeignOfForwarder of one who forwards other people's, and
	// maxForeignAll of all together; a forwarder, who has many neighbours,
	// remembers maxForeignForwarding. They must be: subscriptions are announced
	// once, and whoever joins a room later would never learn which of its
	// neighbours are in it. Beyond, such rooms are missed; those that we are in
	// never are. Each costs about 200 bytes.
	maxForeign            = 128
	maxForeignOfForwarder = maxSubsPerRPC
	maxForeignAll         = 16 << 10
	maxForeignForwarding  = 64 << 10

	// messagesBurst, messagesPerSecond, bytesBurst and bytesPerSecond bound what
	// a neighbour may send or pass on. What exceeds is dropped unseen, and not
	// marked as seen: it may still come another way.
	messagesBurst     = 4096
	messagesPerSecond = 512
	bytesBurst        = 64 << 20
	bytesPerSecond    = 8 << 20

	// badBurst and badPerSecond bound the invalid messages of a neighbour; what
	// it sends beyond is not looked at. Gossipsub's scores do the same, and do
	// more, but not for those who never let it open a stream to them.
	badBurst     = 8
	badPerSecond = 1.0 / 60
	// maxBad is how many such neighbours are remembered, also after they left.
	maxBad = 4096
)

// errBad says that a neighbour is not listened to any more.
var errBad = errors.New("neighbour sent too much that is invalid")

// A guard is the first to see what a neighbour sends, and bounds it. It is
// gossipsub's subscription filter and RPC inspector. Gossipsub asks it from one
// goroutine, the rooms tell it from others.
//
// It also remembers which rooms its neighbours said that they are in, and so
// knows it better than gossipsub (see mender).
type guard struct {
	// forwarder tells who may be in more rooms than others. If nil, nobody.
	forwarder func(peer.ID) bool
	// changed is called after a neighbour changed its subscriptions. It must not
	// wait. It may be nil.
	changed func()
	// maxForeign is maxForeignAll, or what a forwarder has instead.
	maxForeign int

	mu         sync.Mutex
	ours       map[string]bool // rooms that we are in, or forward
	neighbours map[peer.ID]*neighbour
	foreign    int // over all neighbours
	announced  uint64
	bad        map[peer.ID]*bucket
	badSwept   time.Time // when those forgiven were last taken out of bad
}

// A neighbour is what we remember of a connected peer.
type neighbour struct {
	rooms    map[string]stay
	foreign  int // how many of rooms were not ours
	subs     bucket
	messages bucket
	bytes    bucket
}

// A stay is a neighbour's in a room.
type stay struct {
	since   uint64 // counts announcements: the earlier the smaller
	foreign bool   // the room was not ours when they came
}

var _ pubsub.SubscriptionFilter = (*guard)(nil)

func newGuard() *guard {
	return &guard{
		maxForeign: maxForeignAll,
		ours:       make(map[string]bool),
		neighbours: make(map[peer.ID]*neighbour),
		bad:        make(map[peer.ID]*bucket),
	}
}

// allow makes topic one of ours, or not any more.
func (g *guard) allow(topic string, ours bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ours {
		g.ours[topic] = true
		return
	}
	if !g.ours[topic] {
		return
	}
	delete(g.ours, topic)
	// Who came while it was ours counts now, and if there are too many, is
	// forgotten.
	for p, n := range g.neighbours {
		st, in := n.rooms[topic]
		switch {
		case !in || st.foreign:
		case g.full(p, n):
			delete(n.rooms, topic)
		default:
			st.foreign = true
			n.rooms[topic] = st
			n.foreign++
			g.foreign++
		}
	}
}

// full reports whether no more rooms that are not ours are remembered of p.
func (g *guard) full(p peer.ID, n *neighbour) bool {
	most := maxForeign
	if n.foreign >= most && g.forwarder != nil && g.forwarder(p) {
		most = maxForeignOfForwarder
	}
	return n.foreign >= most || g.foreign >= g.maxForeign
}

// CanSubscribe is asked when we join: only what was allowed before.
func (g *guard) CanSubscribe(topic string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ours[topic]
}

// FilterIncomingSubscriptions keeps what concerns our rooms, and what fits into
// the limits of other rooms.
func (g *guard) FilterIncomingSubscriptions(from peer.ID, subs []*pb.RPC_SubOpts) ([]*pb.RPC_SubOpts, error) {
	if len(subs) > maxSubsPerRPC {
		return nil, fmt.Errorf("%w: %d in one RPC", pubsub.ErrTooManySubscriptions, len(subs))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.neighbour(from)
	if !n.subs.take(time.Now(), float64(len(subs)), subsPerSecond, subsBurst) {
		return nil, fmt.Errorf("%w: too often", pubsub.ErrTooManySubscriptions)
	}
	kept := subs[:0]
	for _, sub := range subs {
		if g.keeps(from, n, sub.GetTopicid(), sub.GetSubscribe()) {
			kept = append(kept, sub)
		}
	}
	if len(kept) > 0 && g.changed != nil {
		g.changed()
	}
	return kept, nil
}

func (g *guard) keeps(p peer.ID, n *neighbour, topic string, subscribe bool) bool {
	st, known := n.rooms[topic]
	ours := g.ours[topic]
	switch {
	case !subscribe:
		// Also for rooms that we have left meanwhile: gossipsub still knows.
		delete(n.rooms, topic)
		if st.foreign {
			n.foreign--
			g.foreign--
		}
		return wellFormed(topic)
	case known:
		return true
	case !ours && (!wellFormed(topic) || g.full(p, n)):
		return false
	}
	if n.rooms == nil {
		n.rooms = make(map[string]stay)
	}
	if !ours {
		n.foreign++
		g.foreign++
	}
	g.announced++
	n.rooms[topic] = stay{since: g.announced, foreign: !ours}
	return true
}

// everybody returns the neighbours who are in any room, in the order of their
// keys.
func (g *guard) everybody() []peer.ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []peer.ID
	for p, n := range g.neighbours {
		if len(n.rooms) > 0 {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// membersOf returns the neighbours who are in a room, in no order.
func (g *guard) membersOf(topic string) (out []peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p, n := range g.neighbours {
		if _, in := n.rooms[topic]; in {
			out = append(out, p)
		}
	}
	return out
}

// roomsOf returns the rooms, at most limit, that p is in and wanted tells of,
// those first that it was in first.
func (g *guard) roomsOf(p peer.ID, limit int, wanted func(topic string, ours bool) bool) []string {
	type room struct {
		topic string
		since uint64
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.neighbours[p]
	if n == nil {
		return nil
	}
	var found []room
	for topic, st := range n.rooms {
		if wanted(topic, g.ours[topic]) {
			found = append(found, room{topic, st.since})
		}
	}
	slices.SortFunc(found, func(a, b room) int { return cmp.Compare(a.since, b.since) })
	var out []string
	for _, r := range found[:min(limit, len(found))] {
		out = append(out, r.topic)
	}
	return out
}

// inspect refuses an RPC whose sender says too much, or too much nonsense.
func (g *guard) inspect(from peer.ID, rpc *pubsub.RPC) error {
	messages := rpc.GetPublish()
	if len(messages) == 0 {
		return nil
	}
	size := 0
	for _, m := range messages {
		size += len(m.GetData()) + topicLength
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n, now := g.neighbour(from), time.Now()
	if bad := g.bad[from]; bad != nil && !bad.holds(now, 1, badPerSecond, badBurst) {
		return errBad
	}
	if !n.messages.holds(now, float64(len(messages)), messagesPerSecond, messagesBurst) ||
		!n.bytes.take(now, float64(size), bytesPerSecond, bytesBurst) {
		return fmt.Errorf("%w: messages of one neighbour", chat.ErrTooLarge)
	}
	n.messages.force(now, float64(len(messages)), messagesPerSecond)
	return nil
}

// invalid notes that a neighbour sent an invalid message.
func (g *guard) invalid(from peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if len(g.bad) >= maxBad && g.bad[from] == nil {
		if now.Sub(g.badSwept) < time.Minute {
			return
		}
		g.badSwept = now
		maps.DeleteFunc(g.bad, func(_ peer.ID, b *bucket) bool {
			return b.holds(now, badBurst, badPerSecond, badBurst) // full: forgiven
		})
		if len(g.bad) >= maxBad {
			return
		}
	}
	if g.bad[from] == nil {
		g.bad[from] = &bucket{}
	}
	g.bad[from].force(now, 1, badPerSecond)
}

func (g *guard) neighbour(p peer.ID) *neighbour {
	n := g.neighbours[p]
	if n == nil {
		n = &neighbour{}
		g.neighbours[p] = n
	}
	return n
}

// forget is called when the last connection to p that carries gossip is gone. It
// returns the rooms of ours that p was in, in no order.
func (g *guard) forget(p peer.ID) (ours []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.neighbours[p]
	if n == nil {
		return nil
	}
	for topic := range n.rooms {
		if g.ours[topic] {
			ours = append(ours, topic)
		}
	}
	g.foreign -= n.foreign
	delete(g.neighbours, p)
	return ours
}
