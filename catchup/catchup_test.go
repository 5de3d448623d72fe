package catchup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// A member is a host with a log.
type member struct {
	t    testing.TB
	host *host.Host
	key  crypto.PrivKey
	id   chat.PeerID
	log  *memLog
	svc  *Service
	cfg  Config
	seq  uint64

	mu    sync.Mutex
	heard []*chat.Beacon
}

// A world is a network of members who all share the lobby.
type world struct {
	t    testing.TB
	net  *testnet.Network
	made int
	lim  limits
	// relays are those of members made from now on.
	relays []peer.AddrInfo
}

func newWorld(t testing.TB, cfg testnet.Config) *world {
	return &world{t: t, net: testnet.New(t, cfg), lim: defaultLimits()}
}

// join makes a member; change may change what it does.
func (w *world) join(change ...func(*member)) *member {
	w.t.Helper()
	m := &member{t: w.t, key: w.net.Key(w.made), log: newMemLog()}
	w.made++
	m.host = w.net.HostWith(host.Config{Key: m.key, Relays: w.relays})
	var err error
	if m.id, err = chat.PeerIDFromLibp2p(m.host.ID()); err != nil {
		w.t.Fatal(err)
	}
	m.cfg = Config{
		Log:    m.log,
		Accept: m.accept,
		Serve:  func(chat.PeerID, chat.ConversationID) bool { return true },
		Logger: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		HearBeacon: func(_ chat.PeerID, b *chat.Beacon) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.heard = append(m.heard, b)
		},
	}
	for _, c := range change {
		c(m)
	}
	m.svc = newService(m.host, m.cfg, w.lim)
	w.t.Cleanup(func() { _ = m.svc.Close() })
	return m
}

// accept stores, and checks that a batch is in order.
func (m *member) accept(ctx context.Context, _ chat.PeerID, segs []*chat.Segment) error {
	if !slices.IsSortedFunc(segs, func(a, b *chat.Segment) int { return a.Key().Compare(b.Key()) }) {
		m.t.Error("a batch is not in order")
	}
	_, err := m.log.Append(ctx, segs...)
	return err
}

// write makes n segments in conv, each the child of the one before.
func (m *member) write(conv chat.ConversationID, n int) (segs []*chat.Segment) {
	m.t.Helper()
	return m.writeText(conv, n, "the quick brown fox jumps over the lazy dog")
}

func (m *member) writeText(conv chat.ConversationID, n int, s string) (segs []*chat.Segment) {
	m.t.Helper()
	text, err := chat.NewText(s)
	if err != nil {
		m.t.Fatal(err)
	}
	for range n {
		m.seq++
		s := &chat.Segment{
			Conversation: conv, Chain: chat.Chain{1}, Seq: m.seq,
			Time:   chat.TimeOf(time.Now()) + chat.Time(m.seq)<<16,
			Bodies: []chat.Body{{Kind: chat.KindText, Text: text}},
		}
		if len(segs) > 0 {
			s.Parents = []chat.SegmentID{segs[len(segs)-1].ID}
		}
		if err := wire.SealSegment(m.key, s); err != nil {
			m.t.Fatal(err)
		}
		segs = append(segs, s)
	}
	return segs
}

func (m *member) hold(segs ...*chat.Segment) {
	m.t.Helper()
	if _, err := m.log.Append(context.Background(), segs...); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) run(p *member) (Result, error) {
	return m.svc.Run(context.Background(), p.id, lobby())
}

func (m *member) mustRun(p *member) Result {
	m.t.Helper()
	res, err := m.run(p)
	if err != nil {
		m.t.Fatal(err)
	}
	return res
}

func (m *member) wantEqual(p *member) {
	m.t.Helper()
	mine, theirs := m.log.all(lobby()), p.log.all(lobby())
	same := func(a, b *chat.Segment) bool { return a.ID == b.ID }
	if !slices.EqualFunc(mine, theirs, same) {
		m.t.Errorf("logs of %d and %d segments are not equal", len(mine), len(theirs))
	}
}

func (m *member) beacon(conv chat.ConversationID) []byte {
	m.t.Helper()
	b := &chat.Beacon{Conversation: conv, Sent: time.Now()}
	if err := wire.SealBeacon(m.key, b); err != nil {
		m.t.Fatal(err)
	}
	return b.Envelope
}

