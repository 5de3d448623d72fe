package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"
	recordpb "github.com/libp2p/go-libp2p/core/record/pb"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// libp2pRecord makes libp2p's own reading of envelopes the judge of ours.
type libp2pRecord struct {
	domain string
	typ    byte
	bytes  []byte
}

func (r *libp2pRecord) Domain() string                 { return r.domain }
func (r *libp2pRecord) Codec() []byte                  { return []byte{r.typ} }
func (r *libp2pRecord) MarshalRecord() ([]byte, error) { return r.bytes, nil }
func (r *libp2pRecord) UnmarshalRecord(b []byte) error { r.bytes = b; return nil }

// Our envelopes are libp2p's (RFC 0002): each side opens what the other sealed.
func TestEnvelopesAreLibp2ps(t *testing.T) {
	s, b := sealed(segment(parents(2), line("hi"))), sealedBeacon(fullBeacon())
	for _, c := range []struct {
		data   []byte
		record libp2pRecord
	}{
		{s.Envelope, libp2pRecord{domain: "p2pchat/segment/1/" + s.Conversation.Base32(), typ: 1}},
		{b.Envelope, libp2pRecord{domain: "p2pchat/beacon/1/" + b.Conversation.Base32(), typ: 2}},
	} {
		env, err := record.ConsumeTypedEnvelope(c.data, &c.record)
		if err != nil {
			t.Fatalf("libp2p does not open it: %v", err)
		}
		if !env.PublicKey.Equals(testKey(1).GetPublic()) || !bytes.Equal(env.PayloadType, []byte{c.record.typ}) {
			t.Errorf("libp2p reads author %v, type %x", env.PublicKey, env.PayloadType)
		}
		if own := sign(1, wire.Type(c.record.typ), lobby(), c.record.bytes); !bytes.Equal(own, c.data) {
			t.Errorf("by hand it is\n%x, and sealed it is\n%x", own, c.data)
		}
	}
}

func TestPeekTellsTypeAndAuthor(t *testing.T) {
	author := peerOf(testKey(1))
	for want, data := range map[wire.Type][]byte{
		wire.TypeSegment: sealed(segment(nil, line("hi"))).Envelope,
		wire.TypeBeacon:  sealedBeacon(fullBeacon()).Envelope,
	} {
		typ, who, err := wire.Peek(data)
		if err != nil || typ != want || who != author {
			t.Errorf("type %d by %s, %v; want %d by %s", typ, who, err, want, author)
		}
	}
	for _, typ := range [][]byte{nil, {0}, {3}, {255}, {1, 0}, {0, 1}, []byte("/libp2p/relay-rsvp")} {
		data := envelope(libp2pKey(author[:]), typ, []byte("x"), make([]byte, 64))
		if _, _, err := wire.Peek(data); !errors.Is(err, chat.ErrMalformed) {
			t.Errorf("type %x: %v, want ErrMalformed", typ, err)
		}
	}
}

// refused checks that nobody accepts data as a segment or a beacon.
func refused(t *testing.T, what string, data []byte) {
	t.Helper()
	if s, err := wire.OpenSegment(lobby(), data); err == nil {
		t.Errorf("%s: accepted as segment %s", what, s.ID)
	}
	if b, err := wire.OpenBeacon(lobby(), data); err == nil {
		t.Errorf("%s: accepted as a beacon of %s", what, b.Author)
	}
}

// A signed thing has one encoding: whoever passes it on cannot change a bit.
func TestEveryBitFlipIsRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"segment": sealed(segment(parents(1), line("hi"), chat.Body{Kind: 9, Data: []byte{1}})).Envelope,
		"beacon":  sealedBeacon(&chat.Beacon{Conversation: lobby(), Sent: instant(), Nick: text("a"), Heads: parents(1), Seed: true}).Envelope,
	} {
		for i := range len(data) * 8 {
			flipped := bytes.Clone(data)
			flipped[i/8] ^= 1 << (i % 8)
			refused(t, fmt.Sprintf("%s with bit %d flipped", name, i), flipped)
		}
		for n := range data {
			refused(t, fmt.Sprintf("%s of %d bytes", name, n), data[:n])
		}
		refused(t, name+" and a byte", append(bytes.Clone(data), 0))
		refused(t, name+" twice", append(bytes.Clone(data), data...))
	}
}

// A field is one field of an encoded message.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	value []byte // what follows the tag
}

func fieldsOf(b []byte) (fields []field) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, typ, b[n:])
		fields = append(fields, field{num, typ, b[n : n+m]})
		b = b[n+m:]
	}
	return fields
}

