package discovery

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// Whoever could not be reached from the old network is dialled at once from the
// new one.
func TestMovedForgivesFailures(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, server)
		alice, bob := w.start(infos(seed)), w.start(infos(seed))
		alice.seek("lobby", bob)
		bob.seek("lobby", alice)
		w.within(3*time.Second, "they meet", func() bool { return alice.sees(bob) })
		alice.Met(bob.peer(), chat.RoomID("lobby"))
		w.net.Cut(alice, bob)
		time.Sleep(4 * time.Hour) // both have given up hope, and look once a minute
		w.net.HealAll()
		if alice.sees(bob) {
			t.Fatal("connected over a cut")
		}
		alice.Moved()
		took := w.within(time.Second, "they meet again", func() bool { return alice.sees(bob) })
		t.Logf("met %v after the move", took)
	})
}

// A dial that left by the old network is not waited for, nor the pause after it.
func TestMovedBeginsDialsAnew(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		alice, bob := w.start(nil), w.start(nil)
		w.net.Cut(alice, bob)
		alice.AddAddrs(bob.info())
		for _, wait := range []time.Duration{2200 * time.Millisecond, 16500 * time.Millisecond} {
			alice.Redial(bob.peer())
			time.Sleep(wait)
			dialling, resting := alice.dials.counts(time.Now())
			t.Logf("%d dials on their way, %d failed", dialling, resting)
			w.net.HealAll()
			alice.Moved()
			w.within(1200*time.Millisecond, "connected", func() bool { return alice.sees(bob) })
			time.Sleep(time.Second)
			w.net.Cut(alice, bob)
			_ = alice.Network().ClosePeer(bob.ID())
			_ = bob.Network().ClosePeer(alice.ID())
			time.Sleep(time.Minute)
		}
	})
}

func TestRedialerHurries(t *testing.T) {
	now := time.Unix(1000, 0)
	r := make(redialer)
	r.lost("alice", false, now, 0)
	r.take(now.Add(time.Second))
	now = now.Add(20 * time.Hour)
	r.result("alice", false, now, 0)
	r.hurry(now, func() float64 { return 0 })
	if at, ok := r.next(); !ok || at.Sub(now) > 200*time.Millisecond {
		t.Errorf("dialled in %v", at.Sub(now))
	}
	now = now.Add(5 * time.Hour) // a day after she was lost, not after the move
	r.take(now)
	if r.result("alice", false, now, 0); len(r) != 1 {
		t.Error("given up too early")
	}
}

func TestMovedRestartsSearches(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		seed := w.start(nil, server)
		alice := w.start(infos(seed))
		q := alice.seek("lobby")
		time.Sleep(10 * time.Minute)
		before, listed := q.Status().Lookups, q.Status().Announced
		alice.Moved()
		time.Sleep(5 * time.Second)
		st := q.Status()
		if got := st.Lookups - before; got < 4 || got > 8 {
			t.Errorf("%d look-ups in 5 seconds", got)
		}
		before = st.Lookups
		alice.Moved() // once more, and no later than the first time
		time.Sleep(time.Second)
		if got := q.Status().Lookups - before; got < 3 {
			t.Errorf("%d look-ups after another move", got)
		}
		if !st.Announced.After(listed) || st.NextAnnouncement.Before(time.Now()) {
			t.Errorf("announced %v, next %v", st.Announced, st.NextAnnouncement)
		}
	})
}

