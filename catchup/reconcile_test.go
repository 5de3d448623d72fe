package catchup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

func lobby() chat.ConversationID { return chat.RoomID("lobby") }

// key is the place of the i-th segment of a made-up conversation, one in ten
// seconds; every fourth has the time of the one before it.
func key(i int) chat.OrderKey {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return chat.OrderKey{Time: chat.Time(1_700_000_000_000+10_000*(i-i/4))<<16 + 1, ID: sha256.Sum256(b[:])}
}

// upTo are the places of the first n segments, in order.
func upTo(n int) (keys []chat.OrderKey) {
	for i := range n {
		keys = append(keys, key(i))
	}
	slices.SortFunc(keys, chat.OrderKey.Compare)
	return keys
}

func salt() [wire.SaltSize]byte { return [wire.SaltSize]byte{1, 2, 3} }

// A talk is what a reconciliation came to.
type talk struct {
	rounds, out, in int // bytes but for beacons
	work            [2]int
	need, have      []chat.OrderKey
	done, more      bool
}

type require interface {
	Fatalf(format string, args ...any)
}

// reconcile lets two logs talk, over the wire's encoding, until nothing is open
// or the rounds of a run are over.
func reconcile(t require, mine, theirs *memView) talk {
	return reconcileWhile(t, func(int) (a, b *memView) { return mine, theirs })
}

// reconcileWhile does so with logs that may be others in each round.
func reconcileWhile(t require, logs func(round int) (mine, theirs *memView)) talk {
	var r talk
	var d difference
	carry := func(f wire.CatchupFrame, sum *int) wire.CatchupFrame {
		b, err := wire.AppendCatchup(nil, f)
		if err != nil {
			t.Fatalf("frame in round %d: %v", r.rounds, err)
		}
		*sum += len(b)
		got, err := wire.NewReader(bytes.NewReader(b)).Catchup()
		if err != nil {
			t.Fatalf("frame in round %d: %v", r.rounds, err)
		}
		return got
	}
	mine, theirs := logs(0)
	carry(wire.Open{Conversation: lobby(), Salt: salt()}, &r.out)
	carry(wire.Beacons{Last: true, Held: uint64(theirs.n)}, &r.in)
	lim := defaultLimits()
	me := newReader(mine, salt())
	for next := me.opening(); len(next) > 0 && r.rounds < lim.roundsFor(d.items); r.rounds++ {
		_, theirs := logs(r.rounds)
		they := newReader(theirs, salt())
		in := carry(they.answer(carry(next, &r.out).(wire.Ranges), r.rounds), &r.in).(wire.Ranges)
		if r.rounds > 0 {
			mine, _ = logs(r.rounds)
		}
		r.work[0] += me.work
		me = newReader(mine, salt())
		if err := me.resolve(in, &d); err != nil {
			t.Fatalf("round %d: an honest answer is refused: %v", r.rounds, err)
		}
		if len(d.lacks) > MaxPush || len(d.open) > maxOpen {
			t.Fatalf("%d lacking and %d open ranges are remembered", len(d.lacks), len(d.open))
		}
		next = me.question(&d)
		for _, work := range []int{they.work, me.work} {
			if work > 2*frameWork {
				t.Fatalf("round %d: %d keys read and hashed for one frame", r.rounds, work)
			}
		}
		r.work[1] += they.work
		if me.err != nil || they.err != nil {
			t.Fatalf("%v", errors.Join(me.err, they.err))
		}
	}
	r.work[0] += me.work
	r.done, r.more = len(d.open) == 0, d.more
	slices.SortFunc(d.need, chat.OrderKey.Compare)
	r.need = slices.Compact(d.need)
	slices.SortFunc(d.lacks, chat.OrderKey.Compare)
	r.have = slices.Compact(d.lacks)
	return r
}

func keysOf(v *memView) []chat.OrderKey {
	keys, _ := v.Keys(0, v.n)
	return keys
}

// minus are the keys of a that b has not, and did not prune.
func minus(a, b *memView) (only []chat.OrderKey) {
	in := make(map[chat.OrderKey]bool)
	for _, k := range keysOf(b) {
		in[k] = true
	}
	for _, k := range keysOf(a) {
		if !in[k] && (b.floor == chat.OrderKey{} || k.Compare(b.floor) > 0) {
			only = append(only, k)
		}
	}
	return only
}

func TestAnyTwoLogsEndEqual(t *testing.T) {
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
		mine, theirs := viewOf(a, floor("my floor")), viewOf(b, floor("their floor"))
		r := reconcile(t, mine, theirs)
		if !r.done {
			t.Fatalf("not done after %d rounds (%d of mine, %d of theirs)", r.rounds, mine.n, theirs.n)
		}
		if want := minus(theirs, mine); !slices.Equal(missing(r.need, mine), want) {
			t.Fatalf("need %d segments, want %d", len(r.need), len(want))
		}
		want := minus(mine, theirs)
		if r.more != (len(want) > MaxPush) {
			t.Fatalf("the other lacks %d, and more: %v", len(want), r.more)
		}
		// Where there are more than can be noted, some are.
		if !r.more && !slices.Equal(r.have, want) || len(r.have) != min(len(want), MaxPush) || len(missing(r.have, theirs)) != len(r.have) {
			t.Fatalf("the other lacks %d segments, want %d", len(r.have), len(want))
		}
	})
}

// missing leaves out what the log has: Has sees to that in a run.
func missing(keys []chat.OrderKey, v *memView) (out []chat.OrderKey) {
	has := make(map[chat.OrderKey]bool)
	for _, k := range keysOf(v) {
		has[k] = true
	}
	for _, k := range keys {
		if !has[k] {
			out = append(out, k)
		}
	}
	return out
}

