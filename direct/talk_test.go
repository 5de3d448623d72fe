package direct

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// numbered are n texts, "name 0" and so on.
func numbered(name string, n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint(name, " ", i))
	}
	return texts
}

// sayAll says texts from a goroutine of its own, one every pause.
func (p *person) sayAll(o *person, texts []string, pause time.Duration) {
	segs := make([]*chat.Segment, len(texts))
	for i, s := range texts {
		segs[i] = p.segment(o, s)
	}
	go func() {
		for _, seg := range segs {
			if err := p.Send(p.t.Context(), o.self, seg); err != nil {
				p.t.Error(err)
				return
			}
			time.Sleep(pause)
		}
	}()
}

// streams counts the streams between p and o that are in use.
func (p *person) streams(o *person) (n int) {
	for _, c := range p.host.Network().ConnsToPeer(o.host.ID()) {
		for _, st := range c.GetStreams() {
			if st.Protocol() == wire.DirectProtocol {
				n++
			}
		}
	}
	return n
}

func TestThousandMessagesBothWays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		ours, theirs := numbered("a", 1000), numbered("b", 1000)
		alice.sayAll(bob, ours, 0)
		bob.sayAll(alice, theirs, 0)
		time.Sleep(time.Minute)
		bob.want(ours...)
		alice.want(theirs...)
		for _, p := range []*person{alice, bob} {
			if s, d := count[SegmentSent](p), count[SegmentDelivered](p); s != 1000 || d != 1000 {
				t.Errorf("%d sent and %d delivered were reported, want 1000 of each", s, d)
			}
			if c := count[Connected](p); c != 1 {
				t.Errorf("connected %d times, want once", c)
			}
		}
		if n := alice.streams(bob); n != 1 {
			t.Errorf("%d streams are open, want 1", n)
		}
	})
}

// TestBothDialAtOnce: whatever the moment, each side connects once and loses
// nothing, and one stream stays.
func TestBothDialAtOnce(t *testing.T) {
	for _, connectedBefore := range []bool{false, true} {
		for late := time.Duration(0); late <= 120*time.Millisecond; late += 10 * time.Millisecond {
			for _, first := range []string{"smaller", "larger"} {
				t.Run(fmt.Sprintf("connected=%v/%s first by %v", connectedBefore, first, late), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						net, a, b := two(t, testnet.Config{Latency: 20 * time.Millisecond})
						if connectedBefore {
							net.Connect(a.host, b.host)
							time.Sleep(time.Second)
						}
						if first == "larger" {
							a, b = b, a
						}
						a.say(b, "one")
						time.Sleep(late)
						b.say(a, "two")
						a.say(b, "three")
						time.Sleep(5 * time.Second)
						b.want("one", "three")
						a.want("two")
						for _, p := range []*person{a, b} {
							if c, d := count[Connected](p), count[Disconnected](p); c != 1 || d != 0 {
								t.Errorf("connected %d and disconnected %d times, want 1 and 0", c, d)
							}
						}
						if n := a.streams(b); n != 1 {
							t.Errorf("%d streams are open, want 1", n)
						}
					})
				})
			}
		}
	}
}

// TestCutInTheMiddle: a cut too short to be noticed, one that kills the
// connection, and a reset lose nothing and repeat nothing.
func TestCutInTheMiddle(t *testing.T) {
	for name, cut := range map[string]func(*testnet.Network, *person, *person){
		"short": func(net *testnet.Network, a, b *person) {
			net.Cut(a.host, b.host)
			time.Sleep(4 * time.Second)
			net.Heal(a.host, b.host)
		},
		"long": func(net *testnet.Network, a, b *person) {
			net.Cut(a.host, b.host)
			time.Sleep(3 * time.Minute)
			net.Heal(a.host, b.host)
		},
		"reset": func(net *testnet.Network, a, b *person) { net.Reset(a.host, b.host) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
				ours, theirs := numbered("a", 500), numbered("b", 500)
				alice.sayAll(bob, ours, 3*time.Millisecond)
				bob.sayAll(alice, theirs, 3*time.Millisecond)
				time.Sleep(700 * time.Millisecond)
				cut(net, alice, bob)
				time.Sleep(3 * time.Minute)
				bob.want(ours...)
				alice.want(theirs...)
				if n := alice.Pending(bob.self) + bob.Pending(alice.self); n != 0 {
					t.Errorf("%d pending, want 0", n)
				}
			})
		})
	}
}

