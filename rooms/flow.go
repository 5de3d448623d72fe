package rooms

import (
	"context"
	"iter"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// outboundQueue is how many RPCs gossipsub holds for one neighbour. When it
	// is full, gossipsub drops; Room.Dropped counts.
	outboundQueue = 256

	// queueHigh is how many RPCs may wait for a neighbour before Publish waits
	// for it. It leaves most of the queue to what others say, so that a burst of
	// our own does not make gossipsub drop.
	queueHigh = 32

	// stuckAfter is how long a neighbour may take nothing from its queue before
	// nobody waits for it any more. Catch-up brings it what it misses.
	stuckAfter = 250 * time.Millisecond

	// publishPatience bounds the wait for all neighbours together: one slow
	// member must not set the pace of the whole room.
	publishPatience = time.Second
)

// A flow knows how many RPCs wait for each neighbour. Gossipsub does not tell,
// so flow counts: as its tracer what goes into the queues, and at the streams
// what leaves them.
type flow struct {
	nobody // the tracer's other methods

	// peersChanged is called when a neighbour became reachable or unreachable;
	// dropped when messages for a neighbour were dropped; lost when messages
	// from a neighbour were. They are called from gossipsub's one goroutine and
	// must not wait.
	peersChanged func()
	dropped      func(topic string)
	lost         func(topic string)
	// ended is called when a gossip stream from or to a neighbour has ended. It
	// must not wait.
	ended func(p peer.ID)

	mu      sync.Mutex
	lines   map[peer.ID]*line
	drop    *pubsub.RPC   // dropped last
	waiting int           // how many watch changed
	changed chan struct{} // closed, and replaced, when a queue got shorter
}

// A line is the way out to a neighbour.
type line struct {
	open    bool // the stream is there
	pending int  // RPCs in the queue
	moved   time.Time
}

func newFlow() *flow {
	return &flow{lines: make(map[peer.ID]*line), changed: make(chan struct{})}
}

func (f *flow) line(p peer.ID) *line {
	l := f.lines[p]
	if l == nil {
		l = &line{moved: time.Now()}
		f.lines[p] = l
	}
	return l
}

// OnNewOutboundStream is gossipsub telling that RPCs to p can leave.
func (f *flow) OnNewOutboundStream(p peer.ID, _ protocol.ID) {
	f.mu.Lock()
	f.line(p).open = true
	f.mu.Unlock()
	f.peersChanged()
}

// OnClosedOutboundStream is gossipsub telling that it threw the queue away.
func (f *flow) OnClosedOutboundStream(p peer.ID) {
	f.forget(p)
	f.peersChanged()
	f.ended(p)
}

func (f *flow) forget(p peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.lines, p)
	f.wake()
}

// SendRPC is gossipsub telling that rpc is in the queue of p.
func (f *flow) SendRPC(_ *pubsub.RPC, p peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.line(p)
	if l.pending == 0 {
		l.moved = time.Now()
	}
	l.pending++
}

// DropRPC is gossipsub telling that the queue of p is full, or not there.
func (f *flow) DropRPC(rpc *pubsub.RPC, _ peer.ID) {
	f.mu.Lock()
	f.drop = rpc
	f.mu.Unlock()
	for _, m := range rpc.GetPublish() {
		f.dropped(m.GetTopic())
	}
}

// RejectMessage is gossipsub telling that it will not take msg.
func (f *flow) RejectMessage(msg *pubsub.Message, reason string) {
	if reason == pubsub.RejectValidationQueueFull || reason == pubsub.RejectValidationThrottled {
		f.lost(msg.GetTopic())
	}
}

// wrote is called when an RPC went from the queue into the stream.
func (f *flow) wrote(p peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lines[p]
	if l == nil {
		return
	}
	// The first RPC on a stream was never in the queue.
	l.pending = max(0, l.pending-1)
	l.moved = time.Now()
	f.wake()
}

