package discovery

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// relaying makes a node a seed that relays for others.
func relaying(c *host.Config, d *Config) { c.Seed, d.Server = true, true }

// behind makes a node reserve a place at its seeds.
func behind(seeds ...*node) how {
	return func(c *host.Config, _ *Config) { c.Relays = infos(seeds...) }
}

// unreachable makes a node that others cannot dial, as behind a router.
func unreachable(c *host.Config, _ *Config) { c.Listen = []ma.Multiaddr{} }

func (n *node) to(o *node) network.Connectedness { return n.Network().Connectedness(o.ID()) }

func (n *node) reserved() bool { return waysTo(n.Host.Addrs()).relay }

// reachable waits until nodes have a place at a relay, and the seed has heard it.
func (w *world) reachable(nodes ...*node) {
	w.t.Helper()
	w.within(time.Second, "reachable", func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool { return !n.reserved() || n.Status().TableSize == 0 })
	})
	time.Sleep(time.Second)
}

// Two people behind their routers meet in a room through the relay of a seed on
// the internet, each as soon as the other is there.
func TestPeopleBehindRoutersMeet(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying, listening("/ip4/192.0.0.70/tcp/4747"))
		alice := w.start(infos(seed), behind(seed), unreachable)
		a := alice.seek("lobby")
		w.within(time.Second, "alice is listed with her address", func() bool {
			st := a.Status()
			return alice.reserved() && !st.Announced.IsZero()
		})
		began := time.Now()
		bob := w.start(infos(seed), behind(seed), unreachable)
		b := bob.seek("lobby")
		w.within(3*time.Second, "they meet", func() bool { return alice.to(bob) == network.Limited && bob.to(alice) == network.Limited })
		t.Logf("bob meets alice %v after his start", time.Since(began))
		if d := bob.Detail(); d.Scope != "public" || d.OnRelay != 1 || len(d.Searches) != 1 {
			t.Errorf("detail: %+v", d)
		}
		_ = b
	})
}

func TestFindThroughARelay(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying, listening("/ip4/192.0.0.70/tcp/4747"))
		alice := w.start(infos(seed), behind(seed), unreachable)
		bob := w.start(infos(seed), behind(seed), unreachable)
		bob.AnnounceSelf(true)
		w.reachable(alice, bob)
		time.Sleep(5 * time.Second)
		began := time.Now()
		if err := alice.Find(t.Context(), bob.ID()); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("found in %v", took)
		if took > 500*time.Millisecond {
			t.Errorf("found after %v", took)
		}
		if alice.to(bob) != network.Limited {
			t.Errorf("connected: %v", alice.to(bob))
		}
		if err := alice.Find(t.Context(), bob.ID()); err != nil {
			t.Errorf("found already: %v", err)
		}
	})
}

// The first relayed dial waits for hole punching, but not for long, and no other
// does: here it never comes.
func TestRelayedDialWaitsOnceForPunching(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying, listening("/ip4/192.0.0.70/tcp/4747"))
		alice := w.start(infos(seed), behind(seed))
		bob := w.start(infos(seed), behind(seed), unreachable)
		w.reachable(alice, bob)
		for i, want := range []time.Duration{punchWait, 0, 0} {
			began := time.Now()
			err := alice.dials.dial(t.Context(), bob.info(), eager)
			if took := time.Since(began); err != nil || took < want || took > want+400*time.Millisecond {
				t.Errorf("dial %d: %v, %v", i, took, err)
			}
			_ = alice.Network().ClosePeer(bob.ID())
			time.Sleep(time.Second)
		}
		alice.SetStreamHandler(punchProtocol, func(st network.Stream) { _ = st.Reset() })
		alice.Moved()
		time.Sleep(time.Millisecond)
		began := time.Now()
		if err := alice.dials.dial(t.Context(), bob.info(), eager); err != nil || time.Since(began) > 400*time.Millisecond {
			t.Errorf("punching is ready, and the dial took %v: %v", time.Since(began), err)
		}
	})
}