// idle waits until what was said has arrived, and reports runs that are left.
func (m *member) idle() {
	m.t.Helper()
	time.Sleep(5 * time.Second)
	synctest.Wait()
	m.svc.runs.mu.Lock()
	defer m.svc.runs.mu.Unlock()
	if r := m.svc.runs; r.inAll != 0 || len(r.in) != 0 || len(r.out) != 0 || len(r.all) != 0 {
		m.t.Errorf("runs left: %d called by %v, %d calling %v", r.inAll, r.in, len(r.all), r.out)
	}
}

func TestTwoLogsEndEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		both := alice.write(lobby(), 200)
		hers, his := alice.write(lobby(), 300), bob.write(lobby(), 1500)
		alice.hold(both...)
		alice.hold(hers...)
		bob.hold(both...)
		bob.hold(his...)
		res := alice.mustRun(bob)
		t.Logf("%+v", res)
		alice.wantEqual(bob)
		if res.Fetched != 1500 || res.Pushed != 300 || res.Refused != 0 || !res.Complete || !res.PeerHolds {
			t.Errorf("%+v", res)
		}
		// Once more: nothing to do, whoever calls.
		if res := bob.mustRun(alice); res.Fetched+res.Pushed != 0 || res.Rounds != 1 || !res.Complete || !res.PeerHolds {
			t.Errorf("the second time: %+v", res)
		}
		alice.idle()
		bob.idle()
	})
}

func TestEqualLogsCostAFewHundredBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		segs := alice.write(lobby(), 10_000)
		alice.hold(segs...)
		bob.hold(segs...)
		time.Sleep(time.Second) // identify is done on both sides
		begin, sent := time.Now(), w.net.Bytes()
		res := alice.mustRun(bob)
		took := time.Since(begin)
		synctest.Wait()
		t.Logf("10,000 equal: %d bytes out, %d in (%d with Noise, yamux and the protocol's name), %v", res.BytesOut, res.BytesIn, w.net.Bytes()-sent, took)
		if res.BytesOut+res.BytesIn > 500 || res.Rounds != 1 || !res.Complete || !res.PeerHolds {
			t.Errorf("%+v", res)
		}
		if took > 100*time.Millisecond {
			t.Errorf("it took %v, want one round trip of 100ms", took)
		}
	})
}

func TestTheNewestMissingIsTwoRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		segs := alice.write(lobby(), 1000)
		alice.hold(segs[:999]...)
		bob.hold(segs...)
		time.Sleep(time.Second)
		begin := time.Now()
		res := alice.mustRun(bob)
		took := time.Since(begin)
		t.Logf("1 of 1,000 missing: %d bytes out, %d in, %v", res.BytesOut, res.BytesIn, took)
		if res.Fetched != 1 || res.Rounds != 1 || !res.Complete || !res.PeerHolds || res.BytesIn+res.BytesOut > 1500 {
			t.Errorf("%+v", res)
		}
		if took > 200*time.Millisecond {
			t.Errorf("it took %v, want two round trips of 100ms", took)
		}
		alice.wantEqual(bob)
		// The other way round.
		bob.hold(bob.write(lobby(), 1)...)
		if res := bob.mustRun(alice); res.Pushed != 1 || res.Rounds != 1 || !res.PeerHolds {
			t.Errorf("%+v", res)
		}
		alice.wantEqual(bob)
	})
}

func TestNewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.write(lobby(), n)...)
		envelopes := int64(0)
		for _, s := range bob.log.all(lobby()) {
			envelopes += int64(len(s.Envelope))
		}
		begin := time.Now()
		res := alice.mustRun(bob)
		took := time.Since(begin)
		t.Logf("%d segments of %d bytes: %d rounds, %d bytes in, %d out, %v", n, envelopes, res.Rounds, res.BytesIn, res.BytesOut, took)
		alice.wantEqual(bob)
		if !res.Complete || res.BytesIn+res.BytesOut > envelopes*3/2 || took > 2*time.Second {
			t.Errorf("%+v in %v, want at most half more than the %d bytes of segments, and 2s", res, took, envelopes)
		}
	})
}

func TestConversationsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		alice := w.join()
		bob := w.join(func(m *member) {
			m.cfg.Serve = func(p chat.PeerID, c chat.ConversationID) bool { return p == alice.id && c == lobby() }
		})
		carol := w.join()
		w.net.Connect(alice.host, bob.host)
		w.net.Connect(carol.host, bob.host)
		secret := chat.RoomID("secret")
		bob.hold(bob.write(secret, 10)...)
		bob.hold(bob.write(lobby(), 3)...)
		for who, call := range map[string]func() error{
			"a conversation not shared": func() error { _, err := alice.svc.Run(t.Context(), bob.id, secret); return err },
			"fetching from it": func() error {
				_, err := alice.svc.Fetch(t.Context(), bob.id, secret, []chat.SegmentID{{1}})
				return err
			},
			"a peer not served": func() error { _, err := carol.run(bob); return err },
		} {
			if err := call(); !errors.Is(err, chat.ErrRefused) || errors.Is(err, ErrBusy) || errors.Is(err, ErrLied) {
				t.Errorf("%s: %v, want a refusal", who, err)
			}
		}
		if res := alice.mustRun(bob); res.Fetched != 3 {
			t.Errorf("%+v", res)
		}
	})
}

func TestFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		segs := bob.write(lobby(), 1500)
		bob.hold(segs...)
		unknown := alice.write(lobby(), 2)
		ids := []chat.SegmentID{unknown[0].ID, segs[7].ID, segs[3].ID, segs[7].ID, unknown[1].ID}
		time.Sleep(time.Second)
		begin := time.Now()
		got, err := alice.svc.Fetch(t.Context(), bob.id, lobby(), ids)
		if err != nil || got != 2 || alice.log.Len(lobby()) != 2 {
			t.Errorf("got %d, %v", got, err)
		}
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("it took %v, want one round trip of 100ms", took)
		}
		ids = nil
		for _, s := range segs {
			ids = append(ids, s.ID)
		}
		if got, err := alice.svc.Fetch(t.Context(), bob.id, lobby(), ids); err != nil || got != 1500 {
			t.Errorf("got %d, %v", got, err)
		}
		alice.wantEqual(bob)
		if got, err := alice.svc.Fetch(t.Context(), bob.id, lobby(), nil); err != nil || got != 0 {
			t.Errorf("nothing asked: %d, %v", got, err)
		}
		bob.idle()
	})
}

func TestBeaconsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		var others [][]byte
		bob := w.join(func(m *member) {
			m.cfg.Beacons = func(chat.ConversationID) [][]byte { return others }
		})
		alice := w.join(func(m *member) { m.cfg.Beacon = m.beacon })
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.write(lobby(), 20)...)
		for i := range maxBeacons + 50 {
			b := &chat.Beacon{Conversation: lobby(), Sent: time.Now()}
			for range chat.MaxHeads {
				b.Heads = append(b.Heads, chat.SegmentID{byte(i), byte(len(b.Heads))})
			}
			if err := wire.SealBeacon(w.net.Key(1000+i), b); err != nil {
				t.Fatal(err)
			}
			others = append(others, b.Envelope)
		}
		alice.mustRun(bob)
		bob.idle()
		if len(bob.heard) != 1 || bob.heard[0].Author != alice.id {
			t.Errorf("bob heard %d beacons, want that of alice", len(bob.heard))
		}
		if len(alice.heard) != maxBeacons || string(alice.heard[0].Envelope) != string(others[0]) {
			t.Errorf("alice heard %d beacons, want the first %d", len(alice.heard), maxBeacons)
		}
	})
}