func encode(fields []field) (b []byte) {
	for _, f := range fields {
		b = append(protowire.AppendTag(b, f.num, f.typ), f.value...)
	}
	return b
}

// longer is the varint at the start of b with one byte more than it needs.
func longer(b []byte) []byte {
	_, n := protowire.ConsumeVarint(b)
	out := append(bytes.Clone(b[:n]), 0)
	out[n-1] |= 0x80
	return append(out, b[n:]...)
}

// reencodings are other encodings that a lax protobuf parser reads as the same
// message. Lists are the fields that may stand more than once.
func reencodings(b []byte, lists ...protowire.Number) map[string][]byte {
	out := make(map[string][]byte)
	fields := fieldsOf(b)
	for i, f := range fields {
		name := fmt.Sprintf("field %d (%d.)", f.num, i)
		changed := func(fs ...field) []byte { return encode(slices.Concat(fields[:i], fs, fields[i+1:])) }
		out[name+" with a longer varint"] = changed(field{f.num, f.typ, longer(f.value)})
		tag := protowire.AppendTag(nil, f.num, f.typ)
		out[name+" with a longer tag"] = slices.Concat(encode(fields[:i]), longer(tag), f.value, encode(fields[i+1:]))
		if !slices.Contains(lists, f.num) {
			out[name+" twice"] = changed(f, f)
			empty := field{f.num, f.typ, []byte{0}}
			out[name+" after an empty one"] = changed(empty, f)
			out[name+" at the end again"] = append(encode(fields), encode([]field{f})...)
		}
		if i > 0 && fields[i-1].num != f.num {
			swapped := slices.Clone(fields)
			swapped[i-1], swapped[i] = f, fields[i-1]
			out[name+" moved forward"] = encode(swapped)
		}
		if f.typ == protowire.VarintType {
			if v, _ := protowire.ConsumeVarint(f.value); v > 1 {
				continue // a number of 64 bits: with upper bits it is another one
			}
			out[name+" with upper bits"] = changed(field{f.num, f.typ, protowire.AppendVarint(nil, 1<<40|1)})
		}
	}
	for _, num := range []protowire.Number{4, 6, 15, 16, 1000, protowire.MaxValidNumber} {
		if slices.ContainsFunc(fields, func(f field) bool { return f.num == num }) {
			continue
		}
		for typ, value := range map[protowire.Type][]byte{
			protowire.VarintType: {1}, protowire.BytesType: {1, 1}, protowire.Fixed32Type: {1, 0, 0, 0},
			protowire.Fixed64Type: {1, 0, 0, 0, 0, 0, 0, 0},
		} {
			out[fmt.Sprintf("unknown field %d of type %d", num, typ)] = append(bytes.Clone(b), encode([]field{{num, typ, value}})...)
		}
	}
	out["an empty group"] = append(bytes.Clone(b), 0x7b, 0x7c)
	out["field number 0"] = append(bytes.Clone(b), 0, 0)
	return out
}

// inside re-encodes the field num of b, with its length.
func inside(b []byte, num protowire.Number, change func([]byte) map[string][]byte) map[string][]byte {
	out := make(map[string][]byte)
	fields := fieldsOf(b)
	for i, f := range fields {
		if f.num != num {
			continue
		}
		value, _ := protowire.ConsumeBytes(f.value)
		for name, other := range change(value) {
			changed := slices.Clone(fields)
			changed[i].value = protowire.AppendBytes(nil, other)
			out[fmt.Sprintf("inside field %d: %s", num, name)] = encode(changed)
		}
	}
	return out
}

func reencodingsOfKey(b []byte) map[string][]byte { return reencodings(b) }

// Whoever passes an envelope on cannot make a second one of it: the gossip layer
// would take it for a new message.
func TestEveryReencodingOfAnEnvelopeIsRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"segment": sealed(segment(parents(1), line("hi"))).Envelope,
		"beacon":  sealedBeacon(fullBeacon()).Envelope,
	} {
		for how, other := range reencodings(data) {
			refused(t, name+": "+how, other)
		}
		for how, other := range inside(data, 1, reencodingsOfKey) {
			refused(t, name+": "+how, other)
		}
	}
}

