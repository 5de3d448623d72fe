package discovery

import (
	"context"
	"errors"
	"slices"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// maxUpgrades is for how many peers that are connected only through a relay
	// a direct connection is looked for at a time. The others stay where they
	// are, unless they do it.
	maxUpgrades = 64

	// upgradeTimeout bounds one attempt: three punches of 3 seconds, as the host
	// does them, and what they say to each other before each.
	upgradeTimeout = 15 * time.Second

	// claimPause is how often at most the new addresses that a peer tells us of
	// itself make the next attempt due at once.
	claimPause = 10 * time.Second
)

// upgradePause is the time before the next attempt, after so many failed ones.
// The punch that the host makes by itself is then under way, and waited for. The
// attempt after that comes soon, as both sides are ready.
func upgradePause(failed int, random float64) time.Duration {
	pause := 5 * time.Minute
	switch failed {
	case 0:
		pause = 2 * time.Second
	case 1:
		pause = time.Second
	case 2:
		pause = 15 * time.Second
	case 3:
		pause = time.Minute
	}
	return pause + time.Duration(random*float64(pause/5))
}

// An upgrader decides for whom to look for a direct connection, and when. The
// service's loop owns it.
type upgrader map[peer.ID]*relayedPeer

// A relayedPeer is one of those who are connected only through a relay.
type relayedPeer struct {
	failed int
	due    time.Time
	busy   bool
	claims []ma.Multiaddr // what it says, by identify, are its addresses
	eager  time.Time      // the latest claim that made an attempt due at once
	again  bool           // another did, while an attempt was under way
}

// add notes that p is connected only through a relay.
func (u upgrader) add(p peer.ID, now time.Time, random float64) {
	if u[p] == nil && len(u) < maxUpgrades {
		u[p] = &relayedPeer{due: now.Add(upgradePause(0, random))}
	}
}

// drop notes that it is no longer.
func (u upgrader) drop(p peer.ID) { delete(u, p) }

// claim notes what p said of itself. Where a direct address is new, the next
// attempt is due at once.
func (u upgrader) claim(p peer.ID, addrs []ma.Multiaddr, now time.Time) {
	r := u[p]
	if r == nil {
		return
	}
	news := slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool { return !isCircuit(a) && !ma.Contains(r.claims, a) })
	r.claims = addrs
	if !news || now.Sub(r.eager) < claimPause {
		return
	}
	r.eager, r.failed, r.due, r.again = now, 0, now, r.busy
}

// take gives the attempts to make now, and counts them as being made.
func (u upgrader) take(now time.Time) (due []upgradeTask) {
	for p, r := range u {
		if !r.busy && !r.due.After(now) {
			r.busy = true
			due = append(due, upgradeTask{p, r.claims})
		}
	}
	return due
}

// result notes that an attempt has ended without a direct connection.
func (u upgrader) result(p peer.ID, now time.Time, random float64) {
	if r := u[p]; r != nil {
		again := r.again
		r.busy, r.again = false, false
		if again {
			r.due = now
			return
		}
		r.failed++
		r.due = now.Add(upgradePause(r.failed, random))
	}
}

// hurry makes all attempts due soon, as if they were the first.
func (u upgrader) hurry(now time.Time, random float64) {
	for _, r := range u {
		r.failed, r.due = 0, now.Add(upgradePause(0, random))
	}
}

// next is when take has something to give; ok is false if never.
func (u upgrader) next() (at time.Time, ok bool) {
	for _, r := range u {
		if !r.busy && (!ok || r.due.Before(at)) {
			at, ok = r.due, true
		}
	}
	return at, ok
}

// claimed notes where p says it is, if it is connected only through a relay. A
// punch dials all that the host's store has of it, so what may not be dialled
// goes.
func (l *loop) claimed(p peer.ID, addrs []ma.Multiaddr) {
	if l.s.h.Network().Connectedness(p) != network.Limited {
		return
	}
	l.s.dials.tidy(p)
	addrs = noHoles(l.s.h, p, l.s.horizon.scope().filter(addrs))
	l.upgrades.claim(p, addrs, time.Now())
	l.plan()
}

