package catchup

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sort"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// stride is how many keys lie between two remembered sums: a fingerprint of any
// range then costs at most 2*(stride-1) hashes, and a sum takes 2 bytes a key.
const stride = 16

// A set is the log of one conversation as it is when a run begins: the places
// of its segments, sorted.
type set struct {
	keys []chat.OrderKey
	// floor stands right behind what was pruned; the zero Bound if nothing was.
	// No key is before it, and what others hold there is of no interest.
	floor wire.Bound
	salt  [wire.SaltSize]byte
	// sums[i] is the sum of the first i*stride keys. It is made at first use.
	sums []sum
}

// newSet takes the places of a conversation from log.
func newSet(log Log, conv chat.ConversationID, salt [wire.SaltSize]byte) *set {
	s := &set{salt: salt, floor: behind(log.Floor(conv))}
	log.Ascend(conv, s.floor, func(k chat.OrderKey) bool {
		s.keys = append(s.keys, k)
		return true
	})
	return s
}

// behind is the bound right behind k, or none if k is zero.
func behind(k chat.OrderKey) wire.Bound {
	if k == (chat.OrderKey{}) {
		return wire.Bound{}
	}
	id := k.ID
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			return wire.Bound{Time: k.Time, Prefix: id[:]}
		}
	}
	return wire.Bound{Time: k.Time + 1}
}

// between is the shortest bound that stands behind a and not behind b.
func between(a, b chat.OrderKey) wire.Bound {
	if a.Time != b.Time {
		return wire.Bound{Time: b.Time}
	}
	n := 0
	for n < len(a.ID)-1 && a.ID[n] == b.ID[n] {
		n++
	}
	return wire.Bound{Time: b.Time, Prefix: append([]byte(nil), b.ID[:n+1]...)}
}

// beginsBefore reports whether a, as a beginning, is before b, as an end.
func beginsBefore(a, b wire.Bound) bool {
	if a.IsEnd() || b.IsEnd() {
		return true
	}
	return a.Time < b.Time || a.Time == b.Time && string(a.Prefix) < string(b.Prefix)
}

// index is how many keys are before the end b.
func (s *set) index(b wire.Bound) int {
	return sort.Search(len(s.keys), func(i int) bool { return b.After(s.keys[i]) })
}

// bound is a bound between keys i-1 and i; between the ends of the set.
func (s *set) bound(i int) wire.Bound { return between(s.keys[i-1], s.keys[i]) }

// fingerprint is that of the keys from lo up to hi (PROTOCOL.md, section 7):
//
//	SHA-256(salt, sum, count), its first 16 bytes
//	sum    sum of SHA-256(salt, ID) over all, modulo 2^256, 32 bytes big-endian
//	count  uint64, big-endian
//
// The salt is drawn for every run, so that nobody can write segments whose sums
// collide before it is known.
func (s *set) fingerprint(lo, hi int) [wire.FingerprintSize]byte {
	total := s.prefix(hi)
	total.sub(s.prefix(lo))
	var b [wire.SaltSize + 32 + 8]byte
	copy(b[:], s.salt[:])
	total.put(b[wire.SaltSize:])
	binary.BigEndian.PutUint64(b[wire.SaltSize+32:], uint64(hi-lo))
	h := sha256.Sum256(b[:])
	return [wire.FingerprintSize]byte(h[:])
}

// prefix is the sum of the first n keys.
func (s *set) prefix(n int) sum {
	if s.sums == nil {
		s.sums = make([]sum, 1, len(s.keys)/stride+1)
		var total sum
		for i := range s.keys {
			total.add(s.element(i))
			if (i+1)%stride == 0 {
				s.sums = append(s.sums, total)
			}
		}
	}
	total := s.sums[n/stride]
	for i := n / stride * stride; i < n; i++ {
		total.add(s.element(i))
	}
	return total
}

func (s *set) element(i int) sum {
	var b [wire.SaltSize + len(chat.SegmentID{})]byte
	copy(b[:], s.salt[:])
	copy(b[wire.SaltSize:], s.keys[i].ID[:])
	h := sha256.Sum256(b[:])
	return sum{
		binary.BigEndian.Uint64(h[24:]), binary.BigEndian.Uint64(h[16:]),
		binary.BigEndian.Uint64(h[8:]), binary.BigEndian.Uint64(h[:]),
	}
}

// A sum is a number modulo 2^256, its lowest 64 bits first.
type sum [4]uint64

func (a *sum) add(b sum) {
	var carry uint64
	for i := range a {
		a[i], carry = bits.Add64(a[i], b[i], carry)
	}
}

func (a *sum) sub(b sum) {
	var borrow uint64
	for i := range a {
		a[i], borrow = bits.Sub64(a[i], b[i], borrow)
	}
}

func (a *sum) put(b []byte) {
	for i := range a {
		binary.BigEndian.PutUint64(b[8*(3-i):], a[i])
	}
}
