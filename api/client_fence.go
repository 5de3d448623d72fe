package api

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// hearPatience bounds how long an answer waits for the events before it: they are on
// their way on another connection, or wait for a face that reads slowly.
const hearPatience = time.Second

// A place is how far a Stream has read: the number of an event of a node's run.
type place struct {
	run    string
	number uint64
}

// placeOf reads an event's ID; ok is not set if it is none.
func placeOf(id string) (p place, ok bool) {
	run, number, found := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	return place{run, n}, found && err == nil
}

// hearUpTo waits until all Streams have read an event, a moment at most.
func (c *Client) hearUpTo(ctx context.Context, id string) {
	p, ok := placeOf(id)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hearPatience)
	defer cancel()
	c.mu.Lock()
	all := make([]*Stream, 0, len(c.streams))
	for s := range c.streams {
		all = append(all, s)
	}
	c.mu.Unlock()
	for _, s := range all {
		s.hears(ctx, p)
	}
}

// hears waits until the Stream has read an event, or ends.
func (s *Stream) hears(ctx context.Context, p place) {
	for {
		s.mu.Lock()
		if s.err != nil || s.at.run == p.run && s.at.number >= p.number {
			s.mu.Unlock()
			return
		}
		if s.passed == nil {
			s.passed = make(chan struct{})
		}
		passed := s.passed
		s.mu.Unlock()
		select {
		case <-passed:
		case <-s.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// enter notes of which node's run the events are that follow.
func (s *Stream) enter(run string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.run != run {
		s.at = place{run: run}
		s.tellPassed()
	}
}

// pass notes that an event was read, after it was queued.
func (s *Stream) pass(id string) {
	p, ok := placeOf(id)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = p
	s.tellPassed()
}

// tellPassed wakes those who wait for an event. s.mu is held.
func (s *Stream) tellPassed() {
	if s.passed != nil {
		close(s.passed)
		s.passed = nil
	}
}