// Both logs change between the frames of a run: what was only on one side when
// it began is found all the same.
func TestLogsThatChangeMeanwhile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{10, 300, 3000}).Draw(t, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		const late = 50 // of those that come during the run
		var first, second [2][]chat.OrderKey
		for i := range n {
			where := rng.IntN(20)
			for side := range 2 {
				if where != side {
					first[side] = append(first[side], key(i))
				}
				second[side] = append(second[side], key(i))
			}
		}
		// In the second half of a run each has a part of what comes meanwhile,
		// some of it old, by others.
		var later [2][]chat.OrderKey
		for side := range 2 {
			later[side] = slices.Clone(first[side])
			for range late {
				later[side] = append(later[side], key(n+rng.IntN(late)))
			}
			for range n / 20 {
				later[side] = append(later[side], second[side][rng.IntN(n)])
			}
			slices.SortFunc(later[side], chat.OrderKey.Compare)
			later[side] = slices.Compact(later[side])
		}
		none := chat.OrderKey{}
		begin := [2]*memView{viewOf(first[0], none), viewOf(first[1], none)}
		end := [2]*memView{viewOf(later[0], none), viewOf(later[1], none)}
		turn := rapid.IntRange(0, 4).Draw(t, "turn")
		r := reconcileWhile(t, func(round int) (a, b *memView) {
			if round >= turn {
				return end[0], end[1]
			}
			return begin[0], begin[1]
		})
		if !r.done {
			t.Fatalf("not done after %d rounds", r.rounds)
		}
		found := func(keys, want []chat.OrderKey, has *memView) {
			for _, k := range missing(want, has) {
				if _, ok := slices.BinarySearchFunc(keys, k, chat.OrderKey.Compare); !ok {
					t.Fatalf("%v was not found", k)
				}
			}
		}
		found(r.need, minus(begin[1], begin[0]), end[0])
		found(r.have, minus(begin[0], begin[1]), end[1])
	})
}

// One of them pruned what the other still has: that is nobody's difference, and
// must not be told over and over.
func TestPrunedHistoryIsNoDifference(t *testing.T) {
	all := upTo(20_000)
	whole, pruned := viewOf(all, chat.OrderKey{}), viewOf(all, all[12_345])
	for name, r := range map[string]talk{
		"pruned here":  reconcile(t, pruned, whole),
		"pruned there": reconcile(t, whole, pruned),
	} {
		t.Logf("%s: %d rounds, %d bytes out, %d in", name, r.rounds, r.out, r.in)
		if !r.done || len(r.need) > 0 || len(r.have) > 0 || r.rounds > 7 || r.in+r.out > 8_000 {
			t.Errorf("%s: done %v, need %d, have %d, %d rounds, %d bytes", name, r.done, len(r.need), len(r.have), r.rounds, r.in+r.out)
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

func TestItemsThatCannotBe(t *testing.T) {
	a, b, c := key(1), key(2), key(5)
	mid := between(b, c)
	for name, in := range map[string]wire.Ranges{
		"behind the end":    {{End: mid, Mode: wire.RangeItems, Items: []chat.OrderKey{c}}},
		"before the start":  {{End: mid}, {Mode: wire.RangeItems, Items: []chat.OrderKey{a}}},
		"at no time at all": {{Mode: wire.RangeItems, Items: []chat.OrderKey{{ID: a.ID}}}},
	} {
		var d difference
		if err := newReader(viewOf(nil, chat.OrderKey{}), salt()).resolve(in, &d); !errors.Is(judge(err), ErrLied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A log that cannot be read is no reason to say anything.
func TestALogThatCannotBeRead(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, after := range []int{0, 1, 2, 3, 5, 8} {
		v := &brokenView{memView: viewOf(upTo(5000), chat.OrderKey{}), after: after, err: broken}
		r := newReader(v, salt())
		d := difference{open: []span{{}}}
		other := newReader(viewOf(upTo(3000), chat.OrderKey{}), salt())
		r.opening()
		r.answer(other.opening(), 0)
		_ = r.resolve(other.answer(wire.Ranges{{Mode: wire.RangeItems}}, 9), &d)
		r.question(&d)
		if !errors.Is(r.err, broken) {
			t.Errorf("after %d calls: %v", after, r.err)
		}
	}
}

type brokenView struct {
	*memView
	after int
	err   error
}

func (v *brokenView) count() error {
	if v.after--; v.after < 0 {
		return v.err
	}
	return nil
}

func (v *brokenView) Rank(b wire.Bound) (int, error) {
	if err := v.count(); err != nil {
		return 0, err
	}
	return v.memView.Rank(b)
}

func (v *brokenView) Keys(lo, hi int) ([]chat.OrderKey, error) {
	if err := v.count(); err != nil {
		return nil, err
	}
	return v.memView.Keys(lo, hi)
}

func (v *brokenView) Sum(lo, hi int) (wire.SetSum, error) {
	if err := v.count(); err != nil {
		return wire.SetSum{}, err
	}
	return v.memView.Sum(lo, hi)
}

// What was pruned since the question is not fetched again.
func TestItemsBelowTheFloor(t *testing.T) {
	keys := upTo(30)
	r := newReader(viewOf(keys[:20], keys[10]), salt())
	var d difference
	if err := r.resolve(wire.Ranges{{Mode: wire.RangeItems, Items: keys[5:25]}}, &d); err != nil {
		t.Fatal(err)
	}
	d.tidy()
	slices.Reverse(d.need)
	if !slices.Equal(d.need, keys[20:25]) || len(d.lacks) != 0 {
		t.Errorf("need %d, lacking %d; want 5 and none", len(d.need), len(d.lacks))
	}
}
