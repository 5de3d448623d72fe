package rooms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

func sub(topic string, on bool) *pb.RPC_SubOpts {
	return &pb.RPC_SubOpts{Topicid: &topic, Subscribe: &on}
}

// strange is the i-th topic that is not ours.
func strange(i int) string { return topicOf(chat.RoomID(chat.RoomName(fmt.Sprint("strange", i)))) }

// kept is how many subscriptions the guard lets through.
func kept(t *testing.T, g *guard, from peer.ID, subs ...*pb.RPC_SubOpts) int {
	t.Helper()
	out, err := g.FilterIncomingSubscriptions(from, subs)
	if err != nil {
		t.Fatal(err)
	}
	return len(out)
}

func TestTopicName(t *testing.T) {
	// PROTOCOL.md, section 5.
	const want = "/p2pchat/room/1/qb7ocrofjcnphfpfe7ajbf7vk7hderqb33qfumj4ksa7sbcj3njq"
	if got := topicOf(chat.RoomID("lobby")); got != want || !wellFormed(got) {
		t.Fatalf("topic %q", got)
	}
	for _, bad := range []string{
		"", topicPrefix, want[1:], want + "a", want[:len(want)-1],
		strings.Replace(want, "qb7", "Qb7", 1), strings.Replace(want, "qb7", "qb1", 1),
		topicPrefix + strings.Repeat("\x00", 52), strings.Replace(want, "room", "rooM", 1),
	} {
		if wellFormed(bad) {
			t.Errorf("%q could name a room", bad)
		}
	}
}

func TestGuardSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		ours := topicOf(lobby())
		if g.CanSubscribe(ours) {
			t.Fatal("in a room before joining it")
		}
		g.allow(ours, true)
		if !g.CanSubscribe(ours) || g.CanSubscribe(strange(0)) {
			t.Fatal("may join what we do not, or the other way round")
		}
		if n := kept(t, g, "a", sub(ours, true), sub("garbage", true), sub("garbage", false), sub(strange(0), true)); n != 2 {
			t.Fatalf("%d subscriptions kept, want ours and a possible one", n)
		}

		// One neighbour fills its share of strange rooms, and ours still counts.
		n := 0
		for i := range 2 * maxForeign {
			n += kept(t, g, "b", sub(strange(i), true))
			time.Sleep(time.Second)
		}
		if n != maxForeign {
			t.Fatalf("%d strange rooms of one neighbour, want %d", n, maxForeign)
		}
		if kept(t, g, "b", sub(ours, true)) != 1 || kept(t, g, "b", sub(strange(1), true)) != 1 {
			t.Fatal("our room, or a known one, was refused")
		}
		// A room left makes room, and leaving is always heard.
		if kept(t, g, "b", sub(strange(1), false), sub(ours, false), sub(strange(9999), false)) != 3 ||
			kept(t, g, "b", sub(strange(5000), true)) != 1 || kept(t, g, "b", sub(strange(5001), true)) != 0 {
			t.Fatal("leaving one room did not make room for exactly one")
		}
		before := g.foreign
		g.forget("b")
		if g.foreign != before-maxForeign || len(g.neighbours) != 1 {
			t.Fatalf("%d strange rooms of %d neighbours after one left", g.foreign, len(g.neighbours))
		}

		// All neighbours together are bounded too.
		for p := range maxForeignAll/maxForeign + 10 {
			from := peer.ID(fmt.Sprint("many", p))
			var subs []*pb.RPC_SubOpts
			for i := range maxForeign {
				subs = append(subs, sub(strange(i), true))
			}
			kept(t, g, from, subs...)
		}
		if g.foreign != maxForeignAll {
			t.Fatalf("%d strange rooms in all, want %d", g.foreign, maxForeignAll)
		}
		if kept(t, g, "honest", sub(ours, true)) != 1 {
			t.Fatal("our room was refused")
		}
	})
}

// A forwarder may be in more rooms, and we must know of all of them.
func TestGuardForwarder(t *testing.T) {
	g := newGuard()
	g.forwarder = func(p peer.ID) bool { return p == "seed" }
	var subs []*pb.RPC_SubOpts
	for i := range maxSubsPerRPC {
		subs = append(subs, sub(strange(i), true))
	}
	for from, want := range map[peer.ID]int{"seed": maxForeignOfForwarder, "member": maxForeign} {
		if n := kept(t, g, from, slices.Clone(subs)...); n != want {
			t.Errorf("%d rooms of a %s, want %d", n, from, want)
		}
	}
}