// Whoever cannot be dialled directly now is reached through the relay, and
// directly as soon as that is possible; nothing is torn down for it.
func TestRelayedBecomesDirect(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying)
		alice, bob := w.start(infos(seed), behind(seed)), w.start(infos(seed), behind(seed))
		w.reachable(alice, bob)
		w.net.Cut(alice, bob)
		began := time.Now()
		if err := alice.Find(t.Context(), bob.ID()); err != nil {
			t.Fatal(err)
		}
		t.Logf("relayed after %v", time.Since(began))
		if took := time.Since(began); took > time.Second {
			t.Errorf("dead direct addresses held up the relay for %v", took)
		}
		relayed := alice.Network().ConnsToPeer(bob.ID())[0]
		time.Sleep(30 * time.Second)
		if alice.to(bob) != network.Limited || relayed.IsClosed() {
			t.Fatalf("on the relay: %v, closed %v", alice.to(bob), relayed.IsClosed())
		}
		if d := alice.Detail(); d.OnRelay != 1 || d.Resting != 0 {
			t.Errorf("detail: %+v", d)
		}
		w.net.HealAll()
		took := w.within(2*time.Minute, "direct", func() bool { return alice.to(bob) == network.Connected && bob.to(alice) == network.Connected })
		t.Logf("direct after %v", took)
		if relayed.IsClosed() {
			t.Error("the relayed connection was closed, and with it whatever ran over it")
		}
		time.Sleep(10 * time.Millisecond)
		if d := alice.Detail(); d.OnRelay != 0 {
			t.Errorf("direct: %+v", d)
		}
	})
}

func TestRelayedBecomesDirectSoon(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying)
		alice, bob := w.start(infos(seed), behind(seed)), w.start(infos(seed), behind(seed))
		w.reachable(alice, bob)
		w.net.Cut(alice, bob)
		if err := alice.Find(t.Context(), bob.ID()); err != nil {
			t.Fatal(err)
		}
		w.net.HealAll()
		w.within(4*time.Second, "direct", func() bool { return alice.to(bob) == network.Connected })
		// The direct way is lost, the relayed one lives: nobody is lost.
		lost := 0
		for _, c := range alice.Network().ConnsToPeer(bob.ID()) {
			if !c.Stat().Limited {
				_ = c.Close()
				lost++
			}
		}
		if lost == 0 || alice.to(bob) != network.Limited {
			t.Fatalf("after the loss of %d direct connections: %v", lost, alice.to(bob))
		}
		w.within(4*time.Second, "direct again", func() bool { return alice.to(bob) == network.Connected })
	})
}

// A relay that answers sooner does not break the direct dial off.
func TestDirectDialGoesOnBesideTheRelay(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying)
		alice, bob := w.start(infos(seed), behind(seed)), w.start(infos(seed), behind(seed))
		w.reachable(alice, bob)
		w.net.SetLatency(alice, bob, 150*time.Millisecond)
		began := time.Now()
		if err := alice.dials.dial(t.Context(), bob.info(), eager); err != nil {
			t.Fatal(err)
		}
		if alice.to(bob) != network.Limited {
			t.Fatal("the relay was not quicker: this shows nothing")
		}
		t.Logf("relayed after %v", time.Since(began))
		w.within(time.Second, "direct", func() bool { return alice.to(bob) == network.Connected })
		t.Logf("direct after %v", time.Since(began))
		time.Sleep(5 * time.Second)
		if n := len(alice.Network().ConnsToPeer(bob.ID())); n != 2 {
			t.Errorf("%d connections", n)
		}
		for at, n := range w.net.Dials(alice) {
			if at == addrPortOf(bob) && n != 1 {
				t.Errorf("%d dials", n)
			}
		}
		if n := w.net.Dials(bob)[addrPortOf(alice)]; n > 0 {
			t.Errorf("bob dialled too, %d times", n)
		}
	})
}

func addrPortOf(n *node) netip.AddrPort {
	for _, a := range n.Host.Addrs() {
		if at, err := manet.ToNetAddr(a); err == nil {
			return netip.MustParseAddrPort(at.String())
		}
	}
	return netip.AddrPort{}
}

