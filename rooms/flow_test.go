package rooms

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

func newTestFlow() *flow {
	f := newFlow()
	f.peersChanged, f.dropped, f.lost, f.ended = func() {}, func(string) {}, func(string) {}, func(peer.ID) {}
	return f
}

// queue puts n RPCs into the queue of p.
func queue(f *flow, p peer.ID, n int) {
	for range n {
		f.SendRPC(nil, p)
	}
}

func TestFlowWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := []peer.ID{"a", "b", "gone"}
		waited := func(f *flow) time.Duration {
			t.Helper()
			began := time.Now()
			if err := f.wait(t.Context(), all, 4, time.Second); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		f := newTestFlow()
		queue(f, "a", 4)
		if d := waited(f); d != 0 {
			t.Fatalf("waited %v for short queues", d)
		}

		// One that moves is waited for until it is short enough.
		queue(f, "a", 3)
		go func() {
			for range 10 {
				time.Sleep(100 * time.Millisecond)
				f.wrote("a")
			}
		}()
		if d := waited(f); d != 300*time.Millisecond {
			t.Fatalf("waited %v, want 300ms", d)
		}
		time.Sleep(time.Second)

		// One that does not is not waited for again.
		queue(f, "b", 9)
		if d := waited(f); d != stuckAfter {
			t.Fatalf("waited %v for a stuck neighbour, want %v", d, stuckAfter)
		}
		if d := waited(f); d != 0 {
			t.Fatalf("waited %v more for a stuck neighbour", d)
		}

		// A slow one is waited for only so long.
		f = newTestFlow()
		queue(f, "a", 100)
		go func() {
			for range 100 {
				time.Sleep(100 * time.Millisecond)
				f.wrote("a")
			}
		}()
		if d := waited(f); d != time.Second {
			t.Fatalf("waited %v, want 1s", d)
		}

		// One that goes is not waited for.
		queue(f, "b", 9)
		go func() {
			time.Sleep(50 * time.Millisecond)
			f.OnClosedOutboundStream("a")
			f.OnClosedOutboundStream("b")
		}()
		if d := waited(f); d != 50*time.Millisecond {
			t.Fatalf("waited %v, want 50ms", d)
		}

		queue(f, "b", 9)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := f.wait(ctx, all, 4, time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("wait past its context: %v", err)
		}
		time.Sleep(10 * time.Second)
	})
}

func TestFlowOpen(t *testing.T) {
	f := newTestFlow()
	queue(f, "a", 1) // announced to, but the stream is not there yet
	f.OnNewOutboundStream("b", "")
	if got := f.open([]peer.ID{"a", "b", "c"}); !slices.Equal(got, []peer.ID{"b"}) {
		t.Fatalf("open: %q, want b", got)
	}
	f.wrote("a")
	f.wrote("a") // the hello, which never was in the queue
	f.wrote("c")
	if len(f.lines) != 2 || f.lines["a"].pending != 0 {
		t.Fatal("writing made a line, or less than nothing wait")
	}
	f.OnClosedOutboundStream("b")
	f.forget("a")
	if len(f.lines) != 0 {
		t.Fatal("a neighbour that left is remembered")
	}
}

// A handover counts who took the message, and names its own peers if gossipsub
// names none.
func TestHandover(t *testing.T) {
	for name, c := range map[string]struct {
		chosen, peers, full []peer.ID
		want                []peer.ID
		taken               taken
	}{
		"all":         {chosen: []peer.ID{"a", "b"}, peers: []peer.ID{"a"}, want: []peer.ID{"a", "b"}, taken: taken{members: 2}},
		"one is full": {chosen: []peer.ID{"a", "b"}, full: []peer.ID{"a"}, want: []peer.ID{"a", "b"}, taken: taken{members: 1}},
		"again":       {peers: []peer.ID{"c", "d"}, full: []peer.ID{"d"}, want: []peer.ID{"c", "d"}, taken: taken{members: 1}},
		"a forwarder": {chosen: []peer.ID{"a", "f"}, want: []peer.ID{"a", "f"}, taken: taken{members: 1, forwarders: 1}},
		"nobody":      {},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTestFlow()
			h := &handover{
				flow: f, forwarder: func(p peer.ID) bool { return p == "f" },
				data: []byte("x"), peers: c.peers, done: make(chan struct{}),
			}
			rpc := &pubsub.RPC{}
			for _, p := range c.chosen {
				h.AddRPC(p, "", rpc)
			}
			var got []peer.ID
			for p, out := range h.All() {
				got = append(got, p)
				f.DropRPC(&pubsub.RPC{}, p) // another one does not matter
				if slices.Contains(c.full, p) {
					f.DropRPC(out, p)
				}
			}
			<-h.done
			if !slices.Equal(got, c.want) || h.taken != c.taken {
				t.Fatalf("handed to %q, taken by %+v; want %q, %+v", got, h.taken, c.want, c.taken)
			}
		})
	}
}
