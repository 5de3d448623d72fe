package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

func TestTwoNodesWithDifferentSeedsMeet(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s1 := w.start(nil, server)
		s2 := w.start(infos(s1), server)
		w.within(time.Second, "the seeds are one network", func() bool { return s1.sees(s2) })
		time.Sleep(time.Second)

		alice := w.start(infos(s1))
		alice.seek("lobby")
		time.Sleep(3 * time.Second)
		bob := w.start(infos(s2))
		bob.seek("lobby", alice)
		// A round trip is 20 ms; this is 11 of them, from nothing.
		if took := w.within(2*time.Second, "bob finds alice", func() bool { return bob.sees(alice) }); took > 300*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestTwoWhoComeToAnEmptyRoomAtOnceMeet(t *testing.T) {
	for _, latency := range []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond} {
		t.Run(latency.String(), func(t *testing.T) {
			inWorld(t, testnet.Config{Latency: latency}, func(t *testing.T, w *world) {
				s := w.start(nil, server)
				time.Sleep(time.Second)
				alice, bob := w.start(infos(s)), w.start(infos(s))
				alice.seek("lobby", bob)
				bob.seek("lobby", alice)
				took := w.within(3*time.Second, "they meet", func() bool { return alice.sees(bob) })
				if limit := 300*time.Millisecond + 30*latency; took > limit {
					t.Errorf("it took %v, more than %v", took, limit)
				}
				time.Sleep(2 * time.Second)
				if n := len(alice.Network().ConnsToPeer(bob.ID())); n != 1 {
					t.Errorf("%d connections: the dials crossed", n)
				}
			})
		})
	}
}

func TestRestartedSeedKnowsTheRoomAgain(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		key := w.net.Key(0)
		s := w.start(nil, server)
		seeds := infos(s)
		alice, bob := w.start(seeds), w.start(seeds)
		alice.seek("lobby", bob)
		bob.seek("lobby", alice)
		w.within(2*time.Second, "alice and bob meet", func() bool { return alice.sees(bob) })
		time.Sleep(time.Minute)

		where := s.Network().ListenAddresses()
		s.Close()
		time.Sleep(20 * time.Second)
		if !alice.sees(bob) {
			t.Fatal("they lost each other with the seed")
		}
		s = w.start(nil, server, func(c *host.Config, _ *Config) { c.Key, c.Listen = key, where })
		w.within(3*time.Second, "alice rejoins the seed", func() bool { return alice.sees(s) })
		w.within(3*time.Second, "bob rejoins the seed", func() bool { return bob.sees(s) })
		time.Sleep(time.Second) // its memory was empty: they tell it again

		carol := w.start(seeds)
		carol.seek("lobby", alice, bob)
		w.within(time.Second, "a newcomer finds them", func() bool { return carol.sees(alice) && carol.sees(bob) })
	})
}

// A seed that comes back is told, also by those who have another all the time.
func TestOneOfTwoSeedsKnowsTheRoomAgain(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		key := w.net.Key(0)
		s1, s2 := w.start(nil, server), w.start(nil, server)
		alice := w.start(infos(s1, s2))
		alice.seek("lobby")
		time.Sleep(time.Minute)
		where, only := s1.Network().ListenAddresses(), infos(s1)
		s1.Close()
		time.Sleep(10 * time.Second)
		w.start(nil, server, func(c *host.Config, _ *Config) { c.Key, c.Listen = key, where })
		time.Sleep(5 * time.Second)
		bob := w.start(only)
		bob.seek("lobby", alice)
		w.within(time.Second, "a newcomer who knows only that seed finds alice", func() bool { return bob.sees(alice) })
	})
}

func TestThoseWhoMetMeetAgainWithoutSeeds(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		seeds := infos(s)
		book := &memBook{}
		key := w.net.Key(1)
		alice := w.start(seeds, withBook(book))
		bob := w.start(seeds)
		alice.seek("lobby", bob)
		bob.seek("lobby", alice)
		w.within(3*time.Second, "they meet", func() bool { return alice.sees(bob) })
		time.Sleep(10 * time.Second)
		where := alice.Network().ListenAddresses()
		alice.Close()
		s.Close()
		time.Sleep(time.Hour)

		alice = w.start(seeds, withBook(book), func(c *host.Config, _ *Config) { c.Key, c.Listen = key, where })
		alice.seek("lobby", bob)
		took := w.within(time.Second, "alice finds bob again", func() bool { return alice.sees(bob) })
		// A round trip is 100 ms.
		if took > 520*time.Millisecond {
			t.Errorf("it took %v, more than 5 round trips and 20 ms", took)
		}
	})
}

