package direct

import "time"

// A watch notices that a peer does not answer although it has something to
// acknowledge. The connection finds out too, but takes three times as long. The
// watch is pure; the talk's goroutine owns it.
type watch struct {
	since time.Time     // the last sign of life while something is unanswered; zero if nothing is
	trip  time.Duration // about how long an acknowledgement takes
	asked int           // how often the connection was asked since
	last  time.Time     // when it was asked last, or since
}

// given is called when something is unanswered, at least now.
func (w *watch) given(now time.Time) {
	if w.since.IsZero() {
		w.begin(now)
	}
}

// heard is called when the peer acknowledged something.
func (w *watch) heard(now time.Time) {
	if w.since.IsZero() {
		return
	}
	w.trip = min(max(now.Sub(w.since), w.trip-w.trip/8), maxTrip)
	w.begin(now)
}

func (w *watch) begin(now time.Time) { w.since, w.last, w.asked = now, now, 0 }

// ask is called when the connection is asked.
func (w *watch) ask(now time.Time) {
	w.last = now
	w.asked = min(w.asked+1, maxPatience)
}

// rest is called when nothing is unanswered.
func (w *watch) rest() { w.since = time.Time{} }

// due is when to ask the connection whether it lives, and whether that may be
// necessary at all. Each time it did, there is twice as long until the next.
func (w *watch) due() (time.Time, bool) {
	if w.since.IsZero() {
		return time.Time{}, false
	}
	return w.last.Add((ackPatience + 2*w.trip) << w.asked), true
}

// patience is how long the connection has to answer.
func (w *watch) patience() time.Duration { return probePatience + 2*w.trip }
