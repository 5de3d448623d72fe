package api

import "time"

const (
	// trafficEvery is how often traffic is measured.
	trafficEvery = time.Minute
	// leastSpan is how long a node must have run before it is said what an hour comes
	// to: its start costs more than what follows.
	leastSpan = 5 * time.Minute
)

// A meter makes the traffic of the last hour out of counters that only rise. It
// is pure.
type meter struct {
	samples []sample // the oldest first, at most an hour apart
}

// A sample is what the counters were at a time.
type sample struct {
	at      time.Time
	in, out uint64
}

// note adds a sample.
func (m *meter) note(s sample) {
	m.samples = append(m.samples, s)
	for len(m.samples) > 2 && s.at.Sub(m.samples[1].at) >= time.Hour {
		m.samples = m.samples[1:]
	}
}

// hour is the traffic up to now for an hour; of less than an hour, in proportion, and
// nothing before leastSpan.
func (m *meter) hour(now sample) (in, out uint64) {
	if len(m.samples) == 0 {
		return 0, 0
	}
	from := m.samples[0]
	span := now.at.Sub(from.at)
	if span < leastSpan {
		return 0, 0
	}
	scale := float64(time.Hour) / float64(span)
	return uint64(float64(now.in-from.in) * scale), uint64(float64(now.out-from.out) * scale)
}
