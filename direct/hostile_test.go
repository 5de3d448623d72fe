package direct

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// Eve is a real host that speaks the protocol as she likes.
type eve struct {
	t    testing.TB
	host *host.Host
	self chat.PeerID
}

// attack gives bob a visitor. Whatever she does, bob must serve alice after it.
func attack(t *testing.T, f func(t *testing.T, net *testnet.Network, bob *person, e *eve)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{})
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		net.Connect(h, bob.host)
		f(t, net, bob, e)
		before := bob.texts()
		alice.say(bob, "all is well")
		time.Sleep(10 * time.Second)
		bob.want(append(before, "all is well")...)
	})
}

// open opens a stream to bob and says nothing.
func (e *eve) open(bob *person) network.Stream {
	e.t.Helper()
	st, err := e.host.NewStream(e.t.Context(), bob.host.ID(), wire.DirectProtocol)
	if err != nil {
		e.t.Fatal(err)
	}
	return st
}

// greet opens a stream and exchanges Hellos.
func (e *eve) greet(bob *person) (network.Stream, *wire.Reader) {
	e.t.Helper()
	st := e.open(bob)
	e.write(st, wire.Hello{})
	r := wire.NewReader(st)
	if f, err := r.Direct(); err != nil {
		e.t.Fatal(err)
	} else if _, ok := f.(wire.Hello); !ok {
		e.t.Fatalf("%T in place of Hello", f)
	}
	return st, r
}

func (e *eve) write(st network.Stream, frames ...wire.DirectFrame) {
	e.t.Helper()
	var b []byte
	for _, f := range frames {
		var err error
		if b, err = wire.AppendDirect(b, f); err != nil {
			e.t.Fatal(err)
		}
	}
	if _, err := st.Write(b); err != nil {
		e.t.Fatal(err)
	}
}

// wantCut checks that bob ended the stream hard, at most after the given time.
func (e *eve) wantCut(st network.Stream, within time.Duration) {
	e.t.Helper()
	_ = st.SetReadDeadline(time.Now().Add(within))
	if _, err := io.Copy(io.Discard, st); !errors.Is(err, network.ErrReset) {
		e.t.Errorf("the stream was not cut: %v", err)
	}
}

func (e *eve) segment(bob *person, s string) wire.DirectSegment {
	return segment(e.t, nil, e.host, chat.DirectID(e.self, bob.self), 1, s).Envelope
}

