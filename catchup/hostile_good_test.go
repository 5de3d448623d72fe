package catchup

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// Whatever a member does, an honest one completes the log.
func TestAnotherMemberMakesGoodWhatALiarSpoils(t *testing.T) {
	scripts := map[string]func(*liar){
		"endless ranges": func(l *liar) {
			if _, ok := l.hello(); !ok {
				return
			}
			for n := 0; ; n++ {
				if _, ok := hear[wire.Ranges](l); !ok {
					return
				}
				var f wire.Ranges
				for i := range 500 {
					f = append(f, wire.Range{End: behind(key(4*i + n%4)), Mode: wire.RangeFingerprint})
				}
				l.say(f)
			}
		},
		"contradictory fingerprints": func(l *liar) {
			// Of all it says that it differs, and when asked, that it is equal, by
			// turns, and in other ranges each time.
			if _, ok := l.hello(); !ok {
				return
			}
			for n := 0; ; n++ {
				in, ok := hear[wire.Ranges](l)
				if !ok {
					return
				}
				var out wire.Ranges
				for i, r := range in {
					switch (i + n) % 3 {
					case 0:
						r.Mode, r.Items = wire.RangeFingerprint, nil
						r.Fingerprint[0]++
					case 1:
						r.Mode, r.Items = wire.RangeSkip, nil
					}
					out = append(out, r)
				}
				l.say(out)
			}
		},
		"segments it cannot serve": func(l *liar) {
			if _, ok := l.hello(); !ok {
				return
			}
			for n := 1; ; n++ {
				f, err := l.x.read()
				if err != nil {
					return
				}
				if _, ok := f.(wire.Want); ok {
					l.say(wire.Segments{Last: true})
				} else {
					l.say(listed(madeUp(64, n), true))
				}
			}
		},
		"forged envelopes": func(l *liar) {
			if _, ok := l.hello(); !ok {
				return
			}
			segs := l.write(lobby(), 200)
			var keys []chat.OrderKey
			for _, s := range segs {
				keys = append(keys, s.Key())
			}
			l.say(wire.Ranges{{Mode: wire.RangeItems, Items: keys}})
			for i := len(segs); i > 0; {
				want, ok := hear[wire.Want](l)
				if !ok {
					return
				}
				var f wire.Segments
				for range want {
					i--
					f.Envelopes = append(f.Envelopes, slices.Clone(segs[i].Envelope))
				}
				f.Envelopes[len(f.Envelopes)-1][90]++
				f.Last = true
				l.say(f)
			}
		},
		"slow drip": func(l *liar) {
			if _, ok := l.hello(); !ok {
				return
			}
			segs := l.write(lobby(), 60)
			var keys []chat.OrderKey
			for _, s := range segs {
				keys = append(keys, s.Key())
			}
			l.say(wire.Ranges{{Mode: wire.RangeItems, Items: keys}})
			if _, ok := hear[wire.Want](l); !ok {
				return
			}
			for _, s := range segs {
				b, err := wire.AppendCatchup(nil, wire.Segments{Envelopes: [][]byte{s.Envelope}})
				if err != nil {
					return
				}
				for _, c := range b { // some seconds a frame
					if _, err := l.x.st.Write([]byte{c}); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
			time.Sleep(time.Hour)
		},
		"fingerprints of everything, over and over": func(l *liar) {
			// Each makes her hash parts of her log again.
			if open, ok := l.hello(); ok {
				for n := 0; ; n++ {
					if _, ok := hear[wire.Ranges](l); !ok {
						return
					}
					var f wire.Ranges
					for i := range wire.MaxRanges {
						f = append(f, wire.Range{End: wire.Bound{Time: key(i*4).Time + chat.Time(n)}, Mode: wire.RangeFingerprint, Fingerprint: [wire.FingerprintSize]byte(open.Salt)})
					}
					l.say(f)
				}
			}
		},
		"a hundred frames of what she has": func(l *liar) {
			if _, ok := l.hello(); ok {
				keys := keysOf(l.view())
				for {
					if _, ok := hear[wire.Ranges](l); !ok {
						return
					}
					l.say(listed(keys, true))
				}
			}
		},
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, testnet.Config{Latency: 10 * time.Millisecond})
				alice, bob := w.join(), w.join()
				segs := bob.write(lobby(), 1500)
				bob.hold(segs...)
				alice.hold(segs[:300]...)
				mallory := w.liar(func(l *liar) {
					l.hold(segs[:300]...)
					script(l)
				})
				w.net.Connect(alice.host, bob.host)
				w.net.Connect(alice.host, mallory.host)
				begin := time.Now()
				res, err := alice.run(mallory)
				took := time.Since(begin)
				t.Logf("%v, %+v: %v", took, res, err)
				if err == nil && res.Complete && res.Fetched == 0 {
					t.Error("all is well, she thinks")
				}
				if took > time.Minute || res.BytesIn > 8<<20 || res.BytesOut > 8<<20 {
					t.Errorf("it took %v, %d bytes in, %d out", took, res.BytesIn, res.BytesOut)
				}
				had := alice.log.Len(lobby())
				if res := alice.mustRun(bob); !res.Complete || !res.PeerHolds && had == 300 {
					t.Errorf("%+v", res)
				}
				for _, s := range segs {
					if !alice.log.Has(lobby(), s.ID) {
						t.Fatal("a segment is still missing")
					}
				}
				alice.idle()
				wantFreed(t, alice.host)
			})
		})
	}
}

