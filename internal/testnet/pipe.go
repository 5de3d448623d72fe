package testnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes one direction of a connection holds, on the way and
// unread, before Write waits: as TCP's buffers do, so that back-pressure exists.
const window = 256 << 10

// A packet is bytes, or the end of the stream, on their way.
type packet struct {
	at   time.Time // when they arrive
	held bool      // they do not: the link is cut, see half.hold
	data []byte
	fin  bool
}

// A half is one direction of a connection.
//
// It uses condition variables and timers only. Both belong to the bubble of the
// goroutine that made them, so fake time can pass while a reader waits.
type half struct {
	link *link

	mu       sync.Mutex
	readable *sync.Cond
	writable *sync.Cond

	queue   []packet // oldest first; at never decreases
	size    int      // bytes in queue
	written bool     // the writer closed its end
	dropped bool     // the reader closed its end: what is written vanishes
	err     error    // the connection died

	readBy, writeBy deadline
	arrival         *time.Timer // wakes readers when the first packet is due
}

func newHalf(l *link) *half {
	h := &half{link: l}
	h.readable = sync.NewCond(&h.mu)
	h.writable = sync.NewCond(&h.mu)
	h.readBy.cond, h.writeBy.cond = h.readable, h.writable
	return h
}

// write queues all of p, waiting for room.
func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.written:
			return n, opError("write", net.ErrClosed)
		case h.err != nil:
			return n, opError("write", h.err)
		case h.writeBy.passed():
			return n, opError("write", os.ErrDeadlineExceeded)
		case h.dropped:
			return n + len(p), nil // into the void, until the end reaches us
		case len(p) == 0:
			return n, nil
		}
		if room := window - h.size; room > 0 {
			k := min(room, len(p))
			h.push(packet{data: p[:k]})
			n, p = n+k, p[k:]
			continue
		}
		h.writable.Wait()
	}
}

// push sends a packet on its way. h.mu is held.
func (h *half) push(p packet) {
	h.size += len(p.data)
	p.at, p.held = h.link.send(time.Now(), len(p.data))
	if last := len(h.queue) - 1; last >= 0 {
		l := &h.queue[last]
		p.held = p.held || l.held // never overtake
		if p.at.Before(l.at) {
			p.at = l.at
		}
		if !p.fin && !l.fin && p.held == l.held && p.at.Equal(l.at) {
			l.data = append(l.data, p.data...)
			h.readable.Broadcast()
			return
		}
	}
	p.data = append([]byte(nil), p.data...) // the caller keeps its buffer
	h.queue = append(h.queue, p)
	h.readable.Broadcast()
}

// read returns what has arrived, waiting for the first byte.
func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.dropped:
			return 0, opError("read", net.ErrClosed)
		case h.err != nil:
			return 0, opError("read", h.err)
		case h.readBy.passed():
			return 0, opError("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		}
		if len(h.queue) > 0 && !h.queue[0].held {
			if wait := time.Until(h.queue[0].at); wait > 0 {
				h.wakeIn(wait)
			} else if h.queue[0].fin {
				return 0, io.EOF
			} else {
				return h.take(p), nil
			}
		}
		h.readable.Wait()
	}
}

// take moves arrived bytes into p. h.mu is held.
func (h *half) take(p []byte) (n int) {
	now := time.Now()
	for n < len(p) && len(h.queue) > 0 {
		first := &h.queue[0]
		if first.fin || first.held || first.at.After(now) {
			break
		}
		k := copy(p[n:], first.data)
		n, first.data = n+k, first.data[k:]
		if len(first.data) == 0 {
			h.queue[0] = packet{}
			h.queue = h.queue[1:]
		}
	}
	h.size -= n
	h.writable.Broadcast()
	return n
}

func (h *half) wakeIn(d time.Duration) {
	if h.arrival == nil {
		h.arrival = time.AfterFunc(d, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.readable.Broadcast()
		})
		return
	}
	h.arrival.Reset(d)
}

// ended tells the writer of the other direction that the remote end is gone.
func (h *half) ended() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return false
	}
	last := h.queue[len(h.queue)-1]
	return last.fin && !last.held && !last.at.After(time.Now())
}

// closeWriter sends the end of the stream behind what was written.
func (h *half) closeWriter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.written {
		return
	}
	h.written = true
	if h.err == nil && !h.dropped {
		h.push(packet{fin: true})
	}
	h.writable.Broadcast()
}

// closeReader throws away what is unread and all that still comes.
func (h *half) closeReader() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropped = true
	h.queue, h.size = nil, 0
	h.readable.Broadcast()
	h.writable.Broadcast()
}

// fail ends both ends at once.
func (h *half) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
	h.queue, h.size = nil, 0
	h.readable.Broadcast()
	h.writable.Broadcast()
}

// hold stops what has not arrived yet: the link was cut.
func (h *half) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for i := range h.queue {
		if h.queue[i].at.After(now) {
			h.queue[i].held = true
		}
	}
}

// release sends what was held once more: the link was healed.
func (h *half) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for i := range h.queue {
		p := &h.queue[i]
		if !p.held {
			continue
		}
		p.at, p.held = h.link.send(now, len(p.data))
		if i > 0 && p.at.Before(h.queue[i-1].at) {
			p.at = h.queue[i-1].at
		}
	}
	h.readable.Broadcast()
}

// A deadline wakes the waiters of one end when its time has come.
type deadline struct {
	cond  *sync.Cond
	at    time.Time
	timer *time.Timer
}

// passed needs the lock of cond, like set.
func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(t time.Time) {
	d.cond.L.Lock()
	defer d.cond.L.Unlock()
	d.at = t
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			d.cond.L.Lock()
			defer d.cond.L.Unlock()
			d.cond.Broadcast()
		})
	}
	d.cond.Broadcast()
}

// opError words errors as TCP does; yamux looks at the wording.
func opError(op string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Err: err}
}