// Many runs may be wished for at once; a peer is asked two at a time.
func TestRunsWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 10 * time.Millisecond})
		var mu sync.Mutex
		now, most := 0, 0
		alice := w.join(func(m *member) {
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
				return m.accept(ctx, p, segs)
			}
		})
		bob := w.join()
		w.net.Connect(alice.host, bob.host)
		var wg sync.WaitGroup
		for i := range 12 {
			conv := chat.RoomID(chat.RoomName(fmt.Sprintf("room %d", i)))
			bob.hold(bob.write(conv, 1)...)
			wg.Go(func() {
				if res, err := alice.svc.Run(t.Context(), bob.id, conv); err != nil || res.Fetched != 1 {
					t.Errorf("%s: %+v, %v", conv, res, err)
				}
			})
		}
		wg.Wait()
		if most != 2 {
			t.Errorf("%d runs at once, want 2", most)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			wg.Go(func() {
				if _, err := alice.svc.Run(t.Context(), bob.id, chat.RoomID("empty")); err != nil {
					t.Error(err)
				}
			})
		}
		if _, err := alice.svc.Run(ctx, bob.id, lobby()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		alice.idle()
		bob.idle()
	})
}

func TestTooManyCallsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		busy := 0
		for range 2 * w.lim.runBurst {
			switch _, err := alice.run(bob); {
			case err == nil:
			case errors.Is(err, ErrBusy) && errors.Is(err, chat.ErrRefused) && !errors.Is(err, ErrLied):
				busy++
			default:
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if busy != w.lim.runBurst {
			t.Errorf("%d of %d calls refused, want %d", busy, 2*w.lim.runBurst, w.lim.runBurst)
		}
		// Calm brings them back, and bob's own calls were never in question.
		time.Sleep(w.lim.runEvery)
		alice.mustRun(bob)
		bob.mustRun(alice)
		bob.idle()
	})
}

func TestRunsAreCounted(t *testing.T) {
	lim := defaultLimits()
	r := newRuns(lim)
	now := time.Unix(0, 0)
	var leaves []func()
	enter := func(p int, want bool) {
		t.Helper()
		leave, err := r.answer(chat.PeerID{byte(p), byte(p >> 8)}, now)
		if (err == nil) != want {
			t.Fatalf("peer %d: %v", p, err)
		}
		if err == nil {
			leaves = append(leaves, leave)
		}
	}
	for p := range lim.runs / lim.runsFrom {
		for range lim.runsFrom {
			enter(p, true)
		}
		enter(p, false) // one peer's share
	}
	enter(99, false) // all
	for _, leave := range leaves {
		leave()
	}
	enter(99, true)
	leaves[len(leaves)-1]()
	// Callers who are not heard of again are forgotten.
	for p := range 10 * sweepAbove {
		now = now.Add(lim.runEvery)
		enter(p, true)
		leaves[len(leaves)-1]()
	}
	if len(r.allowed) > sweepAbove {
		t.Errorf("%d callers remembered", len(r.allowed))
	}
	r.close()
	enter(1, false)
	if _, err := r.call(t.Context(), chat.PeerID{}); !errors.Is(err, chat.ErrClosed) {
		t.Errorf("a call after close: %v", err)
	}
}

// A run that reaches its limit of bytes ends well, and the next one goes on.
func TestLongHistoryTakesSeveralRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		w.lim.bytes = 1 << 20
		const theirs, ours = 4000, MaxPush + 100
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.write(lobby(), theirs)...)
		runs, fetched := 0, 0
		for complete := false; !complete; runs++ {
			res := alice.mustRun(bob)
			if res.Fetched == 0 || res.BytesIn > w.lim.bytes+wire.MaxFrame {
				t.Fatalf("run %d: %+v", runs, res)
			}
			fetched += res.Fetched
			complete = res.Complete
		}
		alice.wantEqual(bob)
		if fetched != theirs || runs < 2 || runs > 5 {
			t.Errorf("%d fetched in %d runs", fetched, runs)
		}
		// And the other way: what is handed over is bounded too.
		alice.hold(alice.write(lobby(), ours)...)
		for runs = 0; ; runs++ {
			res := alice.mustRun(bob)
			if res.Pushed > MaxPush || res.BytesOut > w.lim.bytes || !res.Complete || runs > 5 {
				t.Fatalf("run %d: %+v", runs, res)
			}
			if res.PeerHolds {
				break
			}
		}
		alice.wantEqual(bob)
		bob.idle()
	})
}

