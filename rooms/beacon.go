package rooms

import "time"

// The rules for sending beacons (PROTOCOL.md, section 5). In them n is the
// number of members online, ourselves included, as far as we know.
const (
	// joinDelay is the most a member waits from its first topic peer to its
	// first beacon; the wait is random.
	joinDelay = 300 * time.Millisecond

	// againMin and againMax bound the random wait from the first beacon to the
	// second: when many join at once, the first goes out before gossipsub's mesh
	// has formed (which takes a heartbeat or two), and not everybody hears it.
	againMin = 1500 * time.Millisecond
	againMax = 3 * time.Second

	// changeMin and changeMax bound the random wait from a change of the heads
	// to the beacon about it. It grows with the room: times max(1, n/20).
	changeMin = 300 * time.Millisecond
	changeMax = 1500 * time.Millisecond
	// changeCap is how long heads that keep changing can postpone the beacon,
	// stretched as the wait itself; each member draws from the upper half of
	// it, or all would beacon at the same moment in a room that never rests.
	changeCap = 5 * time.Second
	// changeRoom is the number of members from which the wait stretches.
	changeRoom = 20

	// A newcomer who is behind a forwarder meets nobody with whom to compare, and
	// would know of nobody until the next beacon at rest. So about answerers of
	// those who hear it answer with a beacon of theirs, within answerMax.
	answerers = 8
	answerMax = 300 * time.Millisecond

	// restMin and restPerMember make the interval at rest: max(30 s, n * 2 s),
	// so that all members together send at most one beacon in two seconds.
	restMin       = 30 * time.Second
	restPerMember = 2 * time.Second
	// restJitter spreads the intervals, so that members do not fall into step.
	restJitter = 0.2

	// calmRest is the least interval at rest, calmJitter its spread, while all
	// members we know of are our neighbours: each sees our connection, and nobody
	// is waiting for the beacon. The longest, 105 s, is still less than a member
	// may be silent (see roster.away), because the others may see it otherwise:
	// one may not know that it is a neighbour of ours, or be one we have not heard
	// of.
	calmRest   = 100 * time.Second
	calmJitter = 0.05
	// overdueMax bounds the random wait for the beacon that is overdue when a
	// neighbour is lost, times max(1, n/20). A dead connection is noticed within
	// 15 s; that and this are less than the 45 s that the other waits to hear of us.
	overdueMax = 10 * time.Second

	// beaconBurst is how many beacons a member may send at once. Each is earned
	// back in max(1, n) seconds: so in the long run all members of a room
	// together send at most one beacon a second, whatever its size and however
	// much is said.
	beaconBurst = 3
)

// interval is the pause between two beacons at rest in a room of n members.
func interval(n int) time.Duration { return max(restMin, time.Duration(n)*restPerMember) }

// A pacer decides when our own beacons are due. It is pure: the room's loop
// tells it what happened, and asks when to wake up.
type pacer struct {
	random func() float64

	on     bool // somebody is there to hear us
	again  bool // the next beacon is the first, and is to be repeated
	tokens bucket

	calm bool      // all members we know of are our neighbours
	last time.Time // when the last beacon was sent
	luck float64   // which of the possible intervals follows it: -1 to 1
	n    int       // the size of the room that rest was made for
	rest time.Time // when the next beacon at rest is due

	changed bool // something new to say:
	due     time.Time
	latest  time.Time // due is never postponed beyond
}

// start is called when the first topic peer appears.
func (p *pacer) start(now time.Time) {
	if p.on {
		return
	}
	p.on, p.again, p.changed = true, true, true
	p.due = now.Add(time.Duration(p.random() * float64(joinDelay)))
	p.latest = p.due
}

// stop is called when the last topic peer is gone.
func (p *pacer) stop() { p.on, p.again, p.changed = false, false, false }

// change is called when the heads, the nick or the rooms changed.
func (p *pacer) change(now time.Time, n int) {
	if !p.on {
		return // start says it all
	}
	stretch := max(1, float64(n)/changeRoom)
	due := now.Add(p.between(changeMin, changeMax, stretch))
	if !p.changed {
		p.changed = true
		p.latest = now.Add(p.between(changeCap/2, changeCap, stretch))
	} else if due.Before(p.due) {
		return // a new change never hurries what is to be merged
	}
	p.due = due
	if p.due.After(p.latest) {
		p.due = p.latest
	}
}

// answer is called when somebody came who hears us only through others.
func (p *pacer) answer(now time.Time, n int) {
	if !p.on || p.random()*float64(n) >= answerers {
		return
	}
	due := now.Add(time.Duration(p.random() * float64(answerMax)))
	if p.changed && !due.Before(p.due) {
		return // one is due sooner
	}
	if !p.changed {
		p.changed, p.latest = true, due
	}
	p.due = due
}

// sent is called when a beacon went out, whichever the reason.
func (p *pacer) sent(now time.Time, n int) {
	p.tokens.force(now, 1, refillRate(n))
	p.changed = p.again
	if p.again {
		p.again = false
		p.due = now.Add(p.between(againMin, againMax, max(1, float64(n)/changeRoom)))
		p.latest = p.due
	}
	p.last, p.n, p.luck = now, n, 2*p.random()-1
	p.rest = now.Add(p.pause(n))
}

// pause is the time from the last beacon to the next at rest.
func (p *pacer) pause(n int) time.Duration {
	rest := time.Duration(float64(interval(n)) * (1 + restJitter*p.luck))
	if !p.calm {
		return rest
	}
	return max(rest, time.Duration(float64(calmRest)*(1+calmJitter*p.luck)))
}

// settle is told whether all members we know of are our neighbours. When that
// ends, the next beacon is due as if it had never been so.
func (p *pacer) settle(now time.Time, calm bool) {
	if calm == p.calm {
		return
	}
	was := p.rest
	p.calm = calm
	p.rest = p.last.Add(p.pause(p.n))
	if p.rest.Before(now) { // so it has just ended
		overdue := now.Add(p.between(0, overdueMax, max(1, float64(p.n)/changeRoom)))
		p.rest = earlier(was, overdue)
	}
}

// between is a random time, stretched.
func (p *pacer) between(low, high time.Duration, stretch float64) time.Duration {
	return time.Duration((float64(low) + p.random()*float64(high-low)) * stretch)
}

// resize moves the next beacon at rest when the room grew or shrank, as RTCP
// does (RFC 3550, section 6.3). In a room that grows the interval begins anew
// from the last beacon; in one that shrinks what is left of it shrinks too, so
// that not all members beacon at once.
func (p *pacer) resize(now time.Time, n int) {
	switch before, after := p.pause(p.n), p.pause(n); {
	case after > before:
		p.rest = p.last.Add(after)
	case after < before && p.rest.After(now):
		p.rest = now.Add(scale(p.rest.Sub(now), before, after))
	}
	p.n = n
}

// scale shortens what is left of before in proportion to after.
func scale(left, before, after time.Duration) time.Duration {
	return time.Duration(float64(left) * (float64(after) / float64(before)))
}

// next is when the next beacon is due, and whether there is one.
func (p *pacer) next(now time.Time, n int) (time.Time, bool) {
	if !p.on {
		return time.Time{}, false
	}
	p.resize(now, n)
	at := p.rest
	if p.changed {
		at = p.due
	}
	if ready := p.tokens.ready(now, 1, refillRate(n), beaconBurst); at.Before(ready) {
		at = ready
	}
	return at, true
}

// refillRate is in tokens per second.
func refillRate(n int) float64 { return 1 / float64(max(1, n)) }
