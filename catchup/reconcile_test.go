package catchup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// key is the place of the i-th segment of a made-up conversation; every fourth
// has the time of the one before it.
func key(i int) chat.OrderKey {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return chat.OrderKey{Time: chat.Time(1_700_000_000_000+i-i/4)<<16 + 1, ID: sha256.Sum256(b[:])}
}

func setOf(keys []chat.OrderKey, floor chat.OrderKey) *set {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, chat.OrderKey.Compare)
	keys = slices.DeleteFunc(keys, func(k chat.OrderKey) bool { return k.Compare(floor) <= 0 && floor != chat.OrderKey{} })
	return &set{keys: keys, floor: behind(floor), salt: [wire.SaltSize]byte{1, 2, 3}}
}

// A talk is what a reconciliation came to.
type talk struct {
	rounds, bytes int
	need, have    []chat.OrderKey
	done          bool
}

// reconcile lets two sets talk, over the wire's encoding, until nothing is open
// or the rounds of a run are over.
func reconcile(t require, mine, theirs *set) talk {
	var r talk
	var d difference
	carry := func(f wire.Ranges) wire.Ranges {
		b, err := wire.AppendCatchup(nil, f)
		if err != nil {
			t.Fatalf("frame in round %d: %v", r.rounds, err)
		}
		r.bytes += len(b)
		got, err := wire.NewReader(bytes.NewReader(b)).Catchup()
		if err != nil {
			t.Fatalf("frame in round %d: %v", r.rounds, err)
		}
		return got.(wire.Ranges)
	}
	lim := defaultLimits()
	for next := mine.opening(); !r.done && r.rounds < lim.roundsFor(d.items); r.rounds++ {
		in := carry(theirs.answer(carry(next)))
		var err error
		if next, err = mine.resolve(in, &d); err != nil {
			t.Fatalf("round %d: an honest answer is refused: %v", r.rounds, err)
		}
		r.done = len(next) == 0
	}
	slices.SortFunc(d.need, chat.OrderKey.Compare)
	r.need = slices.Compact(d.need)
	for i, lacks := range d.lacks {
		if lacks {
			r.have = append(r.have, mine.keys[i])
		}
	}
	return r
}

type require interface {
	Fatalf(format string, args ...any)
}

func minus(a, b *set) (only []chat.OrderKey) {
	in := make(map[chat.OrderKey]bool)
	for _, k := range b.keys {
		in[k] = true
	}
	for _, k := range a.keys {
		if !in[k] && (b.floor.IsEnd() || b.floor.After(k)) {
			only = append(only, k)
		}
	}
	return only
}

func checkTalk(t require, mine, theirs *set, r talk) {
	if !r.done {
		t.Fatalf("not done after %d rounds (%d of mine, %d of theirs)", r.rounds, len(mine.keys), len(theirs.keys))
	}
	if want := minus(theirs, mine); !slices.Equal(r.need, want) {
		t.Fatalf("need %d segments, want %d", len(r.need), len(want))
	}
	if want := minus(mine, theirs); !slices.Equal(r.have, want) {
		t.Fatalf("the other lacks %d segments, want %d", len(r.have), len(want))
	}
}

func TestAnyTwoSetsEndEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 100), rapid.SampledFrom([]int{500, 2000, 5000, 10_000})).Draw(t, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		// How much of the whole only one side has, and whether that is spread
		// or at the end.
		share := rapid.SampledFrom([]float64{0, 0.001, 0.01, 0.1, 0.5, 1}).Draw(t, "share")
		tail := rapid.Bool().Draw(t, "tail")
		var a, b []chat.OrderKey
		for i := range n {
			odd := rng.Float64() < share
			if tail {
				odd = float64(i) >= float64(n)*(1-share)
			}
			side := rng.IntN(2)
			if !odd || side == 0 {
				a = append(a, key(i))
			}
			if !odd || side == 1 {
				b = append(b, key(i))
			}
		}
		floor := func(name string) (k chat.OrderKey) {
			if n > 0 && rapid.IntRange(0, 3).Draw(t, name) == 0 {
				k = key(rapid.IntRange(0, n-1).Draw(t, name+" at"))
			}
			return k
		}
		mine, theirs := setOf(a, floor("my floor")), setOf(b, floor("their floor"))
		r := reconcile(t, mine, theirs)
		checkTalk(t, mine, theirs, r)

		// A difference costs the lists it is in and the way to it, no more.
		diff := len(r.need) + len(r.have)
		levels := math.Log(float64(n+listMax)) / math.Log(splitInto)
		most := 600 + float64(diff)*(listMax*itemBytes+2*splitInto*rangeBytes*levels)
		if mine.floor.IsEnd() && theirs.floor.IsEnd() && float64(r.bytes) > most {
			t.Fatalf("%d bytes for a difference of %d among %d, at most %.0f expected", r.bytes, diff, n, most)
		}
	})
}

