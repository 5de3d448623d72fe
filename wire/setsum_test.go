package wire_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// idOf is a segment ID like any other.
func idOf(n uint64) chat.SegmentID {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
}

func sumOf(ids ...chat.SegmentID) (s wire.SetSum) {
	for _, id := range ids {
		s.Add(id)
	}
	return s
}

// A sum depends on the set alone: not on the order, nor on what came and went,
// nor on how the set was put together.
func TestSetSumDependsOnTheSetAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		var ids []chat.SegmentID
		for i := range n {
			ids = append(ids, idOf(uint64(i)))
		}
		want := sumOf(ids...)
		if got := sumOf(rapid.Permutation(ids).Draw(t, "order")...); got != want {
			t.Fatal("the order counts")
		}
		cut := rapid.IntRange(0, n).Draw(t, "cut")
		left, right := sumOf(ids[:cut]...), sumOf(ids[cut:]...)
		got := left
		if got.Merge(&right); got != want {
			t.Fatal("two parts are not the whole")
		}
		if got.Unmerge(&left); got != right {
			t.Fatal("the whole without a part is not the other part")
		}
		for _, id := range ids[cut:] {
			got.Sub(id)
		}
		if got != (wire.SetSum{}) {
			t.Fatal("what came and went is still there")
		}
		if n > 0 && want == sumOf(ids[1:]...) {
			t.Fatal("an ID does not count")
		}
		back, err := wire.ParseSetSum(want.AppendBinary(nil))
		if err != nil || back != want {
			t.Fatalf("read back: %v", err)
		}
	})
}

// Each lane is a number of 16 bits for itself.
func TestSetSumLanes(t *testing.T) {
	lanes := func(s *wire.SetSum) (l [wire.SetSumSize / 2]uint16) {
		b := s.AppendBinary(nil)
		for i := range l {
			l[i] = binary.BigEndian.Uint16(b[2*i:])
		}
		return l
	}
	draw := rapid.Custom(func(t *rapid.T) wire.SetSum {
		s, err := wire.ParseSetSum(rapid.SliceOfN(rapid.Byte(), wire.SetSumSize, wire.SetSumSize).Draw(t, "lanes"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		sum, rest := a, a
		sum.Merge(&b)
		rest.Unmerge(&b)
		la, lb, ls, lr := lanes(&a), lanes(&b), lanes(&sum), lanes(&rest)
		for i := range la {
			if ls[i] != la[i]+lb[i] || lr[i] != la[i]-lb[i] {
				t.Fatalf("lane %d of %04x and %04x: sum %04x, difference %04x", i, la[i], lb[i], ls[i], lr[i])
			}
		}
	})
}

func TestSetSumForm(t *testing.T) {
	for _, n := range []int{0, 1, wire.SetSumSize - 1, wire.SetSumSize + 1} {
		if _, err := wire.ParseSetSum(make([]byte, n)); !errors.Is(err, chat.ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// Fingerprints tell sets, numbers and runs apart.
func TestSetSumFingerprint(t *testing.T) {
	empty, one := sumOf(), sumOf(idOf(1))
	salt := [wire.SaltSize]byte{1}
	seen := make(map[[wire.FingerprintSize]byte]string)
	for name, f := range map[string][wire.FingerprintSize]byte{
		"nothing":           empty.Fingerprint([wire.SaltSize]byte{}, 0),
		"nothing, salted":   empty.Fingerprint(salt, 0),
		"nothing, as one":   empty.Fingerprint(salt, 1),
		"one":               one.Fingerprint(salt, 1),
		"one, as two":       one.Fingerprint(salt, 2),
		"one, other salted": one.Fingerprint([wire.SaltSize]byte{2}, 1),
	} {
		if other, ok := seen[f]; ok {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[f] = name
	}
}

// The bytes are those of version 1 for ever. The element of one ID is what
// another implementation makes of 2,048 zeros: openssl enc -aes-256-ctr, with
// the ID as the key and an IV of zeros.
func TestSetSumBytesNeverChange(t *testing.T) {
	one, three := sumOf(idOf(1)), sumOf(idOf(1), idOf(2), idOf(3))
	salt := [wire.SaltSize]byte{1, 15: 16}
	f := three.Fingerprint(salt, 3)
	one256, three256 := sha256.Sum256(one.AppendBinary(nil)), sha256.Sum256(three.AppendBinary(nil))
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"the first lanes of one": {one.AppendBinary(nil)[:16], "f3aaef466e939ab099514abf880b1817"},
		"one":                    {one256[:], "c47e64f540d9e274b4896a8e389c6bd62e2b2830b506bb7338af4333b9b542f2"},
		"three":                  {three256[:], "992c85c244534f206b40836f978c5ce552098a1906c0141316c52ad48d946c06"},
		"fingerprint of three":   {f[:], "4feaaa172646ee0ba2599c500cf1c09f"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func FuzzParseSetSum(f *testing.F) {
	f.Add(make([]byte, wire.SetSumSize))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := wire.ParseSetSum(b)
		if (err == nil) != (len(b) == wire.SetSumSize) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err == nil && string(s.AppendBinary(nil)) != string(b) {
			t.Fatal("read and written differ")
		}
	})
}

// What an ID costs a log once, and a block of IDs each time it is summed.
func BenchmarkSetSum(b *testing.B) {
	id, s, o := idOf(1), sumOf(), sumOf(idOf(2))
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Add(id)
		}
	})
	b.Run("merge", func(b *testing.B) {
		for b.Loop() {
			s.Merge(&o)
		}
	})
	b.Run("fingerprint", func(b *testing.B) {
		for b.Loop() {
			s.Fingerprint([wire.SaltSize]byte{}, 1)
		}
	})
}
