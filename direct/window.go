package direct

import "github.com/p2pchat/p2pchat/chat"

// A window remembers the last windowSize segments it was told of.
type window struct {
	has  map[chat.SegmentID]struct{}
	ring []chat.SegmentID // the oldest is at next once it is full
	next int
}

func (w *window) contains(id chat.SegmentID) bool {
	_, ok := w.has[id]
	return ok
}

func (w *window) add(id chat.SegmentID) {
	if w.contains(id) {
		return
	}
	if w.has == nil {
		w.has = make(map[chat.SegmentID]struct{})
	}
	w.has[id] = struct{}{}
	if len(w.ring) < windowSize {
		w.ring = append(w.ring, id)
		return
	}
	delete(w.has, w.ring[w.next])
	w.ring[w.next] = id
	w.next = (w.next + 1) % windowSize
}
