package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"
	recordpb "github.com/libp2p/go-libp2p/core/record/pb"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/p2pchat/p2pchat/chat"
)

// MaxEnvelope is the longest envelope, so that one fits into a frame or a
// gossip message of MaxFrame with what stands around it.
const MaxEnvelope = 60 << 10

// A Type says what an envelope holds. It is the envelope's payload type.
type Type byte

// The types of envelopes (PROTOCOL.md, sections 4 and 5).
const (
	TypeSegment Type = 1
	TypeBeacon  Type = 2
)

// domain is signed but not sent: a signature made for one conversation, or for
// one type, is worth nothing in another.
func (t Type) domain(conv chat.ConversationID) string {
	if t == TypeSegment {
		return "p2pchat/segment/1/" + conv.Base32()
	}
	return "p2pchat/beacon/1/" + conv.Base32()
}

// Peek reads the type and the claimed author of an envelope at little cost. It
// checks the envelope's form, and that the author is a sound identity, but not
// the signature.
func Peek(data []byte) (Type, chat.PeerID, error) {
	e, err := parseEnvelope(data)
	return e.typ, e.author, err
}

// An envelope is a signed envelope taken apart. Its slices are parts of the
// bytes it was made of.
type envelope struct {
	typ                Type
	author             chat.PeerID
	payload, signature []byte
}

// ed25519Prefix stands before the 32 key bytes in the one canonical encoding of
// libp2p's protobuf of an Ed25519 key.
const ed25519Prefix = "\x08\x01\x12\x20"

// parseEnvelope takes an envelope apart after it has checked the size, that the
// encoding is the one that Strict accepts, the type and the author's key.
func parseEnvelope(data []byte) (e envelope, err error) {
	if len(data) > MaxEnvelope {
		return envelope{}, fmt.Errorf("%w: an envelope of %d bytes", chat.ErrTooLarge, len(data))
	}
	if err := Strict((*recordpb.Envelope)(nil).ProtoReflect().Descriptor(), data); err != nil {
		return envelope{}, err
	}
	var key, typ []byte
	for len(data) > 0 {
		// All fields are bytes to the encoding, and Strict saw each whole.
		num, _, n := protowire.ConsumeTag(data)
		field, m := protowire.ConsumeBytes(data[n:])
		data = data[n+m:]
		switch num {
		case 1:
			key = field
		case 2:
			typ = field
		case 3:
			e.payload = field
		case 5:
			e.signature = field
		}
	}
	if len(typ) != 1 || typ[0] < byte(TypeSegment) || typ[0] > byte(TypeBeacon) {
		return envelope{}, fmt.Errorf("%w: envelope of type %x", chat.ErrMalformed, clipBytes(typ))
	}
	e.typ = Type(typ[0])
	raw, ok := bytes.CutPrefix(key, []byte(ed25519Prefix))
	if !ok {
		return envelope{}, fmt.Errorf("%w: not an Ed25519 identity", chat.ErrBadPeerID)
	}
	if e.author, err = chat.PeerIDFromKey(raw); err != nil {
		return envelope{}, err
	}
	return e, nil
}

// verify checks the signature, as libp2p RFC 0002 has it: over domain, type and
// payload, each after its length as a varint.
func (e *envelope) verify(conv chat.ConversationID) bool {
	domain := e.typ.domain(conv)
	signed := make([]byte, 0, len(domain)+len(e.payload)+3*binary.MaxVarintLen32)
	signed = append(binary.AppendUvarint(signed, uint64(len(domain))), domain...)
	signed = append(signed, 1, byte(e.typ))
	signed = append(binary.AppendUvarint(signed, uint64(len(e.payload))), e.payload...)
	return ed25519.Verify(e.author[:], signed, e.signature)
}

// payload is what record.Seal needs to know of our payloads: bytes, a type and a
// domain.
type payload struct {
	typ   Type
	conv  chat.ConversationID
	bytes []byte
}

func (p *payload) Domain() string                 { return p.typ.domain(p.conv) }
func (p *payload) Codec() []byte                  { return []byte{byte(p.typ)} }
func (p *payload) MarshalRecord() ([]byte, error) { return p.bytes, nil }
func (p *payload) UnmarshalRecord(b []byte) error { p.bytes = b; return nil }

// seal signs a payload and returns the author and the envelope's bytes.
func seal(key crypto.PrivKey, p *payload) (chat.PeerID, []byte, error) {
	env, err := record.Seal(p, key)
	if err != nil {
		return chat.PeerID{}, nil, fmt.Errorf("sign: %w", err)
	}
	data, err := env.Marshal()
	if err != nil {
		return chat.PeerID{}, nil, fmt.Errorf("sign: %w", err)
	}
	_, author, err := Peek(data)
	if err != nil {
		return chat.PeerID{}, nil, err
	}
	return author, data, nil
}

// open checks form, type and signature of an envelope, in the order of cost,
// and returns its author and its payload, which is a part of data.
func open(typ Type, conv chat.ConversationID, data []byte) (chat.PeerID, []byte, error) {
	e, err := parseEnvelope(data)
	switch {
	case err != nil:
		return chat.PeerID{}, nil, err
	case e.typ != typ:
		return chat.PeerID{}, nil, fmt.Errorf("%w: envelope of another type", chat.ErrMalformed)
	case !e.verify(conv):
		return chat.PeerID{}, nil, fmt.Errorf("%w: author %s", chat.ErrForged, e.author)
	}
	return e.author, e.payload, nil
}

func clipBytes(b []byte) []byte { return b[:min(len(b), 8)] }