// Who says, while it is on a relay, that it can be called, is called at once; who
// says so ever again is not.
func TestNewAddressIsDialledAtOnce(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying, listening("/ip4/192.0.0.70/tcp/4747"))
		alice := w.start(infos(seed), behind(seed), unreachable)
		bob := w.start(infos(seed), behind(seed), unreachable)
		bob.AnnounceSelf(true)
		w.reachable(alice, bob)
		if err := alice.Find(t.Context(), bob.ID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second) // the next attempt is far off
		told, err := alice.EventBus().Emitter(new(event.EvtPeerIdentificationCompleted))
		if err != nil {
			t.Fatal(err)
		}
		defer told.Close()
		home := ma.StringCast("/ip4/192.168.1.7/tcp/4001") // a punch would dial it
		alice.Peerstore().AddAddrs(bob.ID(), []ma.Multiaddr{home}, time.Hour)
		for i, want := range []int{1, 0} {
			addr := fmt.Sprintf("/ip4/192.0.0.%d/tcp/4001", 100+i)
			if err := told.Emit(event.EvtPeerIdentificationCompleted{Peer: bob.ID(), ListenAddrs: []ma.Multiaddr{ma.StringCast(addr)}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			if n := w.net.Dials(alice)[netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 0, byte(100 + i)}), 4001)]; n != want {
				t.Errorf("%d dials to address %d at once, want %d", n, i, want)
			}
		}
		if ma.Contains(alice.Peerstore().Addrs(bob.ID()), home) {
			t.Error("an address of our local network may be dialled on a stranger's word")
		}
		time.Sleep(claimPause + upgradeTimeout)
	})
}

// A punchingHost notes whom it was asked to punch to, and whose backoff to clear.
type punchingHost struct {
	*host.Host
	punched, cleared chan peer.ID
}

func (h punchingHost) Punch(_ context.Context, p peer.ID) error {
	h.punched <- p
	return errStillRelayed
}

func (h punchingHost) ClearBackoff(p peer.ID) { h.cleared <- p }

// Where only a punch can help, the side that was called repeats it, ever less
// often, and whatever runs over the relay goes on.
func TestPunchIsRepeated(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 25 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying, listening("/ip4/192.0.0.70/tcp/4747"))
		punching := func(n *node) (*Service, punchingHost) {
			if err := n.Service.Close(); err != nil {
				t.Fatal(err)
			}
			h := punchingHost{n.Host, make(chan peer.ID, 100), make(chan peer.ID, 100)}
			s, err := New(h, Config{NoMDNS: true, Bootstrap: func() []peer.AddrInfo { return infos(seed) }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s, h
		}
		alice := w.start(infos(seed), behind(seed), unreachable)
		bob := w.start(infos(seed), behind(seed), unreachable)
		w.reachable(alice, bob)
		a, atAlice := punching(alice)
		_, atBob := punching(bob)
		hole := ma.StringCast("/ip4/192.0.0.99/tcp/4001") // left behind by a punch
		if err := a.dials.dial(t.Context(), bob.info(), eager); err != nil {
			t.Fatal(err)
		}
		if len(atAlice.cleared) == 0 {
			t.Error("libp2p's backoff was left to hold")
		}
		relayed := bob.Network().ConnsToPeer(alice.ID())[0]
		time.Sleep(time.Second)
		bob.Peerstore().AddAddrs(alice.ID(), []ma.Multiaddr{hole}, time.Minute)
		time.Sleep(30 * time.Second)
		if n := len(atBob.punched); n != 3 {
			t.Errorf("%d attempts in half a minute", n)
		}
		if ma.Contains(bob.Peerstore().Addrs(alice.ID()), hole) || w.net.Dials(bob)[netip.MustParseAddrPort("192.0.0.99:4001")] > 0 {
			t.Error("an address that a punch left behind may spoil the next")
		}
		time.Sleep(50 * time.Minute) // the relay's own limit is an hour
		if n := len(atBob.punched); n < 11 || n > 14 {
			t.Errorf("%d attempts in 50 minutes", n)
		}
		if len(atAlice.punched) > 0 {
			t.Error("the caller cannot begin a punch")
		}
		if relayed.IsClosed() || bob.to(alice) != network.Limited {
			t.Error("the relayed connection did not survive it")
		}
	})
}

