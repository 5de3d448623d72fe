package discovery

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// tcpHost is a host on loopback, with the port reuse that makes dials cross.
func tcpHost(t *testing.T) *host.Host {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(t.Context(), host.Config{Key: key, Listen: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// Two dials that cross merge into one connection with two initiators, and both
// fail. A bare Connect on both sides loses some of these pairs.
func TestCrossedDials(t *testing.T) {
	everybody := func(peer.ID) bool { return true }
	var pairs sync.WaitGroup
	for i := range 12 {
		a, b := tcpHost(t), tcpHost(t)
		how := []manner{eager, polite}[i%2]
		start := make(chan struct{})
		dial := func(from, to *host.Host) func() {
			d := newDialer(from, everybody, Config{}.rand)
			return func() {
				<-start
				if err := d.dial(t.Context(), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}, how); err != nil {
					t.Errorf("pair %d: %v", i, err)
				}
			}
		}
		pairs.Go(func() {
			var both sync.WaitGroup
			both.Go(dial(a, b))
			both.Go(dial(b, a))
			close(start)
			both.Wait()
			if !connectedTo(a, b.ID()) || !connectedTo(b, a.ID()) {
				t.Errorf("pair %d: no connection is left", i)
			}
		})
	}
	pairs.Wait()
}

// A fakeDialError is built like libp2p's.
type fakeDialError []error

func (e fakeDialError) Error() string   { return "all dials failed" }
func (e fakeDialError) Unwrap() []error { return append([]error{errors.New("all dials failed")}, e...) }

func at1(cause error) error { return fmt.Errorf("failed to dial /ip4/10.0.0.1/tcp/1: %w", cause) }

func TestAgain(t *testing.T) {
	crossed := at1(errors.New("noise: message is too short"))
	closed := at1(syscall.ECONNREFUSED)
	for _, c := range []struct {
		name string
		err  error
		took time.Duration
		want bool
	}{
		{"crossed", fakeDialError{crossed}, time.Millisecond, true},
		{"crossed at one of two", fakeDialError{closed, crossed}, time.Millisecond, true},
		{"nobody listens", fakeDialError{closed, closed}, time.Millisecond, false},
		{"no answer", fakeDialError{crossed}, 5 * time.Second, false},
		{"closed at once", errClosedAtOnce, time.Millisecond, true},
	} {
		if got := again(fmt.Errorf("failed to dial: %w", c.err), c.took); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestReasonsAreSafeAndFew(t *testing.T) {
	evil := at1(errors.New("\x1b[2J\nboo"))
	got := reasons(fmt.Errorf("failed to dial: %w", fakeDialError{evil, evil, evil, evil, evil}))
	if strings.ContainsAny(got, "\n\x1b") || strings.Count(got, "10.0.0.1") != maxReasons || !strings.HasSuffix(got, "and 2 more") {
		t.Errorf("reasons: %q", got)
	}
	if got := reasons(errors.New("odd")); got != "odd" {
		t.Errorf("an error of another kind: %q", got)
	}
	if got := reasons(nil); got == "" {
		t.Error("no reason at all")
	}
}

func TestUnreachablePeersAreLeftAlone(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		alice := w.start(nil)
		d := alice.dials
		nobody := peer.AddrInfo{ID: testPeer(1), Addrs: []ma.Multiaddr{addrOf(1).Decapsulate(ma.StringCast("/tcp/4001")).Encapsulate(ma.StringCast("/tcp/9"))}}
		for i := range 3 {
			if err := d.dial(t.Context(), nobody, eager); err == nil {
				t.Fatal("connected with nobody")
			}
			pause := failurePause(i+1, 1)
			if !d.resting(nobody.ID, time.Now().Add(pause-time.Millisecond)) {
				t.Errorf("after failure %d it is not left alone", i+1)
			}
		}
		for i := range maxFailures + 100 {
			d.failed(testPeer(i), time.Now())
		}
		if len(d.failures) > maxFailures {
			t.Errorf("%d unreachable peers are remembered", len(d.failures))
		}
		for _, p := range []peer.ID{alice.ID(), "", "garbage", peer.ID("\x00\x24\x08\x01\x12\x20\x01" + strings.Repeat("\x00", 31))} {
			if err := d.dial(t.Context(), peer.AddrInfo{ID: p}, eager); !errors.Is(err, errNotAllowed) {
				t.Errorf("dial %q: %v", p, err)
			}
		}
	})
}

// Whatever breaks a dial in its handshake, crossed dials above all, is gone the
// next moment.
func TestBrokenDialIsRepeated(t *testing.T) {
	inWorld(t, testnet.Config{Latency: time.Millisecond}, func(t *testing.T, w *world) {
		alice, bob := w.start(nil), w.start(nil)
		go func() {
			time.Sleep(3 * time.Millisecond) // connected, and no more than that
			w.net.Reset(alice, bob)
		}()
		if err := alice.dials.dial(t.Context(), bob.info(), eager); err != nil {
			t.Error(err)
		}
	})
}

// libp2p leaves an address alone for five seconds and more after one failure;
// who is back at once must be reached at once.
func TestWhoIsBackIsReached(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		alice := w.start(nil)
		key := w.net.Key(1)
		bob := w.start(nil)
		info := bob.info()
		bob.Close()
		if err := alice.dials.dial(t.Context(), info, eager); err == nil {
			t.Fatal("bob is gone")
		}
		w.start(nil, func(c *host.Config, _ *Config) { c.Key, c.Listen = key, info.Addrs })
		if err := alice.dials.dial(t.Context(), info, eager); err != nil {
			t.Errorf("bob is back: %v", err)
		}
	})
}

