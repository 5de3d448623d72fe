package rooms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// A node is a host with a Service and at most one room of it.
type node struct {
	*host.Host
	t    *testing.T
	net  *testnet.Network
	key  int
	self chat.PeerID
	svc  *Service
	room *Room
	in   chan struct{} // closed when room is set
	seq  uint64

	// greet is said as soon as anybody can hear it.
	greet string

	mu      sync.Mutex
	heard   map[string]int // texts, and how often
	order   []string
	members map[chat.PeerID]Member // as told
	events  int                    // how often Member was called
	beacons []*chat.Beacon
	peers   int
	lost    int
	heads   []chat.SegmentID
	nick    chat.Text
}

func lobby() chat.ConversationID { return chat.RoomID("lobby") }

func newNode(t *testing.T, net *testnet.Network, key int) *node {
	t.Helper()
	return newNodeWith(t, net, key, func(*Config) {})
}

// newNodeWith makes a node whose Config was changed.
func newNodeWith(t *testing.T, net *testnet.Network, key int, change func(*Config)) *node {
	t.Helper()
	return newNodeOn(t, net, net.HostWithKey(net.Key(key)), key, change)
}

// newNodeOn makes a node of a host.
func newNodeOn(t *testing.T, net *testnet.Network, h *host.Host, key int, change func(*Config)) *node {
	t.Helper()
	self, err := chat.PeerIDFromLibp2p(h.ID())
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		Host: h, t: t, net: net, key: key, self: self,
		heard: make(map[string]int), members: make(map[chat.PeerID]Member),
	}
	rnd := rand.New(rand.NewPCG(7, uint64(key)))
	var mu sync.Mutex
	cfg := Config{
		Self: self, Key: net.Key(key),
		Nick: func() chat.Text { n.mu.Lock(); defer n.mu.Unlock(); return n.nick },
		Rand: func() float64 { mu.Lock(); defer mu.Unlock(); return rnd.Float64() },
	}
	change(&cfg)
	n.svc, err = New(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.svc.Close() })
	return n
}

func newNodes(t *testing.T, net *testnet.Network, count int) []*node {
	t.Helper()
	nodes := make([]*node, count)
	for i := range nodes {
		nodes[i] = newNode(t, net, i)
	}
	return nodes
}

// with locks what the room's goroutine writes.
func (n *node) with(f func()) { n.mu.Lock(); defer n.mu.Unlock(); f() }

func (n *node) handler() Handler {
	return Handler{
		Heads: func() []chat.SegmentID { n.mu.Lock(); defer n.mu.Unlock(); return n.heads },
		Segment: func(_ chat.PeerID, s *chat.Segment) {
			n.with(func() {
				for _, b := range s.Bodies {
					n.heard[b.Text.Raw()]++
					n.order = append(n.order, b.Text.Raw())
				}
			})
		},
		Beacon: func(b *chat.Beacon) { n.with(func() { n.beacons = append(n.beacons, b) }) },
		Member: func(m Member) { n.with(func() { n.members[m.Peer] = m; n.events++ }) },
		Peers: func(count int) {
			var greet string
			n.with(func() {
				n.peers = count
				if count > 0 {
					greet, n.greet = n.greet, ""
				}
			})
			if greet != "" {
				<-n.in
				n.say(greet)
			}
		},
		Lost: func() { n.with(func() { n.lost++ }) },
	}
}

