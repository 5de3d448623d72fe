package rooms

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

const seedKey = 500

// newSeed makes a node that forwards for everybody.
func newSeed(t *testing.T, net *testnet.Network) *node {
	t.Helper()
	return newNodeWith(t, net, seedKey, func(c *Config) { c.Forward = func(peer.ID) bool { return true } })
}

// newBehind makes a node that knows who the seeds are.
func newBehind(t *testing.T, net *testnet.Network, key int, seeds ...*node) *node {
	t.Helper()
	return newNodeWith(t, net, key, func(c *Config) {
		c.Forwarder = func(p peer.ID) bool {
			return slices.ContainsFunc(seeds, func(s *node) bool { return s.ID() == p })
		}
	})
}

// topics returns what a seed forwards.
func (n *node) topics() int {
	synctest.Wait()
	n.svc.guard.mu.Lock()
	defer n.svc.guard.mu.Unlock()
	return len(n.svc.guard.ours)
}

// People who are connected with nobody but a seed hear everything that is said,
// at once; and the seed sends each of them one copy.
func TestForwardCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 20 * time.Millisecond
		count := min(crowd, 40)
		net := testnet.New(t, testnet.Config{Latency: latency})
		seed := newSeed(t, net)
		nodes := make([]*node, count)
		for i := range nodes {
			nodes[i] = newBehind(t, net, i, seed)
			net.Connect(nodes[i].Host, seed.Host)
			nodes[i].join()
		}
		wait(40 * time.Second) // of beacons alone, without catch-up
		for i, n := range nodes {
			others := append(slices.Clone(nodes[:i]), nodes[i+1:]...)
			n.wantRoster(others...)
			if n.room.Peers() != nil {
				t.Fatal("the seed is taken for a member")
			}
		}
		var texts []string
		sent, _ := net.BytesOf(seed.Host)
		body := strings.Repeat("x", 20<<10)
		for i, n := range nodes {
			text := fmt.Sprint(i, body)
			if got := n.say(text); got != 1 {
				t.Fatalf("reached %d through the seed, want 1", got)
			}
			wait(2*latency + 5*time.Millisecond)
			for j, o := range nodes {
				o.with(func() {
					if j != i && o.heard[text] != 1 {
						t.Fatalf("node %d has heard node %d %d times after a round trip", j, i, o.heard[text])
					}
				})
			}
			texts = append(texts, text)
		}
		after, _ := net.BytesOf(seed.Host)
		copies := float64(after-sent) / float64(count*len(body))
		t.Logf("%d members behind one seed: each message at all others after %v; the seed sent %.2f copies of each message",
			count, 2*latency, copies)
		if most := 1.1 * float64(count-1); copies > most {
			t.Errorf("%.1f copies, want at most %.1f", copies, most)
		}
		for i, n := range nodes {
			n.wantHeard(append(slices.Clone(texts[:i]), texts[i+1:]...)...)
		}
	})
}

// A newcomer behind a seed is heard, and hears, soon.
func TestForwardNewcomer(t *testing.T) {
	for name, begin := range map[string]func(n, seed *node){
		"connect, then join": func(n, seed *node) { n.net.Connect(n.Host, seed.Host); n.join() },
		"join, then connect": func(n, seed *node) { n.join(); n.net.Connect(n.Host, seed.Host) },
		"long since joined":  func(n, seed *node) { n.join(); wait(time.Minute); n.net.Connect(n.Host, seed.Host) },
	} {
		for key := 1; key <= 3; key++ {
			t.Run(fmt.Sprint(name, key), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					net := testnet.New(t, testnet.Config{Latency: 50 * time.Millisecond})
					seed := newSeed(t, net)
					alice, bob := newBehind(t, net, 0, seed), newBehind(t, net, key, seed)
					net.Connect(alice.Host, seed.Host)
					alice.join()
					wait(time.Minute)
					if got := alice.say("nobody is here"); got != 0 {
						t.Fatalf("reached %d, want nobody", got)
					}
					alice.greet, bob.greet = "from alice", "from bob"
					alice.with(func() { alice.peers = 0 })
					begin(bob, seed)
					began := time.Now()
					heard := func() (both bool) {
						alice.with(func() { both = alice.heard["from bob"] == 1 })
						bob.with(func() { both = both && bob.heard["from alice"] == 1 })
						return both
					}
					for !heard() {
						if time.Since(began) > 1500*time.Millisecond {
							t.Fatal("the first messages took more than one and a half heartbeats")
						}
						wait(10 * time.Millisecond)
					}
					t.Logf("first messages both ways after %v", time.Since(began).Round(10*time.Millisecond))
				})
			})
		}
	}
}

