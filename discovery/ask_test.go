package discovery

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dhtpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// answer is a server's answer that names the given peers.
func answer(t testing.TB, members ...peer.AddrInfo) []byte {
	t.Helper()
	m := dhtpb.NewMessage(dhtpb.Message_GET_PROVIDERS, []byte("key"), 0)
	for _, info := range members {
		p := &dhtpb.Message_Peer{Id: []byte(info.ID)}
		for _, a := range info.Addrs {
			p.Addrs = append(p.Addrs, a.Bytes())
		}
		m.ProviderPeers = append(m.ProviderPeers, p)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func frame(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func reader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }

func TestReadMembers(t *testing.T) {
	alice := peer.AddrInfo{ID: testPeer(1), Addrs: []ma.Multiaddr{addrOf(1), addrOf(2)}}
	bob := peer.AddrInfo{ID: testPeer(2)}
	got, err := readMembers(reader(frame(answer(t, alice, bob))))
	if err != nil || len(got) != 2 || got[0].ID != alice.ID || len(got[0].Addrs) != 2 || got[1].ID != bob.ID || len(got[1].Addrs) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := readMembers(reader(frame(answer(t)))); err != nil || len(got) != 0 {
		t.Errorf("an empty room: %v, %v", got, err)
	}

	crowd := make([]peer.AddrInfo, maxAnswers+100)
	for i := range crowd {
		crowd[i] = alice
	}
	if got, err := readMembers(reader(frame(answer(t, crowd...)))); err != nil || len(got) != maxAnswers {
		t.Errorf("of too many members, %d were read: %v", len(got), err)
	}
	everywhere := peer.AddrInfo{ID: testPeer(3)}
	for i := range 10 * maxAddrs {
		everywhere.Addrs = append(everywhere.Addrs, addrOf(i))
	}
	if got, err := readMembers(reader(frame(answer(t, everywhere)))); err != nil || len(got) != 1 || len(got[0].Addrs) > maxAddrs {
		t.Errorf("of too many addresses were read: %v, %v", got, err)
	}
}

func TestReadMembersRefuses(t *testing.T) {
	good := answer(t, peer.AddrInfo{ID: testPeer(1), Addrs: []ma.Multiaddr{addrOf(1)}})
	otherType, err := proto.Marshal(dhtpb.NewMessage(dhtpb.Message_FIND_NODE, []byte("key"), 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"a length only":        {200},
		"half of it":           frame(good)[:len(good)/2],
		"no number":            bytes.Repeat([]byte{0xff}, 20),
		"too long":             binary.AppendUvarint(nil, maxAnswer+1),
		"longer than memory":   binary.AppendUvarint(nil, 1<<62),
		"garbage":              frame([]byte("this is no message")),
		"an answer, cut":       frame(good[:len(good)-1]),
		"a broken member":      frame(append(answer(t), 9<<3|2, 1, 0xff)),
		"to another question":  frame(otherType),
		"a message of nothing": frame(nil),
	} {
		if got, err := readMembers(reader(b)); !errors.Is(err, errBadAnswer) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	// What was announced and does not come costs no memory either.
	promised := append(binary.AppendUvarint(nil, maxAnswer), 'x')
	if n := testing.AllocsPerRun(10, func() { _, _ = readMembers(reader(promised)) }); n > 20 {
		t.Errorf("%v allocations for an answer that does not come", n)
	}
}

func FuzzReadMembers(f *testing.F) {
	f.Add(frame(answer(f, peer.AddrInfo{ID: testPeer(1), Addrs: []ma.Multiaddr{addrOf(1)}})))
	f.Add(frame(nil))
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		members, err := readMembers(reader(b))
		if err != nil && (len(members) > 0 || !errors.Is(err, errBadAnswer)) {
			t.Fatalf("%d members and %v", len(members), err)
		}
		if len(members) > maxAnswers {
			t.Fatalf("%d members", len(members))
		}
		for _, m := range members {
			if len(m.Addrs) > maxAddrs {
				t.Fatalf("%d addresses", len(m.Addrs))
			}
		}
	})
}

// A newcomer dials its seed, asks it and dials whom it names: seven round trips
// from nothing. Without the question of its own it took nine and more.
func TestColdNewcomerAsksItsSeedAtOnce(t *testing.T) {
	const latency = 50 * time.Millisecond
	const allowed = 7*2*latency + 10*time.Millisecond
	inWorld(t, testnet.Config{Latency: latency}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		alice := w.start(infos(s))
		alice.seek("lobby")
		time.Sleep(10 * time.Second)
		bob := w.start(infos(s))
		bob.seek("lobby", alice)
		if took := w.within(time.Minute, "bob finds alice", func() bool { return bob.sees(alice) }); took > allowed {
			t.Errorf("it took %v, more than %v", took, allowed)
		}
		time.Sleep(time.Minute)
		if n := streamsOf(bob, s.ID()); n > 3 {
			t.Errorf("%d streams of discovery to the seed are open", n)
		}
		if len(bob.table.asks) != 0 {
			t.Error("a question has not ended")
		}
	})
}

// streamsOf counts the streams for DHT questions between n and p.
func streamsOf(n *node, p peer.ID) (count int) {
	for _, c := range n.Network().ConnsToPeer(p) {
		for _, st := range c.GetStreams() {
			if st.Protocol() == kadProtocol {
				count++
			}
		}
	}
	return count
}

// refuseFirst makes a DHT server reset the first stream of questions.
func refuseFirst(t *testing.T, s *node) *atomic.Bool {
	t.Helper()
	// The DHT's handler is had by asking for it as a stranger would.
	name := func(s string) string { return string(rune(len(s)+1)) + s + "\n" }
	_, serve, err := s.Mux().Negotiate(canned{strings.NewReader(name("/multistream/1.0.0") + name(string(kadProtocol)))})
	if err != nil {
		t.Fatal(err)
	}
	refused := new(atomic.Bool)
	s.SetStreamHandler(kadProtocol, func(st network.Stream) {
		if refused.CompareAndSwap(false, true) {
			_ = st.Reset()
			return
		}
		_ = serve(kadProtocol, st)
	})
	return refused
}

type canned struct{ io.Reader }

func (canned) Write(p []byte) (int, error) { return len(p), nil }
func (canned) Close() error                { return nil }

func TestSearchWorksWithoutTheShortcut(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, s, bob *node){
		"the seed refuses": func(t *testing.T, s, _ *node) {
			refused := refuseFirst(t, s)
			t.Cleanup(func() {
				if !refused.Load() {
					t.Error("nothing was refused")
				}
			})
		},
		"too many questions run": func(_ *testing.T, _, bob *node) {
			for range maxAsks {
				bob.table.asks <- struct{}{}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
				s := w.start(nil, server)
				alice := w.start(infos(s))
				alice.seek("lobby")
				time.Sleep(10 * time.Second)
				bob := w.start(infos(s))
				spoil(t, s, bob)
				bob.seek("lobby", alice)
				w.within(time.Second, "bob finds alice", func() bool { return bob.sees(alice) })
			})
		})
	}
}

