package catchup

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// A liar is a real host that speaks our frames and breaks our rules.
type liar struct {
	*member
	x     *exchange
	world *world
}

// say writes frames whatever they are worth; a partner who hung up is no error.
func (l *liar) say(frames ...wire.CatchupFrame) bool { return l.x.write(frames...) == nil }

// hello is the beginning of an honest answer.
func (l *liar) hello() (open wire.Open, ok bool) {
	f, err := l.x.read()
	if err != nil {
		return open, false
	}
	open, ok = f.(wire.Open)
	return open, ok && l.say(wire.Beacons{Last: true})
}

// hear reads frames until one is a T.
func hear[T wire.CatchupFrame](l *liar) (f T, ok bool) {
	for {
		got, err := l.x.read()
		if err != nil {
			return f, false
		}
		if f, ok = got.(T); ok {
			return f, true
		}
	}
}

// free is a liar's own reading of the limits.
func free() limits {
	lim := defaultLimits()
	lim.bytes, lim.runTime, lim.frameTime = 1<<40, time.Hour, time.Hour
	return lim
}

// liar makes a member that answers by script.
func (w *world) liar(script func(*liar)) *member {
	m := w.join()
	m.host.SetStreamHandler(wire.CatchupProtocol, func(st network.Stream) {
		defer st.Reset() //nolint:errcheck // it is the end in any case
		script(&liar{m, newExchange(st, free()), w})
		time.Sleep(time.Second) // a reset would overtake what was said
	})
	return m
}

// keys of segments that nobody has.
func madeUp(n, salt int) (keys []chat.OrderKey) {
	for i := range n {
		keys = append(keys, key(1_000_000*salt+i))
	}
	slices.SortFunc(keys, chat.OrderKey.Compare)
	return keys
}

// listed is a frame that claims these keys, and leaves older ranges open.
func listed(keys []chat.OrderKey, open bool) wire.Ranges {
	f := wire.Ranges{{Mode: wire.RangeItems, Items: keys}}
	if open {
		f = wire.Ranges{{End: wire.Bound{Time: keys[0].Time}, Mode: wire.RangeFingerprint}, f[0]}
	}
	return f
}