// Who came while a room was ours is one of its strangers when it is not any more.
func TestGuardLeft(t *testing.T) {
	g := newGuard()
	ours := topicOf(lobby())
	g.allow(ours, true)
	kept(t, g, "a", sub(ours, true))
	if g.foreign != 0 {
		t.Fatal("somebody in our room counts as a stranger's room")
	}
	g.allow(ours, false)
	g.allow(ours, false)
	all := func(string, bool) bool { return true }
	if got := g.roomsOf("a", 9, all); g.foreign != 1 || !slices.Equal(got, []string{ours}) {
		t.Fatalf("%d strange rooms, in %q", g.foreign, got)
	}
	kept(t, g, "a", sub(ours, false))
	if got := g.roomsOf("a", 9, all); g.foreign != 0 || got != nil || g.everybody() != nil {
		t.Fatalf("%d strange rooms, in %q", g.foreign, got)
	}
	for i := range 3 {
		kept(t, g, "a", sub(strange(2-i), true))
	}
	if got := g.roomsOf("a", 2, all); !slices.Equal(got, []string{strange(2), strange(1)}) {
		t.Fatalf("the first two rooms are %q", got)
	}
}

func TestGuardSubscriptionRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var many []*pb.RPC_SubOpts
		for i := range maxSubsPerRPC {
			many = append(many, sub(strange(i), true))
		}
		if _, err := g.FilterIncomingSubscriptions("a", append(many, sub(strange(9999), true))); !errors.Is(err, pubsub.ErrTooManySubscriptions) {
			t.Fatalf("too many at once: %v", err)
		}
		passed := 0
		for range 100 {
			if _, err := g.FilterIncomingSubscriptions("a", []*pb.RPC_SubOpts{many[0]}); err == nil {
				passed++
			}
			if _, err := g.FilterIncomingSubscriptions("a", many); err == nil {
				passed += len(many)
			}
		}
		if passed > subsBurst {
			t.Fatalf("%d changes at once, want at most %d", passed, subsBurst)
		}
		time.Sleep(time.Minute)
		if _, err := g.FilterIncomingSubscriptions("a", many); err != nil {
			t.Fatalf("after a minute: %v", err)
		}
	})
}

func rpcOf(count, size int) *pubsub.RPC {
	topic := topicOf(lobby())
	rpc := &pubsub.RPC{}
	for range count {
		rpc.Publish = append(rpc.Publish, &pb.Message{Topic: &topic, Data: make([]byte, size)})
	}
	return rpc
}

func TestGuardMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flood := func(g *guard, size int) (passed int) {
			for range 3 * messagesBurst {
				if g.inspect("a", rpcOf(1, size)) == nil {
					passed++
				}
			}
			return passed
		}
		g := newGuard()
		if n := flood(g, 100); n != messagesBurst {
			t.Fatalf("%d messages at once, want %d", n, messagesBurst)
		}
		if g.inspect("b", rpcOf(1, 100)) != nil {
			t.Fatal("one neighbour silences another")
		}
		if g.inspect("a", &pubsub.RPC{}) != nil {
			t.Fatal("what carries no message was refused")
		}
		time.Sleep(time.Second)
		if n := flood(g, 100); n != messagesPerSecond {
			t.Fatalf("%d messages after a second, want %d", n, messagesPerSecond)
		}

		g = newGuard()
		if n := flood(g, 60<<10); n*60<<10 > bytesBurst || n < bytesBurst/(61<<10) {
			t.Fatalf("%d MiB at once, want %d", n*60>>10, bytesBurst>>20)
		}
	})
}

func TestGuardInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		for range badBurst - 1 {
			g.invalid("a")
		}
		if err := g.inspect("a", rpcOf(1, 1)); err != nil {
			t.Fatalf("after a few mistakes: %v", err)
		}
		g.invalid("a")
		g.forget("a") // coming back does not help
		if err := g.inspect("a", rpcOf(1, 1)); !errors.Is(err, errBad) {
			t.Fatalf("after too many: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := g.inspect("a", rpcOf(1, 1)); err != nil {
			t.Fatalf("not forgiven: %v", err)
		}
		for i := range 2 * maxBad {
			g.invalid(peer.ID(fmt.Sprint(i)))
		}
		if len(g.bad) != maxBad {
			t.Fatalf("%d remembered, want at most %d", len(g.bad), maxBad)
		}
		time.Sleep(time.Hour)
		g.invalid("new")
		if len(g.bad) != 1 {
			t.Fatalf("%d remembered after an hour, want the new one", len(g.bad))
		}
	})
}
