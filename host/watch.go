package host

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

const (
	// watchEvery is how often the machine's addresses are compared; one look
	// costs less than a tenth of a millisecond.
	watchEvery = 500 * time.Millisecond
	// settleGained is how long we wait for the rest after a new address came,
	// and settleLost for the old one to come back when only some went: a cable
	// that is pulled and put in again need not cost the connections.
	settleGained = 300 * time.Millisecond
	settleLost   = time.Second
	// settleTries bounds the waiting for a network that does not come to rest.
	settleTries = 5
	// asleepFor is how far the wall clock must be ahead of the one that stands
	// still while the machine sleeps, or how late a look must come (a frozen
	// process, a paused virtual machine), to count as sleep.
	asleepFor = 5 * time.Second
)

// What Config.Moved is told.
const (
	movedNetwork = "network changed"
	movedWoke    = "woke up"
)

// watches tells whether the machine's network is ours to watch: not when only
// this machine can reach us, nor in a network of a test.
func (h *Host) watches() bool {
	return !onlyLoopback(h.listens()) && (h.cfg.Transport == nil || h.cfg.interfaces != nil)
}

// watch looks for changes of network, from the known addresses, and for sleep
// until ctx ends.
func (h *Host) watch(ctx context.Context, known []netip.Addr) {
	wall, mono := h.cfg.wall()(), time.Now()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		slept := asleep(h.cfg.wall()().Sub(wall), time.Since(mono))
		now := h.settled(ctx, known)
		wall, mono = h.cfg.wall()(), time.Now()
		switch {
		case ctx.Err() != nil:
			return
		case !slices.Equal(known, now):
			h.leave(missing(known, now))
			h.moved(movedNetwork)
		case slept:
			h.moved(movedWoke)
		}
		known = now
	}
}

// asleep judges what the two clocks say of the time since the last look.
func asleep(wall, mono time.Duration) bool {
	return wall-mono > asleepFor || mono > watchEvery+settleTries*settleLost+asleepFor
}

// settled are the machine's addresses when they have stopped changing.
func (h *Host) settled(ctx context.Context, known []netip.Addr) []netip.Addr {
	now := h.interfaces.fresh()
	for range settleTries {
		if slices.Equal(known, now) {
			return now
		}
		wait := settleLost
		if len(missing(now, known)) > 0 {
			wait = settleGained
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return now
		case <-timer.C:
		}
		next := h.interfaces.fresh()
		if slices.Equal(now, next) {
			return now
		}
		now = next
	}
	return now
}

// missing are those of from that are not in in.
func missing(from, in []netip.Addr) (gone []netip.Addr) {
	for _, a := range from {
		if !slices.Contains(in, a) {
			gone = append(gone, a)
		}
	}
	return gone
}

// leave closes the connections from addresses that we no longer have. Nothing
// can come over them, but they would look alive until the keep-alive fails.
func (h *Host) leave(gone []netip.Addr) {
	for _, c := range h.Network().Conns() {
		at, ok := endpoint(c.LocalMultiaddr())
		if ok && !isCircuit(c.RemoteMultiaddr()) && slices.Contains(gone, at.Addr()) {
			h.running.Go(func() { _ = c.Close() })
		}
	}
}

// moved brings everything that depends on the network up to date, and tells the
// rest of the program.
func (h *Host) moved(why string) {
	h.cfg.log().Debug("moved", "why", why, "addrs", h.interfaces.now())
	h.swarm.ListenClose() // closes nothing: forgets the interface addresses of the last minute
	h.mapper.moved()
	h.proofs.look()
	h.refreshAddrs()
	h.running.Go(func() { h.Probe(h.ctx) })
	if h.cfg.Moved != nil {
		h.cfg.Moved(why)
	}
}
