package api

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// maxEventBytes bounds the memory of the ring: where MaxEvents events are so long
// that they take more, fewer are kept.
const maxEventBytes = 128 << 20

// eventOverhead is about what an event takes besides its texts.
const eventOverhead = 512

// A ring holds the last events, numbered from 1. Who reads too slowly finds that
// some are gone; nobody waits for a reader.
type ring struct {
	// run is drawn at each start, so that numbers of another node are not taken for
	// this one's.
	run string

	mu     sync.Mutex
	events []chat.Event // the oldest at head, and then round
	head   int
	last   uint64 // the number of the newest
	bytes  int
	more   chan struct{} // closed when something comes
	ended  bool          // nothing comes any more
}

func newRing() *ring {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return &ring{run: hex.EncodeToString(b[:]), more: make(chan struct{})}
}

// add puts events behind the last.
func (r *ring) add(evs ...chat.Event) {
	if len(evs) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range evs {
		r.put(ev)
	}
	r.wake()
}

// put adds one event and drops what is too much. r.mu is held.
func (r *ring) put(ev chat.Event) {
	r.bytes += sizeOf(ev)
	r.last++
	r.events = append(r.events, ev)
	for n := len(r.events) - r.head; n > MaxEvents || n > 1 && r.bytes > maxEventBytes; n-- {
		r.bytes -= sizeOf(r.events[r.head])
		r.events[r.head] = nil
		r.head++
	}
	if r.head >= MaxEvents { // half is empty: each event is moved once
		r.events = append(r.events[:0:0], r.events[r.head:]...)
		r.head = 0
	}
}

// wake tells readers. r.mu is held.
func (r *ring) wake() {
	close(r.more)
	r.more = make(chan struct{})
}

// end tells readers that nothing comes any more.
func (r *ring) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		r.wake()
	}
}

// A chunk is what a reader gets at once.
type chunk struct {
	events []chat.Event
	// last is the number of the last of them, or of what was asked behind.
	last uint64
	// missed is how many before them are gone.
	missed uint64
	// more is closed when there is more, if there are none; ended is set if there
	// never will be.
	more  <-chan struct{}
	ended bool
}

// after returns at most limit events behind a number.
func (r *ring) after(n uint64, limit int) chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := chunk{last: n, more: r.more, ended: r.ended}
	kept := r.events[r.head:]
	first := r.last - uint64(len(kept)) // the number before the oldest
	if n < first {
		c.missed, n = first-n, first
	}
	n = min(n, r.last) // one from the future
	kept = kept[n-first:]
	c.events = append(c.events, kept[:min(len(kept), limit)]...)
	c.last = n + uint64(len(c.events))
	return c
}

// newest is the number of the last event.
func (r *ring) newest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// id writes an event's number as clients see it.
func (r *ring) id(n uint64) string { return r.run + "-" + strconv.FormatUint(n, 10) }

// place reads an ID. known is not set if it is another node's.
func (r *ring) place(id string) (n uint64, known bool, err error) {
	if id == "0" {
		return 0, true, nil // all there are
	}
	run, number, found := strings.Cut(id, "-")
	n, err = strconv.ParseUint(number, 10, 64)
	if !found || err != nil || len(run) != len(r.run) {
		return 0, false, badRequest("%q is no event ID", chat.SafeString(id))
	}
	return n, run == r.run, nil
}

// sizeOf is about the memory that an event takes.
func sizeOf(ev chat.Event) int {
	n := eventOverhead
	switch ev := ev.(type) {
	case chat.Message:
		n += ev.Text.Len() + ev.Nick.Len()
	case chat.Notice:
		n += len(ev.Text) + len(ev.Detail)
	}
	return n
}
