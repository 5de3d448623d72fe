package history

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// checkView compares a view with the places it should have.
func checkView(t testing.TB, v *View, keys []chat.OrderKey, rng *rand.Rand) {
	t.Helper()
	defer v.Close() // also if something is wrong: the log's Close waits for it
	if v.Len() != len(keys) {
		t.Fatalf("%d places, want %d", v.Len(), len(keys))
	}
	for range 6 {
		lo := rng.IntN(len(keys) + 1)
		hi := lo + rng.IntN(len(keys)-lo+1)
		got, err := v.Keys(lo, hi)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "places", got, keys[lo:hi])
		sum, err := v.Sum(lo, hi)
		if err != nil || sum != *sumOf(keys[lo:hi]) {
			t.Fatalf("the sum of %d to %d is wrong; %v", lo, hi, err)
		}
	}
	for range 6 {
		i := rng.IntN(len(keys))
		k := keys[i]
		after := slices.IndexFunc(keys[i:], func(o chat.OrderKey) bool { return o.Time > k.Time })
		before := slices.IndexFunc(keys, func(o chat.OrderKey) bool { return o.Time >= k.Time })
		if after < 0 {
			after = len(keys) - i
		}
		high := slices.Repeat([]byte{0xff}, 32)
		for _, c := range []struct {
			b    wire.Bound
			want int
		}{
			{wire.Bound{Time: k.Time, Prefix: k.ID[:]}, i},
			{wire.Bound{Time: k.Time}, before},
			{wire.Bound{Time: k.Time, Prefix: high}, i + after},
			{wire.Bound{Time: k.Time + 1}, i + after},
			{wire.Bound{Time: 1}, 0},
			{wire.Bound{Time: 1 << 63}, len(keys)},
			{wire.Bound{}, len(keys)},
		} {
			if got, err := v.Rank(c.b); got != c.want || err != nil {
				t.Fatalf("%d before %v, want %d; %v", got, c.b, c.want, err)
			}
		}
	}
	for _, r := range [][2]int{{-1, 0}, {0, len(keys) + 1}, {1, 0}} {
		if _, err := v.Keys(r[0], r[1]); !errors.Is(err, errRange) {
			t.Errorf("%v: %v", r, err)
		}
		if _, err := v.Sum(r[0], r[1]); !errors.Is(err, errRange) {
			t.Errorf("%v: %v", r, err)
		}
	}
	if err := errors.Join(v.Close(), v.Close()); err != nil {
		t.Fatal(err)
	}
}

func keysOf(segs []*chat.Segment) (keys []chat.OrderKey) {
	for _, s := range segs {
		keys = append(keys, s.Key())
	}
	slices.SortFunc(keys, chat.OrderKey.Compare)
	return keys
}

func testViews(t *testing.T, open func(testing.TB, Config) log) {
	c := conv("lobby")
	var all []*chat.Segment
	for i := range 1300 {
		s := seg(i + 1)
		if i%5 == 0 { // some share a time
			s = someone(2).say(c, max(i, 1))
		}
		all = append(all, s)
	}
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	mixed := slices.Clone(all)
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	var batches []*chat.Segment // from new to old, but each batch ascending
	for end := len(all); end > 0; end -= 65 {
		batches = append(batches, all[end-65:end]...)
	}
	for name, order := range map[string][]*chat.Segment{"sorted": all, "backwards": backwards, "mixed": mixed, "in batches": batches} {
		t.Run(name, func(t *testing.T) {
			l := open(t, Config{})
			for i := 0; i < len(order); i += 65 {
				put(t, l, order[i:i+65]...)
				if i%650 == 0 {
					checkView(t, must[*View](t)(l.View(c)), keysOf(order[:i+65]), rng)
				}
			}
			checkView(t, must[*View](t)(l.View(c)), keysOf(all), rng)
		})
	}
}

func testViewStays(t *testing.T, open func(testing.TB, Config) log) {
	l, c, all := open(t, Config{}), conv("lobby"), chainOf(1500)
	put(t, l, all[100:1000]...)
	old := must[*View](t)(l.View(c))
	put(t, l, all[1000:]...)
	put(t, l, all[:100]...)
	now := must[*View](t)(l.View(c))
	retain(t, l, c, Retention{MaxBytes: 1})
	prune(t, l, at(0))
	rng := rand.New(rand.NewPCG(3, 4))
	checkView(t, now, keysOf(all), rng)
	checkView(t, old, keysOf(all[100:1000]), rng)
	last := must[*View](t)(l.View(c))
	defer last.Close()
	if last.Len() != 0 || last.Floor() != all[len(all)-1].Key() {
		t.Errorf("%d are left", last.Len())
	}
}