func (n *node) join(options ...JoinOption) {
	n.t.Helper()
	n.in = make(chan struct{})
	r, err := n.svc.Join(lobby(), n.handler(), options...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.room = r
	close(n.in)
}

func (n *node) segment(texts ...string) *chat.Segment {
	n.t.Helper()
	s := &chat.Segment{Conversation: lobby(), Seq: n.seq + 1, Time: chat.TimeOf(time.Now())}
	for _, text := range texts {
		body, err := chat.NewText(text)
		if err != nil {
			n.t.Fatal(err)
		}
		s.Bodies = append(s.Bodies, chat.Body{Kind: chat.KindText, Text: body})
	}
	n.seq += uint64(len(texts))
	if err := wire.SealSegment(n.net.Key(n.key), s); err != nil {
		n.t.Fatal(err)
	}
	return s
}

// say publishes a text and returns how many neighbours took it.
func (n *node) say(text string) int {
	n.t.Helper()
	return n.publish(n.segment(text).Envelope)
}

func (n *node) publish(envelope []byte) int {
	n.t.Helper()
	reached, err := n.room.Publish(context.Background(), envelope)
	if err != nil {
		n.t.Fatal(err)
	}
	return reached
}

func (n *node) leave() {
	n.t.Helper()
	if err := n.room.Close(context.Background()); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) wantHeard(texts ...string) {
	n.t.Helper()
	synctest.Wait()
	n.with(func() {
		n.t.Helper()
		for _, text := range texts {
			if n.heard[text] != 1 {
				n.t.Fatalf("node %d heard %q %d times, want once", n.key, text, n.heard[text])
			}
		}
		if len(n.heard) != len(texts) {
			n.t.Fatalf("node %d heard %d texts, want %d", n.key, len(n.heard), len(texts))
		}
	})
}

// wantRoster checks what Roster says, and that Member told the same.
func (n *node) wantRoster(others ...*node) {
	n.t.Helper()
	synctest.Wait()
	want := make(map[chat.PeerID]bool)
	for _, o := range others {
		want[o.self] = true
	}
	got := make(map[chat.PeerID]bool)
	for _, m := range n.room.Roster() {
		got[m.Peer] = true
	}
	told := make(map[chat.PeerID]bool)
	n.with(func() {
		for p, m := range n.members {
			if m.Online {
				told[p] = true
			}
		}
	})
	if !maps.Equal(got, want) || !maps.Equal(told, want) {
		n.t.Fatalf("node %d: roster of %d, told of %d, want %d", n.key, len(got), len(told), len(want))
	}
}

// catchUp gives n what catch-up with o would bring.
func (n *node) catchUp(o *node) {
	n.t.Helper()
	for _, e := range o.room.Beacons() {
		b, err := wire.OpenBeacon(lobby(), e)
		if err != nil {
			n.t.Fatal(err)
		}
		n.room.Hear(b)
	}
}

// wait lets fake time pass.
func wait(d time.Duration) { time.Sleep(d); synctest.Wait() }

func TestTwoMembersTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice, bob := newNode(t, net, 0), newNode(t, net, 1)
		alice.join()
		bob.join()
		if n := alice.say("nobody is here"); n != 0 {
			t.Fatalf("reached %d with nobody there", n)
		}
		net.Connect(alice.Host, bob.Host)
		wait(time.Second)
		if n := alice.say("hello"); n != 1 {
			t.Fatalf("reached %d, want 1", n)
		}
		wait(20 * time.Millisecond) // one way, no more
		bob.wantHeard("hello")
		alice.wantRoster(bob)
		bob.wantRoster(alice)

		bob.leave()
		wait(20 * time.Millisecond)
		alice.wantRoster()
		if n := alice.say("are you there?"); n != 0 {
			t.Fatalf("reached %d after bob left", n)
		}
	})
}

// The first message arrives, in whichever order people connect and join.
func TestFirstMessage(t *testing.T) {
	connect := func(a, b *node) { a.net.Connect(a.Host, b.Host) }
	for name, begin := range map[string]func(a, b *node){
		"join, then connect":      func(a, b *node) { a.join(); b.join(); connect(a, b) },
		"connect, then join":      func(a, b *node) { connect(a, b); a.join(); b.join() },
		"much later":              func(a, b *node) { connect(a, b); wait(time.Hour); b.join(); wait(time.Hour); a.join() },
		"into a room":             func(a, b *node) { b.join(); wait(time.Hour); connect(b, a); a.join() },
		"found in a room":         func(a, b *node) { b.join(); wait(time.Hour); a.join(); connect(a, b) },
		"known before one's room": func(a, b *node) { b.join(); connect(a, b); wait(time.Minute); a.join() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
				alice, bob := newNode(t, net, 0), newNode(t, net, 1)
				alice.greet, bob.greet = "from alice", "from bob"
				begin(alice, bob)
				wait(500 * time.Millisecond)
				alice.wantHeard("from bob")
				bob.wantHeard("from alice")
			})
		})
	}
}