// view is what a member's own log holds.
func (m *member) view() *memView {
	v, err := m.log.View(lobby())
	if err != nil {
		m.t.Fatal(err)
	}
	return v.(*memView)
}

// One peer's questions about ranges cost us a part of one core for long, however
// many runs it begins, and others are answered meanwhile.
func TestOnePeersWorkIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attack = time.Minute
		w := newWorld(t, testnet.Config{Latency: time.Millisecond})
		w.lim.rounds = 1000                   // so that it is the work that counts
		w.lim.workEvery = time.Second / 2_000 // slow, so that the test is quick
		bob, mallory := w.join(), w.join()
		bob.hold(bob.write(lobby(), 1000)...)
		w.net.Connect(mallory.host, bob.host)
		keys := keysOf(bob.view())
		var f wire.Ranges
		for i := 40; i < len(keys); i += 40 {
			f = append(f, wire.Range{End: between(keys[i-1], keys[i]), Mode: wire.RangeFingerprint})
		}
		r := newReader(bob.view(), salt())
		r.answer(f, 1)
		var wg sync.WaitGroup
		var answers atomic.Int64
		begin := time.Now()
		for range w.lim.runsFrom {
			wg.Go(func() {
				for time.Since(begin) < attack {
					st, err := mallory.host.NewStream(context.Background(), bob.host.ID(), wire.CatchupProtocol)
					if err != nil {
						return
					}
					l := &liar{mallory, newExchange(st, free()), w}
					l.say(wire.Open{Conversation: lobby()})
					_, ok := hear[wire.Beacons](l)
					for ok && time.Since(begin) < attack {
						l.say(f)
						if _, ok = hear[wire.Ranges](l); ok {
							answers.Add(1)
						}
					}
					_ = st.Reset()
					time.Sleep(time.Second / 2)
				}
			})
		}
		time.Sleep(attack / 2)
		alice := w.join()
		w.net.Connect(alice.host, bob.host)
		if res := alice.mustRun(bob); res.Fetched != 1000 {
			t.Errorf("%+v", res)
		}
		wg.Wait()
		each := time.Duration(r.work) * w.lim.workEvery
		most := int64((attack+w.lim.workBurst+w.lim.frameTime)/each) + int64(w.lim.runsFrom)
		t.Logf("%d answers in %v of %d keys each, at most %d", answers.Load(), attack, r.work, most)
		if n := answers.Load(); n > most || n < most/2 {
			t.Errorf("%d answers in %v, want at most %d, and some", n, attack, most)
		}
		bob.idle()
	})
}

// Members who left are known by their last beacons, which others pass on.
func TestBeaconsOfThoseWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		left := &chat.Beacon{Conversation: lobby(), Sent: time.Now(), Leaving: true}
		if err := wire.SealBeacon(w.net.Key(500), left); err != nil {
			t.Fatal(err)
		}
		bob := w.join(func(m *member) {
			m.cfg.Beacons = func(chat.ConversationID) [][]byte { return [][]byte{m.beacon(lobby()), left.Envelope} }
		})
		alice := w.join(func(m *member) { m.cfg.Beacon = m.beacon })
		w.net.Connect(alice.host, bob.host)
		alice.mustRun(bob)
		if len(alice.heard) != 2 || !alice.heard[1].Leaving || alice.heard[1].Author != left.Author || alice.heard[0].Leaving {
			t.Errorf("heard: %+v", alice.heard)
		}
		alice.idle()
	})
}
