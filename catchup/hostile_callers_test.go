package catchup

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// One question may ask for more than a run may carry.
func TestOneAnswerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		w.lim.bytes = 192 << 10
		bob, mallory := w.join(), w.join()
		bob.hold(bob.write(lobby(), wire.MaxWant)...)
		w.net.Connect(mallory.host, bob.host)
		st, err := mallory.host.NewStream(t.Context(), bob.host.ID(), wire.CatchupProtocol)
		if err != nil {
			t.Fatal(err)
		}
		l := &liar{mallory, newExchange(st, free()), w}
		var want wire.Want
		for _, s := range bob.log.all(lobby()) {
			want = append(want, s.ID)
		}
		l.say(wire.Open{Conversation: lobby()}, want)
		for {
			if f, ok := hear[wire.Segments](l); !ok {
				t.Fatal("it ends without a last frame")
			} else if f.Last {
				break
			}
		}
		if l.x.in > w.lim.bytes || l.x.in < w.lim.bytes/3 {
			t.Errorf("%d bytes, want at most %d, and nearly so", l.x.in, w.lim.bytes)
		}
		_ = st.Reset()
	})
}

func TestLyingCallers(t *testing.T) {
	opening := func(l *liar) bool {
		return l.say(wire.Open{Conversation: lobby()}) && func() bool { _, ok := hear[wire.Beacons](l); return ok }()
	}
	for _, s := range []struct {
		name string
		most int64 // bytes on the network
		run  func(*liar)
	}{
		{"hangs up at once", 5_000, func(*liar) {}},
		{"says nothing", 5_000, func(l *liar) { _, _ = hear[wire.Held](l) }},
		{"says nothing after the opening", 5_000, func(l *liar) {
			if opening(l) {
				_, _ = hear[wire.Held](l)
			}
		}},
		{"begins with a question", 5_000, func(l *liar) { l.say(wire.Want{key(1).ID}); _, _ = hear[wire.Held](l) }},
		{"opens twice", 5_000, func(l *liar) {
			if opening(l) {
				l.say(wire.Open{Conversation: lobby()})
				_, _ = hear[wire.Held](l)
			}
		}},
		{"sends rubbish", 5_000, func(l *liar) {
			_, _ = l.x.st.Write([]byte("\x0bhello world and more"))
			_, _ = hear[wire.Held](l)
		}},
		{"announces a frame of a gigabyte", 5_000, func(l *liar) {
			_, _ = l.x.st.Write([]byte{0x80, 0x80, 0x80, 0x80, 0x04})
			_, _ = hear[wire.Held](l)
		}},
		{"drips one byte a second", 5_000, func(l *liar) {
			for _, b := range append([]byte{0x80, 0x08}, make([]byte, 1024)...) {
				if _, err := l.x.st.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}},
		{"calls with another's beacon", 5_000, func(l *liar) {
			other := &member{t: l.t, key: l.world.net.Key(77), log: l.log}
			l.say(wire.Open{Conversation: lobby(), Beacon: other.beacon(lobby())})
			_, _ = hear[wire.Held](l)
		}},
		{"asks ranges without end", 1_200_000, func(l *liar) {
			if opening(l) {
				for n := 0; ; n++ {
					var f wire.Ranges
					for i := range wire.MaxRanges {
						f = append(f, wire.Range{End: behind(key(4*i + n)), Mode: wire.RangeFingerprint})
					}
					if !l.say(f) {
						return
					}
					if _, ok := hear[wire.Ranges](l); !ok {
						return
					}
				}
			}
		}},
		{"asks for nothing without end", 10_000, func(l *liar) {
			if opening(l) {
				for l.say(wire.Want{key(1).ID}) {
					if _, ok := hear[wire.Segments](l); !ok {
						return
					}
				}
			}
		}},
		{"asks for everything over and over", 9_000_000, func(l *liar) {
			if opening(l) {
				var want wire.Want
				for _, s := range l.log.all(lobby()) {
					want = append(want, s.ID)
				}
				for l.say(want) {
					for {
						if f, ok := hear[wire.Segments](l); !ok {
							return
						} else if f.Last {
							break
						}
					}
				}
			}
		}},
		{"asks for much and does not read", 2_000_000, func(l *liar) {
			if opening(l) {
				var want wire.Want
				for _, s := range l.log.all(lobby()) {
					want = append(want, s.ID)
				}
				for range 200 {
					l.say(want)
				}
				time.Sleep(time.Hour)
			}
		}},
		{"hands over a forged segment", 5_000, func(l *liar) {
			if opening(l) {
				env := l.write(lobby(), 1)[0].Envelope
				env[len(env)-1]++
				l.say(wire.Segments{Envelopes: [][]byte{env}, Last: true})
				_, _ = hear[wire.Held](l)
			}
		}},
		{"hands over a segment of another room", 5_000, func(l *liar) {
			if opening(l) {
				env := l.write(chat.RoomID("other"), 1)[0].Envelope
				l.say(wire.Segments{Envelopes: [][]byte{env}, Last: true})
				_, _ = hear[wire.Held](l)
			}
		}},
		{"hands over the same without end", 1_500_000, func(l *liar) {
			if opening(l) {
				env := l.log.all(lobby())[0].Envelope
				for l.say(wire.Segments{Envelopes: [][]byte{env}}) {
				}
			}
		}},
		{"hands over nothing without end", 1_500_000, func(l *liar) {
			if opening(l) {
				for l.say(wire.Segments{}) {
				}
			}
		}},
		{"asks while handing over", 5_000, func(l *liar) {
			if opening(l) {
				env := l.log.all(lobby())[0].Envelope
				l.say(wire.Segments{Envelopes: [][]byte{env}}, wire.Want{key(1).ID})
				_, _ = hear[wire.Held](l)
			}
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, testnet.Config{Latency: 10 * time.Millisecond})
				w.lim.bytes = 4 << 20
				bob := w.join()
				bob.hold(bob.write(lobby(), 200)...)
				mallory := w.join()
				mallory.hold(bob.log.all(lobby())...)
				mallory.t = t
				w.net.Connect(mallory.host, bob.host)
				time.Sleep(time.Second)
				before := w.net.Bytes()
				st, err := mallory.host.NewStream(t.Context(), bob.host.ID(), wire.CatchupProtocol)
				if err != nil {
					t.Fatal(err)
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					l := &liar{mallory, newExchange(st, free()), w}
					s.run(l)
					_ = st.Reset()
				}()
				// Whatever it does: when a run's time is over, so is the run.
				time.Sleep(w.lim.runTime + time.Second)
				bob.idle()
				wantFreed(t, bob.host)
				t.Logf("%d bytes in all", w.net.Bytes()-before)
				if n := w.net.Bytes() - before; n > s.most {
					t.Errorf("%d bytes, want at most %d", n, s.most)
				}
				if n := bob.log.Len(lobby()); n != 200 || len(bob.heard) > 0 && bob.heard[0].Author != mallory.id {
					t.Errorf("%d segments in his log, %d beacons", n, len(bob.heard))
				}
				time.Sleep(2 * time.Hour)
				<-done
				// He still serves who is honest.
				alice := w.join()
				w.net.Connect(alice.host, bob.host)
				if res := alice.mustRun(bob); res.Fetched != 200 {
					t.Errorf("%+v", res)
				}
			})
		})
	}
}