// What was said while nobody was known is not lost on a forwarder who takes it
// for a duplicate later.
func TestForwardPublishAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		seed := newSeed(t, net)
		alice, bob := newBehind(t, net, 0, seed), newBehind(t, net, 1, seed)
		alice.join()
		net.Connect(alice.Host, seed.Host)
		wait(2 * time.Second)
		s := alice.segment("hello").Envelope
		if n := alice.publish(s); n != 0 {
			t.Fatalf("reached %d, want nobody", n)
		}
		bob.join()
		net.Connect(bob.Host, seed.Host)
		wait(2 * time.Second)
		alice.with(func() {
			if alice.peers != 1 {
				t.Fatalf("told of %d to publish to, want 1", alice.peers)
			}
		})
		if n := alice.publish(s); n != 1 {
			t.Fatalf("reached %d, want one", n)
		}
		wait(20 * time.Millisecond)
		bob.wantHeard("hello")
		bob.leave()
		wait(time.Second)
		alice.with(func() {
			if alice.peers != 0 {
				t.Fatalf("told of %d to publish to, want none", alice.peers)
			}
		})
		if n := alice.say("are you there?"); n != 0 {
			t.Fatalf("reached %d after bob left", n)
		}
	})
}

// A seed on the roster is nobody to talk to.
func TestForwardSeedIsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed := newNodeWith(t, net, seedKey, func(c *Config) {
			c.Seed, c.Forward = true, func(peer.ID) bool { return true }
		})
		alice := newBehind(t, net, 0, seed)
		seed.join()
		alice.join()
		net.Connect(alice.Host, seed.Host)
		wait(5 * time.Second)
		alice.wantRoster(seed)
		if n := alice.say("hello?"); n != 0 || alice.room.Peers() != nil {
			t.Fatalf("reached %d", n)
		}
	})
}

// A room is forwarded while somebody who needs it is in it, and a minute more.
func TestForwardBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		var reserved atomic.Bool
		seed := newNodeWith(t, net, seedKey, func(c *Config) { c.Forward = func(peer.ID) bool { return reserved.Load() } })
		alice := newBehind(t, net, 0, seed)
		alice.join()
		net.Connect(alice.Host, seed.Host)
		want := func(after time.Duration, count int) {
			t.Helper()
			wait(after)
			if n := seed.topics(); n != count {
				t.Fatalf("%d rooms are forwarded, want %d", n, count)
			}
		}
		want(time.Minute, 0)
		reserved.Store(true) // the reservation came after the subscription
		want(forwardEvery, 1)
		reserved.Store(false)
		want(forwardLinger-2*forwardEvery, 1)
		want(2*forwardEvery+time.Second, 0)
		reserved.Store(true)
		want(forwardEvery, 1)
		alice.leave()
		want(forwardLinger+2*forwardEvery, 0)
		alice.join()
		want(time.Second, 1)
		alice.Close() // without a word
		want(forwardLinger+2*forwardEvery, 0)
	})
}