func upTo(n int) (keys []chat.OrderKey) {
	for i := range n {
		keys = append(keys, key(i))
	}
	return keys
}

func TestCostOfReconciliation(t *testing.T) {
	all := upTo(100_000)
	spread := func(n int) (some []chat.OrderKey) {
		for i, k := range all {
			if i%(len(all)/n) != 7 {
				some = append(some, k)
			}
		}
		return some
	}
	for _, c := range []struct {
		name           string
		mine, theirs   []chat.OrderKey
		rounds, kbytes int
	}{
		{"equal, none", nil, nil, 1, 1},
		{"equal, 10,000", all[:10_000], all[:10_000], 1, 1},
		{"equal, 100,000", all, all, 1, 1},
		{"the newest missing here", all[:99_999], all, 1, 1},
		{"the newest missing there", all, all[:99_999], 1, 1},
		{"40 newest missing here", all[:9_960], all[:10_000], 1, 4},
		{"40 newest missing there", all[:10_000], all[:9_960], 2, 3},
		{"500 newest missing here", all[:9_500], all[:10_000], 1, 26},
		{"each has one of its own at the end", append(slices.Clone(all[:9_998]), all[9_998]), append(slices.Clone(all[:9_998]), all[9_999]), 1, 1},
		{"one in the middle missing here", slices.Delete(slices.Clone(all), 50_000, 50_001), all, 4, 4},
		{"one in the middle missing there", all, slices.Delete(slices.Clone(all), 50_000, 50_001), 4, 4},
		{"100 spread missing here", spread(100), all, 16, 250},
		{"2,000 spread missing here", spread(2000), all, 80, 3500},
		{"a newcomer", nil, all, 130, 5000},
		{"the other is a newcomer", all, nil, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			mine, theirs := setOf(c.mine, chat.OrderKey{}), setOf(c.theirs, chat.OrderKey{})
			r := reconcile(t, mine, theirs)
			checkTalk(t, mine, theirs, r)
			t.Logf("difference %d: %d rounds, %d bytes", len(r.need)+len(r.have), r.rounds, r.bytes)
			if r.rounds > c.rounds || r.bytes > c.kbytes*1000 {
				t.Errorf("%d rounds, %d bytes; want at most %d and %d,000", r.rounds, r.bytes, c.rounds, c.kbytes)
			}
		})
	}
}

// One of them pruned what the other still has: that is nobody's difference, and
// must not be told over and over.
func TestPrunedHistoryIsNoDifference(t *testing.T) {
	all := upTo(20_000)
	whole, pruned := setOf(all, chat.OrderKey{}), setOf(all, all[12_345])
	for name, r := range map[string]talk{
		"pruned here":  reconcile(t, pruned, whole),
		"pruned there": reconcile(t, whole, pruned),
	} {
		if !r.done || len(r.need) > 0 || len(r.have) > 0 || r.rounds > 6 || r.bytes > 8_000 {
			t.Errorf("%s: done %v, need %d, have %d, %d rounds, %d bytes", name, r.done, len(r.need), len(r.have), r.rounds, r.bytes)
		}
	}
}

// However full a frame of differences is, the answer gets further with the
// newest of them: else two sides could tell each other the same for ever.
func TestFullFramesMakeProgress(t *testing.T) {
	const each = 100
	s := setOf(upTo(each*wire.MaxRanges), chat.OrderKey{})
	var in wire.Ranges
	for i := range wire.MaxRanges {
		in = append(in, wire.Range{End: behind(s.keys[each*(i+1)-1]), Mode: wire.RangeFingerprint})
	}
	var d difference
	asked, err := s.resolve(in, &d)
	if err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]wire.Ranges{"answer": s.answer(in), "next question": asked} {
		spans := s.spans(out)
		if newest := spans[0]; newest.lo <= each*(wire.MaxRanges-1) {
			t.Errorf("%s: the newest range still has %d keys", name, newest.hi-newest.lo)
		}
		if oldest := spans[len(spans)-1]; oldest.lo != 0 || oldest.Mode != wire.RangeFingerprint {
			t.Errorf("%s: the oldest are forgotten", name)
		}
	}
}

