package discovery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

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
	errMoved        = errors.New("the network changed meanwhile")
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
	// closer is polite, for somebody who may be reached already, but only
	// through a relay: it ends with a direct connection.
	closer
)

// A dialer dials politely and within limits.
type dialer struct {
	h       corehost.Host
	allowed func(peer.ID) bool
	rand    func() float64
	slots   chan struct{} // one in it for each dial that runs

	// What follows says which addresses may be dialled (see tidy.go). It is set
	// before the first dial; nil means nothing is known.
	horizon    func() scope
	isSeed     func(peer.ID) bool
	beside     func(func(context.Context)) // runs in a goroutine that the service ends
	remembered func(peer.ID) []ma.Multiaddr
	given      trustedSet // by the user
	heard      trustedSet // on the local network
	knocks     knockCounter

	mu       sync.Mutex
	failures map[peer.ID]failure
	running  map[peer.ID]int // dials, also those that wait
	punchBy  time.Time       // until when a relayed dial waits for hole punching; zero before the first
	here     context.Context // ends when we move to another network
	leave    context.CancelFunc
}

// A failure tells how often in a row a peer could not be reached, and until
// when it is left alone.
type failure struct {
	count int
	until time.Time
}

func newDialer(h corehost.Host, allowed func(peer.ID) bool, rand func() float64) *dialer {
	d := &dialer{
		h:        h,
		allowed:  allowed,
		rand:     rand,
		slots:    make(chan struct{}, maxDials),
		failures: make(map[peer.ID]failure),
		running:  make(map[peer.ID]int),
	}
	d.here, d.leave = context.WithCancel(context.Background())
	return d
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

// connected reports whether p can be talked with, if only through a relay.
func (d *dialer) connected(p peer.ID) bool {
	c := d.h.Network().Connectedness(p)
	return c == network.Connected || c == network.Limited
}

// near reports whether p is connected directly.
func (d *dialer) near(p peer.ID) bool {
	return d.h.Network().Connectedness(p) == network.Connected
}

// there reports whether a dial of this manner has nothing left to do.
func (d *dialer) there(p peer.ID, how manner) bool {
	if how == closer {
		return d.near(p)
	}
	return d.connected(p)
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
	if len(d.h.Peerstore().Addrs(info.ID)) == 0 { // the host forgets sooner than we
		addAddrs(d.h, peer.AddrInfo{ID: info.ID, Addrs: d.trusted(info.ID)}, foundAddrLife)
	}
	defer d.begin(info.ID)()
	larger := d.larger(info.ID)
	var err error
	for try := range dialTries {
		if d.there(info.ID, how) {
			return nil
		}
		courteous := how == polite || how == closer && d.crossing(info.ID)
		if wait := dialWait(try, courteous, larger, d.rand()); wait > 0 {
			if !sleep(ctx, wait) {
				return ctx.Err()
			}
			if d.there(info.ID, how) {
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
		if errors.Is(err, errMoved) {
			continue
		}
		if !again(err, time.Since(began)) || len(d.worthy(info.ID)) == 0 {
			break
		}
	}
	if d.there(info.ID, how) {
		return nil // the other side got through
	}
	if how != closer { // else it can be talked with all the same
		d.failed(info.ID, time.Now())
	}
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

// attempt is one dial on all addresses of p that may be dialled.
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
	// What has left by the old network would be waited for in vain.
	here := d.network()
	defer context.AfterFunc(here, cancel)()
	addrs := d.tidy(p)
	if slices.ContainsFunc(addrs, isCircuit) && how != closer {
		// libp2p tries both kinds of addresses and gives the direct ones half a
		// second, if any of them is on the internet.
		d.awaitPunch(ctx)
		if count(addrs, isCircuit) < len(addrs) {
			d.dialBeside(p)
		}
		ctx = network.WithAllowLimitedConn(ctx, "discovery")
		d.clearBackoff(p)
	} else if len(addrs) > 0 {
		// libp2p's own backoff does not hold for a forced direct dial; ours is
		// the one that counts. Relayed addresses it would leave out.
		ctx = network.WithForceDirectDial(ctx, "discovery")
	}
	if err := d.h.Connect(ctx, peer.AddrInfo{ID: p}); err != nil {
		if here.Err() != nil {
			return errMoved
		}
		return err
	}
	if !d.there(p, how) {
		return errClosedAtOnce
	}
	return nil
}

// dialBeside dials the direct addresses of p for their own sake, while another
// dial goes on that is content with a relay: libp2p makes one dial of both, and
// would break the direct ones off, maybe just before their end, when the relay
// was quicker. Without a free slot there is none.
func (d *dialer) dialBeside(p peer.ID) {
	if d.beside == nil {
		return
	}
	here := d.network()
	d.beside(func(ctx context.Context) {
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
		default:
			return
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		defer context.AfterFunc(here, cancel)()
		ctx = network.WithForceDirectDial(ctx, "discovery")
		_ = d.h.Connect(ctx, peer.AddrInfo{ID: p}) // others see what it has brought
	})
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

// network is a context that ends when we move to another network.
func (d *dialer) network() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.here
}

// forgive forgets all failures, and has the dials on their way begin anew: the
// network is another one.
func (d *dialer) forgive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.failures)
	d.punchBy = time.Time{}
	d.leave()
	d.here, d.leave = context.WithCancel(context.Background())
}

// counts tells how many dials run or wait, and how many peers are left alone.
func (d *dialer) counts(now time.Time) (dials, resting int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.running {
		dials += n
	}
	for _, f := range d.failures {
		if now.Before(f.until) {
			resting++
		}
	}
	return dials, resting
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