// A seed that answers the question with anything but an answer does not hold up
// the search at another seed, and costs a bounded time and amount of memory.
func TestHostileSeed(t *testing.T) {
	endless := func(st network.Stream, pause time.Duration, piece []byte) {
		for {
			if _, err := st.Write(piece); err != nil {
				return
			}
			time.Sleep(pause)
		}
	}
	for name, serve := range map[string]func(st network.Stream){
		"says nothing":      func(network.Stream) {},
		"hangs up":          func(st network.Stream) { _ = st.Close() },
		"garbage":           func(st network.Stream) { _, _ = st.Write(frame([]byte("garbage"))) },
		"too long":          func(st network.Stream) { endless(st, 0, binary.AppendUvarint(nil, 1<<40)) },
		"endless":           func(st network.Stream) { endless(st, 0, bytes.Repeat([]byte{0xff}, 1<<10)) },
		"drips":             func(st network.Stream) { endless(st, 100*time.Millisecond, []byte{0x80}) },
		"drips a long body": func(st network.Stream) { endless(st, 100*time.Millisecond, binary.AppendUvarint(nil, maxAnswer)) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
				s := w.start(nil, server)
				alice := w.start(infos(s))
				alice.seek("lobby")
				time.Sleep(10 * time.Second)

				evil := w.net.Host()
				var (
					asked   atomic.Int64
					serving sync.WaitGroup
				)
				t.Cleanup(func() {
					_ = evil.Close()
					serving.Wait()
				})
				evil.SetStreamHandler(kadProtocol, func(st network.Stream) {
					asked.Add(1)
					serving.Add(1)
					defer serving.Done()
					defer st.Reset() //nolint:errcheck // it is over
					_, _ = st.Read(make([]byte, 1<<10))
					serve(st)
					_, _ = io.Copy(io.Discard, st) // until the other side gives up
				})
				bob := w.start([]peer.AddrInfo{{ID: evil.ID(), Addrs: evil.Addrs()}, s.info()})
				q := bob.seek("lobby", alice)
				w.within(time.Second, "bob finds alice", func() bool { return bob.sees(alice) })
				if asked.Load() == 0 {
					t.Error("the hostile seed was not asked")
				}
				time.Sleep(seedTimeout)
				if len(bob.table.asks) != 0 {
					t.Error("the question goes on")
				}
				q.Close()
			})
		})
	}
}