// A seed may join a room that it forwards, and leave it again.
func TestForwardOwnRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		seed := newSeed(t, net)
		alice, bob := newBehind(t, net, 0, seed), newBehind(t, net, 1, seed)
		for _, n := range []*node{alice, bob} {
			n.join()
			net.Connect(n.Host, seed.Host)
		}
		wait(3 * time.Second)
		seed.join(Invisible())
		wait(2 * time.Second)
		alice.say("one")
		wait(20 * time.Millisecond)
		seed.wantHeard("one")
		bob.wantHeard("one")
		seed.leave()
		wait(3 * time.Second)
		if n := seed.topics(); n != 1 {
			t.Fatalf("%d rooms after leaving ours, want the forwarded one", n)
		}
		alice.say("two")
		wait(20 * time.Millisecond)
		bob.wantHeard("one", "two")
		seed.wantHeard("one")
		alice.svc.Close()
		bob.svc.Close()
		seed.svc.Close()
		wait(2 * time.Second)
		wantNoGoroutines(t)
	})
}

// What nobody would forward as a member is not forwarded either.
func TestForwardInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		seed := newSeed(t, net)
		alice := newBehind(t, net, 0, seed)
		alice.join()
		net.Connect(alice.Host, seed.Host)
		mallory := newHostile(t, net, seed.Host, false)
		wait(3 * time.Second)
		mallory.say(lobby(), sealed(t, net.Key(666), lobby(), "well said"))
		wait(time.Second)
		alice.wantHeard("well said")
		received := func() int64 { _, n := net.BytesOf(alice.Host); return n }
		before := received()
		for range 2 * badBurst {
			mallory.say(lobby(), append(sealed(t, net.Key(666), lobby(), strings.Repeat("x", 10<<10)), 1))
			mallory.say(lobby(), sealed(t, net.Key(666), chat.RoomID("another"), strings.Repeat("y", 10<<10)))
		}
		wait(time.Second)
		alice.wantHeard("well said")
		if n := received() - before; n > 10<<10 {
			t.Fatalf("%d bytes of nonsense reached alice", n)
		}
		if seed.svc.guard.bad[mallory.ID()] == nil {
			t.Fatal("nonsense costs nothing")
		}
	})
}

func TestSchedule(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := schedule{wanted: make(map[string]time.Time)}
	var all []string
	for i := range 2 * maxForwarded {
		all = append(all, strange(i))
	}
	begun := 0
	for range 5 * maxForwarded {
		begin, end := s.decide(now, all)
		if len(end) > 0 {
			t.Fatal("a needed room was given up")
		}
		begun += len(begin)
		now = now.Add(time.Second / forwardPerSecond)
	}
	if begun != maxForwarded || len(s.wanted) != maxForwarded {
		t.Fatalf("%d begun, %d rooms, want %d", begun, len(s.wanted), maxForwarded)
	}
	// One that is not needed makes room, the one that was needed least lately first.
	now = now.Add(time.Minute)
	s.decide(now, all[:maxForwarded])
	now = now.Add(time.Second)
	s.decide(now, all[1:maxForwarded])
	now = now.Add(time.Second)
	begin, end := s.decide(now, append(slices.Clone(all[2:maxForwarded]), all[600]))
	if !slices.Equal(begin, []string{all[600]}) || len(end) != 1 || end[0] != all[0] {
		t.Fatalf("%d begun, %d ended", len(begin), len(end))
	}
	// All together are as fast as neighbours allow, coming and going.
	now = now.Add(time.Hour)
	changes := 0
	for i := range 100 {
		begin, end := s.decide(now.Add(time.Duration(i)*time.Millisecond), nil)
		changes += len(begin) + len(end)
	}
	if changes > forwardBurst+1 {
		t.Fatalf("%d changes at once, want at most %d", changes, forwardBurst)
	}
	for range 100 {
		now = now.Add(time.Minute)
		s.decide(now, nil)
	}
	if len(s.wanted) != 0 {
		t.Fatalf("%d rooms are left that nobody needs", len(s.wanted))
	}
}