// Redial is for those whose connection was closed because it was no good.
func TestRedial(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, server)
		alice, bob := w.start(infos(seed)), w.start(infos(seed))
		w.within(time.Second, "the seed is known", func() bool { return alice.Status().TableSize > 0 && bob.Status().TableSize > 0 })
		bob.AnnounceSelf(true)
		time.Sleep(5 * time.Second)
		alice.Redial(bob.peer()) // nobody has told us his address: it is asked for
		w.within(2*time.Second, "connected", func() bool { return alice.sees(bob) })
		for range 20 {
			_ = alice.Network().ClosePeer(bob.ID())
			began := time.Now()
			alice.Redial(bob.peer())
			bob.Redial(alice.peer())
			if time.Since(began) > 0 {
				t.Fatal("Redial waits")
			}
			w.within(2*time.Second, "connected again", func() bool { return alice.sees(bob) && bob.sees(alice) })
			time.Sleep(time.Minute)
		}
		alice.Close()
		alice.Redial(bob.peer()) // nothing happens
	})
}

// A node that others turn out to be able to reach serves the DHT by itself.
func TestReachableNodeServes(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		seed := w.start(nil, server)
		alice := w.start(infos(seed))
		if got := alice.Status().Mode; got != "client" {
			t.Errorf("at first: %s", got)
		}
		emitter, err := alice.EventBus().Emitter(new(event.EvtLocalReachabilityChanged), eventbus.Stateful)
		if err != nil {
			t.Fatal(err)
		}
		defer emitter.Close()
		for _, c := range []struct {
			is   network.Reachability
			want string
		}{
			{network.ReachabilityPublic, "server"},
			{network.ReachabilityPrivate, "client"},
		} {
			if err := emitter.Emit(event.EvtLocalReachabilityChanged{Reachability: c.is}); err != nil {
				t.Fatal(err)
			}
			w.within(time.Second, c.want, func() bool { return alice.Detail().Mode == c.want })
		}
	})
}

func TestWaysIn(t *testing.T) {
	home, out := many(1)[0], waysTo(many(3))
	relay := waysTo(append(many(1), mustAddr("/ip4/8.8.8.8/tcp/4747/p2p/"+relayID+"/p2p-circuit")))
	public := waysTo(append(many(1), mustAddr("/ip4/8.8.8.8/tcp/4001")))
	if out != waysTo(nil) || home == nil {
		t.Error("an address at home is no way in")
	}
	for name, c := range map[string]struct {
		now, before waysIn
		want        bool
	}{
		"a first relay":         {relay, out, true},
		"a first public one":    {public, out, true},
		"the same":              {relay, relay, false},
		"public beside a relay": {public, relay, true},
		"the relay is lost":     {out, relay, false},
	} {
		if got := c.now.more(c.before); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// However often our addresses change, servers hear of it twice in two seconds at
// most, and the first correction is not held up.
func TestAnnounceWait(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		latest [2]time.Time
		want   time.Duration
	}{
		{[2]time.Time{}, 0},
		{[2]time.Time{{}, now}, 0},
		{[2]time.Time{now.Add(-500 * time.Millisecond), now}, announceGap - 500*time.Millisecond},
		{[2]time.Time{now.Add(-announceGap), now}, 0},
	} {
		if got := announceWait(c.latest, now); got != c.want {
			t.Errorf("%v: %v, want %v", c.latest, got, c.want)
		}
	}
}

func TestLANRetry(t *testing.T) {
	for failed, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 20: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := lanRetry(failed); got != want {
			t.Errorf("after %d failures: %v", failed, got)
		}
	}
}

func TestTrustedAddresses(t *testing.T) {
	now := time.Unix(1000, 0)
	var s trustedSet
	s.add("alice", many(1), now.Add(time.Hour))
	s.add("alice", many(100), now.Add(time.Minute))
	if got := s.addrs("alice", now); len(got) != maxAddrs {
		t.Errorf("%d addresses are kept", len(got))
	}
	if got := s.addrs("alice", now.Add(time.Minute)); len(got) != 0 || len(s.of) != 0 {
		t.Errorf("out of date: %v", got)
	}
	for i := range maxTrusted + 10 {
		s.add(testPeer(i), many(1), now.Add(time.Hour))
		s.add(peer.ID("nobody"), nil, now)
	}
	if len(s.of) > maxTrusted {
		t.Errorf("%d peers are kept", len(s.of))
	}
}
