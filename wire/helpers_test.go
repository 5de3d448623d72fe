package wire_test

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// testKey is the same key for the same n, always.
func testKey(n byte) crypto.PrivKey {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seedOf(n)))
	if err != nil {
		panic(err)
	}
	return key
}

func seedOf(n byte) []byte {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = n
	}
	return seed
}

func peerOf(key crypto.PrivKey) chat.PeerID {
	raw, err := key.GetPublic().Raw()
	if err != nil {
		panic(err)
	}
	id, err := chat.PeerIDFromKey(raw)
	if err != nil {
		panic(err)
	}
	return id
}

func text(s string) chat.Text {
	t, err := chat.NewText(s)
	if err != nil {
		panic(err)
	}
	return t
}

func line(s string) chat.Body { return chat.Body{Kind: chat.KindText, Text: text(s)} }

func lines(n int, s string) []chat.Body {
	bodies := make([]chat.Body, n)
	for i := range bodies {
		bodies[i] = line(s)
	}
	return bodies
}

// everyKind is one body of each kind of version 1.
func everyKind() []chat.Body {
	target := chat.MessageID{0x55, 31: 0x66}
	return []chat.Body{
		line("hello"),
		{Kind: chat.KindAction, Text: text("waves")},
		{Kind: chat.KindReply, Target: target, Text: text("yes")},
		{Kind: chat.KindEdit, Target: target, Text: text("no")},
		{Kind: chat.KindDelete, Target: target},
		{Kind: chat.KindReaction, Target: target, Text: text("👍")},
		{Kind: chat.KindReaction, Target: target},
		{Kind: chat.KindTopic, Text: text("what we talk about")},
		{Kind: chat.KindTopic},
	}
}

// parents makes n different segment IDs.
func parents(n int) []chat.SegmentID {
	ids := make([]chat.SegmentID, n)
	for i := range ids {
		ids[i] = chat.SegmentID{0xaa, byte(i >> 8), byte(i), 31: 0xee}
	}
	return ids
}

// instant is a moment in 2026.
func instant() time.Time { return time.UnixMilli(1_780_000_000_000) }

func lobby() chat.ConversationID { return chat.RoomID("lobby") }

func segment(parents []chat.SegmentID, bodies ...chat.Body) *chat.Segment {
	return &chat.Segment{
		Conversation: lobby(),
		Chain:        chat.Chain{1, 2, 3, 4, 5, 6, 7, 8},
		Seq:          1,
		Parents:      parents,
		Time:         chat.TimeOf(instant()),
		Bodies:       bodies,
	}
}

func fullBeacon() *chat.Beacon {
	return &chat.Beacon{
		Conversation: lobby(),
		Sent:         instant(),
		Nick:         text(fmt.Sprintf("%032d", 7)),
		Heads:        parents(chat.MaxHeads),
		Leaving:      true,
		Seed:         true,
	}
}

// shownBeacon is a beacon of the presence room with as many and as long rooms as
// there can be.
func shownBeacon() *chat.Beacon {
	b := fullBeacon()
	b.Conversation, b.Heads = chat.PresenceID(), nil
	for i := range chat.MaxShownRooms {
		b.Rooms = append(b.Rooms, chat.RoomName(fmt.Sprintf("%0*d", chat.MaxRoomName, i)))
	}
	return b
}

// sign makes an envelope around any payload, valid or not, without package wire:
// libp2p RFC 0002 by hand.
func sign(n byte, typ wire.Type, conv chat.ConversationID, payload []byte) []byte {
	key := ed25519.NewKeyFromSeed(seedOf(n))
	domain := map[wire.Type]string{wire.TypeSegment: "p2pchat/segment/1/", wire.TypeBeacon: "p2pchat/beacon/1/"}[typ] + conv.Base32()
	var signed []byte
	for _, part := range []string{domain, string(rune(typ)), string(payload)} {
		signed = protowire.AppendString(signed, part)
	}
	return envelope(libp2pKey(key.Public().(ed25519.PublicKey)), []byte{byte(typ)}, payload, ed25519.Sign(key, signed))
}

// libp2pKey is libp2p's protobuf of an Ed25519 public key.
func libp2pKey(key []byte) []byte { return append([]byte{0x08, 1, 0x12, byte(len(key))}, key...) }

// envelope encodes the four fields of a signed envelope.
func envelope(key, typ, payload, signature []byte) []byte {
	var b []byte
	for i, field := range [][]byte{key, typ, payload, signature} {
		b = protowire.AppendTag(b, []protowire.Number{1, 2, 3, 5}[i], protowire.BytesType)
		b = protowire.AppendBytes(b, field)
	}
	return b
}

func sealed(s *chat.Segment) *chat.Segment {
	if err := wire.SealSegment(testKey(1), s); err != nil {
		panic(err)
	}
	return s
}

func sealedBeacon(b *chat.Beacon) *chat.Beacon {
	if err := wire.SealBeacon(testKey(1), b); err != nil {
		panic(err)
	}
	return b
}

// marshal encodes a payload canonically.
func marshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// pbSegment is a sound segment in protobuf, for tests to spoil.
func pbSegment() *pb.Segment {
	return &pb.Segment{
		Chain:  []byte{1, 2, 3, 4, 5, 6, 7, 8},
		Seq:    1,
		Time:   uint64(chat.TimeOf(instant())),
		Bodies: []*pb.Body{{Kind: 1, Data: []byte("hi")}},
	}
}

// pbBeacon is a sound beacon in protobuf, for tests to spoil.
func pbBeacon() *pb.Beacon {
	return &pb.Beacon{SentMs: uint64(instant().UnixMilli()), Nick: "alice", Heads: rawIDs(2), Leaving: true, Seed: true}
}

func rawIDs(n int) [][]byte {
	raw := make([][]byte, n)
	for i, id := range parents(n) {
		raw[i] = id[:]
	}
	return raw
}
