package board

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Limits on one viewer's address, and on all. An open page asks about twice a
// second. Loopback is exempt: it is the seed's own machine, or a reverse proxy,
// which stands for many.
const (
	// maxRate is how many requests a second an address may keep up, maxBurst
	// how many at once.
	maxRate  = 50
	maxBurst = 200
	// maxAddrs is how many addresses are watched; those beyond share one
	// allowance until others are at rest.
	maxAddrs = 4096
	// maxConns is how many connections are open, maxConnsEach from one address.
	maxConns     = 2048
	maxConnsEach = 64
)

// A limiter counts the requests of each address.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	left  map[netip.Prefix]allowance
	rest  allowance // for those who do not fit into left
	swept time.Time
}

// An allowance is how many requests were left at a moment; it grows back by
// maxRate a second up to maxBurst. The zero value is full.
type allowance struct {
	left float64
	at   time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, left: make(map[netip.Prefix]allowance)}
}

// limit refuses what exceeds an address's allowance, before anything is looked
// up for it.
func (l *limiter) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.allow(addrOf(r.RemoteAddr)) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (l *limiter) allow(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	place := placeOf(addr)
	a, known := l.left[place]
	if !known && len(l.left) >= maxAddrs {
		l.sweep(now)
		if len(l.left) >= maxAddrs {
			return l.rest.take(now)
		}
	}
	ok := a.take(now)
	l.left[place] = a
	return ok
}

// sweep forgets the addresses whose allowance is full again, at most once a
// second: it looks at all of them.
func (l *limiter) sweep(now time.Time) {
	if age := now.Sub(l.swept); age >= 0 && age < time.Second {
		return
	}
	l.swept = now
	for place, a := range l.left {
		if a.grown(now) >= maxBurst {
			delete(l.left, place)
		}
	}
}

func (a *allowance) grown(now time.Time) float64 {
	if a.at.IsZero() {
		return maxBurst
	}
	// A clock that was set back gives nothing and takes nothing.
	return min(maxBurst, a.left+max(0, now.Sub(a.at).Seconds())*maxRate)
}

func (a *allowance) take(now time.Time) bool {
	left := a.grown(now)
	ok := left >= 1
	if ok {
		left--
	}
	*a = allowance{left: left, at: now}
	return ok
}

// addrOf is the address of "host:port"; the zero address if that is none.
func addrOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// placeOf is what counts as one viewer: an IPv4 address, or an IPv6 network,
// within which one machine has any number of addresses.
func placeOf(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	place, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return place
}

// limitConns closes connections beyond the limits at once, so that nobody waits
// in vain for an answer, and those already open keep theirs.
func limitConns(l net.Listener) net.Listener {
	return &limitedListener{Listener: l, open: make(map[netip.Prefix]int)}
}

type limitedListener struct {
	net.Listener

	mu   sync.Mutex
	all  int
	open map[netip.Prefix]int
}

// Accept returns the next connection that is within the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := addrOf(c.RemoteAddr().String())
		if !l.enter(addr) {
			_ = c.Close()
			continue
		}
		return &countedConn{Conn: c, leave: sync.OnceFunc(func() { l.exit(addr) })}, nil
	}
}

func (l *limitedListener) enter(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := placeOf(addr)
	if l.all >= maxConns || !addr.IsLoopback() && l.open[place] >= maxConnsEach {
		return false
	}
	l.all++
	l.open[place]++
	return true
}

func (l *limitedListener) exit(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := placeOf(addr)
	l.all--
	if l.open[place]--; l.open[place] <= 0 {
		delete(l.open, place)
	}
}

// A countedConn is counted until it is closed.
type countedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
