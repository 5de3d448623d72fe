package rooms

import "time"

// A bucket is a token bucket. The zero bucket is full.
type bucket struct {
	spent float64 // tokens missing from a full bucket
	at    time.Time
}

// refill gives back what time has earned at rate tokens per second.
func (b *bucket) refill(now time.Time, rate float64) {
	if earned := now.Sub(b.at).Seconds() * rate; earned > 0 {
		b.spent = max(0, b.spent-earned)
	}
	b.at = now
}

// holds reports whether n tokens are there, and takes none.
func (b *bucket) holds(now time.Time, n, rate, burst float64) bool {
	b.refill(now, rate)
	return b.spent+n <= burst
}

// take takes n tokens if they are there.
func (b *bucket) take(now time.Time, n, rate, burst float64) bool {
	if !b.holds(now, n, rate, burst) {
		return false
	}
	b.spent += n
	return true
}

// force takes n tokens whether they are there or not.
func (b *bucket) force(now time.Time, n, rate float64) {
	b.refill(now, rate)
	b.spent += n
}

// ready is when n tokens will be there.
func (b *bucket) ready(now time.Time, n, rate, burst float64) time.Time {
	b.refill(now, rate)
	missing := b.spent + n - burst
	if missing <= 0 {
		return now
	}
	// One millisecond more, so that rounding never wakes us just too early.
	return now.Add(time.Duration(missing/rate*float64(time.Second)) + time.Millisecond)
}
