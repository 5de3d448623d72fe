package node

import (
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// maxHeadsKept bounds them: who names no parents makes a head of every segment.
// The oldest are forgotten, which costs nothing: only the newest are ever named.
const maxHeadsKept = 1024

// heads are the shown segments that no other shown one names as parent. All
// their ancestors are shown too, or known not to be had: this is what a beacon
// may claim, and what a new segment has for parents. The zero value is ready;
// beacons are made in other goroutines, hence the mutex.
type heads struct {
	mu     sync.Mutex
	set    map[chat.SegmentID]chat.OrderKey
	latest chat.Time // the highest time shown
}

func (h *heads) add(s *chat.Segment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.set == nil {
		h.set = make(map[chat.SegmentID]chat.OrderKey)
	}
	for _, p := range s.Parents {
		delete(h.set, p)
	}
	h.set[s.ID] = s.Key()
	h.latest = max(h.latest, s.End())
	if len(h.set) > maxHeadsKept {
		oldest := s.Key()
		for _, k := range h.set {
			if k.Compare(oldest) < 0 {
				oldest = k
			}
		}
		delete(h.set, oldest.ID)
	}
}

// newest returns up to limit heads, the newest first.
func (h *heads) newest(limit int) []chat.SegmentID {
	h.mu.Lock()
	keys := make([]chat.OrderKey, 0, len(h.set))
	for _, k := range h.set {
		keys = append(keys, k)
	}
	h.mu.Unlock()
	slices.SortFunc(keys, func(a, b chat.OrderKey) int { return b.Compare(a) })
	out := make([]chat.SegmentID, 0, min(limit, len(keys)))
	for _, k := range keys[:min(limit, len(keys))] {
		out = append(out, k.ID)
	}
	return out
}

// last is the highest time shown.
func (h *heads) last() chat.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest
}