// On a slow link a run is cut off when its time is up; what came stays.
func TestSlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 300 * time.Millisecond, Bandwidth: 6 << 10})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.write(lobby(), 3500)...)
		begin := time.Now()
		for runs := 0; ; runs++ {
			res := alice.mustRun(bob)
			if runs == 0 && (res.Complete || res.Fetched < 100) {
				t.Errorf("the first run: %+v", res)
			}
			if res.Complete {
				t.Logf("%d runs, %v", runs+1, time.Since(begin))
				break
			}
			if runs > 5 {
				t.Fatal("no end")
			}
		}
		alice.wantEqual(bob)
		time.Sleep(w.lim.runTime)
		bob.idle()
	})
}

// On such a link the last of an answer is under way for longer than a frame may
// take. Who wrote it waits for it to arrive.
func TestLargeSegmentsOnASlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 100 * time.Millisecond, Bandwidth: 20 << 10})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.writeText(lobby(), 40, strings.Repeat("all work and no play ", 1000))...)
		alice.hold(alice.writeText(lobby(), 40, strings.Repeat("makes jack a dull boy ", 1000))...)
		begin := time.Now()
		res := alice.mustRun(bob)
		t.Logf("%v: %+v", time.Since(begin), res)
		if !res.Complete || !res.PeerHolds {
			t.Errorf("%+v", res)
		}
		alice.wantEqual(bob)
	})
}

func TestWhatIsNotStoredIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		full := errors.New("disk full")
		alice := w.join()
		bob := w.join(func(m *member) {
			m.cfg.Accept = func(context.Context, chat.PeerID, []*chat.Segment) error { return full }
		})
		carol := w.join(func(m *member) { // keeps half back
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				return m.accept(ctx, p, segs[:len(segs)/2])
			}
		})
		w.net.Connect(alice.host, bob.host)
		w.net.Connect(alice.host, carol.host)
		alice.hold(alice.write(lobby(), 1000)...)
		if res := alice.mustRun(bob); res.Pushed != 0 || res.Refused != 1000 || res.PeerHolds || !res.Complete {
			t.Errorf("%+v", res)
		}
		if res := alice.mustRun(carol); res.Pushed != 500 || res.Refused != 500 || res.PeerHolds {
			t.Errorf("%+v", res)
		}
		if res, err := bob.run(alice); !errors.Is(err, full) || errors.Is(err, ErrLied) || res.Fetched != 0 || res.Complete {
			t.Errorf("%+v, %v", res, err)
		}
		alice.idle()
		bob.idle()
	})
}

func TestCloseEndsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		w.net.SetLatency(alice.host, bob.host, time.Second)
		bob.hold(bob.write(lobby(), 100)...)
		errs := make(chan error, 3)
		for range 3 { // the third waits for its turn
			go func() { _, err := alice.run(bob); errs <- err }()
		}
		time.Sleep(1500 * time.Millisecond) // bob is at it
		if err := errors.Join(bob.svc.Close(), alice.svc.Close(), alice.svc.Close()); err != nil {
			t.Error(err)
		}
		for range 3 {
			if err := <-errs; !errors.Is(err, chat.ErrClosed) {
				t.Errorf("a run when closed: %v", err)
			}
		}
		if _, err := alice.run(bob); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("a run after close: %v", err)
		}
		alice.idle()
		bob.idle()
	})
}

func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		w.net.SetLatency(alice.host, bob.host, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if _, err := alice.svc.Run(ctx, bob.id, lobby()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		time.Sleep(time.Minute)
		alice.idle()
		bob.idle()
	})
}

// The cable is pulled in the middle: both give up in bounded time, and what had
// come by then stays.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond, Bandwidth: 200 << 10})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.write(lobby(), 3500)...)
		go func() {
			time.Sleep(3 * time.Second)
			w.net.Cut(alice.host, bob.host)
		}()
		begin := time.Now()
		res, err := alice.run(bob)
		if err == nil || errors.Is(err, ErrLied) || res.Complete || res.Fetched == 0 || res.Fetched != alice.log.Len(lobby()) {
			t.Errorf("%+v, %v", res, err)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("it took %v to notice", took)
		}
		time.Sleep(time.Minute)
		bob.idle()
		w.net.Heal(alice.host, bob.host)
		w.net.Connect(alice.host, bob.host)
		for !alice.mustRun(bob).Complete {
		}
		alice.wantEqual(bob)
	})
}
