package host

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

const (
	// watchEvery is how often the machine's addresses and links are compared; one
	// look costs a tenth of a millisecond. settleEvery is the same while they change.
	watchEvery  = 500 * time.Millisecond
	settleEvery = 100 * time.Millisecond
	// settleGained is how long we wait for the rest after a new address came,
	// and settleLost for the old one to come back when only some went: a cable
	// that is pulled and put in again need not cost the connections.
	settleGained = 300 * time.Millisecond
	settleLost   = time.Second
	// settleMost bounds the waiting for a network that does not come to rest.
	settleMost = 5 * time.Second
	// asleepFor is how far the wall clock must be ahead of the one that stands
	// still while the machine sleeps, or how late a look must come (a frozen
	// process, a paused virtual machine), to count as sleep.
	asleepFor = 5 * time.Second
)

// What Config.Moved is told.
const (
	movedNetwork = "network changed"
	movedLink    = "link interrupted"
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
	links := links{source: h.cfg.linkSource()}
	links.look()
	doubter := doubter{silent: h.traffic.anySilent}
	wall, mono := h.cfg.wall()(), time.Now()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	came, stop := h.newcomers()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-came:
			h.running.Go(func() { h.probeBeside(h.ctx, c) })
			continue
		case <-ticker.C:
		}
		slept := asleep(h.cfg.wall()().Sub(wall), time.Since(mono))
		gone, back := links.look()
		now := h.settled(ctx, known)
		left, again := links.look() // meanwhile
		gone, back = append(gone, left...), back || again
		wall, mono = h.cfg.wall()(), time.Now()
		switch {
		case ctx.Err() != nil:
			return
		case !slices.Equal(known, now), len(gone) > 0:
			links.readdressed()
			h.leave(append(gone, missing(known, now)...))
			h.moved(movedNetwork)
		case back:
			h.moved(movedLink)
		case slept:
			h.moved(movedWoke)
		case !h.cfg.Seed && doubter.doubts(mono): // a seed has other things to do
			h.running.Go(func() { h.Probe(h.ctx) })
		}
		known = now
	}
}

// newcomers gives the direct connections with those with whom there was one already,
// until stop is called. If there are too many, some are not told.
func (h *Host) newcomers() (came <-chan network.Conn, stop func()) {
	again := make(chan network.Conn, maxProbes)
	n := &network.NotifyBundle{ConnectedF: func(net network.Network, c network.Conn) {
		if isCircuit(c.RemoteMultiaddr()) || len(net.ConnsToPeer(c.RemotePeer())) < 2 {
			return
		}
		select {
		case again <- c:
		default:
		}
	}}
	h.Network().Notify(n)
	return again, func() { h.Network().StopNotify(n) }
}

// asleep judges what the two clocks say of the time since the last look.
func asleep(wall, mono time.Duration) bool {
	return wall-mono > asleepFor || mono > watchEvery+settleMost+asleepFor
}

// settled are the machine's addresses when they have stopped changing, or are as
// known again.
func (h *Host) settled(ctx context.Context, known []netip.Addr) []netip.Addr {
	now := h.interfaces.fresh()
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for began, changed := time.Now(), time.Now(); time.Since(began) < settleMost; {
		wait := settleLost
		if len(missing(now, known)) > 0 {
			wait = settleGained
		}
		if slices.Equal(known, now) || time.Since(changed) >= wait {
			return now
		}
		select {
		case <-ctx.Done():
			return now
		case <-ticker.C:
		}
		if next := h.interfaces.fresh(); !slices.Equal(now, next) {
			now, changed = next, time.Now()
		}
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

// leave closes the connections from addresses that we no longer have, or got from
// another network. Nothing can come over them, but they would look alive until the
// keep-alive fails.
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