// Who speaks has a name by then, even who joins, speaks and is gone before the
// first beacon is due.
func TestSpeakerIsIntroduced(t *testing.T) {
	for key := 1; key <= 5; key++ { // each with another random wait
		synctest.Test(t, func(t *testing.T) {
			net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
			alice, bob := newNode(t, net, 0), newNode(t, net, key)
			bob.nick, _ = chat.NewNick("bob")
			alice.join()
			wait(time.Minute)
			bob.greet = "hello"
			bob.join()
			net.Connect(bob.Host, alice.Host)
			for heard := false; !heard; wait(time.Millisecond) {
				alice.with(func() {
					heard = alice.heard["hello"] > 0
					if m := alice.members[bob.self]; heard && m.Nick != bob.nick {
						t.Fatalf("heard of somebody known as %q, want bob", m.Nick)
					}
				})
			}
			wait(5 * time.Second)
			alice.with(func() { // nor does it cost a beacon more
				if n := len(alice.beacons); n > 3 {
					t.Fatalf("%d beacons of a newcomer in 5 s", n)
				}
			})
		})
	}
}

// Whoever joins where somebody is known to be in the room is in the mesh at once,
// and not only at gossipsub's next heartbeat.
func TestMeshAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		nodes := newNodes(t, net, 3)
		alice, bob, carol := nodes[0], nodes[1], nodes[2]
		bob.join()
		carol.join()
		net.Connect(bob.Host, carol.Host)
		net.Connect(alice.Host, bob.Host) // but not to carol
		wait(time.Minute)
		alice.join()
		wait(15 * time.Millisecond)
		carol.say("hello")
		wait(20 * time.Millisecond)
		alice.wantHeard("hello")

		// The same if the connection comes while we join.
		dave := newNode(t, net, 3)
		wait(500 * time.Millisecond)
		dave.join()
		net.Connect(dave.Host, bob.Host)
		wait(50 * time.Millisecond)
		carol.say("hello, dave")
		wait(20 * time.Millisecond)
		dave.wantHeard("hello, dave")
	})
}

func TestMembersHearEachOther(t *testing.T) {
	for _, count := range []int{2, 10, crowd} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
				nodes := newNodes(t, net, count)
				rnd := rand.New(rand.NewPCG(1, 2))
				for i, n := range nodes {
					n.join()
					for range min(i, 5) { // not everybody knows everybody
						net.Connect(n.Host, nodes[rnd.IntN(i)].Host)
					}
					if i > 0 {
						n.catchUp(nodes[rnd.IntN(i)])
					}
				}
				wait(5 * time.Second)
				for i, n := range nodes {
					others := append(append([]*node(nil), nodes[:i]...), nodes[i+1:]...)
					n.wantRoster(others...)
					if n.say(fmt.Sprint(i)) == 0 {
						t.Fatalf("node %d reached nobody", i)
					}
				}
				wait(2 * time.Second)
				for i, n := range nodes {
					var texts []string
					for j := range nodes {
						if j != i {
							texts = append(texts, fmt.Sprint(j))
						}
					}
					n.wantHeard(texts...)
				}
			})
		})
	}
}

// Who vanishes without a word is noticed when the connection is found dead (10
// to 20 s), and off the roster 1.5 intervals later.
func TestVanish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		nodes := newNodes(t, net, 3)
		alice, bob, carol := nodes[0], nodes[1], nodes[2]
		for _, n := range nodes {
			n.join()
		}
		net.Connect(alice.Host, bob.Host)
		net.Connect(alice.Host, carol.Host)
		wait(10 * time.Minute)
		alice.wantRoster(bob, carol)
		bob.wantRoster(alice, carol)
		net.Kill(bob)
		wait(40 * time.Second)
		alice.wantRoster(bob, carol)
		wait(40 * time.Second)
		alice.wantRoster(carol)
		// Carol was never connected to bob, and waits for the whole quiet time.
		wait(time.Minute)
		carol.wantRoster(alice)
	})
}

func TestReturnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob := newNode(t, net, 0), newNode(t, net, 1)
		alice.join()
		bob.join()
		net.Connect(alice.Host, bob.Host)
		wait(time.Second)
		for i := range 3 {
			bob.leave()
			wait(50 * time.Millisecond)
			alice.wantRoster()
			bob.members = make(map[chat.PeerID]Member)
			bob.join()
			bob.catchUp(alice)
			wait(500 * time.Millisecond)
			alice.wantRoster(bob)
			bob.wantRoster(alice)
			clear(bob.heard)
			alice.say(fmt.Sprint(i))
			wait(20 * time.Millisecond)
			bob.wantHeard(fmt.Sprint(i))
		}
	})
}

func TestNickAndHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob := newNode(t, net, 0), newNode(t, net, 1)
		alice.join()
		bob.join()
		net.Connect(alice.Host, bob.Host)
		wait(10 * time.Second)
		before := alice.events
		bob.with(func() { bob.nick, _ = chat.NewNick("bobby") })
		bob.room.NickChanged()
		wait(2 * time.Second)
		if m := alice.members[bob.self]; m.Nick.Raw() != "bobby" || alice.events != before+1 {
			t.Fatalf("alice knows bob as %q after %d events", m.Nick, alice.events-before)
		}

		head := chat.SegmentID{1, 2, 3}
		wait(10 * time.Second)
		count := len(alice.beacons)
		bob.with(func() { bob.heads = []chat.SegmentID{head} })
		for range 10 { // one beacon tells of all
			bob.room.HeadsChanged()
			wait(10 * time.Millisecond)
		}
		wait(2 * time.Second)
		if len(alice.beacons) != count+1 || alice.beacons[count].Heads[0] != head {
			t.Fatalf("%d beacons for 10 changes", len(alice.beacons)-count)
		}
		if m := alice.room.Roster()[0]; len(m.Heads) != 1 || m.Heads[0] != head {
			t.Fatalf("roster has heads %v", m.Heads)
		}
		if alice.events != before+1 {
			t.Fatal("a change of heads was told as a change of the member")
		}

		// More heads than a beacon can name are cut, and do not silence us.
		bob.with(func() {
			bob.heads = nil
			for i := range 2 * chat.MaxHeads {
				bob.heads = append(bob.heads, chat.SegmentID{byte(i)})
			}
		})
		bob.room.HeadsChanged()
		wait(6 * time.Second)
		if m := alice.room.Roster()[0]; len(m.Heads) != chat.MaxHeads {
			t.Fatalf("roster has %d heads", len(m.Heads))
		}
	})
}

func TestInvisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		nodes := newNodes(t, net, 4)
		alice, ghost, seed, bob := nodes[0], nodes[1], nodes[2], nodes[3]
		alice.join()
		bob.join()
		ghost.join(Invisible())
		seed.room, _ = seed.svc.Join(lobby(), Handler{}, Invisible())
		// Alice and bob are connected only through the seed.
		for _, n := range []*node{alice, ghost, bob} {
			net.Connect(n.Host, seed.Host)
		}
		wait(5 * time.Second)
		alice.wantRoster(bob)
		bob.wantRoster(alice)
		ghost.wantRoster(alice, bob)
		if ghost.room.Beacon() != nil || seed.room.Beacon() != nil {
			t.Fatal("a silent room has a beacon")
		}
		alice.say("hi")
		wait(time.Second)
		bob.wantHeard("hi")
		ghost.wantHeard("hi")
		ghost.leave()
		wait(time.Minute)
		if alice.events != 1 {
			t.Fatalf("alice was told of %d changes, want bob's coming only", alice.events)
		}
	})
}

// Beacons come by catch-up too.
func TestHearAndBeacons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		nodes := newNodes(t, net, 3)
		alice, bob, carol := nodes[0], nodes[1], nodes[2]
		for _, n := range nodes {
			n.join()
		}
		net.Connect(alice.Host, bob.Host)
		wait(time.Second)
		got := alice.room.Beacons()
		if len(got) != 2 {
			t.Fatalf("alice has %d beacons, want hers and bob's", len(got))
		}
		carol.catchUp(alice)
		carol.wantRoster(alice, bob)
		carol.room.Hear(&chat.Beacon{Author: id(5), Sent: time.Now()}) // of another room
		carol.wantRoster(alice, bob)

		// Our own beacon tells what we hold now, and nothing new is nothing new.
		first := alice.room.Beacon()
		if string(alice.room.Beacon()) != string(first) {
			t.Fatal("two beacons for one state")
		}
		before, err := wire.OpenBeacon(lobby(), first)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // in the same millisecond
			alice.with(func() { alice.heads = []chat.SegmentID{{byte(i)}} })
			b, err := wire.OpenBeacon(lobby(), alice.room.Beacon())
			if err != nil || len(b.Heads) != 1 || b.Heads[0] != alice.heads[0] {
				t.Fatalf("%v, heads %v", err, b.Heads)
			}
			if !b.Sent.After(before.Sent) {
				t.Fatal("the newer beacon does not look newer")
			}
			before = b
		}
	})
}