// What a DHT server says in place of an answer ends with the service, too.
func TestQuestionEndsWithTheService(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		evil := w.net.Host()
		asked := make(chan struct{}, 8)
		evil.SetStreamHandler(kadProtocol, func(st network.Stream) {
			defer st.Reset() //nolint:errcheck // it is over
			asked <- struct{}{}
			_, _ = io.Copy(io.Discard, st)
		})
		bob := w.start([]peer.AddrInfo{{ID: evil.ID(), Addrs: evil.Addrs()}})
		bob.seek("lobby")
		<-asked
		began := time.Now()
		if err := bob.Service.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took >= seedTimeout {
			t.Errorf("closing took %v", took)
		}
	})
}

// told is what a server tells a newcomer of a room.
func told(w *world, s *node, room string) []peer.AddrInfo {
	w.t.Helper()
	h := w.start(infos(s))
	w.within(time.Second, "a newcomer is attached", func() bool { return h.sees(s) })
	members, err := h.table.ask(w.t.Context(), s.ID(), roomKey(chat.RoomID(chat.RoomName(room))))
	if err != nil {
		w.t.Fatal(err)
	}
	return members
}

func TestWhoIsGoneIsNotTold(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.start(nil, server)
		alice, bob := w.start(infos(s)), w.start(infos(s))
		qa := alice.seek("lobby")
		bob.seek("lobby")
		alice.seek("other")
		time.Sleep(10 * time.Second)
		if n := len(told(w, s, "lobby")); n != 2 {
			t.Fatalf("%d members are told", n)
		}
		// What was announced just now, after alice was last heard of, is younger
		// news than her silence.
		qa.announcer.renew()
		time.Sleep(time.Second)
		s.Gone(alice.peer(), time.Now().Add(-time.Minute))
		if n := len(told(w, s, "lobby")); n != 2 {
			t.Errorf("%d members are told after old news of alice", n)
		}
		time.Sleep(youngRecord)
		s.Gone(alice.peer(), time.Now().Add(-time.Minute))
		if got := told(w, s, "lobby"); len(got) != 1 || got[0].ID != bob.ID() {
			t.Errorf("told after alice's silence: %v", got)
		}
		qa.announcer.renew()
		time.Sleep(time.Second)
		if n := len(told(w, s, "lobby")); n != 2 {
			t.Errorf("%d members are told after alice is back", n)
		}
		s.Gone(alice.peer(), time.Now()) // goodbye
		s.Gone(alice.peer(), time.Now())
		if got := told(w, s, "lobby"); len(got) != 1 || got[0].ID != bob.ID() {
			t.Errorf("told without alice: %v", got)
		}
		if got := told(w, s, "other"); len(got) != 0 {
			t.Errorf("told of alice's other room: %v", got)
		}
		time.Sleep(announceAgain + time.Minute) // it was a mistake: she is here
		if n := len(told(w, s, "lobby")); n != 2 {
			t.Errorf("%d members are told after alice announced herself again", n)
		}
	})
}