type upgradeTask struct {
	peer   peer.ID
	claims []ma.Multiaddr
}

// An upgradeResult says that an attempt has ended; err is nil if there is a
// direct connection now, or none at all.
type upgradeResult struct {
	peer peer.ID
	err  error
}

// A puncher is a host that can repeat hole punching, over the relayed connection
// by which p came to us, and waits for one that is under way; by itself it does
// it once, when that connection arrives.
type puncher interface {
	Punch(ctx context.Context, p peer.ID) error
}

// A holeDigger is a host that tells which addresses of p it has noted for a punch
// that is under way. They are nobody's, and not for others to dial.
type holeDigger interface {
	Holes(p peer.ID) []ma.Multiaddr
}

// noHoles leaves those addresses out.
func noHoles(h corehost.Host, p peer.ID, addrs []ma.Multiaddr) []ma.Multiaddr {
	digger, able := h.(holeDigger)
	if !able {
		return addrs
	}
	holes := digger.Holes(p)
	return slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool { return ma.Contains(holes, a) })
}

var errStillRelayed = errors.New("still connected only through a relay")

// upgrade looks for a direct connection with a peer that is connected only
// through a relay, without disturbing what runs over that.
func (s *Service) upgrade(t upgradeTask) {
	ctx, cancel := context.WithTimeout(s.ctx, upgradeTimeout)
	defer cancel()
	err := s.tryUpgrade(ctx, t)
	if s.h.Network().Connectedness(t.peer) != network.Limited {
		err = nil
	}
	if err != nil {
		s.cfg.log().Debug("stays on the relay", "peer", t.peer, "err", err)
	}
	select {
	case s.upgraded <- upgradeResult{t.peer, err}:
	case <-s.ctx.Done():
	}
}

func (s *Service) tryUpgrade(ctx context.Context, t upgradeTask) error {
	d, p := s.dials, t.peer
	if s.h.Network().Connectedness(p) != network.Limited {
		return nil
	}
	called := relayedToUs(s.h.Network().ConnsToPeer(p))
	direct := d.directOf(t)
	// Addresses that the last punch has left behind must not be dialled: a dial
	// from one side alone spoils the next punch.
	d.restrict(p, append(slices.Clone(direct), ma.FilterAddrs(d.worthy(p), isCircuit)...))
	if len(direct) > 0 {
		if called && d.crossing(p) && !sleep(ctx, politeWait) {
			return ctx.Err() // who called us dials us directly as well, just now
		}
		if err := d.dial(ctx, peer.AddrInfo{ID: p}, closer); err == nil {
			return nil
		}
	}
	host, able := s.h.(puncher)
	if !able || !called {
		return errStillRelayed // only the other side can begin a punch
	}
	return host.Punch(ctx, p)
}

// directOf gives the addresses at which a peer on a relay may be reached
// directly: what it says itself, and what we know from others than strangers.
func (d *dialer) directOf(t upgradeTask) []ma.Multiaddr {
	in, trusted := d.scope(), d.trusted(t.peer)
	all := ma.FilterAddrs(slices.Clone(t.claims), func(a ma.Multiaddr) bool { return in.admits(a) })
	all = ma.FilterAddrs(append(all, trusted...), func(a ma.Multiaddr) bool { return !isCircuit(a) })
	return d.bound(trusted, noHoles(d.h, t.peer, ma.Unique(all)))
}

// crossing reports whether p may be dialling us directly: it has heard us on the
// local network, or we have told it an address that it may dial.
func (d *dialer) crossing(p peer.ID) bool {
	in := d.scope()
	return len(d.heard.addrs(p, time.Now())) > 0 ||
		slices.ContainsFunc(d.h.Addrs(), func(a ma.Multiaddr) bool { return !isCircuit(a) && in.admits(a) })
}

// relayedToUs reports whether the peer has come to us through a relay: that side
// begins a punch which was called, in libp2p's protocol.
func relayedToUs(conns []network.Conn) bool {
	return slices.ContainsFunc(conns, func(c network.Conn) bool {
		return c.Stat().Limited && c.Stat().Direction == network.DirInbound
	})
}
