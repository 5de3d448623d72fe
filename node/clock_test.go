package node

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSkewCorrection(t *testing.T) {
	const hour = time.Hour
	for name, c := range map[string]struct {
		others []time.Duration // their clocks minus ours
		want   time.Duration
	}{
		"alone":                             {nil, 0},
		"agree":                             {[]time.Duration{time.Second, -time.Second}, 0},
		"a little off":                      {[]time.Duration{maxSkew, maxSkew}, 0},
		"two people, we are behind":         {[]time.Duration{hour}, 0},
		"two people, we are ahead":          {[]time.Duration{-hour}, -hour},
		"one of three is ahead":             {[]time.Duration{hour, 0}, 0},
		"one of three is behind":            {[]time.Duration{-hour, 0}, 0},
		"we are behind all":                 {[]time.Duration{hour, hour + time.Second, hour - time.Second}, hour - time.Second},
		"we are ahead of all":               {[]time.Duration{-hour, -hour + time.Second, -hour - time.Second}, -hour},
		"a minority lies":                   {[]time.Duration{20 * hour, 20 * hour, 0, 0}, 0},
		"we are wrong and a minority lies":  {[]time.Duration{hour, hour, hour, -20 * hour}, hour},
		"half say so: the slower half wins": {[]time.Duration{hour, hour, 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var s skew
			now := time.UnixMilli(1e12)
			for i, d := range c.others {
				s.observe(peerID(i+1), now.Add(d), now)
			}
			if got := s.correction(); got != c.want {
				t.Errorf("correction %v, want %v", got, c.want)
			}
		})
	}
}

// TestSkewTwoAgree: two people whose clocks differ by anything write with clocks
// that differ by no more than what is called right.
func TestSkewTwoAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := time.Duration(rapid.Int64Range(-int64(24*time.Hour), int64(24*time.Hour)).Draw(t, "offset"))
		now := time.UnixMilli(1e12)
		var alice, bob skew
		alice.observe(peerID(2), now.Add(offset), now)
		bob.observe(peerID(1), now, now.Add(offset))
		a, b := now.Add(alice.correction()), now.Add(offset).Add(bob.correction())
		if d := a.Sub(b).Abs(); d > maxSkew {
			t.Fatalf("clocks %v apart are still %v apart when corrected", offset, d)
		}
	})
}

// TestSkewMajority: whatever fewer than half of the room claim, a clock that
// agrees with the others stays as it is, and one that does not is set right.
func TestSkewMajority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		truth := rapid.IntRange(2, 20).Draw(t, "honest others")
		liars := rapid.IntRange(0, truth-1).Draw(t, "liars")
		off := time.Duration(rapid.Int64Range(-int64(24*time.Hour), int64(24*time.Hour)).Draw(t, "our error"))
		now := time.UnixMilli(1e12)
		var s skew
		for i := range truth {
			slow := time.Duration(rapid.IntRange(0, 1000).Draw(t, "way")) * time.Millisecond
			s.observe(peerID(i), now.Add(-slow), now.Add(off))
		}
		for i := range liars {
			lie := time.Duration(rapid.Int64Range(-int64(24*time.Hour), int64(24*time.Hour)).Draw(t, "lie"))
			s.observe(peerID(100+i), now.Add(lie), now.Add(off))
		}
		if d := now.Add(off).Add(s.correction()).Sub(now).Abs(); d > maxSkew+time.Second {
			t.Fatalf("off by %v, corrected to %v", off, d)
		}
	})
}

func TestSkewKeepsTheBestSample(t *testing.T) {
	var s skew
	now := time.UnixMilli(1e12)
	peers := []time.Duration{-time.Hour, -time.Second, -30 * time.Minute} // a beacon may be old
	for _, d := range peers {
		s.observe(peerID(1), now.Add(d), now)
		s.observe(peerID(2), now.Add(d), now)
	}
	if got := s.correction(); got != 0 {
		t.Errorf("an old beacon moved the clock by %v", got)
	}
	for range 2 {
		s.observe(peerID(3), now.Add(-time.Hour), now)
		s.observe(peerID(4), now.Add(-time.Hour), now)
		s.observe(peerID(5), now.Add(-time.Hour), now)
	}
	s.forget(peerID(1))
	s.forget(peerID(2))
	if got := s.correction(); got != -time.Hour {
		t.Errorf("correction %v: those who left still count", got)
	}
}

func TestSkewSamplesAreBounded(t *testing.T) {
	var s skew
	now := time.UnixMilli(1e12)
	for i := range 2 * maxClockSamples {
		s.observe(peerID(i), now.Add(time.Hour), now)
	}
	if len(s.offsets) != maxClockSamples {
		t.Errorf("%d samples, want %d", len(s.offsets), maxClockSamples)
	}
	s.observe(peerID(0), now.Add(2*time.Hour), now) // a known one may still get better
	var all []time.Duration
	for _, d := range s.offsets {
		all = append(all, d)
	}
	if slices.Max(all) != 2*time.Hour {
		t.Error("a known peer's better sample was dropped")
	}
}
