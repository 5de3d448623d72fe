package rooms

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	cryptopb "github.com/libp2p/go-libp2p/core/crypto/pb"
	"github.com/libp2p/go-libp2p/core/network"
	recordpb "github.com/libp2p/go-libp2p/core/record/pb"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// A hostile is a real libp2p host that writes whatever it likes on its gossip
// streams.
type hostile struct {
	*host.Host
	t  *testing.T
	to *host.Host
	st network.Stream
}

// newHostile makes one and connects it to a victim. Deaf ones do not let the
// victim open a stream, so that gossipsub keeps no score of them.
func newHostile(t *testing.T, net *testnet.Network, victim *host.Host, deaf bool) *hostile {
	t.Helper()
	h := &hostile{Host: net.HostWithKey(net.Key(666)), t: t, to: victim}
	if !deaf {
		h.SetStreamHandler(pubsub.GossipSubID_v13, func(st network.Stream) {
			buf := make([]byte, 1<<10)
			for {
				if _, err := st.Read(buf); err != nil {
					return
				}
			}
		})
	}
	net.Connect(h.Host, victim)
	h.open()
	return h
}

func (h *hostile) open() {
	h.t.Helper()
	st, err := h.NewStream(context.Background(), h.to.ID(), pubsub.GossipSubID_v13)
	if err != nil {
		h.t.Fatal(err)
	}
	h.st = st
}

// send writes an RPC. The victim may have ended the stream: then a new one.
func (h *hostile) send(rpc *pb.RPC) {
	h.t.Helper()
	body, err := proto.Marshal(rpc)
	if err != nil {
		h.t.Fatal(err)
	}
	frame := append(binary.AppendUvarint(nil, uint64(len(body))), body...)
	if _, err := h.st.Write(frame); err != nil {
		h.open()
		_, _ = h.st.Write(frame)
	}
}

func (h *hostile) say(conv chat.ConversationID, data []byte) {
	h.t.Helper()
	topic := topicOf(conv)
	h.send(&pb.RPC{Publish: []*pb.Message{{Topic: &topic, Data: data}}})
}

// sealed is a segment of key for conv.
func sealed(t *testing.T, key crypto.PrivKey, conv chat.ConversationID, text string) []byte {
	t.Helper()
	body, err := chat.NewText(text)
	if err != nil {
		t.Fatal(err)
	}
	s := &chat.Segment{
		Conversation: conv, Seq: 1, Time: chat.TimeOf(time.Now()),
		Bodies: []chat.Body{{Kind: chat.KindText, Text: body}},
	}
	if err := wire.SealSegment(key, s); err != nil {
		t.Fatal(err)
	}
	return s.Envelope
}