// Both are away at first, and the one who comes back first has to keep trying.
func TestThoseWhoMetMeetAgainWheneverTheOtherComes(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		keys := []int{0, 1}
		bookA, bookB := &memBook{}, &memBook{}
		alice, bob := w.start(nil, withBook(bookA)), w.start(nil, withBook(bookB))
		w.net.Connect(alice.Host, bob.Host)
		alice.seek("lobby", bob)
		bob.seek("lobby", alice)
		alice.meets(chat.RoomID("lobby"), []*node{bob})
		time.Sleep(10 * time.Second)
		addrA, addrB := alice.Network().ListenAddresses()[0], bob.Network().ListenAddresses()[0]
		alice.Close()
		bob.Close()
		time.Sleep(time.Hour)

		alice = w.start(nil, withBook(bookA), at(w, keys[0], addrA))
		alice.seek("lobby")
		time.Sleep(3 * time.Minute)
		bob = w.start(nil, at(w, keys[1], addrB)) // has forgotten alice
		w.within(6*time.Minute, "alice finds bob", func() bool { return alice.sees(bob) })
	})
}

func TestLostMemberIsRedialled(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		alice, bob := w.start(nil), w.start(nil)
		w.net.Connect(alice.Host, bob.Host)
		alice.seek("lobby", bob)
		bob.seek("lobby", alice)
		alice.meets(chat.RoomID("lobby"), []*node{bob})
		bob.meets(chat.RoomID("lobby"), []*node{alice})
		time.Sleep(time.Minute)
		w.net.Reset(alice, bob)
		time.Sleep(time.Millisecond)
		if alice.sees(bob) {
			t.Fatal("the reset did nothing")
		}
		if took := w.within(2*time.Second, "they are connected again", func() bool { return alice.sees(bob) }); took > time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(3 * time.Second)
		if n := len(alice.Network().ConnsToPeer(bob.ID())); n != 1 {
			t.Errorf("%d connections: the dials crossed", n)
		}
	})
}

// Everybody is a client of one seed; nobody but the DHT can know.
func TestFindByPeerIDThroughTheDHT(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s1 := w.start(nil, server)
		s2 := w.start(infos(s1), server)
		time.Sleep(time.Second)
		alice := w.start(infos(s1))
		alice.AnnounceSelf(true)
		time.Sleep(3 * time.Second)
		alice.att.Close() // known by her record alone, not by a connection
		for _, s := range []*node{s1, s2} {
			_ = alice.Network().ClosePeer(s.ID())
		}
		time.Sleep(time.Second)
		bob := w.start(infos(s2))
		began := time.Now()
		if err := bob.Find(t.Context(), alice.ID()); err != nil {
			t.Fatal(err)
		}
		if !bob.sees(alice) {
			t.Error("found, but not connected")
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestFindWhoIsNowhere(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		nobody, err := peer.IDFromPrivateKey(w.net.Key(99))
		if err != nil {
			t.Fatal(err)
		}
		lonely := w.start(nil)
		began := time.Now()
		if err := lonely.Find(t.Context(), nobody); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("alone in the world: %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("alone, it took %v to see that nobody can be asked", took)
		}
		alice := w.start(infos(s))
		began = time.Now()
		if err := alice.Find(t.Context(), nobody); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("with a seed: %v", err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("with a seed, it took %v", took)
		}
		dead := w.start(infos(s))
		s.Close()
		began = time.Now()
		if err := dead.Find(t.Context(), nobody); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("with a dead seed: %v", err)
		}
		if took := time.Since(began); took > 21*time.Second {
			t.Errorf("with a dead seed, it took %v", took)
		}
	})
}

func TestFindWhoDoesNotAnswer(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		alice, bob := w.start(nil), w.start(nil)
		id, where := bob.ID(), bob.info()
		bob.Close()
		for i := range 6 { // and some more where nobody listens
			where.Addrs = append(where.Addrs, ma.StringCast(fmt.Sprintf("%s/tcp/%d", "/ip4/10.2.0.1", 5000+i)))
		}
		alice.AddAddrs(where)
		err := alice.Find(t.Context(), id)
		if !errors.Is(err, chat.ErrUnreachable) {
			t.Fatal(err)
		}
		text := err.Error()
		if strings.Count(text, "/ip4/10.2.0.1/tcp/") != maxReasons || !strings.Contains(text, "refused") || !strings.Contains(text, "4 more") {
			t.Errorf("the error does not say what was tried: %s", text)
		}
		if strings.ContainsAny(text, "\n\x1b") {
			t.Errorf("not one safe line: %q", text)
		}
	})
}