// TestReconnectedAtOnce: when the peer connects to us, what waits for it does
// not wait for the timer.
func TestReconnectedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		net.Cut(alice.host, bob.host)
		alice.say(bob, "hi")
		time.Sleep(10 * time.Minute) // the pauses are a minute long by now
		net.Heal(alice.host, bob.host)
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		net.Connect(bob.host, alice.host)
		time.Sleep(500 * time.Millisecond)
		bob.want("hi")
		if count[Trying](alice) < 5 {
			t.Errorf("only %d failures were told", count[Trying](alice))
		}
	})
}

// TestReceiverRestarts: what was not stored is sent to the one who comes back.
func TestReceiverRestarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice.say(bob, "before")
		time.Sleep(time.Second)
		key, at := bob.host.Peerstore().PrivKey(bob.host.ID()), bob.host.Addrs()
		net.Kill(bob.host)
		_ = bob.Close()
		alice.say(bob, "while away")
		time.Sleep(5 * time.Minute)
		bob.want("before")

		again := talker(t, net, net.HostWith(host.Config{Key: key, Listen: at}))
		time.Sleep(2 * time.Minute)
		again.want("while away")
		if n := count[SegmentDelivered](alice); n != 2 {
			t.Errorf("%d delivered, want 2", n)
		}
	})
}

// TestNotStoredIsNotDelivered: an error of Receive is no acknowledgement, and
// the same segment comes again when storing works again.
func TestNotStoredIsNotDelivered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		bob.set(func() { bob.broken = errors.New("disk full") })
		alice.say(bob, "hi")
		time.Sleep(10 * time.Second)
		if n := count[SegmentDelivered](alice); n != 0 {
			t.Fatal("delivered, and it was not stored")
		}
		if n := count[Connected](alice); n > 5 {
			t.Errorf("connected %d times in 10 s: the peer is hammered", n)
		}
		bob.set(func() { bob.broken = nil })
		time.Sleep(time.Minute)
		bob.want("hi")
		if n := alice.Pending(bob.self); n != 0 {
			t.Errorf("%d pending, want 0", n)
		}
	})
}

// TestStoringPeerWaits: while Receive waits, the peer's Send does in the end.
func TestStoringPeerWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var bob *person
		store := make(chan struct{})
		alice := talker(t, net, net.Host())
		bob = talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				select {
				case <-store:
				case <-ctx.Done():
					return ctx.Err()
				}
				return bob.receive(ctx, p, segs)
			}
		})
		alice.knows(bob)
		texts := numbered("a", 1000)
		alice.sayAll(bob, texts, 0)
		time.Sleep(time.Minute)
		if n := alice.Pending(bob.self); n != MaxQueued {
			t.Errorf("%d pending, want %d", n, MaxQueued)
		}
		if n := count[SegmentSent](alice); n > MaxInFlight {
			t.Errorf("%d sent without acknowledgement, want at most %d", n, MaxInFlight)
		}
		close(store)
		time.Sleep(time.Minute)
		bob.want(texts...)
	})
}

func TestSendWaitsNoLongerThanItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{})
		bob.set(func() { bob.broken = errTest })
		for _, s := range numbered("a", MaxQueued) {
			alice.say(bob, s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := alice.Send(ctx, bob.self, alice.segment(bob, "one more"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestSendRefusesWhatIsNotForThisPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{})
		carol := talker(t, net, net.Host())
		huge := alice.segment(bob, "hi")
		huge.Envelope = make([]byte, wire.MaxEnvelope+1)
		bare := alice.segment(bob, "hi")
		bare.Envelope = nil
		for name, tc := range map[string]struct {
			to   chat.PeerID
			seg  *chat.Segment
			want error
		}{
			"to nobody":      {chat.PeerID{}, alice.segment(bob, "hi"), chat.ErrBadPeerID},
			"to oneself":     {alice.self, alice.segment(alice, "hi"), chat.ErrBadPeerID},
			"for another":    {bob.self, alice.segment(carol, "hi"), chat.ErrMalformed},
			"of another":     {bob.self, bob.segment(alice, "hi"), chat.ErrMalformed},
			"not signed":     {bob.self, bare, chat.ErrMalformed},
			"larger than it": {bob.self, huge, chat.ErrTooLarge},
		} {
			if err := alice.Send(t.Context(), tc.to, tc.seg); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
	})
}

func TestRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		bob.set(func() { bob.reject = errors.New("you are \x1b[31mblocked") })
		alice.say(bob, "one")
		alice.say(bob, "two")
		time.Sleep(time.Hour)
		alice.wantLog("refused: you are [31mblocked", "failed: you are [31mblocked", "failed: you are [31mblocked")
		bob.want()
		bob.wantLog()
		if n := alice.Pending(bob.self); n != 0 {
			t.Errorf("%d pending, want 0", n)
		}

		bob.set(func() { bob.reject = nil })
		alice.say(bob, "three")
		time.Sleep(time.Second)
		bob.want("three")
	})
}

// TestSeedTakesNoMessages: a node that does not speak the protocol refuses.
func TestSeedTakesNoMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		alice, seed := talker(t, net, net.Host()), net.Host()
		id, err := chat.PeerIDFromLibp2p(seed.ID())
		if err != nil {
			t.Fatal(err)
		}
		alice.host.Peerstore().AddAddrs(seed.ID(), seed.Addrs(), time.Hour)
		alice.Open(id)
		time.Sleep(time.Minute)
		alice.wantLog("trying again after 1", "refused: does not take private messages")
	})
}

// TestNodeJustStarting: a node that speaks the protocol a moment later is not
// taken for one that does not.
func TestNodeJustStarting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		h := net.Host()
		alice := talker(t, net, net.Host())
		net.Connect(alice.host, h)
		bob := &person{t: t, self: peerID(t, h)}
		alice.say(bob, "hi")
		time.Sleep(100 * time.Millisecond)
		bob = talker(t, net, h)
		time.Sleep(time.Minute)
		bob.want("hi")
	})
}

func TestGoodbyeIsSeen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{Latency: 50 * time.Millisecond})
		bob.Open(alice.self)
		texts := numbered("a", 100)
		for _, s := range texts {
			alice.say(bob, s)
		}
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Fatal(err)
		}
		// All of it has arrived when Goodbye returns.
		bob.want(texts...)
		if count[SaidGoodbye](bob) != 1 || count[SegmentDelivered](alice) != 100 {
			t.Errorf("%d goodbyes and %d delivered, want 1 and 100", count[SaidGoodbye](bob), count[SegmentDelivered](alice))
		}
		time.Sleep(time.Hour)
		for _, p := range []*person{alice, bob} {
			if c, d := count[Connected](p), count[Disconnected](p); c != 1 || d != 1 {
				t.Errorf("connected %d and disconnected %d times, want once each", c, d)
			}
		}
		if n := alice.streams(bob); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// TestGoodbyeComesAfterTheLastMessage, also if storing that takes its time.
func TestGoodbyeComesAfterTheLastMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var bob *person
		alice := talker(t, net, net.Host())
		bob = talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				time.Sleep(time.Second)
				if count[SaidGoodbye](bob)+count[Disconnected](bob) > 0 {
					t.Error("a message came after the goodbye")
				}
				return bob.receive(ctx, p, segs)
			}
		})
		alice.knows(bob)
		alice.say(bob, "last words")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // too short
		defer cancel()
		if err := alice.Goodbye(ctx, bob.self); err == nil {
			t.Error("goodbye says that all was acknowledged")
		}
		time.Sleep(time.Minute)
		bob.want("last words")
		if count[SaidGoodbye](bob) != 1 {
			t.Error("no goodbye was seen")
		}
	})
}

func TestGoodbyeToNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Errorf("without a talk: %v", err)
		}
		net.Cut(alice.host, bob.host)
		alice.Open(bob.self)
		time.Sleep(time.Minute)
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Errorf("with nothing to say: %v", err)
		}
		tried := count[Trying](alice)
		time.Sleep(time.Hour)
		if n := count[Trying](alice); n != tried {
			t.Errorf("%d attempts after goodbye", n-tried)
		}

		alice.say(bob, "hi")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := alice.Goodbye(ctx, bob.self)
		if !errors.Is(err, chat.ErrUnreachable) || !strings.Contains(err.Error(), "1 not acknowledged") {
			t.Errorf("with a message for somebody who is away: %v", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// TestGoodbyeToThePeerThatHangs: a cut while saying goodbye costs partingTime.
func TestGoodbyeToThePeerThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice.say(bob, "hi")
		time.Sleep(time.Second)
		net.Cut(alice.host, bob.host)
		start := time.Now()
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > partingTime {
			t.Errorf("it took %v", took)
		}
	})
}

func TestOpenKeepsTryingAndStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice.Open(bob.self)
		time.Sleep(time.Second)
		alice.wantLog("connected by us")
		net.Reset(alice.host, bob.host)
		time.Sleep(2 * time.Second)
		alice.wantLog("connected by us", "cut off", "connected by us")
		bob.wantLog("connected by them", "cut off", "connected by them")
		time.Sleep(time.Hour) // silence is no reason to end a talk
		alice.wantLog("connected by us", "cut off", "connected by us")
	})
}

// TestGoodbyeEndsTheSearch: whatever the attempt is at, it ends with the
// goodbye, and the next one is not blamed for it.
func TestGoodbyeEndsTheSearch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		searching := 0
		alice := talker(t, net, net.Host(), func(c *Config) {
			c.Connect = func(ctx context.Context, _ chat.PeerID) error {
				searching++
				<-ctx.Done()
				searching--
				return ctx.Err()
			}
		})
		h := net.Host()
		bob := peerID(t, h)
		alice.Open(bob)
		synctest.Wait()
		if searching != 1 {
			t.Fatalf("%d searches", searching)
		}
		if err := alice.Goodbye(t.Context(), bob); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if searching != 0 {
			t.Error("the search goes on")
		}

		net.Connect(alice.host, h)
		h.SetStreamHandler(wire.DirectProtocol, func(st network.Stream) {
			time.Sleep(time.Second) // and no Hello
			_ = st.Reset()
		})
		alice.Open(bob)
		time.Sleep(500 * time.Millisecond)
		if err := alice.Goodbye(t.Context(), bob); err != nil {
			t.Error(err)
		}
		alice.Open(bob)
		time.Sleep(500 * time.Millisecond)
		alice.wantLog()
		_ = alice.Close()
		time.Sleep(2 * time.Second) // the other side's handlers end
	})
}

// TestConnectedComesFirst: a segment on the heels of the Hello is not received
// before Connected was told.
func TestConnectedComesFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var alice *person
		alice = talker(t, net, net.Host(), func(c *Config) {
			c.Events = func(ev Event) { time.Sleep(time.Second); alice.event(ev) }
			c.Receive = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				if count[Connected](alice) == 0 {
					t.Error("received before connected")
				}
				return alice.receive(ctx, p, segs)
			}
		})
		h := net.Host()
		e := &eve{t: t, host: h, self: peerID(t, h)}
		h.SetStreamHandler(wire.DirectProtocol, func(st network.Stream) {
			e.write(st, wire.Hello{Nick: text(t, "eve")}, e.segment(alice, "hi"))
		})
		net.Connect(alice.host, h)
		alice.Open(e.self)
		time.Sleep(10 * time.Second)
		alice.want("hi")
	})
}

