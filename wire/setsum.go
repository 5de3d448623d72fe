package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// SetSumSize is the length of a SetSum's binary form, in bytes.
	SetSumSize = 2048

	// elementPart is how many bytes of an element are made at a time: so few that
	// they stay in the nearest cache.
	elementPart = 512
	// high has the highest bit of each lane of a word set.
	high = 0x8000_8000_8000_8000
)

// A SetSum is a homomorphic hash of a set of segment IDs, LtHash (M. Bellare,
// D. Micciancio, "A New Paradigm for Collision-Free Hashing", 1997; K. Lewi et
// al., "Securing Update Propagation with Homomorphic Hashing", 2019): 1,024
// lanes of 16 bits, added lane by lane, without a carry between them. The
// element of an ID is 2,048 bytes of AES-256-CTR key stream, from a counter of
// zero, with the ID as the key; IDs are outputs of SHA-256 (PROTOCOL.md, section
// 7). The zero value is the empty set.
//
// A sum depends on nothing but the set, so a log keeps the sums of its parts and
// compares itself with any number of others without looking at its IDs again.
// Shorter sums would not do: those of 256 bits modulo a power of two fall to
// Wagner's generalised birthday attack, by which a member who writes many
// segments finds two sets with one sum; and elements that are salted for each
// run, which would stop that, make each run hash every ID anew.
type SetSum [SetSumSize / 8]uint64 // four lanes a word, the first one highest

// element gives the key stream of id to fn, a part at a time.
func element(id chat.SegmentID, fn func(at int, part []byte)) {
	block, err := aes.NewCipher(id[:])
	if err != nil {
		panic("wire: a segment ID is an AES-256 key: " + err.Error())
	}
	var iv [aes.BlockSize]byte
	stream := cipher.NewCTR(block, iv[:])
	part := make([]byte, elementPart)
	for at := 0; at < SetSumSize/8; at += elementPart / 8 {
		clear(part)
		stream.XORKeyStream(part, part)
		fn(at, part)
	}
}

// Add adds an ID. One that is in the set must not be added again.
func (s *SetSum) Add(id chat.SegmentID) {
	element(id, func(at int, part []byte) {
		for i, w := range s[at : at+elementPart/8] {
			s[at+i] = addLanes(w, binary.BigEndian.Uint64(part[8*i:]))
		}
	})
}

// Sub takes an ID out, which must be in the set.
func (s *SetSum) Sub(id chat.SegmentID) {
	element(id, func(at int, part []byte) {
		for i, w := range s[at : at+elementPart/8] {
			s[at+i] = subLanes(w, binary.BigEndian.Uint64(part[8*i:]))
		}
	})
}

// Merge adds all of o, which has no ID in common with s.
func (s *SetSum) Merge(o *SetSum) {
	for i := range s {
		s[i] = addLanes(s[i], o[i])
	}
}

// Unmerge takes all of o out, which must be a part of s.
func (s *SetSum) Unmerge(o *SetSum) {
	for i := range s {
		s[i] = subLanes(s[i], o[i])
	}
}

// addLanes adds four lanes at once: the highest bits apart, so that nothing is
// carried over.
func addLanes(a, b uint64) uint64 { return ((a &^ high) + (b &^ high)) ^ ((a ^ b) & high) }

func subLanes(a, b uint64) uint64 { return ((a | high) - (b &^ high)) ^ ((a ^ ^b) & high) }

// AppendBinary appends the binary form, SetSumSize bytes: the lanes in order,
// each big-endian.
func (s *SetSum) AppendBinary(b []byte) []byte {
	for _, w := range s {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

// ParseSetSum reads the binary form. Any SetSumSize bytes are one; the error is
// chat.ErrMalformed.
func ParseSetSum(b []byte) (s SetSum, err error) {
	if len(b) != SetSumSize {
		return s, fmt.Errorf("%w: a sum of %d bytes", chat.ErrMalformed, len(b))
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return s, nil
}

// Fingerprint is what a run compares of a set of n IDs (PROTOCOL.md, section 7):
//
//	SHA-256(salt, sum, count), its first 16 bytes
//	sum    the binary form, 2,048 bytes
//	count  uint64, big-endian
//
// The salt is drawn for every run, so that nobody can look in advance for two
// sets whose 16 bytes are the same.
func (s *SetSum) Fingerprint(salt [SaltSize]byte, n int) [FingerprintSize]byte {
	b := make([]byte, 0, SaltSize+SetSumSize+8)
	b = append(b, salt[:]...)
	b = s.AppendBinary(b)
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	h := sha256.Sum256(b)
	return [FingerprintSize]byte(h[:])
}
