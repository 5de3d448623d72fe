package netlab

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	now := time.Unix(0, 0)
	for _, c := range []struct {
		name    string
		link    Link
		packets int // of 1000 bytes, all at once
		arrive  int
		first   time.Duration
		last    time.Duration
	}{
		{"perfect", Link{}, 3, 3, 0, 0},
		{"delay", Link{Delay: time.Second}, 3, 3, time.Second, time.Second},
		{"rate", Link{Rate: 10_000}, 3, 3, 100 * time.Millisecond, 300 * time.Millisecond},
		{"rate and delay", Link{Rate: 10_000, Delay: time.Second}, 2, 2, 1100 * time.Millisecond, 1200 * time.Millisecond},
		// 16 KiB may wait at any rate, and the one that is being sent.
		{"small queue", Link{Rate: 1000}, 100, 17, time.Second, 17 * time.Second},
		// Half a second may wait, and the one that comes at its very end.
		{"queue", Link{Rate: 100_000}, 100, 51, 10 * time.Millisecond, 510 * time.Millisecond},
		{"all lost", Link{Loss: 1}, 10, 0, 0, 0},
	} {
		w := way{Link: c.link}
		var arrived []time.Time
		for range c.packets {
			if at, ok := w.pass(now, 1000, rng); ok {
				arrived = append(arrived, at)
			}
		}
		if len(arrived) != c.arrive {
			t.Errorf("%s: %d of %d arrive, want %d", c.name, len(arrived), c.packets, c.arrive)
			continue
		}
		if c.arrive == 0 {
			continue
		}
		if first, last := arrived[0].Sub(now), arrived[len(arrived)-1].Sub(now); first != c.first || last != c.last {
			t.Errorf("%s: they arrive from %s to %s, want %s to %s", c.name, first, last, c.first, c.last)
		}
	}
}

func TestWayIsRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	w := way{Link: Link{Loss: 0.25, Delay: time.Second, Jitter: time.Second}}
	now := time.Unix(0, 0)
	const packets = 10_000
	arrived, sum := 0, time.Duration(0)
	for range packets {
		at, ok := w.pass(now, 1000, rng)
		if !ok {
			continue
		}
		arrived++
		if d := at.Sub(now); d < time.Second || d >= 2*time.Second {
			t.Fatalf("a packet takes %s", d)
		}
		sum += at.Sub(now)
	}
	if share := float64(arrived) / packets; share < 0.73 || share > 0.77 {
		t.Errorf("%v of the packets arrive, want 0.75", share)
	}
	if mean := sum / time.Duration(arrived); mean < 1450*time.Millisecond || mean > 1550*time.Millisecond {
		t.Errorf("they take %s on average, want 1.5s", mean)
	}
}