// Not even the author can sign two encodings of one content.
func TestEveryReencodingOfAPayloadIsRefused(t *testing.T) {
	m := pbSegment()
	m.Seq, m.Parents = 2, rawIDs(2)
	payload := marshal(m)
	if _, err := wire.OpenSegment(lobby(), sign(1, wire.TypeSegment, lobby(), payload)); err != nil {
		t.Fatalf("the one encoding: %v", err)
	}
	for how, other := range reencodings(payload, 3, 5) {
		refused(t, "segment: "+how, sign(1, wire.TypeSegment, lobby(), other))
	}
	for how, other := range inside(payload, 5, reencodingsOfKey) {
		refused(t, "segment: "+how, sign(1, wire.TypeSegment, lobby(), other))
	}

	payload = marshal(pbBeacon())
	if _, err := wire.OpenBeacon(lobby(), sign(1, wire.TypeBeacon, lobby(), payload)); err != nil {
		t.Fatalf("the one encoding: %v", err)
	}
	for how, other := range reencodings(payload, 3) {
		refused(t, "beacon: "+how, sign(1, wire.TypeBeacon, lobby(), other))
	}
	// Zero is left out, never written.
	for _, zero := range [][]byte{{0x20, 0}, {0x28, 0}} {
		b := pbBeacon()
		b.Leaving, b.Seed = false, false
		refused(t, fmt.Sprintf("beacon with % x", zero), sign(1, wire.TypeBeacon, lobby(), append(marshal(b), zero...)))
	}
}

// An Ed25519 signature (R, S) is also written (R, S + order): RFC 8032 forbids it.
func TestSecondFormOfASignatureIsRefused(t *testing.T) {
	fields := fieldsOf(sealed(segment(nil, line("hi"))).Envelope)
	sig, _ := protowire.ConsumeBytes(fields[3].value)
	order, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	order.SetBit(order, 252, 1)
	s := bytes.Clone(sig[32:])
	slices.Reverse(s)
	s = order.Add(order, new(big.Int).SetBytes(s)).FillBytes(s)
	slices.Reverse(s)
	fields[3].value = protowire.AppendBytes(nil, slices.Concat(sig[:32], s))
	refused(t, "S + order", encode(fields))
	for _, n := range []int{0, 63, 65, 128} {
		fields[3].value = protowire.AppendBytes(nil, append(bytes.Clone(sig), sig...)[:n])
		refused(t, fmt.Sprintf("a signature of %d bytes", n), encode(fields))
	}
}

// A signature is worth nothing elsewhere.
func TestSignaturesHoldForOneConversationAndType(t *testing.T) {
	s, b := sealed(segment(nil, line("hi"))), sealedBeacon(fullBeacon())
	if _, err := wire.OpenSegment(chat.RoomID("other"), s.Envelope); !errors.Is(err, chat.ErrForged) {
		t.Errorf("a segment in another room: %v, want ErrForged", err)
	}
	if _, err := wire.OpenBeacon(chat.RoomID("other"), b.Envelope); !errors.Is(err, chat.ErrForged) {
		t.Errorf("a beacon in another room: %v, want ErrForged", err)
	}
	if _, err := wire.OpenSegment(lobby(), b.Envelope); !errors.Is(err, chat.ErrMalformed) {
		t.Errorf("a beacon as a segment: %v, want ErrMalformed", err)
	}
	if _, err := wire.OpenBeacon(lobby(), s.Envelope); !errors.Is(err, chat.ErrMalformed) {
		t.Errorf("a segment as a beacon: %v, want ErrMalformed", err)
	}
	// The same, with the type changed to fit.
	for _, data := range [][]byte{s.Envelope, b.Envelope} {
		fields := fieldsOf(data)
		fields[1].value = []byte{1, fields[1].value[1] ^ 3}
		_, errSegment := wire.OpenSegment(lobby(), encode(fields))
		_, errBeacon := wire.OpenBeacon(lobby(), encode(fields))
		if !errors.Is(errSegment, chat.ErrForged) && !errors.Is(errBeacon, chat.ErrForged) {
			t.Errorf("type changed: %v, %v, want ErrForged from one", errSegment, errBeacon)
		}
	}
}

func TestForgedAuthorIsRefused(t *testing.T) {
	mallory := peerOf(testKey(2))
	for _, data := range [][]byte{sealed(segment(nil, line("hi"))).Envelope, sealedBeacon(fullBeacon()).Envelope} {
		fields := fieldsOf(data)
		fields[0].value = protowire.AppendBytes(nil, libp2pKey(mallory[:]))
		_, errSegment := wire.OpenSegment(lobby(), encode(fields))
		_, errBeacon := wire.OpenBeacon(lobby(), encode(fields))
		if !errors.Is(errSegment, chat.ErrForged) && !errors.Is(errBeacon, chat.ErrForged) {
			t.Errorf("another's key: %v, %v, want ErrForged from one", errSegment, errBeacon)
		}
	}
}

