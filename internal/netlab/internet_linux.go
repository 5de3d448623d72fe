package netlab

import (
	"container/heap"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"
)

// maxUnderWay is how many packets may be on their way to one edge; more are
// dropped, or a fast sender on a slow path would fill the memory.
const maxUnderWay = 16384

// An internet carries packets between its edges by their destination.
//
// Each edge has two goroutines: one reads its TUN device and decides, under the
// lock, when and where a packet arrives; the other waits until then and writes it.
type internet struct {
	wg sync.WaitGroup

	mu      sync.Mutex
	rng     *rand.Rand
	core    way // shared by all; its Rate is not used
	owners  map[netip.Prefix]*edge
	retired map[netip.Addr]bool
	bytes   map[[2]*edge]uint64
	unknown map[netip.Addr]int
	syns    map[flow]int
}

// A flow is the two ends of a TCP connection, as they are seen in the internet.
type flow struct{ from, to netip.AddrPort }

// An edge is one end of the internet: a public host's or a router's cable.
type edge struct {
	name string
	net  *internet
	tun  *os.File

	// The internet's lock guards these.
	up, down  way
	unplugged bool
	side      int // packets pass only between edges of one side
	coming    queue
	last      map[*edge]time.Time // the arrival of the latest packet from each edge
	seq       uint64
	wake      chan struct{} // capacity 1: coming has a new first packet
	closed    chan struct{}
}

func newInternet(seed uint64) *internet {
	return &internet{
		rng:     rand.New(rand.NewPCG(seed, 0)),
		owners:  make(map[netip.Prefix]*edge),
		retired: make(map[netip.Addr]bool),
		bytes:   make(map[[2]*edge]uint64),
		unknown: make(map[netip.Addr]int),
		syns:    make(map[flow]int),
	}
}

// attach adds an edge and starts its goroutines; detach ends them.
func (n *internet) attach(name string, tun *os.File) *edge {
	e := &edge{
		name: name, net: n, tun: tun, last: make(map[*edge]time.Time),
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	n.wg.Go(e.read)
	n.wg.Go(e.write)
	return e
}

// detach closes the device of e and ends its goroutines, without waiting.
func (e *edge) detach() {
	close(e.closed)
	_ = e.tun.Close() // nothing is kept in it
}

// own makes e the owner of a prefix.
func (e *edge) own(p netip.Prefix) {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	e.net.owners[p] = e
}

// disown takes an address away from e. What is still sent to it is lost.
func (e *edge) disown(p netip.Prefix) {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	delete(e.net.owners, p)
	e.net.retired[p.Addr()] = true
}

// read takes what comes from the edge until its device is closed.
func (e *edge) read() {
	buf := make([]byte, mtu+100)
	for {
		n, err := e.tun.Read(buf)
		if errors.Is(err, os.ErrClosed) || errors.Is(err, fs.ErrClosed) {
			return
		}
		if err != nil {
			continue // the interface is down for a while
		}
		if h, ok := parse(buf[:n]); ok {
			e.net.route(time.Now(), e, h, buf[:n])
		}
	}
}

// route decides what becomes of a packet, and copies it if it goes anywhere.
func (n *internet) route(now time.Time, from *edge, h header, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if local(h.dst) || from.unplugged {
		return
	}
	if h.syn && len(n.syns) < maxUnderWay {
		n.syns[flow{netip.AddrPortFrom(h.src, h.from), netip.AddrPortFrom(h.dst, h.port)}]++
	}
	to := n.owner(h.dst)
	if to == nil {
		if !n.retired[h.dst] && len(n.unknown) < maxUnderWay {
			n.unknown[h.dst]++
		}
		return
	}
	if to.unplugged || to.side != from.side {
		return
	}
	at, ok := from.up.pass(now, len(b), n.rng)
	if ok {
		at, ok = n.core.pass(at, len(b), n.rng)
	}
	if ok {
		at, ok = to.down.pass(at, len(b), n.rng)
	}
	if !ok || len(to.coming) >= maxUnderWay {
		return
	}
	if at.Before(to.last[from]) {
		at = to.last[from]
	}
	to.last[from] = at
	n.bytes[[2]*edge{from, to}] += uint64(len(b))
	to.push(at, append([]byte(nil), b...))
}

// owner is whose address a is, or nil.
func (n *internet) owner(a netip.Addr) *edge {
	for _, bits := range [...]int{a.BitLen(), ipv6Net} {
		if p, err := a.Prefix(bits); err == nil {
			if e := n.owners[p]; e != nil {
				return e
			}
		}
	}
	return nil
}

// push puts a packet on its way to e. The internet is locked.
func (e *edge) push(at time.Time, b []byte) {
	e.seq++
	heap.Push(&e.coming, arrival{at, e.seq, b})
	if e.coming[0].seq == e.seq {
		select {
		case e.wake <- struct{}{}:
		default: // it is going to look anyway
		}
	}
}

// write hands over what arrives at the edge, when it does, until it is closed.
func (e *edge) write() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		b, wait := e.next(time.Now())
		if b != nil {
			_, _ = e.tun.Write(b) // an interface that is down loses packets, as in life
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-e.wake:
		case <-e.closed:
			return
		}
	}
}

// next returns the packet that has arrived, or how long to wait for one.
func (e *edge) next(now time.Time) ([]byte, time.Duration) {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	for len(e.coming) > 0 {
		if wait := e.coming[0].at.Sub(now); wait > 0 {
			return nil, wait
		}
		first := heap.Pop(&e.coming).(arrival)
		if !e.unplugged {
			return first.packet, 0
		}
	}
	return nil, time.Hour
}

// set changes what the lock guards.
func (n *internet) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// between is the number of bytes that were carried from one edge to another.
func (n *internet) between(from, to *edge) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bytes[[2]*edge{from, to}]
}

func (n *internet) unknownAddrs() map[netip.Addr]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.unknown)
}

func (n *internet) allSYNs() map[flow]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.syns)
}

// An arrival is a packet and when it is at its destination.
type arrival struct {
	at     time.Time
	seq    uint64
	packet []byte
}

// A queue is a heap of arrivals, the earliest first.
type queue []arrival

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}

// Push implements heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(arrival)) }

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = arrival{}
	*q = old[:len(old)-1]
	return last
}
