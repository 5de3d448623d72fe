package direct

import (
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// marks are the segments that SegmentRead told p of.
func (p *person) marks() (ids []chat.SegmentID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.events {
		if ev, ok := ev.(SegmentRead); ok {
			ids = append(ids, ev.ID)
		}
	}
	return ids
}

func (p *person) wantMarks(want ...chat.SegmentID) {
	p.t.Helper()
	got := p.marks()
	if len(got) != len(want) {
		p.t.Fatalf("%d read marks, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			p.t.Errorf("read mark %d names %s, want %s", i, got[i], want[i])
		}
	}
}

func TestReadMarks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		first, second := alice.say(bob, "one"), alice.say(bob, "two")
		time.Sleep(time.Second)
		alice.wantMarks()
		bob.Read(alice.self, first.ID)
		time.Sleep(time.Second)
		alice.wantMarks(first.ID)
		alice.wantLog("connected by us", "sent", "sent", "delivered", "delivered", "read")
		bob.Read(alice.self, second.ID)
		time.Sleep(time.Second)
		alice.wantMarks(first.ID, second.ID)
		bob.wantMarks()
	})
}

// TestReadMarksAreMerged: of many that wait to be written the last one goes.
func TestReadMarksAreMerged(t *testing.T) {
	var out output
	out.wake = make(chan struct{}, wakeSize)
	for i := range 100 {
		out.mark(chat.SegmentID{byte(i)})
	}
	frames, _ := out.take()
	if len(frames) != 1 || frames[0].frame != wire.DirectFrame(wire.Read{99}) {
		t.Errorf("%d frames: %v", len(frames), frames)
	}
	if frames, _ := out.take(); len(frames) != 0 {
		t.Errorf("%d frames behind it", len(frames))
	}
	out.part(nil)
	out.mark(chat.SegmentID{1})
	if frames, _ := out.take(); len(frames) != 1 {
		t.Error("no mark goes after our goodbye")
	}
	out.close()
	out.mark(chat.SegmentID{2})
	if frames, _ := out.take(); len(frames) != 0 {
		t.Error("a mark goes after the end")
	}
}

// TestReadMarkOfAnotherTime: what was read while the other was away, or was lost
// with a stream, is told on the next stream.
func TestReadMarkOfAnotherTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		seg := alice.say(bob, "hi")
		time.Sleep(time.Second)
		net.Reset(alice.host, bob.host)
		time.Sleep(time.Second)
		bob.Read(alice.self, seg.ID)
		time.Sleep(time.Minute)
		alice.wantMarks() // a mark alone connects nobody

		next := alice.say(bob, "still there?")
		time.Sleep(time.Second)
		alice.wantMarks(seg.ID)
		net.Cut(alice.host, bob.host)
		bob.Read(alice.self, next.ID)
		time.Sleep(time.Minute)
		net.Heal(alice.host, bob.host)
		alice.say(bob, "hello?")
		time.Sleep(time.Minute)
		alice.wantMarks(seg.ID, next.ID)
	})
}

// TestReadMarkBeforeTheAck: on a new stream the mark comes first, and says as
// much.
func TestReadMarkBeforeTheAck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		bob := talker(t, net, net.Host())
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		net.Connect(h, bob.host)
		st, _ := e.greet(bob)
		seg := bob.say(&person{self: e.self}, "hi")
		time.Sleep(time.Second)
		e.write(st, wire.Read(seg.ID), wire.Ack{seg.ID})
		time.Sleep(time.Second)
		bob.wantLog("connected by them", "sent", "delivered", "read")
	})
}

// TestReadToNobody: without a talk there is nobody to tell.
func TestReadToNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{})
		alice.Read(bob.self, chat.SegmentID{1})
		time.Sleep(time.Minute)
		if alice.remembered() != 0 {
			t.Error("a mark began a talk")
		}
	})
}

// TestHostileReadMarks: marks are under the quota of segments.
func TestHostileReadMarks(t *testing.T) {
	attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
		st, _ := e.greet(bob)
		frame, err := wire.AppendDirect(nil, wire.Read{1})
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for range segmentsBurst + segmentsPerSecond {
			b = append(b, frame...)
		}
		if _, err := st.Write(b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		if n := count[SegmentRead](bob); n > segmentsBurst+segmentsPerSecond*3/5 {
			t.Errorf("%d were told in half a second", n)
		}
		time.Sleep(time.Second)
		if n := count[SegmentRead](bob); n != segmentsBurst+segmentsPerSecond {
			t.Errorf("%d were told", n)
		}
	})
}
