package node

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// TestHeads: what is shown in causal order leaves exactly those as heads that
// nothing shown names as a parent, the newest first.
func TestHeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h heads
		var shown []*chat.Segment
		var ids []chat.SegmentID
		n := rapid.IntRange(0, 40).Draw(t, "segments")
		for i := range n {
			var parents []chat.SegmentID
			if i > 0 {
				parents = rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, min(chat.MaxParents, i), rapid.ID).Draw(t, "parents")
			}
			s := bare(i+1, peerID(1), parents...)
			s.Time = chat.Time(rapid.IntRange(1, 5).Draw(t, "time")) // IDs decide, too
			shown, ids = append(shown, s), append(ids, s.ID)
			h.add(s)
		}
		var want []chat.OrderKey
		var last chat.Time
		for _, s := range shown {
			last = max(last, s.End())
			if !slices.ContainsFunc(shown, func(c *chat.Segment) bool { return slices.Contains(c.Parents, s.ID) }) {
				want = append(want, s.Key())
			}
		}
		slices.SortFunc(want, func(a, b chat.OrderKey) int { return b.Compare(a) })
		limit := rapid.IntRange(0, 50).Draw(t, "limit")
		var wantIDs []chat.SegmentID
		for _, k := range want[:min(limit, len(want))] {
			wantIDs = append(wantIDs, k.ID)
		}
		if got := h.newest(limit); !slices.Equal(got, wantIDs) {
			t.Fatalf("heads %v, want %v", numbers(got), numbers(wantIDs))
		}
		if h.last() != last {
			t.Fatalf("latest time %d, want %d", h.last(), last)
		}
	})
}

// TestHeadsCountEveryMessage: the latest time is that of the last message of a
// segment, or the next one of ours would have the same.
func TestHeadsCountEveryMessage(t *testing.T) {
	var h heads
	s := at(1, peerID(1), time.UnixMilli(1e12))
	s.Bodies = make([]chat.Body, chat.MaxBodies)
	h.add(s)
	if h.last() != s.Time+chat.MaxBodies-1 {
		t.Errorf("latest %d, want %d", h.last(), s.Time+chat.MaxBodies-1)
	}
	h.add(at(2, peerID(1), time.UnixMilli(1e12-1)))
	if h.last() != s.End() {
		t.Error("an older segment turned the clock back")
	}
}

// TestHeadsAreBounded: who names no parents makes heads without end.
func TestHeadsAreBounded(t *testing.T) {
	var h heads
	const n = 5 * maxHeadsKept
	for i := range n {
		h.add(bare(i+1, peerID(1)))
	}
	if len(h.set) != maxHeadsKept {
		t.Errorf("%d heads are kept, want %d", len(h.set), maxHeadsKept)
	}
	got := h.newest(chat.MaxParents)
	for i, id := range got {
		if id != segID(n-i) {
			t.Fatalf("newest heads %v", numbers(got))
		}
	}
}