// altered is an envelope with something changed.
func altered(t *testing.T, data []byte, change func(*recordpb.Envelope)) []byte {
	t.Helper()
	env := new(recordpb.Envelope)
	if err := proto.Unmarshal(data, env); err != nil {
		t.Fatal(err)
	}
	change(env)
	out, err := proto.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// weak makes an envelope of the small-order key 1, with the signature that
// Ed25519 takes for a valid one of that key for every message.
func weak(t *testing.T, data []byte) []byte {
	one := make([]byte, 32)
	one[0] = 1
	return altered(t, data, func(env *recordpb.Envelope) {
		env.PublicKey = &cryptopb.PublicKey{Type: cryptopb.KeyType_Ed25519.Enum(), Data: one}
		env.Signature = append(one, make([]byte, 32)...)
	})
}

// Nothing that a hostile neighbour makes up is shown or passed on, and the
// members are not disturbed. A handful of tries, and it is not heard at all.
func TestHostileMessages(t *testing.T) {
	other := chat.RoomID("another room")
	sealBeacon := func(t *testing.T, key crypto.PrivKey, conv chat.ConversationID, sent time.Time) []byte {
		b := &chat.Beacon{Conversation: conv, Sent: sent}
		if err := wire.SealBeacon(key, b); err != nil {
			t.Fatal(err)
		}
		return b.Envelope
	}
	for name, message := range map[string]func(t *testing.T, net *testnet.Network) *pb.Message{
		"garbage": func(*testing.T, *testnet.Network) *pb.Message { return &pb.Message{Data: []byte("garbage")} },
		"empty":   func(*testing.T, *testnet.Network) *pb.Message { return &pb.Message{} },
		"forged author": func(t *testing.T, net *testnet.Network) *pb.Message {
			// Signed by the hostile, in bob's name.
			bob, err := crypto.PublicKeyToProto(net.Key(1).GetPublic())
			if err != nil {
				t.Fatal(err)
			}
			return &pb.Message{Data: altered(t, sealed(t, net.Key(666), lobby(), "evil"), func(e *recordpb.Envelope) { e.PublicKey = bob })}
		},
		"changed text": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: altered(t, sealed(t, net.Key(1), lobby(), "evil"), func(e *recordpb.Envelope) { e.Payload[len(e.Payload)-1] ^= 1 })}
		},
		"small-order key": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: weak(t, sealed(t, net.Key(666), lobby(), "evil"))}
		},
		"wrong conversation": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: sealed(t, net.Key(1), other, "evil")}
		},
		"unknown type": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: altered(t, sealed(t, net.Key(666), lobby(), "evil"), func(e *recordpb.Envelope) { e.PayloadType = []byte{3} })}
		},
		"trailing bytes": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: append(sealed(t, net.Key(666), lobby(), "evil"), 0)}
		},
		"oversize": func(*testing.T, *testnet.Network) *pb.Message {
			return &pb.Message{Data: make([]byte, wire.MaxEnvelope+1)}
		},
		"gossipsub author": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: sealed(t, net.Key(666), lobby(), "evil"), From: []byte("someone"), Seqno: []byte("12345678")}
		},
		"gossipsub signature": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: sealed(t, net.Key(666), lobby(), "evil"), Signature: make([]byte, 64)}
		},
		"beacon of another room": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: sealBeacon(t, net.Key(5), other, time.Now())}
		},
		"beacon as segment": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: altered(t, sealBeacon(t, net.Key(666), lobby(), time.Now()), func(e *recordpb.Envelope) { e.PayloadType = []byte{1} })}
		},
		"forged beacon": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: altered(t, sealBeacon(t, net.Key(5), lobby(), time.Now()), func(e *recordpb.Envelope) { e.Signature[7] ^= 1 })}
		},
		"weak beacon": func(t *testing.T, net *testnet.Network) *pb.Message {
			return &pb.Message{Data: weak(t, sealBeacon(t, net.Key(5), lobby(), time.Now()))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
				alice, bob := newNode(t, net, 0), newNode(t, net, 1)
				alice.join()
				bob.join()
				net.Connect(alice.Host, bob.Host)
				h := newHostile(t, net, alice.Host, true)
				wait(5 * time.Second)
				before := len(alice.beacons)
				topic := topicOf(lobby())
				m := message(t, net)
				m.Topic = &topic
				h.send(&pb.RPC{Publish: []*pb.Message{m}})
				wait(100 * time.Millisecond)

				alice.wantHeard()
				bob.wantHeard()
				alice.wantRoster(bob)
				bob.wantRoster(alice)
				if len(alice.beacons) != before {
					t.Fatal("a forged beacon was taken")
				}
				// Whoever is heard by alice is heard by bob: it would have been passed on.
				h.say(lobby(), sealed(t, net.Key(666), lobby(), "valid"))
				wait(time.Second)
				alice.wantHeard("valid")
				bob.wantHeard("valid")
			})
		})
	}
}

// Who sends nothing but nonsense is soon not listened to, whether or not it lets
// gossipsub keep score. The others go on talking.
func TestHostileIsShutOut(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprintf("deaf %v", deaf), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
				alice, bob := newNode(t, net, 0), newNode(t, net, 1)
				alice.join()
				bob.join()
				net.Connect(alice.Host, bob.Host)
				h := newHostile(t, net, alice.Host, deaf)
				wait(5 * time.Second)
				for i := range 50 {
					h.say(lobby(), fmt.Append(nil, "garbage", i))
				}
				wait(time.Second)
				h.say(lobby(), sealed(t, net.Key(666), lobby(), "now I am good"))
				alice.say("hello")
				bob.say("hi")
				wait(time.Second)
				alice.wantHeard("hi")
				bob.wantHeard("hello")
			})
		})
	}
}

