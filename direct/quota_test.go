package direct

import (
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

func TestQuota(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	t.Run("a burst is free, then segments come at their pace", func(t *testing.T) {
		var q quota
		for i := range segmentsBurst {
			if wait := q.take(start, 100); wait != 0 {
				t.Fatalf("segment %d waits %v", i, wait)
			}
		}
		for i := range 2 * segmentsPerSecond {
			want := time.Duration(i+1) * time.Second / segmentsPerSecond
			if wait := q.take(start, 100); wait.Round(time.Microsecond) != want.Round(time.Microsecond) {
				t.Fatalf("segment %d behind the burst waits %v, want %v", i, wait, want)
			}
		}
		if full := q.full(start); full != (segmentsBurst/segmentsPerSecond+2)*time.Second {
			t.Errorf("full in %v", full)
		}
	})
	t.Run("bytes count, too", func(t *testing.T) {
		var q quota
		for range bytesBurst / wire.MaxEnvelope {
			if wait := q.take(start, wire.MaxEnvelope); wait != 0 {
				t.Fatalf("waits %v", wait)
			}
		}
		if wait := q.take(start, bytesPerSecond); wait < 900*time.Millisecond || wait > time.Second {
			t.Errorf("a second's worth waits %v", wait)
		}
	})
	t.Run("it fills up with time, not beyond its size", func(t *testing.T) {
		var q quota
		for range segmentsBurst {
			q.take(start, 0)
		}
		later := start.Add(24 * time.Hour)
		if full := q.full(later); full != 0 {
			t.Errorf("full in %v after a day", full)
		}
		for range segmentsBurst {
			q.take(later, 0)
		}
		if wait := q.take(later, 0); wait == 0 {
			t.Error("a day's rest gives more than one burst")
		}
	})
	t.Run("a clock set back costs nothing for long", func(t *testing.T) {
		var q quota
		q.take(start, 0)
		if wait := q.take(start.Add(-time.Second), 0); wait != 0 {
			t.Errorf("waits %v", wait)
		}
	})
}

// TestFloodWaits: signatures of a peer that sends without pause are checked at
// the pace of its quota, whatever streams it uses; nothing is cut or lost.
func TestFloodWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		bob := talker(t, net, net.Host())
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		net.Connect(h, bob.host)
		conv := chat.DirectID(e.self, bob.self)
		flood := func(n int) {
			st, r := e.greet(bob)
			var b []byte
			for range n {
				var err error
				bob.seq++
				seg := segment(t, nil, h, conv, bob.seq, "x")
				if b, err = wire.AppendDirect(b, wire.DirectSegment(seg.Envelope)); err != nil {
					t.Fatal(err)
				}
			}
			go func() { // takes the acknowledgements until the stream ends
				for {
					if _, err := r.Direct(); err != nil {
						return
					}
				}
			}()
			go func() {
				if _, err := st.Write(b); err != nil {
					t.Errorf("cut: %v", err)
				}
			}()
		}
		start := time.Now()
		flood(segmentsBurst)
		time.Sleep(100 * time.Millisecond)
		if n := len(bob.texts()); n != segmentsBurst {
			t.Fatalf("%d of the burst arrived", n)
		}
		flood(2 * segmentsPerSecond)
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			n, flowed := len(bob.texts())-segmentsBurst, time.Since(start).Seconds()*segmentsPerSecond
			if float64(n) > flowed+1 || float64(n) < flowed/2 {
				t.Errorf("%d behind the burst, and the quota allows %.0f", n, flowed)
			}
		}
		time.Sleep(2 * time.Second)
		if n := len(bob.texts()); n != segmentsBurst+2*segmentsPerSecond {
			t.Errorf("%d arrived", n)
		}
		bob.wantLog("connected by them")
	})
}

// TestQuotaOutlivesTheTalk: to be forgotten is no way to a new quota.
func TestQuotaOutlivesTheTalk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		bob := talker(t, net, net.Host())
		for range maxResting {
			bob.rest()
		}
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		net.Connect(h, bob.host)
		st, _ := e.greet(bob)
		seg, err := wire.AppendDirect(nil, e.segment(bob, "x"))
		if err != nil {
			t.Fatal(err)
		}
		for range segmentsBurst / 2 {
			if _, err := st.Write(seg); err != nil {
				t.Fatal(err)
			}
		}
		_ = st.CloseWrite()
		full := segmentsBurst / 2 / segmentsPerSecond * time.Second
		time.Sleep(full - time.Second)
		if bob.served() != 0 || bob.remembered() != 1 {
			t.Errorf("%d streams, %d talks; want none, and its quota remembered", bob.served(), bob.remembered())
		}
		time.Sleep(2*time.Second + restRetry)
		if bob.remembered() != 0 {
			t.Error("not forgotten though its quota is full again")
		}
	})
}
