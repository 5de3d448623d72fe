package discovery

import "time"

// anotherWay is called when a seed was connected: whoever could not be reached may
// be reached through it, and it may be the seed of those who were cut off from us.
// Those who are lost are dialled soon, and those who were left alone for their
// failures are no longer, at most once in quickAgain: as often as searches look up
// for that reason, which they do as soon as the seed answers.
func (l *loop) anotherWay(now time.Time) {
	if now.Sub(l.pardoned) >= quickAgain {
		l.pardoned = now
		l.s.dials.pardon()
	}
	l.redials.another(now, l.s.cfg.rand)
	l.plan()
}

// pardon forgets all failures.
func (d *dialer) pardon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.failures)
}