// TestEventsMayWaitForSend: a user whose one goroutine takes events and sends
// is not locked up.
func TestEventsMayWaitForSend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var alice, bob *person
		bob = talker(t, net, net.Host())
		var answers []*chat.Segment
		alice = talker(t, net, net.Host(), func(c *Config) {
			c.Events = func(ev Event) {
				alice.event(ev)
				if _, ok := ev.(SegmentDelivered); ok && len(answers) > 0 {
					if err := alice.Send(t.Context(), bob.self, answers[0]); err != nil {
						t.Error(err)
					}
					answers = answers[1:]
				}
			}
		})
		texts := numbered("a", 200)
		for _, s := range texts {
			answers = append(answers, alice.segment(bob, s))
		}
		alice.knows(bob)
		first := answers[0]
		answers = answers[1:]
		if err := alice.Send(t.Context(), bob.self, first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		bob.want(texts...)
	})
}

func TestHelloTellsNickAndClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{Latency: 200 * time.Millisecond})
		start := time.Now()
		alice.Open(bob.self)
		time.Sleep(time.Minute)
		for _, tc := range []struct{ p, other *person }{{alice, bob}, {bob, alice}} {
			tc.p.mu.Lock()
			ev, ok := tc.p.events[0].(Connected)
			tc.p.mu.Unlock()
			if !ok || ev.With() != tc.other.self || ev.Nick.Raw() != "nick of "+tc.other.self.Short() || ev.ByUs != (tc.p == alice) {
				t.Errorf("told %+v", ev)
			}
			if d := ev.Sent.Sub(start); d <= 0 || d > 10*time.Second {
				t.Errorf("the clock of the other is %v late", d)
			}
		}
	})
}

// TestConnectIsAskedOnlyWithoutConnection: a connection that somebody else
// made, as the peer here, will do.
func TestConnectIsAskedOnlyWithoutConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		alice := talker(t, net, net.Host(), func(c *Config) {
			c.Connect = func(context.Context, chat.PeerID) error { t.Error("asked"); return chat.ErrNotFound }
		})
		bob := talker(t, net, net.Host())
		net.Connect(bob.host, alice.host)
		alice.say(bob, "hi")
		time.Sleep(time.Second)
		bob.want("hi")
	})
}

func TestNotFoundIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		alice := talker(t, net, net.Host(), func(c *Config) {
			c.Connect = func(context.Context, chat.PeerID) error { return fmt.Errorf("look up: %w", chat.ErrNotFound) }
		})
		bob := talker(t, net, net.Host())
		alice.Open(bob.self)
		time.Sleep(100 * time.Millisecond)
		alice.mu.Lock()
		defer alice.mu.Unlock()
		if ev, ok := alice.events[0].(Trying); !ok || !errors.Is(ev.Err, chat.ErrNotFound) ||
			ev.Attempt != 1 || !ev.When.After(time.Now()) {
			t.Errorf("told %+v", alice.events[0])
		}
	})
}

// TestTalksAreForgotten: a talk that ended is remembered for a while, for what
// the peer may repeat, and then costs nothing.
func TestTalksAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{})
		alice.say(bob, "hi")
		time.Sleep(time.Second)
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Fatal(err)
		}
		time.Sleep(restTime / 2)
		if alice.remembered() != 1 || bob.remembered() != 1 {
			t.Error("forgotten too early")
		}
		time.Sleep(restTime)
		if alice.remembered() != 0 || bob.remembered() != 0 {
			t.Error("not forgotten")
		}
		if alice.resters() != 0 || bob.resters() != 0 || bob.served() != 0 {
			t.Error("the counts are wrong")
		}
		bob.say(alice, "hello again")
		time.Sleep(time.Second)
		alice.want("hello again")
	})
}

