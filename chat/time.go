package chat

import "time"

// A Time is a hybrid logical clock (Kulkarni et al., "Logical Physical
// Clocks", 2014): the upper 48 bits are milliseconds since 1970, the lower 16
// count within one millisecond. A message's Time is above that of everything
// its author had seen, so sorting by Time respects causality even where
// people's clocks disagree.
type Time uint64

// counterBits is the width of the logical counter.
const counterBits = 16

// TimeOf is the smallest Time within t's millisecond.
func TimeOf(t time.Time) Time {
	ms := t.UnixMilli()
	if ms < 0 {
		return 0
	}
	return Time(ms) << counterBits
}

// Wall is the physical part, in milliseconds.
func (t Time) Wall() time.Time { return time.UnixMilli(int64(t >> counterBits)) }

// After is the next Time at the wall clock now, above seen.
func (t Time) After(seen Time) Time {
	if t > seen {
		return t
	}
	return seen + 1
}
