package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	recordpb "github.com/libp2p/go-libp2p/core/record/pb"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/wire"
)

const gossip = protocol.ID("/meshsub/1.2.0")

// An enemy is a real host that writes what it likes on any protocol, but lets
// the others speak to it.
type enemy struct {
	*host.Host
	t   *testing.T
	key crypto.PrivKey
	to  *person
	out network.Stream // gossip
}

func (w *world) enemy(to *person) *enemy {
	w.t.Helper()
	e := &enemy{Host: w.net.Host(), t: w.t, to: to}
	e.key = e.Peerstore().PrivKey(e.ID())
	e.SetStreamHandler(gossip, func(st network.Stream) {
		buf := make([]byte, 1<<10)
		for {
			if _, err := st.Read(buf); err != nil {
				return
			}
		}
	})
	w.net.Connect(e.Host, to.host)
	return e
}

// throw opens a stream of a protocol, writes, and reads what comes for a moment.
func (e *enemy) throw(p protocol.ID, data []byte) {
	ctx, cancel := context.WithTimeout(e.t.Context(), 2*time.Second)
	defer cancel()
	st, err := e.NewStream(ctx, e.to.host.ID(), p)
	if err != nil {
		return // shut out by now, or does not speak it
	}
	_ = st.SetDeadline(time.Now().Add(2 * time.Second))
	_, _ = st.Write(data)
	_, _ = st.Read(make([]byte, 1<<10))
	_ = st.Reset()
}

// rpc writes on the gossip stream, and opens another when that was closed.
func (e *enemy) rpc(rpc *pb.RPC) {
	e.t.Helper()
	body, err := proto.Marshal(rpc)
	if err != nil {
		e.t.Fatal(err)
	}
	frame := append(binary.AppendUvarint(nil, uint64(len(body))), body...)
	for range 2 {
		if e.out == nil {
			ctx, cancel := context.WithTimeout(e.t.Context(), time.Second)
			e.out, err = e.NewStream(ctx, e.to.host.ID(), gossip)
			cancel()
			if err != nil {
				e.out = nil
				return
			}
		}
		_ = e.out.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := e.out.Write(frame); err == nil {
			return
		}
		e.out = nil
	}
}

func (e *enemy) publish(conv chat.ConversationID, data []byte) {
	topic := "/p2pchat/room/1/" + conv.Base32()
	e.rpc(&pb.RPC{Publish: []*pb.Message{{Topic: &topic, Data: data}}})
}