// Fifty strangers call at once and then say nothing.
func TestCrowdOfCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 10 * time.Millisecond})
		bob := w.join()
		bob.hold(bob.write(lobby(), 10)...)
		opened := 0
		for range 50 {
			m := w.join()
			w.net.Connect(m.host, bob.host)
			for range 10 {
				st, err := m.host.NewStream(context.Background(), bob.host.ID(), wire.CatchupProtocol)
				if err != nil {
					t.Fatal(err)
				}
				l := &liar{m, newExchange(st, free()), w}
				l.say(wire.Open{Conversation: lobby()})
				opened++
			}
		}
		time.Sleep(time.Second)
		bob.svc.runs.mu.Lock()
		n := bob.svc.runs.inAll
		bob.svc.runs.mu.Unlock()
		if m := counted(t, bob.host).Memory; m < int64(n*runMemory) {
			t.Errorf("%d bytes of memory are counted for %d runs", m, n)
		}
		if n != w.lim.runs {
			t.Errorf("%d runs of %d calls, want %d", n, opened, w.lim.runs)
		}
		time.Sleep(w.lim.frameTime)
		bob.idle()
		wantFreed(t, bob.host)
		alice := w.join()
		w.net.Connect(alice.host, bob.host)
		if res := alice.mustRun(bob); res.Fetched != 10 {
			t.Errorf("%+v", res)
		}
	})
}
