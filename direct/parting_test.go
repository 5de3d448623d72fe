package direct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// slow makes storing take its time.
func slow(p **person, d time.Duration) func(*Config) {
	return func(c *Config) {
		c.Receive = func(ctx context.Context, from chat.PeerID, segs []*chat.Segment) error {
			time.Sleep(d)
			return (*p).receive(ctx, from, segs)
		}
	}
}

// TestTwoOneShotTalks: both sides say one thing, wait for the acknowledgement
// and are gone, as two processes that read from a pipe. Whatever the moments,
// what one side stored the other knows to be delivered, and if both spoke before
// either was gone, both are heard.
func TestTwoOneShotTalks(t *testing.T) {
	const latency = 20 * time.Millisecond
	for _, storing := range [][2]time.Duration{
		{0, 0},
		{30 * time.Millisecond, 0},
		{0, 30 * time.Millisecond},
		{30 * time.Millisecond, 45 * time.Millisecond},
		{300 * time.Millisecond, 10 * time.Millisecond},
		{10 * time.Millisecond, 300 * time.Millisecond},
		{1500 * time.Millisecond, 1500 * time.Millisecond},
	} {
		for late := -200 * time.Millisecond; late <= 200*time.Millisecond; late += 25 * time.Millisecond {
			t.Run(fmt.Sprintf("%v/%v", storing, late), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					net := testnet.New(t, testnet.Config{Latency: latency})
					var a, b *person
					a = talker(t, net, net.Host(), slow(&a, storing[0]))
					b = talker(t, net, net.Host(), slow(&b, storing[1]))
					a.knows(b)
					b.knows(a)
					var bye [2]error
					var spoke, gone [2]time.Time
					ended := make(chan struct{})
					once := func(i int, p, o *person, after time.Duration) {
						time.Sleep(after)
						spoke[i] = time.Now()
						p.say(o, "hi")
						ctx, cancel := contextWith(t, 10*time.Second)
						defer cancel()
						bye[i] = p.Goodbye(ctx, o.self)
						_ = p.Close()
						net.Kill(p.host)
						gone[i] = time.Now()
						ended <- struct{}{}
					}
					go once(0, a, b, max(0, -late))
					go once(1, b, a, max(0, late))
					<-ended
					<-ended
					for i, heard := range [][]string{b.texts(), a.texts()} {
						if delivered := bye[i] == nil; delivered != (len(heard) == 1) {
							t.Errorf("side %d: goodbye said %v, and the other received %q", i, bye[i], heard)
						}
						if met := spoke[i].Add(2 * latency).Before(gone[1-i]); met && bye[i] != nil && storing[0] < time.Second {
							t.Errorf("side %d: both were there, and it was not delivered: %v", i, bye[i])
						}
					}
				})
			})
		}
	}
}

// TestGoodbyeTakesWhatIsOnItsWay: what was written before the other's goodbye
// arrived is stored and acknowledged, though that takes longer than the waiting
// of an ordinary end.
func TestGoodbyeTakesWhatIsOnItsWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		var alice *person
		alice = talker(t, net, net.Host(), slow(&alice, 2*partingTime))
		bob := talker(t, net, net.Host())
		alice.knows(bob)
		bob.knows(alice)
		alice.Open(bob.self)
		time.Sleep(time.Second)
		texts := numbered("b", MaxInFlight)
		for _, s := range texts {
			bob.say(alice, s)
		}
		time.Sleep(10 * time.Millisecond) // on its way
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		alice.want(texts...)
		if n := count[SegmentDelivered](bob); n != MaxInFlight {
			t.Errorf("bob knows of %d delivered, want %d", n, MaxInFlight)
		}
		last := bob.events[len(bob.events)-2:]
		if describe(last[0]) != "goodbye" || describe(last[1]) != "disconnected" {
			t.Errorf("the talk ended with %q, %q", describe(last[0]), describe(last[1]))
		}
		if n := count[Connected](bob); n != 1 {
			t.Errorf("connected %d times, want once", n)
		}
	})
}

// TestUnableKeepsEarlierAcks: when storing fails in the middle, what was stored
// before is known to be, nothing overtakes, and the rest comes later, once.
func TestUnableKeepsEarlierAcks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		var bob *person
		full := 0
		alice := talker(t, net, net.Host())
		bob = talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				if len(bob.texts()) >= 40 && full < 3 {
					full++
					return errTest
				}
				time.Sleep(time.Millisecond)
				return bob.receive(ctx, p, segs)
			}
		})
		alice.knows(bob)
		texts := numbered("a", 100)
		for _, s := range texts {
			alice.say(bob, s)
		}
		time.Sleep(500 * time.Millisecond)
		if stored, known := len(bob.texts()), count[SegmentDelivered](alice); known != stored || stored == 100 {
			t.Errorf("%d are stored, and %d known to be", stored, known)
		}
		time.Sleep(time.Minute)
		bob.want(texts...)
		if full != 3 {
			t.Errorf("storing failed %d times, want 3", full)
		}
	})
}