func TestLyingAnswerers(t *testing.T) {
	type script struct {
		name string
		lie  bool // ErrLied is to be the error
		run  func(*liar)
	}
	scripts := []script{
		{"hangs up at once", false, func(*liar) {}},
		{"never answers", false, func(l *liar) { _, _ = hear[wire.Held](l) }},
		{"sends no frame but rubbish", true, func(l *liar) {
			_, _ = l.x.st.Write([]byte("\x0bhello world and more"))
			_, _ = hear[wire.Held](l)
		}},
		{"announces a frame of a gigabyte", true, func(l *liar) {
			_, _ = l.x.st.Write([]byte{0x80, 0x80, 0x80, 0x80, 0x04})
			_, _ = hear[wire.Held](l)
		}},
		{"drips one byte a second", false, func(l *liar) {
			for _, b := range append([]byte{0x80, 0x08}, make([]byte, 1024)...) {
				if _, err := l.x.st.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}},
		{"answers with a question", true, func(l *liar) { l.say(wire.Want{key(1).ID}) }},
		{"sends beacons without end", true, func(l *liar) {
			b := l.beacon(lobby())
			for l.say(wire.Beacons{Envelopes: [][]byte{b}}) {
			}
		}},
		{"sends empty beacons without end", true, func(l *liar) {
			for l.say(wire.Beacons{}) {
			}
		}},
		{"sends a beacon of another room", true, func(l *liar) {
			l.say(wire.Beacons{Envelopes: [][]byte{l.beacon(chat.RoomID("other"))}, Last: true})
		}},
		{"sends a beacon with another's name on it", true, func(l *liar) {
			b := l.beacon(lobby())
			b[len(b)-1]++
			l.say(wire.Beacons{Envelopes: [][]byte{b}, Last: true})
		}},
		{"answers ranges with segments", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				l.say(wire.Segments{Last: true})
			}
		}},
		{"opens ranges without end", false, func(l *liar) {
			if _, ok := l.hello(); !ok {
				return
			}
			for n := 0; ; n++ {
				if _, ok := hear[wire.Ranges](l); !ok {
					return
				}
				var f wire.Ranges
				for i := range wire.MaxRanges {
					f = append(f, wire.Range{End: behind(key(4*i + n)), Mode: wire.RangeFingerprint})
				}
				l.say(f)
			}
		}},
		{"lists what it has not, without end", true, func(l *liar) {
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
					l.say(listed(madeUp(wire.MaxItems, n), true))
				}
			}
		}},
		{"claims 100 segments that it has not", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				l.say(listed(madeUp(100, 1), false))
				for {
					if _, ok := hear[wire.Want](l); !ok {
						return
					}
					l.say(wire.Segments{Last: true})
				}
			}
		}},
		{"claims 60 segments that it has pruned meanwhile", false, func(l *liar) {
			if _, ok := l.hello(); ok {
				l.say(wire.Ranges{{End: behind(key(0)), Mode: wire.RangeSkip}, {Mode: wire.RangeItems, Items: madeUp(60, 1)}})
				if _, ok := hear[wire.Want](l); ok {
					l.say(wire.Segments{Last: true})
				}
			}
		}},
		{"sends what nobody asked for", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				segs := l.write(lobby(), 2)
				l.say(listed([]chat.OrderKey{segs[0].Key()}, false))
				if _, ok := hear[wire.Want](l); ok {
					l.say(wire.Segments{Envelopes: [][]byte{segs[1].Envelope}, Last: true})
				}
			}
		}},
		{"sends one segment twice", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				segs := l.write(lobby(), 1)
				l.say(listed([]chat.OrderKey{segs[0].Key()}, false))
				if _, ok := hear[wire.Want](l); ok {
					l.say(wire.Segments{Envelopes: [][]byte{segs[0].Envelope, segs[0].Envelope}, Last: true})
				}
			}
		}},
		{"announces a segment for another time", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				segs := l.write(lobby(), 1)
				k := segs[0].Key()
				k.Time++
				l.say(listed([]chat.OrderKey{k}, false))
				if _, ok := hear[wire.Want](l); ok {
					l.say(wire.Segments{Envelopes: [][]byte{segs[0].Envelope}, Last: true})
				}
			}
		}},
		{"announces a segment for two times", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				k := key(1)
				k2 := k
				k2.Time++
				l.say(listed([]chat.OrderKey{k, k2}, false))
				_, _ = hear[wire.Want](l)
			}
		}},
		{"sends a forged segment", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				segs := l.write(lobby(), 1)
				l.say(listed([]chat.OrderKey{segs[0].Key()}, false))
				if _, ok := hear[wire.Want](l); ok {
					env := append([]byte(nil), segs[0].Envelope...)
					env[len(env)-1]++
					l.say(wire.Segments{Envelopes: [][]byte{env}, Last: true})
				}
			}
		}},
		{"sends a segment of another room", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				segs := l.write(chat.RoomID("other"), 1)
				l.say(listed([]chat.OrderKey{segs[0].Key()}, false))
				if _, ok := hear[wire.Want](l); ok {
					l.say(wire.Segments{Envelopes: [][]byte{segs[0].Envelope}, Last: true})
				}
			}
		}},
		{"sends empty frames of segments without end", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				l.say(listed(madeUp(1, 1), false))
				for l.say(wire.Segments{}) {
				}
			}
		}},
		{"lists out of order", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				l.say(wire.Ranges{{Mode: wire.RangeItems, Items: []chat.OrderKey{key(9), key(2)}}})
			}
		}},
		{"holds more than it was given", true, func(l *liar) {
			if _, ok := l.hello(); ok {
				l.say(wire.Ranges{{Mode: wire.RangeItems}})
				for {
					if f, ok := hear[wire.Segments](l); !ok || f.Last {
						break
					}
				}
				l.say(wire.Held{Held: 1 << 31, Refused: 1 << 31})
			}
		}},
	}
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, testnet.Config{Latency: 10 * time.Millisecond})
				alice := w.join()
				alice.hold(alice.write(lobby(), 300)...)
				mallory := w.liar(s.run)
				w.net.Connect(alice.host, mallory.host)
				begin := time.Now()
				res, err := alice.run(mallory)
				took := time.Since(begin)
				t.Logf("%v, %+v: %v", took, res, err)
				if lied := errors.Is(err, ErrLied); lied != s.lie {
					t.Errorf("a lie: %v, want %v", lied, s.lie)
				}
				if err == nil && res.Complete {
					t.Error("all is well, she thinks")
				}
				if took > alice.svc.lim.frameTime+time.Second || res.BytesIn > 8<<20 || res.BytesOut > 1<<20 {
					t.Errorf("it took %v, %d bytes in, %d out", took, res.BytesIn, res.BytesOut)
				}
				if n := alice.log.Len(lobby()); n != 300 {
					t.Errorf("%d segments in her log, want her own 300", n)
				}
				alice.idle()
				wantFreed(t, alice.host)
			})
		})
	}
}

// wantFreed reports streams and memory of catch-up that the resource manager
// still counts.
func wantFreed(t *testing.T, h *host.Host) {
	t.Helper()
	if s := counted(t, h); s.Memory != 0 || s.NumStreamsInbound != 0 || s.NumStreamsOutbound != 0 {
		t.Errorf("not given back: %+v", s)
	}
}

// A partner falls silent in the middle of an answer: what had come stays.
func TestSilenceCostsNothingThatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		alice := w.join()
		mallory := w.liar(func(l *liar) {
			if _, ok := l.hello(); ok {
				var f wire.Segments
				var keys []chat.OrderKey
				for _, s := range l.write(lobby(), 20) {
					keys = append(keys, s.Key())
					f.Envelopes = append(f.Envelopes, s.Envelope)
				}
				l.say(wire.Ranges{{Mode: wire.RangeItems, Items: keys}})
				if _, ok := hear[wire.Want](l); ok {
					f.Envelopes = f.Envelopes[:15]
					l.say(f)
					_, _ = hear[wire.Held](l)
				}
			}
		})
		w.net.Connect(alice.host, mallory.host)
		res, err := alice.run(mallory)
		if err == nil || errors.Is(err, ErrLied) || res.Fetched != 15 || alice.log.Len(lobby()) != 15 {
			t.Errorf("%+v, %d in her log, %v", res, alice.log.Len(lobby()), err)
		}
		alice.idle()
	})
}

// counted is what the resource manager counts for catch-up.
func counted(t *testing.T, h *host.Host) network.ScopeStat {
	t.Helper()
	stats, ok := h.Network().ResourceManager().(rcmgr.ResourceManagerState)
	if !ok {
		t.Fatal("the resource manager tells nothing")
	}
	return stats.Stat().Services[service]
}