// TestSlowEvents: when Goodbye returns, all that led to it was told.
func TestSlowEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var alice *person
		alice = talker(t, net, net.Host(), func(c *Config) {
			c.Events = func(ev Event) { time.Sleep(time.Second); alice.event(ev) }
		})
		bob := talker(t, net, net.Host())
		alice.knows(bob)
		alice.say(bob, "hi")
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Fatal(err)
		}
		alice.wantLog("connected by us", "sent", "delivered", "disconnected")
	})
}

// TestManyTalksRest: beyond maxResting nothing is remembered, but everything is
// told.
func TestManyTalksRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var alice *person
		alice = talker(t, net, net.Host(), func(c *Config) {
			c.Events = func(ev Event) { time.Sleep(5 * time.Second); alice.event(ev) }
		})
		for range maxResting {
			alice.rest()
		}
		bob := talker(t, net, net.Host())
		bob.knows(alice)
		bob.say(alice, "hi")
		time.Sleep(time.Second)
		if err := bob.Goodbye(t.Context(), alice.self); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := alice.remembered(); n != 0 {
			t.Errorf("%d talks are remembered", n)
		}
		alice.wantLog("connected by them", "goodbye", "disconnected")
	})
}

// TestCloseWritesWhatItHas: what is being stored when Close is called is
// acknowledged.
func TestCloseWritesWhatItHas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
		var bob *person
		alice := talker(t, net, net.Host())
		bob = talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				time.Sleep(2 * time.Second)
				return bob.receive(ctx, p, segs)
			}
		})
		alice.knows(bob)
		alice.say(bob, "hi")
		time.Sleep(time.Second)
		_ = bob.Close()
		bob.want("hi")
		time.Sleep(200 * time.Millisecond)
		if n := count[SegmentDelivered](alice); n != 1 {
			t.Error("it was stored, and alice does not know")
		}
		if err := bob.Send(t.Context(), alice.self, bob.segment(alice, "hi")); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("send after close: %v", err)
		}
		bob.Open(alice.self)
		_ = bob.Close()
	})
}

func TestCloseDoesNotWaitForDeadPeers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		carol := talker(t, net, net.Host())
		alice.say(bob, "hi")
		time.Sleep(time.Second)
		net.Cut(alice.host, bob.host)
		net.Cut(alice.host, carol.host)
		alice.knows(carol)
		alice.say(carol, "hi") // is dialling
		for range MaxQueued - 1 {
			alice.say(bob, strings.Repeat("x", chat.MaxText))
		}
		synctest.Wait()
		start := time.Now()
		_ = alice.Close()
		if took := time.Since(start); took > flushTime {
			t.Errorf("it took %v", took)
		}
	})
}

// TestProtected: connections of talks that somebody wants are not trimmed.
func TestProtected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{})
		alice.Open(bob.self)
		time.Sleep(time.Second)
		if !alice.host.ConnManager().IsProtected(bob.host.ID(), "") {
			t.Error("the talk alice wants is not protected")
		}
		if bob.host.ConnManager().IsProtected(alice.host.ID(), "") {
			t.Error("a stranger's talk is protected")
		}
		if err := alice.Goodbye(t.Context(), bob.self); err != nil {
			t.Fatal(err)
		}
		if alice.host.ConnManager().IsProtected(bob.host.ID(), "") {
			t.Error("an ended talk is protected")
		}
	})
}

func (p *person) texts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got
}

func peerID(t testing.TB, h *host.Host) chat.PeerID {
	t.Helper()
	id, err := chat.PeerIDFromLibp2p(h.ID())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// contextWith is a context of the test that ends after d.
func contextWith(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// served is how many streams that others opened p serves.
func (p *person) served() int {
	p.Service.mu.Lock()
	defer p.Service.mu.Unlock()
	return p.Service.streams
}

// remembered is how many talks p has, and resters how many of them rest.
func (p *person) remembered() int {
	p.Service.mu.Lock()
	defer p.Service.mu.Unlock()
	return len(p.talks)
}

func (p *person) resters() int {
	p.Service.mu.Lock()
	defer p.Service.mu.Unlock()
	return p.resting
}
