package host

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// maxProven bounds the addresses that we ask seeds to call.
	maxProven = 8
	// proofTimeout bounds one request to a seed, which dials for up to 10 s.
	proofTimeout = 20 * time.Second
	// proofTick is how often we look for addresses that came or went, as those
	// of the router do without a word.
	proofTick = 5 * time.Second
	// proofAgain is the first pause after a seed could not be asked; it doubles
	// up to proofTick. libp2p asks one seed at most once in two minutes.
	proofAgain = 50 * time.Millisecond
	// confirmedFor and refutedFor are how long an answer is good: the port may
	// be forwarded tomorrow, or no more. A doubt is settled at once.
	confirmedFor = 30 * time.Minute
	refutedFor   = 10 * time.Minute
	// failuresToRefute is how many calls in a row must fail before an address
	// that was confirmed counts as lost.
	failuresToRefute = 2
)

// proofs knows which of our public addresses others can call.
type proofs struct {
	h    *Host
	nat  *autonatv2.AutoNAT
	wake chan struct{} // a seed came, our addresses changed; holds one

	asked atomic.Bool // a seed was connected: who is not confirmed, is not

	mu  sync.Mutex
	all []proof
}

func newProofs(h *Host) *proofs { return &proofs{h: h, wake: make(chan struct{}, 1)} }

// look wakes the goroutine.
func (p *proofs) look() {
	if p != nil {
		poke(p.wake)
	}
}

// seedCame says that there is somebody to ask.
func (p *proofs) seedCame() {
	if p != nil {
		p.asked.Store(true)
		p.look()
	}
}

// mayTrustOwn tells whether addresses of our own interfaces need no proof, as
// there was never anybody to give it.
func (p *proofs) mayTrustOwn() bool { return p == nil || !p.asked.Load() }

func (p *proofs) confirmed(a ma.Multiaddr) bool {
	yes, _ := p.split()
	return ma.Contains(yes, a)
}

func (p *proofs) split() (confirmed, refuted []ma.Multiaddr) {
	if p == nil {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.all {
		switch one.verdict {
		case network.ReachabilityPublic:
			confirmed = append(confirmed, one.addr)
		case network.ReachabilityPrivate:
			refuted = append(refuted, one.addr)
		}
	}
	return confirmed, refuted
}

func (p *proofs) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := proofAgain
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
			pause = proofAgain
		case <-timer.C:
		}
		p.update(p.h.candidates())
		err := p.ask(ctx)
		p.conclude()
		if err == nil {
			pause = proofTick
		}
		timer.Reset(pause)
		pause = min(2*pause, proofTick)
	}
}

// update takes over which addresses there are.
func (p *proofs) update(candidates []ma.Multiaddr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = slices.DeleteFunc(p.all, func(one proof) bool { return !ma.Contains(candidates, one.addr) })
	for _, a := range candidates {
		known := slices.ContainsFunc(p.all, func(one proof) bool { return one.addr.Equal(a) })
		if !known && len(p.all) < maxProven {
			p.all = append(p.all, proof{addr: a})
		}
	}
}

// ask asks seeds about the addresses that are due, one after the other.
func (p *proofs) ask(ctx context.Context) error {
	for ctx.Err() == nil {
		due := p.due(time.Now())
		if len(due) == 0 || !p.asked.Load() {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, proofTimeout)
		res, err := p.nat.GetReachability(ctx, due)
		cancel()
		if err != nil {
			return err
		}
		if res.AllAddrsRefused {
			return errRefused
		}
		p.h.cfg.log().Debug("address tried by a seed", "addr", res.Addr, "reachability", res.Reachability)
		p.note(res, time.Now())
	}
	return ctx.Err()
}

// errRefused says that a seed did not want to call any of our addresses.
var errRefused = errors.New("the seed calls none of these addresses")

// due are the addresses to ask about, IPv4 and the unknown first: a seed calls
// one of them.
func (p *proofs) due(now time.Time) (reqs []autonatv2.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var known []autonatv2.Request
	for _, one := range p.all {
		req := autonatv2.Request{Addr: one.addr, SendDialData: true}
		switch {
		case now.Before(one.next):
		case one.verdict == network.ReachabilityUnknown:
			reqs = append(reqs, req)
		default:
			known = append(known, req)
		}
	}
	slices.SortStableFunc(reqs, func(a, b autonatv2.Request) int { return rank(a.Addr) - rank(b.Addr) })
	return append(reqs, known...)
}

func rank(a ma.Multiaddr) int {
	if at, ok := endpoint(a); ok && at.Addr().Is4() {
		return 0
	}
	return 1
}

func (p *proofs) note(res autonatv2.Result, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, one := range p.all {
		if one.addr.Equal(res.Addr) {
			p.all[i] = one.after(res.Reachability, now)
		}
	}
}

// conclude tells the rest what the answers so far mean.
func (p *proofs) conclude() {
	confirmed, _ := p.split()
	r := network.ReachabilityPrivate
	if len(confirmed) > 0 {
		r = network.ReachabilityPublic
	}
	p.h.relays.want(needsRelay(confirmed, p.h.hasIPv4()))
	if r != p.h.Reachability() {
		if err := p.h.say(r); err != nil {
			p.h.cfg.log().Debug("reachability not told", "err", err)
		}
	}
	p.h.refreshAddrs()
}

// needsRelay tells whether some peers can reach us only through a relay: as long
// as our IPv4 address, if we have one, is not confirmed. IPv6 is not everywhere.
func needsRelay(confirmed []ma.Multiaddr, haveIPv4 bool) bool {
	v4 := slices.ContainsFunc(confirmed, func(a ma.Multiaddr) bool { return rank(a) == 0 })
	return !v4 && (haveIPv4 || len(confirmed) == 0)
}

// A proof is what is known of one address.
type proof struct {
	addr     ma.Multiaddr
	verdict  network.Reachability
	failures int       // in a row
	next     time.Time // ask again then
}

// after is what is known when a seed has answered.
func (p proof) after(answer network.Reachability, now time.Time) proof {
	switch answer {
	case network.ReachabilityPublic:
		p.verdict, p.failures, p.next = answer, 0, now.Add(confirmedFor)
	case network.ReachabilityPrivate:
		p.failures++
		if p.verdict == network.ReachabilityPublic && p.failures < failuresToRefute {
			p.next = now // a doubt
			break
		}
		p.verdict, p.next = answer, now.Add(refutedFor)
	default: // it dialled, and the call did not come through: no answer
		p.next = now.Add(time.Minute)
	}
	return p
}