// A hostile server names a thousand members who do not exist.
func TestInventedMembersCostBoundedDials(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		mallory := w.start(nil, server)
		for i := range maxRecordsOfKey {
			info := peer.AddrInfo{ID: testPeer(i)}
			for a := range maxAddrs + 2 {
				info.Addrs = append(info.Addrs, ma.StringCast(fmt.Sprintf("/ip4/10.99.0.%d/tcp/%d", i%200+1, a+5001))) // nobody is there
			}
			mallory.knows("lobby", info)
		}
		alice := w.start(infos(mallory))
		q := alice.seek("lobby")
		w.within(2*time.Second, "the first look-up has its answers", func() bool { return q.Status().Found > 0 })
		most, waiting := 0, 0
		for range 3000 {
			most = max(most, len(alice.dials.slots))
			q.burst.mu.Lock()
			waiting = max(waiting, len(q.burst.waiting))
			q.burst.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
		q.Close()
		if st := q.Status(); st.Found > maxAnswers*st.Lookups {
			t.Errorf("%d answers were read in %d look-ups", st.Found, st.Lookups)
		}
		if most == 0 || most > 32 {
			t.Errorf("%d dials at once", most)
		}
		if waiting > maxBurst {
			t.Errorf("%d invented members waited to be dialled", waiting)
		}
		for i := range maxRecordsOfKey {
			if n := len(alice.Peerstore().Addrs(testPeer(i))); n > maxAddrs {
				t.Fatalf("%d addresses of one peer were taken", n)
			}
		}

		alice.Seek(chat.RoomID("lobby"), func() int { return 0 })
		time.Sleep(2 * time.Minute) // 11 look-ups
		n := 0
		alice.dials.mu.Lock()
		for _, f := range alice.dials.failures {
			n += f.count
		}
		alice.dials.mu.Unlock()
		if n > 12*maxBurst {
			t.Errorf("%d dials in 2 minutes", n)
		}
	})
}

func TestWant(t *testing.T) {
	for _, c := range []struct{ connected, reached, want int }{
		{0, 0, wantMembers},
		{5, 0, wantMembers - 5},
		{5, 5, wantMembers}, // those five are its own
		{wantMembers, 0, wantMore},
		{1000, 0, wantMore},
		{0, 3, wantMembers}, // not counted as connected yet
	} {
		if got := want(c.connected, c.reached); got != c.want {
			t.Errorf("want(%d, %d) = %d, want %d", c.connected, c.reached, got, c.want)
		}
	}
}
