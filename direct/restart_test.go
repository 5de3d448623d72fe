package direct

import (
	"context"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// restart kills p's host and gives a new one of the same key, at the same
// address, without a Service.
func (p *person) restart() *host.Host {
	key, at := p.host.Peerstore().PrivKey(p.host.ID()), p.host.Addrs()
	p.net.Kill(p.host)
	_ = p.Close()
	return p.net.HostWith(host.Config{Key: key, Listen: at})
}

// TestPeerRestarts: what waited for the peer is delivered within a second of its
// return, whatever the search for it is at and however long it was away.
func TestPeerRestarts(t *testing.T) {
	for name, tc := range map[string]struct {
		away  time.Duration
		ready time.Duration // from its connection until it takes messages
		stuck bool          // the search hangs
	}{
		"soon":                          {10 * time.Second, 0, false},
		"after an hour":                 {time.Hour, 0, false},
		"while the search hangs":        {time.Hour, 0, true},
		"ready a moment after it calls": {time.Hour, 200 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
				var alice *person
				away := false
				alice = talker(t, net, net.Host(), func(c *Config) {
					c.Connect = func(ctx context.Context, p chat.PeerID) error {
						if away && tc.stuck {
							<-ctx.Done()
							return ctx.Err()
						}
						return alice.connect(ctx, p)
					}
				})
				bob := talker(t, net, net.Host())
				alice.knows(bob)
				alice.say(bob, "before")
				time.Sleep(time.Second)
				net.Reset(alice.host, bob.host) // a process that is killed, not a plug pulled
				h := bob.restart()
				away = true
				net.Cut(alice.host, h) // he is out of reach, and the address answers nobody
				texts := numbered("a", 100)
				for _, s := range texts {
					alice.say(bob, s)
				}
				time.Sleep(tc.away)
				net.Heal(alice.host, h)
				net.Connect(h, alice.host)
				time.Sleep(tc.ready)
				again := talker(t, net, h)
				if tc.ready == 0 {
					time.Sleep(time.Second)
				} else { // the first attempt came too early; the pauses begin anew
					time.Sleep(2 * time.Second)
				}
				again.want(texts...)
				if n := count[SegmentDelivered](alice); n != 1+len(texts) {
					t.Errorf("%d delivered, want %d", n, 1+len(texts))
				}
			})
		})
	}
}

// TestWeRestart: after our own restart everything unacknowledged is sent again.
// The peer acknowledges what it has and is shown nothing twice.
func TestWeRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice := talker(t, net, net.Host())
		var bob *person
		bob = talker(t, net, net.Host(), func(c *Config) {
			c.Receive = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				time.Sleep(5 * time.Millisecond)
				return bob.receive(ctx, p, segs)
			}
		})
		alice.knows(bob)
		alice.Open(bob.self)
		time.Sleep(time.Second)
		texts := numbered("a", 200)
		var segs []*chat.Segment
		for _, s := range texts {
			segs = append(segs, alice.say(bob, s))
		}
		time.Sleep(200 * time.Millisecond)
		known := count[SegmentDelivered](alice)
		if known == 0 || known == len(texts) {
			t.Fatalf("killed after %d acknowledgements: a bad moment", known)
		}
		again := talker(t, net, alice.restart())
		again.knows(bob)
		for _, seg := range segs[known:] {
			if err := again.Send(t.Context(), bob.self, seg); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		bob.want(texts...)
		if n := count[SegmentDelivered](again); n != len(texts)-known {
			t.Errorf("%d delivered, want %d", n, len(texts)-known)
		}
		if n := again.Pending(bob.self); n != 0 {
			t.Errorf("%d pending", n)
		}
	})
}

// TestBothRestart: the peer does not remember what it stored; it is given it
// again, acknowledges it, and its log is what knows better.
func TestBothRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		net, alice, bob := two(t, testnet.Config{Latency: 20 * time.Millisecond})
		seg := alice.say(bob, "hi")
		time.Sleep(time.Second)
		alice2, bob2 := talker(t, net, alice.restart()), talker(t, net, bob.restart())
		alice2.knows(bob2)
		if err := alice2.Send(t.Context(), bob2.self, seg); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		bob2.want("hi")
		if n := count[SegmentDelivered](alice2); n != 1 {
			t.Errorf("%d delivered, want 1", n)
		}
	})
}
