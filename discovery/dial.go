package discovery

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxDials is how many dials run at once in the whole service; more wait.
	// Those a user waits for are not among them.
	maxDials = 64

	// dialTimeout bounds one attempt, identify included.
	dialTimeout = 8 * time.Second

	// quickFailure is below what only a wrong moment explains: the attempt is
	// repeated. A slower one has waited for a machine that does not answer.
	quickFailure = time.Second

	// maxFailures is how many unreachable peers are remembered as such.
	maxFailures = 4096

	// foundAddrLife is how long addresses that somebody told us are kept.
	foundAddrLife = 10 * time.Minute
)

var (
	errNotAllowed   = errors.New("not allowed here")
	errClosedAtOnce = errors.New("connected, and closed at once")
)

// A manner says how to dial somebody.
type manner int

const (
	// eager is for somebody who has no reason to dial us at this moment.
	eager manner = iota
	// polite is for somebody who may be dialling us just now.
	polite
	// urgent is eager, and does not wait for its turn: a user does.
	urgent
)

// A dialer dials politely and within limits.
type dialer struct {
	h       corehost.Host
	allowed func(peer.ID) bool
	rand    func() float64
	slots   chan struct{} // one in it for each dial that runs

	mu       sync.Mutex
	failures map[peer.ID]failure
	running  map[peer.ID]int // dials, also those that wait
}

// A failure tells how often in a row a peer could not be reached, and until
// when it is left alone.
type failure struct {
	count int
	until time.Time
}

func newDialer(h corehost.Host, allowed func(peer.ID) bool, rand func() float64) *dialer {
	return &dialer{
		h:        h,
		allowed:  allowed,
		rand:     rand,
		slots:    make(chan struct{}, maxDials),
		failures: make(map[peer.ID]failure),
		running:  make(map[peer.ID]int),
	}
}

// usable reports whether p is somebody we may talk with: not ourselves, nobody
// blocked, and a sound identity.
func (d *dialer) usable(p peer.ID) bool {
	if p == d.h.ID() || !d.allowed(p) {
		return false
	}
	_, err := chat.PeerIDFromLibp2p(p)
	return err == nil
}

// larger reports whether our peer ID is the larger one.
func (d *dialer) larger(p peer.ID) bool { return d.h.ID() > p }

func (d *dialer) connected(p peer.ID) bool {
	return d.h.Network().Connectedness(p) == network.Connected
}

// resting reports whether p is better left alone: it is being dialled, or could
// not be reached lately.
func (d *dialer) resting(p peer.ID, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running[p] > 0 || now.Before(d.failures[p].until)
}

// begin counts a dial of p until end is called.
func (d *dialer) begin(p peer.ID) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running[p]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.running[p]--; d.running[p] == 0 {
			delete(d.running, p)
		}
	}
}

// dial connects to a peer, at the given addresses and those that are known
// otherwise, and waits until it did.
func (d *dialer) dial(ctx context.Context, info peer.AddrInfo, how manner) error {
	if !d.usable(info.ID) {
		return errNotAllowed
	}
	if len(info.Addrs) > 0 {
		addAddrs(d.h, info, foundAddrLife)
	}
	defer d.begin(info.ID)()
	larger := d.larger(info.ID)
	var err error
	for try := range dialTries {
		if d.connected(info.ID) {
			return nil
		}
		if wait := dialWait(try, how == polite, larger, d.rand()); wait > 0 {
			if !sleep(ctx, wait) {
				return ctx.Err()
			}
			if d.connected(info.ID) {
				return nil
			}
		}
		began := time.Now()
		if err = d.attempt(ctx, info.ID, how); err == nil {
			d.succeeded(info.ID)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		if !again(err, time.Since(began)) || len(d.h.Peerstore().Addrs(info.ID)) == 0 {
			break
		}
	}
	if d.connected(info.ID) {
		return nil // the other side got through
	}
	d.failed(info.ID, time.Now())
	return err
}

// again reports whether an attempt that failed after took may succeed the next
// moment: crossed dials fail at once, in the handshake. A port where nobody
// listens, and a machine that does not answer, will not change so soon.
func again(err error, took time.Duration) bool {
	return took < quickFailure && !refused(err)
}

// refused reports whether nobody listens at any of the addresses dialled.
func refused(err error) bool {
	all := addrErrors(err)
	for _, e := range all {
		if !errors.Is(e, syscall.ECONNREFUSED) {
			return false
		}
	}
	return len(all) > 0
}

// dialPrefix begins libp2p's error for one address.
const dialPrefix = "failed to dial "

// addrErrors takes libp2p's error of a dial apart: one for each address. Their
// type is in a package that only host may import; their text is as good.
func addrErrors(err error) (all []error) {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		for _, e := range several.Unwrap() {
			if strings.HasPrefix(e.Error(), dialPrefix) {
				all = append(all, e)
			}
		}
	}
	return all
}

// attempt is one dial on all addresses of p.
func (d *dialer) attempt(ctx context.Context, p peer.ID, how manner) error {
	if how != urgent {
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if d.direct(p) {
		// libp2p's own backoff does not hold for a forced direct dial; ours is
		// the one that counts. Relayed addresses it would leave out.
		ctx = network.WithForceDirectDial(ctx, "discovery")
	}
	if err := d.h.Connect(ctx, peer.AddrInfo{ID: p}); err != nil {
		return err
	}
	if !d.connected(p) {
		return errClosedAtOnce
	}
	return nil
}

// direct reports whether p has an address that is not a relay's.
func (d *dialer) direct(p peer.ID) bool {
	for _, a := range d.h.Peerstore().Addrs(p) {
		if !isCircuit(a) {
			return true
		}
	}
	return false
}

func (d *dialer) succeeded(p peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.failures, p)
}

func (d *dialer) failed(p peer.ID, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.failures[p]
	if f.count == 0 && len(d.failures) >= maxFailures {
		for other := range d.failures { // any: it only may be dialled too soon
			delete(d.failures, other)
			break
		}
	}
	f.count++
	f.until = now.Add(failurePause(f.count, d.rand()))
	d.failures[p] = f
}

// addAddrs gives the host addresses of a peer, bounded.
func addAddrs(h corehost.Host, info peer.AddrInfo, life time.Duration) {
	h.Peerstore().AddAddrs(info.ID, boundAddrs(info.Addrs), life)
}

// sleep waits for d and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
