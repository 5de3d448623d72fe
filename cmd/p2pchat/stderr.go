package main

import (
	"bytes"
	"io"
	"sync"
)

// maxHeld is how much is kept of what is said while a screen is drawn, in bytes.
const maxHeld = 64 << 10

// A stderr is where the program says things. While something draws on the whole
// terminal it keeps them for afterwards. Its methods may be called by several
// goroutines.
type stderr struct {
	mu      sync.Mutex
	w       io.Writer
	holding bool
	held    bytes.Buffer
}

// Write implements io.Writer.
func (s *stderr) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holding {
		return s.w.Write(b)
	}
	if s.held.Len()+len(b) <= maxHeld {
		s.held.Write(b)
	}
	return len(b), nil
}

// hold keeps what is written until release.
func (s *stderr) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = true
}

// release writes what was kept.
func (s *stderr) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = false
	_, _ = s.held.WriteTo(s.w) // whom should it tell that nobody listens?
	s.held.Reset()
}