// With a key of small order one signature holds for every text: libp2p opens
// this envelope, we do not.
func TestSmallOrderAuthorIsRefused(t *testing.T) {
	identity := make([]byte, 32)
	identity[0] = 1
	sig := append(bytes.Clone(identity), make([]byte, 32)...)
	for _, text := range []string{"pay bob", "pay mallory"} {
		m := pbSegment()
		m.Bodies[0].Data = []byte(text)
		data := envelope(libp2pKey(identity), []byte{1}, marshal(m), sig)
		lax := &libp2pRecord{domain: "p2pchat/segment/1/" + lobby().Base32(), typ: 1}
		if _, err := record.ConsumeTypedEnvelope(data, lax); err != nil {
			t.Errorf("libp2p refuses it too (%v): is this test still needed?", err)
		}
		if _, err := wire.OpenSegment(lobby(), data); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("small order: %v, want ErrBadPeerID", err)
		}
		if _, _, err := wire.Peek(data); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("small order, at a glance: %v, want ErrBadPeerID", err)
		}
	}
}

func TestOtherKeyTypesAreRefused(t *testing.T) {
	for _, kind := range []int{crypto.RSA, crypto.Secp256k1, crypto.ECDSA} {
		key, pub, err := crypto.GenerateKeyPair(kind, 2048)
		if err != nil {
			t.Fatal(err)
		}
		s := segment(nil, line("hi"))
		if err := wire.SealSegment(key, s); !errors.Is(err, chat.ErrBadPeerID) || s.Envelope != nil {
			t.Errorf("seal with %s: %v, want ErrBadPeerID", pub.Type(), err)
		}
		env, err := record.Seal(&libp2pRecord{"p2pchat/segment/1/" + lobby().Base32(), 1, marshal(pbSegment())}, key)
		if err != nil {
			t.Fatal(err)
		}
		data, err := env.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.OpenSegment(lobby(), data); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("by %s: %v, want ErrBadPeerID", pub.Type(), err)
		}
	}
	author := peerOf(testKey(1))
	for name, key := range map[string][]byte{
		"no key": nil, "no data": {8, 1}, "no type": libp2pKey(author[:])[2:], "31 bytes": libp2pKey(author[:31]), "33 bytes": libp2pKey(append(author[:], 0)),
	} {
		if _, _, err := wire.Peek(envelope(key, []byte{1}, []byte("x"), make([]byte, 64))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMaxEnvelope(t *testing.T) {
	author := peerOf(testKey(1))
	sized := func(n int) []byte {
		data := envelope(libp2pKey(author[:]), []byte{1}, make([]byte, n-200), make([]byte, ed25519.SignatureSize))
		return envelope(libp2pKey(author[:]), []byte{1}, make([]byte, n-200+n-len(data)), make([]byte, ed25519.SignatureSize))
	}
	if data := sized(wire.MaxEnvelope); len(data) != wire.MaxEnvelope {
		t.Fatalf("%d bytes", len(data))
	} else if _, _, err := wire.Peek(data); err != nil {
		t.Errorf("the longest envelope: %v", err)
	}
	for _, data := range [][]byte{sized(wire.MaxEnvelope + 1), make([]byte, 16<<20)} {
		if _, _, err := wire.Peek(data); !errors.Is(err, chat.ErrTooLarge) {
			t.Errorf("%d bytes: %v, want ErrTooLarge", len(data), err)
		}
		if _, err := wire.OpenSegment(lobby(), data); !errors.Is(err, chat.ErrTooLarge) {
			t.Errorf("a segment of %d bytes: %v, want ErrTooLarge", len(data), err)
		}
		if _, err := wire.OpenBeacon(lobby(), data); !errors.Is(err, chat.ErrTooLarge) {
			t.Errorf("a beacon of %d bytes: %v, want ErrTooLarge", len(data), err)
		}
	}
}

func FuzzPeek(f *testing.F) {
	f.Add(sealed(segment(parents(1), line("hi"))).Envelope)
	f.Add(sealedBeacon(fullBeacon()).Envelope)
	f.Add(envelope(libp2pKey(make([]byte, 32)), []byte{1}, nil, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		typ, author, err := wire.Peek(data)
		if err != nil {
			if typ != 0 || !author.IsZero() {
				t.Fatalf("type %d by %s beside %v", typ, author, err)
			}
			return
		}
		// What passes has one encoding, and libp2p reads the same in it.
		env := new(recordpb.Envelope)
		if err := protoUnmarshal(data, env); err != nil {
			t.Fatal(err)
		}
		if again := marshal(env); !bytes.Equal(again, data) {
			t.Fatalf("%x encodes as %x", data, again)
		}
		if !bytes.Equal(env.PayloadType, []byte{byte(typ)}) || !bytes.Equal(env.GetPublicKey().GetData(), author[:]) {
			t.Fatalf("type %d by %s, and libp2p reads %v", typ, author, env)
		}
	})
}