// People in the same home who met through a relay are connected directly when
// they hear each other.
func TestSameHomeBeatsTheRelay(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		air := &fakeAir{}
		inAir := func(_ *host.Config, c *Config) {
			c.NoMDNS, c.MDNS = false, air.start
			c.interfaces = func() []attachment { return nil }
		}
		seed := w.start(nil, relaying, listening("/ip4/192.0.0.70/tcp/4747"))
		alice, bob := w.start(infos(seed), behind(seed)), w.start(infos(seed), behind(seed))
		w.reachable(alice, bob)
		if err := alice.Find(t.Context(), bob.ID()); err != nil || alice.to(bob) != network.Limited {
			t.Fatalf("through the relay: %v, %v", alice.to(bob), err)
		}
		carol := w.start(infos(seed), inAir)
		if err := carol.Find(t.Context(), bob.ID()); err != nil || carol.to(bob) != network.Limited {
			t.Fatalf("through the relay: %v, %v", carol.to(bob), err)
		}
		air.say(bob.info())
		w.within(time.Second, "direct", func() bool { return carol.to(bob) == network.Connected })
		// And she is found there again, although strangers' word would not do.
		carol.Met(bob.peer(), chat.RoomID("lobby"))
		time.Sleep(10 * time.Second)
		for _, c := range carol.Network().ConnsToPeer(bob.ID()) {
			_ = c.Close()
		}
		if err := carol.Find(t.Context(), bob.ID()); err != nil || carol.to(bob) != network.Connected {
			t.Errorf("again: %v, %v", carol.to(bob), err)
		}
	})
}

// A record must not name a relay's address that is not valid any more: after a
// seed's restart the reservation comes first.
func TestRecordFollowsTheReservation(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		key, where := 0, "/ip4/192.0.0.70/tcp/4747"
		seed := w.start(nil, relaying, listening(where))
		seeds := infos(seed)
		alice := w.start(seeds, behind(seed), unreachable)
		q := alice.seek("lobby")
		w.within(time.Second, "listed", func() bool { return !q.Status().Announced.IsZero() })
		time.Sleep(time.Minute)
		seed.Close()
		time.Sleep(3 * time.Second)
		if alice.reserved() {
			t.Fatal("a place at a seed that is gone")
		}
		began := time.Now()
		seed = w.start(nil, relaying, at(w, key, ma.StringCast(where)))
		lists := func() bool {
			room := roomKey(chat.RoomID("lobby"))
			members, err := seed.table.dht.ProviderStore().GetProviders(t.Context(), room.cid.Hash())
			return err == nil && len(members) == 1 && waysTo(members[0].Addrs).relay
		}
		took := w.within(6*time.Second, "listed at the relay again", lists)
		t.Logf("listed %v after the seed is back (attached after %v)", took, time.Since(began))
	})
}

// Others wait for the first address by which they can reach us: it is announced
// as soon as there is one.
func TestFirstRelayIsAnnouncedAtOnce(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, server)
		relay := w.net.Host() // no DHT server: nothing but its reservation is news
		ri := peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}
		alice := w.start(append(infos(seed), ri), func(c *host.Config, _ *Config) { c.Relays = []peer.AddrInfo{ri} })
		q := alice.seek("lobby")
		w.within(time.Second, "announced", func() bool { return !q.Status().Announced.IsZero() })
		for range 3 {
			_ = relay.Close()
			time.Sleep(time.Minute)
			if alice.reserved() {
				t.Fatal("a place at a relay that is gone")
			}
			relay = w.net.HostWith(host.Config{Key: w.net.Key(1), Listen: ri.Addrs, Seed: true})
			w.within(10*time.Second, "reachable", alice.reserved)
			since := time.Now()
			took := w.within(5*time.Second, "announced", func() bool { return q.Status().Announced.After(since) })
			t.Logf("announced %v after the reservation", took)
			if took > reachSettle+200*time.Millisecond {
				t.Errorf("announced %v after the reservation", took)
			}
		}
	})
}

// The book keeps ways through relays, for the day when nobody else knows one.
func TestRelaysAreRemembered(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying, listening("/ip4/192.0.0.70/tcp/4747"))
		book := new(memBook)
		alice := w.start(infos(seed), behind(seed), unreachable, withBook(book))
		bob := w.start(infos(seed), behind(seed), unreachable)
		w.reachable(alice, bob)
		if err := alice.Find(t.Context(), bob.ID()); err != nil {
			t.Fatal(err)
		}
		alice.Met(bob.peer(), chat.RoomID("lobby"))
		time.Sleep(10 * time.Second)
		known := book.list()
		if len(known) != 1 || len(known[0].Addrs) == 0 || len(known[0].Addrs) > relayAddrs {
			t.Fatalf("remembered: %+v", known)
		}
		again := w.start(infos(seed), withBook(&memBook{known: known}), unreachable)
		again.seek("lobby")
		w.within(3*time.Second, "found by the book", func() bool { return again.to(bob) == network.Limited })
	})
}