// TestHostileFrames: one bad frame after an honest Hello ends the stream, and
// nothing of it is shown.
func TestHostileFrames(t *testing.T) {
	type attacker func(net *testnet.Network, bob *person, e *eve) []byte
	frame := func(f wire.DirectFrame) []byte {
		b, err := wire.AppendDirect(nil, f)
		if err != nil {
			panic(err)
		}
		return b
	}
	for name, make := range map[string]attacker{
		"a frame of a gigabyte": func(*testnet.Network, *person, *eve) []byte {
			return []byte{0x80, 0x80, 0x80, 0x80, 0x04}
		},
		"a frame one byte too long": func(*testnet.Network, *person, *eve) []byte {
			return []byte{0x81, 0x80, 0x04}
		},
		"noise": func(*testnet.Network, *person, *eve) []byte {
			return []byte("\x10GET / HTTP/1.1\r\n\r\n")
		},
		"a frame of no kind":     func(*testnet.Network, *person, *eve) []byte { return []byte{0} },
		"a segment of no bytes":  func(*testnet.Network, *person, *eve) []byte { return frame(wire.DirectSegment{}) },
		"a segment of noise":     func(*testnet.Network, *person, *eve) []byte { return frame(wire.DirectSegment("noise")) },
		"a second hello":         func(*testnet.Network, *person, *eve) []byte { return frame(wire.Hello{}) },
		"a forged signature":     func(_ *testnet.Network, bob *person, e *eve) []byte { return frame(forged(e.segment(bob, "boo"))) },
		"bob's own words":        func(_ *testnet.Network, bob *person, e *eve) []byte { return frame(bobsOwn(bob, e)) },
		"a segment for a room":   func(_ *testnet.Network, bob *person, e *eve) []byte { return frame(forRoom(e)) },
		"what alice told bob":    func(net *testnet.Network, bob *person, e *eve) []byte { return frame(alices(net, bob, bob.self)) },
		"what alice told eve":    func(net *testnet.Network, bob *person, e *eve) []byte { return frame(alices(net, bob, e.self)) },
		"a beacon of her own":    func(_ *testnet.Network, bob *person, e *eve) []byte { return frame(beacon(bob, e)) },
		"an ack of short IDs":    func(*testnet.Network, *person, *eve) []byte { return []byte("\x06\x1a\x04\x0a\x02hi") },
		"1025 acks of nothing":   func(*testnet.Network, *person, *eve) []byte { return unknownAcks(maxUnknownAcks + 1) },
		"an ack of 257 segments": func(*testnet.Network, *person, *eve) []byte { return frame(distinctAck(wire.MaxAck+1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			attack(t, func(t *testing.T, net *testnet.Network, bob *person, e *eve) {
				st, _ := e.greet(bob)
				if _, err := st.Write(make(net, bob, e)); err != nil {
					t.Fatal(err)
				}
				e.wantCut(st, time.Second)
				time.Sleep(time.Millisecond)
				bob.want()
				bob.wantLog("connected by them", "cut off")
			})
		})
	}
}

// forged breaks the signature, which is the end of an envelope.
func forged(seg wire.DirectSegment) wire.DirectSegment {
	seg[len(seg)-1] ^= 1
	return seg
}

func bobsOwn(bob *person, e *eve) wire.DirectSegment {
	return segment(e.t, nil, bob.host, chat.DirectID(e.self, bob.self), 1, "boo").Envelope
}

func forRoom(e *eve) wire.DirectSegment {
	return segment(e.t, nil, e.host, chat.RoomID("lobby"), 1, "boo").Envelope
}

func alices(net *testnet.Network, bob *person, to chat.PeerID) wire.DirectSegment {
	h := net.Host()
	return segment(bob.t, nil, h, chat.DirectID(peerID(bob.t, h), to), 1, "boo").Envelope
}

func beacon(bob *person, e *eve) wire.DirectSegment {
	b := &chat.Beacon{Conversation: chat.DirectID(e.self, bob.self), Sent: time.Now()}
	if err := wire.SealBeacon(e.host.Peerstore().PrivKey(e.host.ID()), b); err != nil {
		e.t.Fatal(err)
	}
	return b.Envelope
}

func distinctAck(n, from int) wire.Ack {
	ack := make(wire.Ack, n)
	for i := range ack {
		ack[i] = chat.SegmentID{byte(from), byte(i), byte(i >> 8)}
	}
	return ack
}

func unknownAcks(n int) (b []byte) {
	for i := 0; n > 0; i++ {
		ack := distinctAck(min(n, wire.MaxAck), i)
		n -= len(ack)
		b, _ = wire.AppendDirect(b, ack)
	}
	return b
}

// TestSomeUnknownAcksAreHonest: they come after a stream was replaced.
func TestSomeUnknownAcksAreHonest(t *testing.T) {
	attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
		st, _ := e.greet(bob)
		if _, err := st.Write(unknownAcks(maxUnknownAcks)); err != nil {
			t.Fatal(err)
		}
		e.write(st, e.segment(bob, "hi"))
		time.Sleep(time.Second)
		bob.want("hi")
	})
}

// TestHostileBeforeHello: nothing counts before it, and it must come.
func TestHostileBeforeHello(t *testing.T) {
	for name, f := range map[string]func(bob *person, e *eve, st network.Stream){
		"silence":         func(_ *person, e *eve, st network.Stream) { _, _ = st.Write(nil) },
		"a segment":       func(bob *person, e *eve, st network.Stream) { e.write(st, e.segment(bob, "boo"), wire.Hello{}) },
		"an ack":          func(_ *person, e *eve, st network.Stream) { e.write(st, distinctAck(1, 0)) },
		"a goodbye":       func(_ *person, e *eve, st network.Stream) { e.write(st, wire.Goodbye{}) },
		"half a hello":    func(_ *person, e *eve, st network.Stream) { _, _ = st.Write([]byte{0x40, 0x0a}) },
		"a name too long": func(_ *person, e *eve, st network.Stream) { _, _ = st.Write(longName()) },
	} {
		t.Run(name, func(t *testing.T) {
			attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
				st := e.open(bob)
				f(bob, e, st)
				e.wantCut(st, defaultHelloTimeout+time.Second)
				bob.want()
				bob.wantLog()
				if bob.served() != 0 || bob.remembered() != 0 {
					t.Error("something of it is left")
				}
			})
		})
	}
}

func longName() []byte {
	name := strings.Repeat("x", chat.MaxNick+1)
	hello := append([]byte{0x0a, byte(len(name))}, name...)
	frame := append([]byte{0x0a, byte(len(hello))}, hello...)
	return append([]byte{byte(len(frame))}, frame...)
}

