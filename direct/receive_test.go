package direct

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// TestNoAckBeforeItIsStored: while Receive has not returned nothing at all is
// written, also not of a copy that comes meanwhile.
func TestNoAckBeforeItIsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		stored := make(chan struct{})
		bob := talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(context.Context, chat.PeerID, []*chat.Segment) error { <-stored; return nil }
		})
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		net.Connect(h, bob.host)
		st, r := e.greet(bob)
		seg := e.segment(bob, "hi")
		e.write(st, seg, seg)
		time.Sleep(time.Second)
		e.write(st, seg)
		answer := make(chan wire.DirectFrame, 1)
		go func() {
			f, _ := r.Direct()
			answer <- f
		}()
		select {
		case f := <-answer:
			t.Fatalf("answered %T before it was stored", f)
		case <-time.After(time.Hour):
		}
		close(stored)
		select {
		case f := <-answer:
			if ack, ok := f.(wire.Ack); !ok || len(ack) != 1 {
				t.Errorf("answered %T %v", f, f)
			}
		case <-time.After(time.Second):
			t.Error("not acknowledged though it was stored")
		}
		_ = st.Reset()
	})
}

// TestBurstIsStoredInBatches: one commit serves many segments.
func TestBurstIsStoredInBatches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 10_000
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Microsecond})
		var calls, got atomic.Int64
		bob := talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(_ context.Context, _ chat.PeerID, segs []*chat.Segment) error {
				calls.Add(1)
				got.Add(int64(len(segs)))
				time.Sleep(200 * time.Microsecond) // a commit
				return nil
			}
		})
		alice := talker(t, net, net.Host())
		alice.knows(bob)
		for range n {
			alice.say(bob, "x")
		}
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d segments in %d calls", got.Load(), calls.Load())
		if got.Load() != n {
			t.Errorf("%d received, want %d", got.Load(), n)
		}
		if most := int64(n / 10); calls.Load() > most {
			t.Errorf("%d calls, want at most %d", calls.Load(), most)
		}
	})
}