// A stubConn is a connection of which only the address and age are known.
type stubConn struct {
	network.Conn
	remote ma.Multiaddr
	opened time.Time
}

func (c stubConn) RemoteMultiaddr() ma.Multiaddr { return c.remote }
func (c stubConn) Stat() network.ConnStats {
	return network.ConnStats{Stats: network.Stats{Opened: c.opened, Direction: network.DirOutbound}}
}

func TestPunched(t *testing.T) {
	now := time.Unix(1000, 0)
	hole := ma.StringCast("/ip4/8.8.8.8/tcp/4001")
	relay := stubConn{remote: ma.StringCast("/ip4/8.8.4.4/tcp/4747/p2p/" + relayID + "/p2p-circuit"), opened: now}
	after, before := stubConn{remote: hole, opened: now.Add(1)}, stubConn{remote: hole, opened: now.Add(-1)}
	home := stubConn{remote: ma.StringCast("/ip4/192.168.1.7/tcp/4001"), opened: now.Add(1)}
	for name, c := range map[string]struct {
		conn   stubConn
		all    []network.Conn
		claims []ma.Multiaddr
		want   bool
	}{
		"punched":            {after, []network.Conn{relay, after}, nil, true},
		"a forwarded port":   {after, []network.Conn{relay, after}, []ma.Multiaddr{hole}, false},
		"direct at first":    {before, []network.Conn{before, relay}, nil, false},
		"without a relay":    {after, []network.Conn{after}, nil, false},
		"in the same home":   {home, []network.Conn{relay, home}, nil, false},
		"given by the user?": {before, []network.Conn{before}, []ma.Multiaddr{hole}, false},
	} {
		if got := punched(c.conn, c.all, c.claims); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// DialEach and Lookup disturb nobody.
func TestLookupAndDialEach(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, relaying)
		alice, bob := w.start(infos(seed), behind(seed)), w.start(infos(seed), behind(seed))
		if _, err := alice.Lookup(t.Context(), bob.ID()); err == nil {
			t.Error("looked up without a server to ask")
		}
		w.reachable(alice, bob)
		addrs, err := alice.Lookup(t.Context(), bob.ID())
		if err != nil || len(addrs) < 2 {
			t.Fatalf("looked up: %v, %v", addrs, err)
		}
		if alice.to(bob) != network.NotConnected {
			t.Error("to look up is not to dial")
		}
		nobody, elsewhere := ma.StringCast("/ip4/10.1.0.1/tcp/9"), seed.Host.Addrs()[0]
		name, udp := ma.StringCast("/dns4/example.org/tcp/1"), ma.StringCast("/ip4/10.1.0.1/udp/9/quic-v1")
		asked := append(addrs, nobody, elsewhere, name, udp, nil)
		got := alice.DialEach(t.Context(), bob.ID(), asked)
		if len(got) != len(asked) {
			t.Fatalf("%d results", len(got))
		}
		for i, r := range got {
			if !r.Addr.Equal(asked[i]) || r.Took > dialTimeout+time.Second {
				t.Errorf("result %d: %+v", i, r)
			}
			if good := i < len(addrs); good != (r.Err == nil) {
				t.Errorf("%v: %v", r.Addr, r.Err)
			}
			if r.Err != nil && r.Err.Error() != chat.SafeString(r.Err.Error()) {
				t.Errorf("unsafe: %q", r.Err)
			}
		}
		time.Sleep(time.Second)
		if alice.to(bob) != network.NotConnected || bob.to(alice) != network.NotConnected {
			t.Errorf("left behind: %v, %v", alice.to(bob), bob.to(alice))
		}
		if got := alice.DialEach(t.Context(), bob.ID(), many(1000)); len(got) > 2*maxAddrs {
			t.Errorf("%d addresses were dialled", len(got))
		}
		if _, err := alice.Lookup(t.Context(), peer.ID("garbage")); err == nil {
			t.Error("looked up garbage")
		}
	})
}
