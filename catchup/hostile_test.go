package catchup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
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
