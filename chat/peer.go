package chat

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A PeerID is the Ed25519 public key that is a person's identity. On screens
// and in addresses it is written as the libp2p peer ID of that key
// ("12D3KooW..."). Only keys that can sign for one person alone are PeerIDs:
// see PeerIDFromKey.
type PeerID [ed25519.PublicKeySize]byte

// PeerIDFromKey makes a PeerID of a raw Ed25519 public key. It refuses keys of
// small order, for which one signature is valid for every message, and keys
// that are not encoded in their one canonical way.
func PeerIDFromKey(key []byte) (PeerID, error) {
	if len(key) != ed25519.PublicKeySize {
		return PeerID{}, fmt.Errorf("%w: a key of %d bytes", ErrBadPeerID, len(key))
	}
	id := PeerID(key)
	if !canonical(id) || smallOrder(id) {
		return PeerID{}, fmt.Errorf("%w: a weak Ed25519 key", ErrBadPeerID)
	}
	return id, nil
}

// PeerIDFromLibp2p makes a PeerID of a libp2p peer ID. It refuses all but
// Ed25519 identities (RSA, secp256k1, ECDSA), and what PeerIDFromKey refuses.
func PeerIDFromLibp2p(id peer.ID) (PeerID, error) {
	pub, err := id.ExtractPublicKey()
	if err != nil || pub.Type() != crypto.Ed25519 {
		return PeerID{}, fmt.Errorf("%w: not an Ed25519 identity", ErrBadPeerID)
	}
	raw, err := pub.Raw()
	if err != nil {
		return PeerID{}, fmt.Errorf("%w: %w", ErrBadPeerID, err)
	}
	p, err := PeerIDFromKey(raw)
	if err != nil {
		return PeerID{}, err
	}
	if p.Libp2p() != id { // another encoding of the same key
		return PeerID{}, fmt.Errorf("%w: not in canonical form", ErrBadPeerID)
	}
	return p, nil
}

// ParsePeerID reads a libp2p peer ID as a person writes it.
func ParsePeerID(s string) (PeerID, error) {
	id, err := peer.Decode(strings.TrimSpace(s))
	if err != nil {
		return PeerID{}, fmt.Errorf("%w: %q", ErrBadPeerID, clip(s, 80))
	}
	return PeerIDFromLibp2p(id)
}

// libp2pPrefix stands before the 32 key bytes in a libp2p peer ID: an identity
// multihash of 36 bytes holding the protobuf {1: Ed25519, 2: 32 bytes}
// (libp2p spec "peer-ids").
const libp2pPrefix = "\x00\x24\x08\x01\x12\x20"

// Libp2p is the peer ID libp2p knows this peer by.
func (p PeerID) Libp2p() peer.ID { return peer.ID(libp2pPrefix + string(p[:])) }

// String is the full peer ID, "12D3KooW...".
func (p PeerID) String() string { return p.Libp2p().String() }

// Short is the end of the peer ID, enough to tell apart the peers on one
// screen. It is decoration: never look a peer up by it.
func (p PeerID) Short() string {
	s := p.String()
	return s[len(s)-6:]
}

// IsZero reports whether p names nobody.
func (p PeerID) IsZero() bool { return p == PeerID{} }

// Compare orders peers by their key bytes.
func (p PeerID) Compare(q PeerID) int { return bytes.Compare(p[:], q[:]) }

// MarshalText writes p as String does; nobody is the empty text.
func (p PeerID) MarshalText() ([]byte, error) {
	if p.IsZero() {
		return nil, nil
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (p *PeerID) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*p = PeerID{}
		return nil
	}
	*p, err = ParsePeerID(string(text))
	return err
}

// canonical reports whether the y coordinate is below the field's prime
// 2^255-19 (RFC 8032, section 5.1.3).
func canonical(p PeerID) bool {
	if p[31]&0x7f != 0x7f {
		return true
	}
	for _, b := range p[1:31] {
		if b != 0xff {
			return true
		}
	}
	return p[0] < 0xed
}

// smallOrder reports whether p is one of the points whose order divides 8. The
// sign bit does not matter: x and -x have the same order.
func smallOrder(p PeerID) bool {
	p[31] &= 0x7f
	switch hex.EncodeToString(p[:]) {
	case "0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": // order 2
		return true
	}
	return false
}

// Fingerprint is a digest of the key for people to compare by voice: 8 groups
// of 5 digits, from 24 bytes of the SHA-256 of a prefix and the key.
func (p PeerID) Fingerprint() string {
	sum := sha256.Sum256(append([]byte("p2pchat fingerprint 1\x00"), p[:]...))
	var groups []string
	for i := range 8 {
		b := sum[i*3 : i*3+3]
		groups = append(groups, fmt.Sprintf("%05d", (uint32(b[0])<<16|uint32(b[1])<<8|uint32(b[2]))%100000))
	}
	return strings.Join(groups, " ")
}

// clip shortens s for an error message without cutting a character in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
