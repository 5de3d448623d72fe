package node

import (
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// maxSkew is how far a clock may be off before anybody minds: segments further
// ahead are set aside until due (PROTOCOL.md, section 4).
const maxSkew = 10 * time.Minute

// maxClockSamples bounds how many peers' clocks are remembered.
const maxClockSamples = 256

// skew estimates how far our clock is from those of the other members. One
// conversation owns it.
type skew struct {
	offsets map[chat.PeerID]time.Duration
}

// observe notes that a peer's clock showed sent when ours shows now. A
// statement may have been on its way for a while, which makes the peer's clock
// look slow and never fast: so the largest offset is the best.
func (s *skew) observe(p chat.PeerID, sent, now time.Time) {
	if s.offsets == nil {
		s.offsets = make(map[chat.PeerID]time.Duration)
	}
	d := sent.Sub(now)
	old, known := s.offsets[p]
	if !known && len(s.offsets) >= maxClockSamples {
		return
	}
	if !known || d > old {
		s.offsets[p] = d
	}
}

// forget drops a peer who left.
func (s *skew) forget(p chat.PeerID) { delete(s.offsets, p) }

// correction is what to add to our clock: the lower median of all clocks, ours
// among them, or 0 while ours is within maxSkew of that. With two people the
// slower clock wins at both, with more the majority does, and one stranger
// alone moves nobody who has company.
func (s *skew) correction() time.Duration {
	all := []time.Duration{0}
	for _, d := range s.offsets {
		all = append(all, d)
	}
	slices.Sort(all)
	if m := all[(len(all)-1)/2]; m > maxSkew || m < -maxSkew {
		return m
	}
	return 0
}