// TestHostileStreams: a peer can hold only so many streams, greeted or not.
func TestHostileStreams(t *testing.T) {
	attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
		var silent []network.Stream
		for range 4 * maxInboundOfPeer {
			st := e.open(bob)
			_, _ = st.Write([]byte{0x40}) // starts a Hello
			silent = append(silent, st)
		}
		time.Sleep(time.Second)
		if n := bob.served(); n != maxInboundOfPeer {
			t.Errorf("%d streams are served, want %d", n, maxInboundOfPeer)
		}
		for _, st := range silent {
			e.wantCut(st, defaultHelloTimeout)
		}

		var greeted []network.Stream
		for range 10 {
			st, _ := e.greet(bob)
			greeted = append(greeted, st)
			time.Sleep(time.Second)
		}
		for _, st := range greeted[:9] {
			e.wantCut(st, time.Second)
		}
		if n := bob.served(); n != 1 {
			t.Errorf("%d streams are served, want the last one", n)
		}
		bob.wantLog("connected by them")
	})
}

// TestHostileCrowd: strangers together can hold only so many streams, and room
// is free again when they are gone.
func TestHostileCrowd(t *testing.T) {
	attack(t, func(t *testing.T, net *testnet.Network, bob *person, _ *eve) {
		for range maxInbound/maxInboundOfPeer + 2 {
			h := net.Host()
			net.Connect(h, bob.host)
			e := &eve{t: t, host: h}
			for range maxInboundOfPeer {
				st := e.open(bob)
				_, _ = st.Write([]byte{0x40}) // starts a Hello
			}
		}
		time.Sleep(time.Second)
		if n := bob.served(); n != maxInbound {
			t.Errorf("%d streams are served, want %d", n, maxInbound)
		}
		time.Sleep(defaultHelloTimeout)
		if n := bob.served(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// TestHostileRepetition: what is sent a hundred times is shown once, and
// acknowledged each time.
func TestHostileRepetition(t *testing.T) {
	attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
		st, r := e.greet(bob)
		seg := e.segment(bob, "once")
		for range 100 {
			e.write(st, seg)
			if f, err := r.Direct(); err != nil {
				t.Fatal(err)
			} else if ack, ok := f.(wire.Ack); !ok || len(ack) != 1 {
				t.Fatalf("answered %T %v", f, f)
			}
		}
		bob.want("once")

		// Also on another stream, and twice in one breath.
		st, _ = e.greet(bob)
		e.write(st, seg, seg, e.segment(bob, "twice"), e.segment(bob, "twice"))
		time.Sleep(time.Second)
		bob.want("once", "twice")
	})
}

// TestHostileNeverReads: one who takes no messages is cut, and one who takes no
// acknowledgements too, with little memory spent on either.
func TestHostileNeverReads(t *testing.T) {
	attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
		st, _ := e.greet(bob)
		to := &person{self: e.self}
		for range MaxInFlight { // 1 MiB, and yamux takes 256 KiB
			bob.say(to, strings.Repeat("x", chat.MaxText))
		}
		time.Sleep(defaultWriteTimeout - time.Second)
		bob.wantConnected(true)
		time.Sleep(2 * time.Second)
		bob.wantConnected(false)
		e.wantCut(st, time.Second)
		bob.seq = 0
		if n := count[SegmentDelivered](bob); n != 0 {
			t.Errorf("%d delivered", n)
		}
		ctx, cancel := contextWith(t, time.Second)
		defer cancel()
		_ = bob.Goodbye(ctx, e.self)
	})
}

// TestHostileSegmentsWithoutReadingAcks: what waits to be written is bounded
// by count, before the write deadline comes.
func TestHostileSegmentsWithoutReadingAcks(t *testing.T) {
	attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
		st, _ := e.greet(bob)
		for range MaxInFlight { // so much that bob's writer is stuck
			bob.say(&person{self: e.self}, strings.Repeat("x", chat.MaxText))
		}
		bob.seq = 0
		time.Sleep(time.Second)
		seg, err := wire.AppendDirect(nil, e.segment(bob, "again"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _ = st.Write([]byte(strings.Repeat(string(seg), maxUnsentAcks)))
		time.Sleep(time.Second)
		bob.wantConnected(true)
		_, _ = st.Write(seg)
		time.Sleep(time.Second) // to read now would free the writer
		e.wantCut(st, time.Second)
		if took := time.Since(start); took > defaultWriteTimeout/2 {
			t.Errorf("cut after %v", took)
		}
		bob.want("again")
		ctx, cancel := contextWith(t, time.Second)
		defer cancel()
		_ = bob.Goodbye(ctx, e.self)
	})
}