func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := func(name string) (id chat.SegmentID) {
			// Few values, so that prefixes are shared and carries happen.
			for i := range id {
				id[i] = rapid.SampledFrom([]byte{0, 1, 255}).Draw(t, name)
			}
			return id
		}
		a := chat.OrderKey{Time: chat.Time(rapid.Uint64Range(1, 3).Draw(t, "a")), ID: id("id")}
		b := chat.OrderKey{Time: chat.Time(rapid.Uint64Range(1, 3).Draw(t, "b")), ID: a.ID}
		copy(b.ID[rapid.IntRange(0, 31).Draw(t, "shared"):], bytes.Repeat([]byte{rapid.Byte().Draw(t, "x")}, 32))
		if a == b {
			return
		}
		if a.Compare(b) > 0 {
			a, b = b, a
		}
		if m := between(a, b); m.After(a) || !m.After(b) {
			t.Fatalf("%v is not between %v and %v", m, a, b)
		}
		if m := behind(a); m.After(a) || !m.After(b) {
			t.Fatalf("%v is not right behind %v and before %v", m, a, b)
		}
	})
}

func TestFingerprint(t *testing.T) {
	s := setOf(upTo(100), chat.OrderKey{})
	other := setOf(upTo(100), chat.OrderKey{})
	other.salt[0]++
	seen := map[[wire.FingerprintSize]byte]string{}
	add := func(name string, f [wire.FingerprintSize]byte) {
		t.Helper()
		if twin, twice := seen[f]; twice {
			t.Errorf("%s and %s have one fingerprint", name, twin)
		}
		seen[f] = name
	}
	for lo := range 101 {
		for hi := lo + 1; hi <= 100; hi++ {
			add(fmt.Sprintf("%d to %d", lo, hi), s.fingerprint(lo, hi))
		}
	}
	add("nothing", s.fingerprint(7, 7))
	add("another salt", other.fingerprint(0, 100))
	if s.fingerprint(3, 3) != s.fingerprint(50, 50) {
		t.Error("an empty range has two fingerprints")
	}
	// The way to the sum must not show: the same range by other strides.
	part := setOf(upTo(100)[33:77], chat.OrderKey{})
	if part.fingerprint(0, 44) != s.fingerprint(33, 77) {
		t.Error("one range has two fingerprints")
	}
}

func TestItemsThatCannotBe(t *testing.T) {
	a, b, c := key(1), key(2), key(5)
	mid := between(b, c)
	for name, in := range map[string]wire.Ranges{
		"not ascending":     {{Mode: wire.RangeItems, Items: []chat.OrderKey{b, a}}},
		"twice":             {{Mode: wire.RangeItems, Items: []chat.OrderKey{a, a}}},
		"behind the end":    {{End: mid, Mode: wire.RangeItems, Items: []chat.OrderKey{c}}},
		"before the start":  {{End: mid}, {Mode: wire.RangeItems, Items: []chat.OrderKey{a}}},
		"at no time at all": {{Mode: wire.RangeItems, Items: []chat.OrderKey{{ID: a.ID}}}},
	} {
		var d difference
		if _, err := setOf(nil, chat.OrderKey{}).resolve(in, &d); judge(err) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Whatever is asked, the answer fits into a frame, covers what was asked, and
// costs little more than reading the question.
func FuzzAnswer(f *testing.F) {
	s := setOf(upTo(3000), chat.OrderKey{})
	floored := setOf(upTo(3000), key(1000))
	for _, in := range []wire.Ranges{nil, s.opening(), floored.opening(), setOf(upTo(2000), chat.OrderKey{}).opening()} {
		b, err := wire.AppendCatchup(nil, in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	var many wire.Ranges
	for i := range wire.MaxRanges {
		many = append(many, wire.Range{End: behind(key(4 * i)), Mode: wire.RangeFingerprint})
	}
	b, err := wire.AppendCatchup(nil, many)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := wire.NewReader(bytes.NewReader(b)).Catchup()
		if err != nil {
			return
		}
		in, ok := frame.(wire.Ranges)
		if !ok {
			return
		}
		for _, s := range []*set{s, floored} {
			check := func(out wire.Ranges) {
				b, err := wire.AppendCatchup(nil, out)
				if err != nil {
					t.Fatalf("an answer that cannot be sent: %v", err)
				}
				if _, err := wire.NewReader(bytes.NewReader(b)).Catchup(); err != nil {
					t.Fatalf("an answer that cannot be read: %v", err)
				}
			}
			check(s.answer(in))
			var d difference
			if out, err := s.resolve(in, &d); err == nil {
				check(out)
			}
			if len(d.need) > wire.MaxItems {
				t.Fatalf("%d segments needed after one frame", len(d.need))
			}
		}
	})
}

func BenchmarkSet(b *testing.B) {
	all := upTo(100_000)
	slices.SortFunc(all, chat.OrderKey.Compare)
	b.Run("opening of 100,000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			(&set{keys: all}).opening()
		}
	})
	// The most that one frame can make us hash.
	var worst wire.Ranges
	for i := range wire.MaxRanges {
		worst = append(worst, wire.Range{End: behind(all[190*i+10]), Mode: wire.RangeFingerprint})
	}
	s := &set{keys: all}
	s.opening()
	b.Run("answer to the worst frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.answer(worst)
		}
	})
}