// TestUnableClosesInOrder: also a peer that reads late gets the acknowledgements
// from before the failure, and then an ordinary end.
func TestUnableClosesInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		bob := talker(t, net, net.Host())
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		net.Connect(h, bob.host)
		st, r := e.greet(bob)
		e.write(st, e.segment(bob, "stored"))
		time.Sleep(100 * time.Millisecond)
		bob.set(func() { bob.broken = errTest })
		e.write(st, e.segment(bob, "not stored"))
		time.Sleep(100 * time.Millisecond)
		if f, err := r.Direct(); err != nil {
			t.Error(err)
		} else if ack, ok := f.(wire.Ack); !ok || len(ack) != 1 {
			t.Errorf("read %T %v", f, f)
		}
		if _, err := r.Direct(); !errors.Is(err, io.EOF) {
			t.Errorf("it ended with %v", err)
		}
		_ = st.Close()
		time.Sleep(time.Second)
		bob.want("stored")
		bob.wantLog("connected by them", "cut off")
	})
}

// TestHostileGoodbye: a goodbye binds who said it, and one who then does not
// leave is left.
func TestHostileGoodbye(t *testing.T) {
	for name, f := range map[string]func(bob *person, e *eve) []wire.DirectFrame{
		"a segment after it": func(bob *person, e *eve) []wire.DirectFrame {
			return []wire.DirectFrame{e.segment(bob, "boo")}
		},
		"a second one":     func(*person, *eve) []wire.DirectFrame { return []wire.DirectFrame{wire.Goodbye{}} },
		"a hello after it": func(*person, *eve) []wire.DirectFrame { return []wire.DirectFrame{wire.Hello{}} },
		"nothing after it": func(*person, *eve) []wire.DirectFrame { return nil },
		"endless read marks": func(*person, *eve) (marks []wire.DirectFrame) {
			for i := range 100 {
				marks = append(marks, wire.Read{byte(i)})
			}
			return marks
		},
	} {
		t.Run(name, func(t *testing.T) {
			attack(t, func(t *testing.T, _ *testnet.Network, bob *person, e *eve) {
				st, r := e.greet(bob)
				bob.say(&person{self: e.self}, "hi")
				bob.seq = 0
				if _, err := r.Direct(); err != nil {
					t.Fatal(err)
				}
				e.write(st, append([]wire.DirectFrame{wire.Goodbye{}}, f(bob, e)...)...)
				ctx, cancel := contextWith(t, 0)
				defer cancel()
				time.Sleep(ackTime + flushTime + time.Second)
				if n := bob.streams(&person{host: e.host}); n != 0 {
					t.Errorf("%d streams are left", n)
				}
				bob.want()
				if n := count[SaidGoodbye](bob); n != 1 {
					t.Errorf("%d goodbyes were told", n)
				}
				_ = bob.Goodbye(ctx, e.self)
			})
		})
	}
}

// TestGoodbyeOnOneOfTwoStreams: a peer that says goodbye on one stream and goes
// on with the other has not said goodbye.
func TestGoodbyeOnOneOfTwoStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		one, h := net.Host(), net.Host()
		if peerID(t, h).Compare(peerID(t, one)) < 0 { // the smaller one's stream stays
			one, h = h, one
		}
		bob := talker(t, net, one)
		e := &eve{t: t, host: h, self: peerID(t, h)}
		theirs := make(chan network.Stream, 1)
		h.SetStreamHandler(wire.DirectProtocol, func(st network.Stream) { theirs <- st })
		net.Connect(bob.host, h)
		bob.Open(e.self)
		second := <-theirs
		r := wire.NewReader(second)
		if _, err := r.Direct(); err != nil {
			t.Fatal(err)
		}
		first, _ := e.greet(bob)
		e.write(second, wire.Hello{})
		time.Sleep(100 * time.Millisecond)
		e.write(first, wire.Goodbye{})
		_ = first.CloseWrite()
		time.Sleep(time.Second)
		bob.say(&person{self: e.self}, "still there?")
		_ = second.SetReadDeadline(time.Now().Add(time.Second))
		if f, err := r.Direct(); err != nil {
			t.Error(err)
		} else if _, ok := f.(wire.DirectSegment); !ok {
			t.Errorf("read %T", f)
		}
		_ = second.Reset()
		ctx, cancel := contextWith(t, time.Second)
		defer cancel()
		_ = bob.Goodbye(ctx, e.self)
	})
}