func (f *flow) wake() {
	if f.waiting > 0 {
		f.waiting = 0
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

// open returns those of peers to whom RPCs can leave.
func (f *flow) open(peers []peer.ID) []peer.ID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []peer.ID
	for _, p := range peers {
		if l := f.lines[p]; l != nil && l.open {
			out = append(out, p)
		}
	}
	return out
}

// wait returns when no more than limit RPCs wait for any of peers, but for
// those which are stuck; or after patience.
func (f *flow) wait(ctx context.Context, peers []peer.ID, limit int, patience time.Duration) error {
	end := time.Now().Add(patience)
	for {
		changed, until := f.busy(peers, limit, time.Now())
		if changed == nil || !time.Now().Before(end) {
			return ctx.Err()
		}
		if until.After(end) {
			until = end
		}
		timer := time.NewTimer(time.Until(until))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// busy returns what to wait for, and until when, or nil if nothing is.
func (f *flow) busy(peers []peer.ID, limit int, now time.Time) (changed <-chan struct{}, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range peers {
		l := f.lines[p]
		if l == nil || l.pending <= limit {
			continue
		}
		if stuck := l.moved.Add(stuckAfter); stuck.After(now) {
			f.waiting++
			return f.changed, stuck
		}
	}
	return nil, time.Time{}
}

// took reports whether the queue of a neighbour took rpc, right after gossipsub
// was given it.
func (f *flow) took(rpc *pubsub.RPC) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.drop != rpc
}

// A handover passes one message to gossipsub and learns who got it. It is the
// scheduler of a batch of one: gossipsub, in its own goroutine, tells it who is
// to get the message, and then asks it for the order.
type handover struct {
	flow  *flow
	topic string
	data  []byte
	// peers get the message if gossipsub thinks that it was published before,
	// and so names nobody: the first time nobody may have got it.
	peers []peer.ID

	forwarder func(peer.ID) bool

	chosen []peer.ID
	rpc    *pubsub.RPC
	taken  taken         // set when done is closed
	done   chan struct{} // closed when the message is in all queues
}

// taken is how many neighbours' queues took a message.
type taken struct{ members, forwarders int }

// AddRPC is gossipsub telling that p is to get rpc; it is the same for all.
func (h *handover) AddRPC(p peer.ID, _ string, rpc *pubsub.RPC) {
	h.chosen, h.rpc = append(h.chosen, p), rpc
}

// All is gossipsub asking whom to hand what.
func (h *handover) All() iter.Seq2[peer.ID, *pubsub.RPC] {
	return func(yield func(peer.ID, *pubsub.RPC) bool) {
		defer close(h.done)
		if h.rpc == nil {
			h.chosen = h.peers
			h.rpc = &pubsub.RPC{RPC: pb.RPC{Publish: []*pb.Message{{Topic: &h.topic, Data: h.data}}}}
		}
		for _, p := range h.chosen {
			h.flow.clear()
			if !yield(p, h.rpc) {
				return
			}
			switch {
			case !h.flow.took(h.rpc):
			case h.forwarder(p):
				h.taken.forwarders++
			default:
				h.taken.members++
			}
		}
	}
}

// clear forgets what was dropped.
func (f *flow) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop = nil
}

// A flowHost is the host as gossipsub sees it: with streams that tell flow what
// was written, and when they ended.
type flowHost struct {
	corehost.Host
	flow *flow
}

// NewStream opens the stream on which gossipsub writes to p.
func (h flowHost) NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	st, err := h.Host.NewStream(ctx, p, protocols...)
	if err != nil {
		h.flow.forget(p) // gossipsub throws the queue away without telling
		h.flow.ended(p)
		return nil, err
	}
	return &flowStream{Stream: st, flow: h.flow}, nil
}

// SetStreamHandler takes the streams on which others write to us.
func (h flowHost) SetStreamHandler(id protocol.ID, handle network.StreamHandler) {
	h.Host.SetStreamHandler(id, func(st network.Stream) {
		handle(st) // until its end
		h.flow.ended(st.Conn().RemotePeer())
	})
}

type flowStream struct {
	network.Stream
	flow *flow
}

// Write writes one RPC: gossipsub never splits one, nor writes two at once.
func (s *flowStream) Write(b []byte) (int, error) {
	n, err := s.Stream.Write(b)
	s.flow.wrote(s.Conn().RemotePeer())
	return n, err
}

// nobody is a tracer that does not care.
type nobody struct{}

var _ pubsub.RawTracer = nobody{}

func (nobody) OnNewOutboundStream(peer.ID, protocol.ID) {}
func (nobody) OnClosedOutboundStream(peer.ID)           {}
func (nobody) Join(string)                              {}
func (nobody) Leave(string)                             {}
func (nobody) Graft(peer.ID, string)                    {}
func (nobody) Prune(peer.ID, string)                    {}
func (nobody) ValidateMessage(*pubsub.Message)          {}
func (nobody) DeliverMessage(*pubsub.Message)           {}
func (nobody) RejectMessage(*pubsub.Message, string)    {}
func (nobody) DuplicateMessage(*pubsub.Message)         {}
func (nobody) ThrottlePeer(peer.ID)                     {}
func (nobody) RecvRPC(*pubsub.RPC)                      {}
func (nobody) SendRPC(*pubsub.RPC, peer.ID)             {}
func (nobody) DropRPC(*pubsub.RPC, peer.ID)             {}
func (nobody) UndeliverableMessage(*pubsub.Message)     {}