// Old beacons, and many of them, change nothing.
func TestHostileReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		nodes := newNodes(t, net, 3)
		alice, bob, carol := nodes[0], nodes[1], nodes[2]
		for _, n := range nodes {
			n.join()
		}
		net.Connect(alice.Host, bob.Host)
		net.Connect(alice.Host, carol.Host)
		h := newHostile(t, net, alice.Host, false)
		wait(5 * time.Minute)
		bob.leave()
		wait(5 * time.Minute) // gossipsub forgets what it has seen
		alice.wantRoster(carol)

		var old [][]byte
		for _, b := range alice.beacons {
			if b.Author == bob.self {
				old = append(old, b.Envelope)
			}
		}
		if len(old) < 5 {
			t.Fatalf("only %d beacons of bob to replay", len(old))
		}
		count := len(alice.beacons)
		_, before := net.BytesOf(carol)
		for _, e := range old {
			h.say(lobby(), e)
		}
		wait(100 * time.Millisecond)
		if _, after := net.BytesOf(carol); after-before > 1<<10 {
			t.Fatalf("%d bytes of replays were passed on", after-before)
		}
		alice.wantRoster(carol)
		carol.wantRoster(alice)
		if n := len(alice.beacons); n != count {
			t.Fatalf("%d replayed beacons were news", n-count)
		}

		// A flood of valid beacons is bounded by the author's quota.
		at := time.Now()
		for i := range 500 {
			b := &chat.Beacon{Conversation: lobby(), Sent: at.Add(time.Duration(i) * time.Millisecond)}
			if err := wire.SealBeacon(net.Key(666), b); err != nil {
				t.Fatal(err)
			}
			h.say(lobby(), b.Envelope)
		}
		wait(100 * time.Millisecond)
		if n := len(alice.beacons) - count; n > authorBurst+2 {
			t.Fatalf("%d beacons of one author at once, want at most %d", n, authorBurst+2)
		}
	})
}

// Nobody can speak in the presence room.
func TestHostilePresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice := newNode(t, net, 0)
		if _, err := alice.svc.Join(chat.PresenceID(), alice.handler()); err != nil {
			t.Fatal(err)
		}
		h := newHostile(t, net, alice.Host, false)
		wait(time.Second)
		h.say(chat.PresenceID(), sealed(t, net.Key(666), chat.PresenceID(), "evil"))
		wait(time.Second)
		alice.wantHeard()
	})
}

// A torrent of subscriptions, oversize frames and broken protobuf costs little,
// and is survived.
func TestHostileSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob := newNode(t, net, 0), newNode(t, net, 1)
		alice.join()
		bob.join()
		net.Connect(alice.Host, bob.Host)
		h := newHostile(t, net, alice.Host, false)
		wait(5 * time.Second)
		alice.wantRoster(bob)
		before := heap()
		const count, each = 200_000, 250
		for i := 0; i < count; i += each {
			rpc := &pb.RPC{}
			for j := range each {
				rpc.Subscriptions = append(rpc.Subscriptions, sub(strange(i+j), true))
			}
			h.send(rpc)
			if i%10_000 == 0 {
				wait(time.Second) // or all but the first would fail by their rate
			}
		}
		wait(time.Second)
		grown := int64(heap()) - int64(before)
		t.Logf("%d subscriptions: %d kept, %d KiB of heap", count, alice.svc.guard.foreign, grown>>10)
		if alice.svc.guard.foreign > maxForeign || grown > 2<<20 {
			t.Fatalf("%d subscriptions kept, %d KiB", alice.svc.guard.foreign, grown>>10)
		}

		// One frame that is too long, and one that is no protobuf.
		for _, frame := range [][]byte{binary.AppendUvarint(nil, maxRPC+1), append(binary.AppendUvarint(nil, 5), "\xff\xff\xff\xff\xff"...)} {
			h.open()
			_, _ = h.st.Write(frame)
			wait(100 * time.Millisecond)
			if _, err := h.st.Write([]byte("more")); err == nil {
				t.Error("the stream lives on")
			}
		}
		alice.say("hello")
		bob.say("hi")
		wait(time.Second)
		alice.wantHeard("hi")
		bob.wantHeard("hello")

		h.Close()
		wait(time.Second)
		if g := alice.svc.guard; g.foreign != 0 || len(g.neighbours) != 1 {
			t.Fatalf("%d neighbours and %d subscriptions are remembered after the hostile left", len(g.neighbours), g.foreign)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