// TestHostileFlood: while nothing can be stored, a peer that goes on sending is
// not read any more, and what it costs is accounted for.
func TestHostileFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		release := make(chan struct{})
		bob := talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(context.Context, chat.PeerID, []*chat.Segment) error { <-release; return nil }
		})
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		net.Connect(h, bob.host)
		st, _ := e.greet(bob)
		_ = st.SetWriteDeadline(time.Now().Add(time.Minute))
		wrote := 0
		for seq := range uint64(2000) {
			seg := segment(t, nil, h, chat.DirectID(e.self, bob.self), seq+1, strings.Repeat("x", chat.MaxText))
			b, err := wire.AppendDirect(nil, wire.DirectSegment(seg.Envelope))
			if err != nil {
				t.Fatal(err)
			}
			n, err := st.Write(b)
			wrote += n
			if err != nil {
				break
			}
		}
		var reserved int64
		_ = bob.host.Network().ResourceManager().ViewProtocol(wire.DirectProtocol, func(s network.ProtocolScope) error {
			reserved = s.Stat().Memory
			return nil
		})
		t.Logf("eve wrote %d KiB, %d KiB are reserved", wrote>>10, reserved>>10)
		if wrote > 8<<20 {
			t.Errorf("eve could write %d bytes", wrote)
		}
		if most := int64(linkMemory + (incomingSize+batchSize+1)*segmentMemory*wire.MaxFrame); reserved < int64(wrote) || reserved > most {
			t.Errorf("%d bytes are reserved, want %d to %d", reserved, wrote, most)
		}
		close(release)
		time.Sleep(time.Minute)
		_ = bob.host.Network().ResourceManager().ViewProtocol(wire.DirectProtocol, func(s network.ProtocolScope) error {
			reserved = s.Stat().Memory
			return nil
		})
		if reserved > linkMemory {
			t.Errorf("%d bytes stay reserved", reserved)
		}
	})
}

// TestHostileAnswers: what eve answers to a stream that bob opens.
func TestHostileAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		answer []byte
		close  bool
		log    []string // within half a minute
	}{
		"nothing": {nil, false, []string{"trying again after 1", "trying again after 2"}},
		"the end": {nil, true, []string{"trying again after 1", "trying again after 2", "trying again after 3", "trying again after 4"}},
		"noise":   {[]byte("\x05noise"), false, []string{"trying again after 1", "trying again after 2", "trying again after 3", "trying again after 4"}},
		"a reason that steers the terminal": {
			[]byte("\x0c\x2a\x0a\x0a\x08no\x1b[2J\r\n"), true,
			[]string{"refused: no[2J ", "failed: no[2J "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
				e.host.SetStreamHandler(wire.DirectProtocol, func(st network.Stream) {
					_, _ = st.Write(tc.answer)
					if tc.close {
						_ = st.CloseWrite()
					}
					_, _ = io.Copy(io.Discard, st)
					_ = st.Reset()
				})
				time.Sleep(time.Second)
				bob.say(&person{self: e.self}, "hi")
				bob.seq = 0
				time.Sleep(25 * time.Second)
				log := tc.log
				bob.mu.Lock()
				if len(bob.events) > len(log) && name != "nothing" {
					bob.events = bob.events[:len(log)]
				}
				bob.mu.Unlock()
				bob.wantLog(log...)
				ctx, cancel := contextWith(t, time.Second)
				defer cancel()
				_ = bob.Goodbye(ctx, e.self)
			})
		})
	}
}

// wantConnected checks whether the last Connected still holds.
func (p *person) wantConnected(want bool) {
	p.t.Helper()
	if got := count[Connected](p) > count[Disconnected](p); got != want {
		p.t.Fatalf("connected is %v, want %v", got, want)
	}
}

// TestHostileHalfFrame: a stream that ends within a frame was cut, not closed.
func TestHostileHalfFrame(t *testing.T) {
	attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
		st, _ := e.greet(bob)
		frame, err := wire.AppendDirect(nil, e.segment(bob, "half"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write(frame[:len(frame)/2]); err != nil {
			t.Fatal(err)
		}
		_ = st.CloseWrite()
		e.wantCut(st, time.Second)
		time.Sleep(time.Millisecond)
		bob.want()
		bob.wantLog("connected by them", "cut off")
	})
}
