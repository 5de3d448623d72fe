package netlab

import (
	"cmp"
	"math/rand/v2"
	"time"
)

// A Link is how one way of a cable behaves, or of the path between any two edges.
// The zero Link is perfect.
type Link struct {
	// Delay is what every packet takes.
	Delay time.Duration
	// Jitter is the most that is added to it, at random. Packets that follow each
	// other the same way are never reordered.
	Jitter time.Duration
	// Loss is the share of packets that vanish, from 0 to 1, each on its own.
	Loss float64
	// Rate is in bytes a second. If 0, without limit.
	Rate int
}

// maxQueued is how long a packet may wait for its turn on a link with a Rate;
// beyond it packets are dropped. Home routers queue about that much.
const maxQueued = 500 * time.Millisecond

// minQueue is what may wait in bytes whatever the Rate: a burst of a few packets.
const minQueue = 16 << 10

// A way is one direction of a link, with what is under way on it. The internet's
// lock guards it.
type way struct {
	Link
	busy time.Time // until when earlier packets occupy it
}

// pass returns when a packet of size bytes that comes at now arrives at the other
// end, or false if it is lost or the queue is full.
func (w *way) pass(now time.Time, size int, rng *rand.Rand) (time.Time, bool) {
	if w.Loss > 0 && rng.Float64() < w.Loss {
		return now, false
	}
	if w.Rate > 0 {
		start := now
		if w.busy.After(now) {
			start = w.busy
		}
		if start.Sub(now) > max(maxQueued, w.takes(minQueue)) {
			return now, false
		}
		w.busy = start.Add(w.takes(size))
		now = w.busy
	}
	now = now.Add(w.Delay)
	if w.Jitter > 0 {
		now = now.Add(time.Duration(rng.Int64N(int64(w.Jitter))))
	}
	return now, true
}

// takes is how long size bytes occupy the link.
func (w *way) takes(size int) time.Duration {
	return time.Duration(int64(size) * int64(time.Second) / int64(cmp.Or(w.Rate, 1)))
}