// A neighbour gets its share, and the same rooms each time.
func TestForwardShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed := newSeed(t, net)
		alice := newNode(t, net, 0)
		net.Connect(alice.Host, seed.Host)
		for i := range 2 * maxForwardedOf {
			if _, err := alice.svc.Join(chat.RoomID(chat.RoomName(fmt.Sprint(i))), Handler{}, Invisible()); err != nil {
				t.Fatal(err)
			}
			wait(250 * time.Millisecond)
		}
		wait(5 * time.Second)
		if n := seed.topics(); n != maxForwardedOf {
			t.Fatalf("%d rooms are forwarded for one neighbour, want %d", n, maxForwardedOf)
		}
		if r := seed.svc.forwarder.rooms[topicOf(chat.RoomID("0"))]; r == nil || r.conv != chat.RoomID("0") {
			t.Fatal("the first room is not among them")
		}
	})
}

// All that a seed may be in fits into its first RPC, or nobody could connect.
func TestForwardFirstRPC(t *testing.T) {
	rpc := &pb.RPC{}
	for i := range maxSubsPerRPC {
		s := sub(strange(i), true)
		s.RequestsPartial, s.SupportsSendingPartial = proto.Bool(false), proto.Bool(false)
		rpc.Subscriptions = append(rpc.Subscriptions, s)
	}
	if n := proto.Size(rpc); n > maxRPC-1<<10 {
		t.Fatalf("%d rooms take %d bytes, and an RPC has %d", maxSubsPerRPC, n, maxRPC)
	}
}

// What waits for those whom gossipsub leaves out is bounded, and told to nobody
// who has it or said it.
func TestCourier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourier(newSeed(t, testnet.New(t, testnet.Config{})).svc)
		topic := topicOf(lobby())
		say := func(from peer.ID) {
			c.DeliverMessage(&pubsub.Message{Message: &pb.Message{Topic: &topic}, ReceivedFrom: from})
		}
		say("a") // before anything is known
		c.behind.Store(&map[string][]peer.ID{topic: {"a", "b", "c"}})
		c.Graft("b", topic)
		say("a")
		say(c.service.host.ID())
		if p := <-c.queue; !slices.Equal(p.to, []peer.ID{"c"}) || len(c.queue) > 0 {
			t.Fatalf("handed to %q, and %d more", p.to, len(c.queue))
		}
		for name, out := range map[string]func(){
			"pruned":  func() { c.Prune("b", topic) },
			"gone":    func() { c.OnClosedOutboundStream("b") },
			"we left": func() { c.Leave(topic) },
		} {
			c.Graft("b", topic)
			out()
			say("a")
			if p := <-c.queue; !slices.Equal(p.to, []peer.ID{"b", "c"}) {
				t.Fatalf("%s: handed to %q", name, p.to)
			}
		}
		for range 2 * courierQueue {
			say("a")
		}
		if n := len(c.queue); n != courierQueue {
			t.Fatalf("%d messages wait, want %d", n, courierQueue)
		}
	})
}

// A room that is forwarded costs what maxForwarded says.
func TestForwardMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		seed := newSeed(t, net)
		heap := func() int64 {
			synctest.Wait()
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc + m.StackInuse)
		}
		var gate beaconGate
		before, goroutines := heap(), runtime.NumGoroutine()
		var rooms []*forwarded
		for i := range maxForwarded {
			r, err := seed.svc.forward(strange(i), &gate)
			if err != nil {
				t.Fatal(err)
			}
			rooms = append(rooms, r)
		}
		each := (heap() - before) / maxForwarded
		t.Logf("%d bytes for a room", each)
		if each > 4<<10 || runtime.NumGoroutine() > goroutines {
			t.Errorf("a room costs %d bytes and %d goroutines", each, (runtime.NumGoroutine()-goroutines)/maxForwarded)
		}
		for _, r := range rooms {
			r.close()
		}
		if n := seed.topics(); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
	})
}

func TestConversationOf(t *testing.T) {
	if conv, ok := conversationOf(topicOf(lobby())); !ok || conv != lobby() {
		t.Fatal("not the lobby")
	}
	for _, bad := range []string{topicPrefix + strings.Repeat("b", 52), topicPrefix + "aa", ""} {
		if _, ok := conversationOf(bad); ok {
			t.Errorf("%q names a conversation", bad)
		}
	}
}
