package rooms

import (
	"errors"
	"fmt"
	"maps"
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
	maxSubsPerRPC = MaxRooms

	// subsBurst and subsPerSecond bound how often a neighbour may change its
	// subscriptions: twice all of them at once, for a reconnection.
	subsBurst     = 2 * MaxRooms
	subsPerSecond = 16

	// maxForeign is how many rooms that we are not in are remembered of one
	// neighbour, and maxForeignAll of all together. They must be: subscriptions
	// are announced once, and whoever joins a room later would never learn which
	// of its neighbours are in it. Beyond, such rooms are missed; those that we
	// are in never are.
	maxForeign    = 128
	maxForeignAll = 16 << 10

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
type guard struct {
	mu         sync.Mutex
	ours       map[string]bool
	neighbours map[peer.ID]*neighbour
	foreign    int // over all neighbours
	bad        map[peer.ID]*bucket
	badSwept   time.Time // when those forgiven were last taken out of bad
}

// A neighbour is what we remember of a connected peer.
type neighbour struct {
	foreign  map[string]struct{} // rooms of theirs that were not ours
	subs     bucket
	messages bucket
	bytes    bucket
}

var _ pubsub.SubscriptionFilter = (*guard)(nil)

func newGuard() *guard {
	return &guard{ours: make(map[string]bool), neighbours: make(map[peer.ID]*neighbour), bad: make(map[peer.ID]*bucket)}
}

// allow makes topic one of ours, or not any more.
func (g *guard) allow(topic string, ours bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ours {
		g.ours[topic] = true
	} else {
		delete(g.ours, topic)
	}
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
		if g.keeps(n, sub.GetTopicid(), sub.GetSubscribe()) {
			kept = append(kept, sub)
		}
	}
	return kept, nil
}

func (g *guard) keeps(n *neighbour, topic string, subscribe bool) bool {
	_, known := n.foreign[topic]
	switch {
	case !subscribe:
		// Also for rooms that we have left meanwhile: gossipsub still knows.
		if known {
			delete(n.foreign, topic)
			g.foreign--
		}
		return wellFormed(topic)
	case g.ours[topic] || known:
		return true
	case !wellFormed(topic), len(n.foreign) >= maxForeign, g.foreign >= maxForeignAll:
		return false
	}
	if n.foreign == nil {
		n.foreign = make(map[string]struct{})
	}
	n.foreign[topic] = struct{}{}
	g.foreign++
	return true
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

// forget is called when the last connection to p is gone.
func (g *guard) forget(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.neighbours[p]; n != nil {
		g.foreign -= len(n.foreign)
		delete(g.neighbours, p)
	}
}