// A publisher that is faster than its neighbours' links is slowed down, and
// nothing is dropped.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob, carol := newNode(t, net, 0), newNode(t, net, 1), newNode(t, net, 2)
		alice.join()
		bob.join()
		carol.join()
		net.Connect(alice.Host, bob.Host)
		net.Connect(alice.Host, carol.Host)
		wait(2 * time.Second)
		net.SetBandwidth(alice, bob, 1<<20)
		const count = 300
		text := strings.Repeat("x", 30<<10)
		began := time.Now()
		for i := range count {
			if n := alice.say(fmt.Sprint(i, text)); n != 2 {
				t.Fatalf("message %d reached %d", i, n)
			}
		}
		if took := time.Since(began); took < 5*time.Second {
			t.Fatalf("9 MB at 1 MB/s took %v", took)
		}
		wait(10 * time.Second)
		for _, n := range []*node{bob, carol} {
			if len(n.order) != count || n.lost > 0 {
				t.Fatalf("node %d heard %d of %d, lost %d", n.key, len(n.order), count, n.lost)
			}
			for i, got := range n.order {
				if got != fmt.Sprint(i, text) {
					t.Fatalf("message %d of node %d is out of order", i, n.key)
				}
			}
		}
		if alice.room.Dropped() > 0 {
			t.Fatalf("%d dropped", alice.room.Dropped())
		}
	})
}

// A neighbour that takes nothing stops nobody, and costs its queue only.
func TestStuckNeighbour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob, carol := newNode(t, net, 0), newNode(t, net, 1), newNode(t, net, 2)
		alice.join()
		bob.join()
		carol.join()
		net.Connect(alice.Host, bob.Host)
		net.Connect(alice.Host, carol.Host)
		wait(2 * time.Second)
		net.Cut(alice, bob)
		text := strings.Repeat("x", 30<<10)
		began := time.Now()
		for i := range 400 {
			alice.say(fmt.Sprint(i, text))
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("one dead neighbour held the room up for %v", took)
		}
		wait(time.Second)
		if len(carol.order) != 400 {
			t.Fatalf("carol heard %d of 400", len(carol.order))
		}
		if alice.room.Dropped() == 0 {
			t.Fatal("nothing was dropped for bob, nor told")
		}
	})
}

// What was published at the moment when the last neighbour left can be published
// again, although gossipsub takes it for a duplicate.
func TestPublishAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob := newNode(t, net, 0), newNode(t, net, 1)
		alice.join()
		s := alice.segment("hello").Envelope
		n, err := alice.svc.publish(t.Context(), alice.room.topic, s, nil)
		if n != (taken{}) || err != nil {
			t.Fatalf("taken by %+v, %v", n, err)
		}
		bob.join()
		net.Connect(alice.Host, bob.Host)
		wait(time.Second)
		if n := alice.publish(s); n != 1 {
			t.Fatalf("reached %d, want bob", n)
		}
		alice.publish(s)
		wait(time.Second)
		bob.wantHeard("hello")
	})
}

// In an inbox that nobody empties messages are lost, which is told; memory is
// bounded.
func TestInboxOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob := newNode(t, net, 0), newNode(t, net, 1)
		alice.join()
		hold, lost := make(chan struct{}), 0
		release := sync.OnceFunc(func() { close(hold) })
		defer release()
		var err error
		bob.room, err = bob.svc.Join(lobby(), Handler{
			Segment: func(chat.PeerID, *chat.Segment) { <-hold },
			Lost:    func() { lost++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		net.Connect(alice.Host, bob.Host)
		wait(2 * time.Second)
		text := strings.Repeat("x", 30<<10)
		for i := range 300 {
			alice.say(fmt.Sprint(i, text))
			wait(20 * time.Millisecond)
		}
		if n := bob.room.inBytes.Load(); n > inboxBytes || n < inboxBytes/2 {
			t.Fatalf("%d bytes wait, want at most %d", n, inboxBytes)
		}
		release()
		wait(5 * time.Second)
		if lost != 1 {
			t.Fatalf("told %d times that messages were lost, want once", lost)
		}
		if n := bob.room.inBytes.Load(); n != 0 {
			t.Fatalf("%d bytes left in an empty inbox", n)
		}
	})
}

func TestJoinErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		alice := newNode(t, net, 0)
		alice.join()
		if _, err := alice.svc.Join(lobby(), Handler{}); !errors.Is(err, ErrJoined) {
			t.Fatalf("second join: %v", err)
		}
		for i := 1; i < MaxRooms; i++ {
			if _, err := alice.svc.Join(chat.ConversationID{byte(i), byte(i >> 8)}, Handler{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := alice.svc.Join(chat.RoomID("one more"), Handler{}); !errors.Is(err, ErrTooManyRooms) {
			t.Fatalf("room %d: %v", MaxRooms+1, err)
		}
		if _, err := alice.room.Publish(t.Context(), make([]byte, wire.MaxEnvelope+1)); !errors.Is(err, chat.ErrTooLarge) {
			t.Fatalf("publish too much: %v", err)
		}
		alice.leave()
		alice.leave() // no harm
		if _, err := alice.room.Publish(t.Context(), alice.segment("x").Envelope); !errors.Is(err, chat.ErrClosed) {
			t.Fatalf("publish after Close: %v", err)
		}
		alice.svc.Close()
		if _, err := alice.svc.Join(lobby(), Handler{}); !errors.Is(err, chat.ErrClosed) {
			t.Fatalf("join after Close: %v", err)
		}
		if _, err := New(alice.Host, Config{}); err == nil {
			t.Fatal("a Service without an identity")
		}
	})
}

// Close leaves no goroutine behind, even while the host and its connections
// live on; and whatever is called during or after it returns.
func TestCloseLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		nodes := newNodes(t, net, 3)
		for _, n := range nodes {
			n.join()
		}
		net.Connect(nodes[0].Host, nodes[1].Host)
		net.Connect(nodes[0].Host, nodes[2].Host)
		wait(time.Second)
		var wg sync.WaitGroup
		for _, n := range nodes {
			s := n.segment("last words").Envelope
			wg.Go(func() {
				for range 5 {
					_, _ = n.room.Publish(context.Background(), s)
					n.room.HeadsChanged()
					n.room.Beacons()
				}
			})
			wg.Go(func() { n.svc.Close() })
		}
		wg.Wait()
		wait(2 * time.Second)
		wantNoGoroutines(t)
	})
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice := newNode(t, net, 0)
		alice.join()
		newHostile(t, net, alice.Host, false).say(lobby(), nil) // never closes its stream
		wait(time.Second)
		alice.svc.Close()
		wait(2 * time.Second)
		wantNoGoroutines(t)
	})
}

func wantNoGoroutines(t *testing.T) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "pubsub") || strings.Contains(g, "rooms.(*Room)") {
			t.Errorf("left over: %s", g)
		}
	}
}

// In an idle room all beacons together stay under the stated rate: at most one
// in two seconds, less the jitter.
func TestIdleRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := crowd
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		nodes := newNodes(t, net, count)
		rnd := rand.New(rand.NewPCG(1, 2))
		for i, n := range nodes {
			n.join()
			for range min(i, 4) {
				net.Connect(n.Host, nodes[rnd.IntN(i)].Host)
			}
		}
		wait(5 * time.Second)
		watcher := nodes[0]
		heardIn := func(d time.Duration) int {
			watcher.with(func() { watcher.beacons = nil })
			wait(d)
			return len(watcher.beacons)
		}
		// The members came at once, knowing of nobody: the first interval is short
		// for some, until they know better.
		heardIn(2 * time.Minute)
		bytes := net.Bytes()
		const span = 3 * time.Minute
		rate := float64(heardIn(span)+1) / span.Seconds()
		perNode := float64(net.Bytes()-bytes) / float64(count) / span.Seconds()
		t.Logf("%d members at rest: %.2f beacons a second in all; %.0f bytes a second and node, with all of libp2p", count, rate, perNode)
		if limit := 0.5 / (1 - restJitter); rate > limit {
			t.Errorf("%.2f beacons a second, want at most %.2f", rate, limit)
		}
		if rate < 0.2 && count >= 15 {
			t.Errorf("%.2f beacons a second: some are silent", rate)
		}
		watcher.wantRoster(nodes[1:]...)
	})
}
