package direct

import (
	"testing"
	"time"
)

// TestWatch: the pause before the connection is asked follows the round trip,
// begins anew with each sign of life, and doubles while there is none.
func TestWatch(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	w := watch{}
	want := func(after time.Duration) {
		t.Helper()
		if got, ok := w.due(); !ok || !got.Equal(at(after)) {
			t.Errorf("due after %v (%v), want %v", got.Sub(start), ok, after)
		}
	}
	if _, ok := w.due(); ok {
		t.Error("something is due though nothing is unanswered")
	}
	w.heard(at(0)) // of what another stream carried
	w.given(at(0))
	want(ackPatience)
	w.given(at(time.Second)) // more, which does not postpone it
	want(ackPatience)
	w.heard(at(2 * time.Second))
	want(2*time.Second + ackPatience + 4*time.Second)
	w.ask(at(10 * time.Second))
	want(10*time.Second + 2*(ackPatience+4*time.Second))
	for range 100 {
		w.ask(at(time.Minute))
	}
	want(time.Minute + (ackPatience+4*time.Second)<<maxPatience)
	w.rest()
	if _, ok := w.due(); ok {
		t.Error("something is due though all is answered")
	}
	w.given(at(time.Minute))
	w.heard(at(time.Minute + 80*time.Millisecond))
	if want := 2*time.Second - 250*time.Millisecond; w.trip != want {
		t.Errorf("a round trip of %v, want %v: it falls slowly", w.trip, want)
	}
	w.given(at(2 * time.Minute))
	w.heard(at(time.Hour))
	if w.trip != maxTrip {
		t.Errorf("a round trip of %v, want %v at most", w.trip, maxTrip)
	}
}
