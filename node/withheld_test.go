package node

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/catchup"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// keysView is a View of keys in memory.
type keysView []chat.OrderKey

func (v keysView) Len() int             { return len(v) }
func (v keysView) Floor() chat.OrderKey { return chat.OrderKey{} }
func (v keysView) Close() error         { return nil }

func (v keysView) Rank(b wire.Bound) (int, error) {
	return len(slices.DeleteFunc(slices.Clone(v), b.After)), nil
}

func (v keysView) Keys(lo, hi int) ([]chat.OrderKey, error) { return slices.Clone(v[lo:hi]), nil }

func (v keysView) Sum(lo, hi int) (sum wire.SetSum, err error) {
	for _, k := range v[lo:hi] {
		sum.Add(k.ID)
	}
	return sum, nil
}

// TestPartView: a View without some places is that of a log that never had them.
func TestPartView(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var all, left keysView
		var out []chat.OrderKey
		for i := range rnd.IntN(30) {
			k := chat.OrderKey{Time: chat.TimeOf(time.Unix(int64(1000+i/3), 0)), ID: chat.SegmentID{byte(i), byte(seed)}}
			switch all = append(all, k); {
			case rnd.IntN(3) == 0:
				out = append(out, k)
			default:
				left = append(left, k)
			}
		}
		// What is not in the log any more, for it was pruned, is left out of nothing.
		out = append([]chat.OrderKey{{Time: 1}}, append(out, chat.OrderKey{Time: 1 << 62})...)
		part, err := without(all, out)
		if err != nil {
			t.Fatal(err)
		}
		sameView(t, part, left)
		for _, k := range all {
			b := wire.Bound{Time: k.Time, Prefix: k.ID[:1]}
			got, _ := part.Rank(b)
			if want, _ := left.Rank(b); got != want {
				t.Fatalf("seed %d: rank %d, want %d", seed, got, want)
			}
		}
	}
}

func sameView(t *testing.T, got, want catchup.View) {
	t.Helper()
	if got.Len() != want.Len() {
		t.Fatalf("%d places, want %d", got.Len(), want.Len())
	}
	for lo := range want.Len() + 1 {
		for hi := lo; hi <= want.Len(); hi++ {
			keys, err1 := got.Keys(lo, hi)
			sum, err2 := got.Sum(lo, hi)
			wantKeys, _ := want.Keys(lo, hi)
			wantSum, _ := want.Sum(lo, hi)
			if err1 != nil || err2 != nil || !slices.Equal(keys, wantKeys) || sum != wantSum {
				t.Fatalf("places %d to %d are %v, want %v (%v, %v)", lo, hi, keys, wantKeys, err1, err2)
			}
		}
	}
}

func TestWithheldIsBounded(t *testing.T) {
	t.Parallel()
	var w withheld
	for i := range maxWithheld + 10 {
		k := chat.OrderKey{Time: chat.Time(maxWithheld - i), ID: chat.SegmentID{byte(i), byte(i >> 8)}}
		w.add(k)
		w.add(k)
	}
	if keys := w.all(); len(keys) != maxWithheld || !slices.IsSortedFunc(keys, chat.OrderKey.Compare) {
		t.Errorf("%d keys", len(keys))
	}
}
