package bootstrap

import (
	"testing"
	"time"
)

func TestRedialPause(t *testing.T) {
	for _, c := range []struct {
		failed int
		gone   time.Duration
		took   time.Duration
		random float64
		want   time.Duration
	}{
		{0, 0, 0, 0, 200 * time.Millisecond},
		{1, 200 * time.Millisecond, 0, 0, 500 * time.Millisecond},
		{2, 700 * time.Millisecond, 0, 0, time.Second},
		{3, 2 * time.Second, 0, 0, 2 * time.Second},
		{9, 40 * time.Second, 0, 0, 2 * time.Second}, // back within 2 s all the first minute
		{99, 2 * time.Minute, 0, 0, 6 * time.Second},
		{999, 20 * time.Minute, 0, 0, time.Minute},
		{9999, 24 * time.Hour, 0, 0, time.Minute},
		{0, 0, 0, 0.5, 180 * time.Millisecond}, // jitter is downward
		{9999, 24 * time.Hour, 0, 1, 48 * time.Second},
		{9, 90 * time.Second, 5 * time.Second, 0, 0}, // an attempt that waited is a pause
		{9, 90 * time.Second, 5 * time.Second, 0.5, stepPause / 2},
		{9, 90 * time.Second, time.Second, 0, 3500 * time.Millisecond},
		{0, 0, 10 * time.Second, 0.5, 180 * time.Millisecond},
		{99, eagerFor, 5 * time.Second, 0, 15 * time.Second},
	} {
		if got := redialPause(c.failed, c.gone, c.took, c.random); got != c.want {
			t.Errorf("redialPause(%d, %v, %v, %v) = %v, want %v", c.failed, c.gone, c.took, c.random, got, c.want)
		}
	}
}