// sealed is a segment of any author for any conversation.
func sealed(t *testing.T, key crypto.PrivKey, conv chat.ConversationID, text string) *chat.Segment {
	t.Helper()
	s := &chat.Segment{
		Conversation: conv, Seq: 1, Time: chat.TimeOf(time.Now()),
		Bodies: []chat.Body{draft(t, "", text).Body},
	}
	if err := wire.SealSegment(key, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// forged puts another author's key into an envelope.
func forged(t *testing.T, data []byte, key crypto.PubKey) []byte {
	t.Helper()
	env := new(recordpb.Envelope)
	if err := proto.Unmarshal(data, env); err != nil {
		t.Fatal(err)
	}
	var err error
	if env.PublicKey, err = crypto.PublicKeyToProto(key); err != nil {
		t.Fatal(err)
	}
	out, err := proto.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestHostileHost: a real host throws everything it has at a member of a room.
// Nothing of it is shown, the room talks on meanwhile, and little memory is left
// of it.
func TestHostileHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alice, bob := duo(t)
		carol := w.person("carol")
		carol.join("lobby")
		carol.join("elsewhere")
		// Each attack has a host of its own, since who sends nonsense is not heard
		// for long; that it is heard at first shows that the attack arrives.
		attacker := func(name string) *enemy {
			e := w.enemy(alice)
			e.publish(lobby().ID(alice.Self()), sealed(t, e.key, lobby().ID(alice.Self()), name).Envelope)
			bob.wantText(time.Second, name)
			return e
		}
		random := rand.New(rand.NewChaCha8([32]byte{1}))
		noise := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			return b
		}
		talked := 0
		talk := func() { // the room works, whatever goes on
			t.Helper()
			talked++
			alice.say("lobby", fmt.Sprint("alice ", talked))
			bob.say("lobby", fmt.Sprint("bob ", talked))
			bob.wantText(time.Second, fmt.Sprint("alice ", talked))
			carol.wantText(time.Second, fmt.Sprint("alice ", talked))
			alice.wantText(time.Second, fmt.Sprint("bob ", talked))
		}
		talk()
		time.Sleep(10 * time.Second)
		before, goroutines := heap(), runtime.NumGoroutine()

		// Garbage and oversize frames on every protocol alice speaks.
		e := attacker("garbage")
		var protocols []protocol.ID
		protocols = append(protocols, alice.host.Mux().Protocols()...)
		for _, p := range append(protocols, "/p2pchat/kad/1.0.0") {
			for range 5 {
				e.throw(p, noise(100))
				e.throw(p, noise(100<<10))
				e.throw(p, binary.AppendUvarint(nil, 1<<40))
				e.throw(p, append(binary.AppendUvarint(nil, wire.MaxFrame+1), make([]byte, wire.MaxFrame+1)...))
				e.throw(p, append(binary.AppendUvarint(nil, 100), noise(50)...)) // truncated
				e.throw(p, bytes.Repeat([]byte{0}, 10_000))
			}
			talk()
		}

		_ = e.Close()

		// Segments that are not what they say.
		lobbyID, other := lobby().ID(alice.Self()), chat.RoomID("elsewhere")
		elsewhere := sealed(t, carol.key, other, "evil: of another room")
		presence := sealed(t, e.key, chat.PresenceID(), "evil: in the presence room")
		direct := sealed(t, carol.key, chat.DirectID(carol.Self(), bob.Self()), "evil: of a private talk")
		for i, bad := range [][]byte{
			elsewhere.Envelope, presence.Envelope, direct.Envelope,
			forged(t, sealed(t, e.key, lobbyID, "evil: forged").Envelope, bob.key.GetPublic()),
			append(sealed(t, e.key, lobbyID, "evil: and more").Envelope, 0),
			noise(1000), nil, make([]byte, wire.MaxEnvelope+1),
		} {
			_ = e.Close()
			e = attacker(fmt.Sprint("forgery ", i))
			e.publish(lobbyID, bad)
			e.publish(chat.PresenceID(), bad)
			e.throw(wire.DirectProtocol, hostileDirect(t, bad))
			e.throw(wire.CatchupProtocol, hostileCatchup(t, lobbyID, bad))
			time.Sleep(100 * time.Millisecond)
		}
		talk()

		_ = e.Close()

		// Subscriptions to 200,000 rooms.
		e = attacker("subscriptions")
		const count, each = 200_000, 250
		for i := 0; i < count; i += each {
			rpc := &pb.RPC{}
			for j := range each {
				topic := "/p2pchat/room/1/" + chat.RoomID(chat.RoomName(fmt.Sprint("r", i+j))).Base32()
				rpc.Subscriptions = append(rpc.Subscriptions, &pb.RPC_SubOpts{Subscribe: proto.Bool(true), Topicid: &topic})
			}
			e.rpc(rpc)
			if i%20_000 == 0 {
				talk()
			}
		}
		time.Sleep(time.Minute)
		talk()
		for _, p := range []*person{alice, bob, carol} {
			p.mu.Lock()
			for _, ev := range p.events {
				if m, ok := ev.(chat.Message); ok && bytes.HasPrefix([]byte(m.Text.Raw()), []byte("evil")) {
					t.Errorf("%s was shown %q", p.nick, m.Text)
				}
			}
			p.mu.Unlock()
		}
		w.check(lobby(), alice, bob, carol)
		_ = e.Close()
		time.Sleep(time.Minute)
		after, left := heap(), runtime.NumGoroutine()
		t.Logf("heap %d KiB before, %d KiB after; %d goroutines before, %d after", before>>10, after>>10, goroutines, left)
		if grown := after - before; grown > 16<<20 {
			t.Errorf("%d MiB are left of it", grown>>20)
		}
		if left > goroutines+50 {
			t.Errorf("%d goroutines are left of it", left-goroutines)
		}
	})
}

// hostileDirect is a Hello and a segment of a private talk.
func hostileDirect(t *testing.T, envelope []byte) []byte {
	t.Helper()
	b, err := wire.AppendDirect(nil, wire.Hello{Sent: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	more, err := wire.AppendDirect(b, wire.DirectSegment(envelope))
	if err != nil {
		return b // not even a frame
	}
	return more
}

// hostileCatchup begins a run and pushes a segment at once.
func hostileCatchup(t *testing.T, conv chat.ConversationID, envelope []byte) []byte {
	t.Helper()
	b, err := wire.AppendCatchup(nil, wire.Open{Conversation: conv})
	if err != nil {
		t.Fatal(err)
	}
	more, err := wire.AppendCatchup(b, wire.Segments{Envelopes: [][]byte{envelope}, Last: true})
	if err != nil {
		return b
	}
	return more
}
