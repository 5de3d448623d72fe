package history

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A list does what a sorted slice does, over several chunks.
func TestListIsASortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := list[int]{cmp: cmp.Compare[int]}
		var model []int
		var kept [][]int // parts of the list as they once were, and what they were
		var were [][]int
		for step := range rapid.IntRange(0, 8).Draw(t, "steps") {
			n := rapid.SampledFrom([]int{1, 30, chunkMax, 3 * chunkMax}).Draw(t, "n")
			from := rapid.IntRange(0, 5000).Draw(t, "from")
			for _, c := range l.chunks {
				c.frozen = true
				kept, were = append(kept, c.items), append(were, slices.Clone(c.items))
			}
			stride := rapid.SampledFrom([]int{-3, -1, 1, 7}).Draw(t, "stride")
			remove := step > 0 && rapid.Bool().Draw(t, "remove")
			for i := range n {
				v := from + i*stride
				at, there := slices.BinarySearch(model, v)
				if remove {
					l.remove(v)
					if there {
						model = slices.Delete(model, at, at+1)
					}
					continue
				}
				if l.insert(v) == there {
					t.Fatalf("inserting %d: there already is %v", v, there)
				}
				if !there {
					model = slices.Insert(model, at, v)
				}
			}
		}
		if l.len() != len(model) {
			t.Fatalf("%d elements, want %d", l.len(), len(model))
		}
		if v, ok := l.first(); ok != (len(model) > 0) || ok && v != model[0] {
			t.Fatalf("first is %d, %v", v, ok)
		}
		from := rapid.IntRange(-10, 7000).Draw(t, "walk from")
		at, _ := slices.BinarySearch(model, from)
		behind := func(v int) bool { return v >= from }
		if up := slices.Collect(l.ascend(behind)); !slices.Equal(up, model[at:]) {
			t.Fatalf("upwards from %d: %d elements, want %d", from, len(up), len(model)-at)
		}
		down := slices.Collect(l.descend(behind))
		slices.Reverse(down)
		if !slices.Equal(down, model[:at]) {
			t.Fatalf("downwards from %d: %d elements, want %d", from, len(down), at)
		}
		for i := range kept {
			if !slices.Equal(kept[i], were[i]) {
				t.Fatal("what somebody keeps has changed")
			}
		}
		for _, c := range l.chunks {
			if len(c.items) == 0 || len(c.items) > chunkMax {
				t.Fatalf("a chunk of %d elements", len(c.items))
			}
		}
	})
}