func TestFindEndsWithItsContextAndWithTheService(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		alice := w.start(infos(s))
		nobody, _ := peer.IDFromPrivateKey(w.net.Key(99))
		w.net.Cut(alice, s)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := alice.Find(ctx, nobody); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its context: %v", err)
		}
		got := make(chan error)
		go func() { got <- alice.Find(t.Context(), nobody) }()
		time.Sleep(100 * time.Millisecond)
		alice.Close()
		if err := <-got; !errors.Is(err, chat.ErrClosed) && !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestBlockedPeersAreNotDialled(t *testing.T) {
	inWorld(t, testnet.Config{Latency: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		mallory := w.start(infos(s))
		mallory.seek("lobby")
		time.Sleep(2 * time.Second)
		dialled := false
		alice := w.start(infos(s), func(_ *host.Config, c *Config) {
			c.Allowed = func(p peer.ID) bool { return p != mallory.ID() }
		})
		mallory.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
			dialled = dialled || c.RemotePeer() == alice.ID() && c.Stat().Direction == network.DirInbound
		}})
		q := alice.seek("lobby", mallory)
		time.Sleep(2 * time.Minute)
		if q.Status().Found == 0 {
			t.Error("the test is void: mallory was never found")
		}
		if dialled {
			t.Error("a blocked peer was dialled")
		}
		if err := alice.Find(t.Context(), mallory.ID()); !errors.Is(err, chat.ErrUnreachable) {
			t.Errorf("find a blocked peer: %v", err)
		}
	})
}

// PROTOCOL.md, section 8: at rest a small room costs at most one look-up a
// minute.
func TestLookupsAtRest(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		alice, bob := w.start(infos(s)), w.start(infos(s))
		small := alice.seek("small", bob)
		bob.seek("small", alice)
		large := alice.Seek(chat.RoomID("large"), func() int { return fewMembers })
		time.Sleep(2 * time.Minute)
		smallBefore, largeBefore := small.Status().Lookups, large.Status().Lookups
		if smallBefore > 12 {
			t.Errorf("%d look-ups in the first two minutes", smallBefore)
		}
		time.Sleep(time.Hour)
		if n := small.Status().Lookups - smallBefore; n < 45 || n > 60 {
			t.Errorf("small room: %d look-ups in an hour", n)
		}
		if n := large.Status().Lookups - largeBefore; n < 9 || n > 12 {
			t.Errorf("large room: %d look-ups in an hour", n)
		}
	})
}

// A seed that comes and goes all the time must not make everybody ask and tell
// it all the time.
func TestFlappingSeedIsNotFlooded(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		alice := w.start(infos(s))
		q := alice.seek("lobby")
		time.Sleep(time.Minute)
		before := q.Status().Lookups
		for range 120 {
			w.net.Reset(alice, s)
			time.Sleep(500 * time.Millisecond)
		}
		if n := q.Status().Lookups - before; n > 60 {
			t.Errorf("%d look-ups in a minute", n)
		}
	})
}

func TestAnnouncementIsRepeatedUntilItSucceeds(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		alice := w.start(infos(s))
		w.within(time.Second, "alice is attached", func() bool { return alice.Status().TableSize == 1 })
		w.net.Cut(alice, s)
		q := alice.seek("lobby")
		time.Sleep(30 * time.Second)
		if st := q.Status(); st.LastError == nil || st.Servers != 0 {
			t.Fatalf("announced over a cut line: %+v", st)
		}
		w.net.Heal(alice, s)
		took := w.within(90*time.Second, "it is announced", func() bool { return q.Status().Servers == 1 })
		t.Logf("announced %v after the line was healed", took)
		first := q.Status().Announced
		time.Sleep(announceAgain + time.Minute)
		if again := q.Status().Announced; !again.After(first) {
			t.Error("not announced again in time")
		}
	})
}

func TestNetworkWithoutSeedsServesItself(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		hub := w.start(nil)
		alice, bob := w.start(infos(hub)), w.start(infos(hub)) // as from an invite
		if hub.Status().Mode != "server" || alice.Status().Mode != "client" {
			t.Errorf("modes: %s, %s", hub.Status().Mode, alice.Status().Mode)
		}
		alice.seek("lobby", bob)
		bob.seek("lobby", alice)
		w.within(2*time.Second, "they meet through an ordinary member", func() bool { return alice.sees(bob) })
	})
}

// Most of a room's records are of people who left, without a word.
func TestNewcomerGetsPastThoseWhoLeft(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		for i := range 30 {
			s.knows("lobby", peer.AddrInfo{ID: testPeer(i), Addrs: []ma.Multiaddr{addrOf(100 + i)}})
		}
		alice := w.start(infos(s))
		alice.seek("lobby")
		time.Sleep(time.Minute)
		for range 4 { // whom a look-up names first is left to chance
			bob := w.start(infos(s))
			bob.seek("lobby", alice)
			w.within(2*time.Second, "a newcomer finds the first who is alive", func() bool { return bob.sees(alice) })
		}
	})
}

