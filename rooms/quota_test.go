package rooms

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	var b bucket
	take := func(d time.Duration, n float64, want bool) {
		t.Helper()
		if got := b.take(at(d), n, 2, 5); got != want {
			t.Fatalf("take %v after %v: %v, want %v", n, d, got, want)
		}
	}
	take(0, 6, false) // more than it can ever hold
	take(0, 5, true)  // full at first
	take(0, 1, false)
	if d := b.ready(at(0), 1, 2, 5).Sub(at(0)); d < 500*time.Millisecond || d > 502*time.Millisecond {
		t.Fatalf("ready after %v, want 500ms", d)
	}
	take(499*time.Millisecond, 1, false)
	take(501*time.Millisecond, 1, true)
	take(time.Hour, 5, true) // it never holds more than 5
	take(time.Hour, 1, false)
	take(time.Minute, 1, false) // a clock that goes back earns nothing
}
