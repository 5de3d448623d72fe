package direct

import "time"

// A quota is what a peer may still send: two buckets, of segments and of bytes,
// that fill with time. The zero quota is full.
type quota struct {
	segments, bytes float64 // used; below zero there are none
	at              time.Time
}

// take uses the quota for one segment, and returns how long the peer has to
// wait for it: so long that no more comes through than flows in.
func (q *quota) take(now time.Time, bytes int) time.Duration {
	q.refill(now)
	q.segments++
	q.bytes += float64(bytes)
	return max(
		seconds((q.segments-segmentsBurst)/segmentsPerSecond),
		seconds((q.bytes-bytesBurst)/bytesPerSecond),
		0)
}

// full is how long it takes until nothing is used.
func (q *quota) full(now time.Time) time.Duration {
	q.refill(now)
	return max(seconds(q.segments/segmentsPerSecond), seconds(q.bytes/bytesPerSecond))
}

func (q *quota) refill(now time.Time) {
	passed := max(0, now.Sub(q.at).Seconds())
	q.segments = max(0, q.segments-passed*segmentsPerSecond)
	q.bytes = max(0, q.bytes-passed*bytesPerSecond)
	q.at = now
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// spend waits until the quota allows a frame, and reports whether it came to
// that. Meanwhile the stream is not read. It waits for a few at once, so that
// they are stored together.
func (t *talk) spend(l *link, bytes int) bool {
	t.quotaMu.Lock()
	wait := t.quota.take(time.Now(), bytes)
	t.quotaMu.Unlock()
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(max(wait, quotaPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.failed:
		return false
	case <-t.ctx.Done():
		return false
	}
}

// quotaFull is how long it takes until the talk's quota is a new one's.
func (t *talk) quotaFull(now time.Time) time.Duration {
	t.quotaMu.Lock()
	defer t.quotaMu.Unlock()
	return t.quota.full(now)
}