// Of many who were met in a room, the one met longest ago is the only one alive.
func TestNobodyMetBeforeIsForgottenForTheDead(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		bob := w.start(nil)
		book, now := &memBook{}, time.Now()
		room := []string{chat.RoomID("lobby").Base32()}
		for i := range 30 { // nobody answers there, not even with a refusal
			book.known = append(book.known, Known{Peer: testChatPeer(i), Addrs: []string{addrOf(100 + i).String()}, Rooms: room, Seen: now})
		}
		book.known = append(book.known, Known{Peer: bob.peer(), Addrs: []string{bob.Addrs()[0].String()}, Rooms: room, Seen: now.Add(-time.Hour)})
		alice := w.start(nil, withBook(book))
		alice.seek("lobby", bob)
		w.within(2*time.Second, "alice finds bob", func() bool { return alice.sees(bob) })
	})
}

func TestRoomOfManyIsNotDialledWhole(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		var room []*host.Host
		for range 3 * wantMembers {
			h := w.net.Host()
			s.knows("lobby", peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
			room = append(room, h)
		}
		bob := w.start(infos(s))
		met := func() (n int) {
			for _, h := range room {
				if connectedTo(bob.Host, h.ID()) {
					n++
				}
			}
			return n
		}
		bob.Seek(chat.RoomID("lobby"), met)
		w.within(2*time.Second, "bob knows enough", func() bool { return met() >= wantMembers })
		time.Sleep(time.Minute)
		if n := met(); n > wantMembers+2*wantMore {
			t.Errorf("%d members dialled in the first minute", n)
		}
		time.Sleep(2 * time.Hour)
		if n := met(); n != len(room) {
			t.Errorf("%d members known after two hours: parts of the room may never meet", n)
		}
	})
}

func TestLocalNetwork(t *testing.T) {
	inWorld(t, testnet.Config{Latency: time.Millisecond}, func(t *testing.T, w *world) {
		air := &fakeAir{}
		on := func(_ *host.Config, c *Config) { c.NoMDNS, c.MDNS = false, air.start }
		alice, bob := w.start(nil, on), w.start(nil, on)
		w.within(2*time.Second, "they meet without knowing anything", func() bool { return alice.sees(bob) })
		if !alice.Status().MDNS || bob.Status().LastError != nil {
			t.Errorf("status: %+v", alice.Status())
		}
		time.Sleep(3 * time.Second)
		if n := len(alice.Network().ConnsToPeer(bob.ID())); n != 1 {
			t.Errorf("%d connections: the dials crossed", n)
		}
		// A flood of made-up neighbours costs a bounded number of dials.
		for i := range 1000 {
			id, _ := peer.IDFromPrivateKey(w.net.Key(1000 + i))
			air.say(peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{addrOf(200)}})
		}
		time.Sleep(time.Minute)
		if n := alice.lan.count(); n > maxLAN {
			t.Errorf("%d neighbours are kept", n)
		}
	})
}

func TestWithoutMulticastAllElseWorks(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		broken := func(corehost.Host, func(peer.AddrInfo)) (io.Closer, error) { return nil, errors.New("no multicast") }
		s := w.start(nil, server)
		alice := w.start(infos(s), func(_ *host.Config, c *Config) { c.NoMDNS, c.MDNS = false, broken })
		w.within(2*time.Second, "ready", func() bool { return alice.Status().TableSize == 1 })
		if st := alice.Status(); st.MDNS || st.LastError == nil || !strings.Contains(st.LastError.Error(), "no multicast") {
			t.Errorf("status: %+v", st)
		}
	})
}

func TestClosedServiceIsHarmless(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		alice := w.start(nil)
		q := alice.seek("lobby")
		if err := alice.Service.Close(); err != nil {
			t.Fatal(err)
		}
		q.Close()
		late := alice.seek("lobby")
		late.Close()
		late.Close()
		alice.AnnounceSelf(true)
		alice.Met(chat.PeerID{1}, chat.RoomID("lobby"))
	})
}

func TestAnnounceSelfCanBeSwitched(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		alice := w.start(infos(s))
		for range 3 {
			alice.AnnounceSelf(true)
			alice.AnnounceSelf(true)
			time.Sleep(announceSelfAfter + time.Second)
			alice.AnnounceSelf(false)
			alice.AnnounceSelf(false)
		}
		provs, err := s.table.dht.ProviderStore().GetProviders(t.Context(), peerKey(alice.peer()).cid.Hash())
		if err != nil || len(provs) != 1 || provs[0].ID != alice.ID() {
			t.Errorf("the seed knows %v, %v", provs, err)
		}
	})
}
