package api

import (
	"fmt"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// faceGrace is how long a face may have neither a stream nor a request before what
// it had open is left.
const faceGrace = 30 * time.Second

// A presence says whether a face is there. Server.facesMu guards it.
type presence struct {
	busy    int       // streams, and requests under way
	since   time.Time // when the last of them ended
	awaited bool      // a goroutine waits for it to come back
}

// attach counts a stream, of a face if it has one; detach must be called.
func (s *Server) attach(face string) (detach func(), err error) {
	s.facesMu.Lock()
	defer s.facesMu.Unlock()
	switch {
	case s.closed:
		return nil, chat.ErrClosed
	case s.streams >= MaxStreams:
		return nil, fmt.Errorf("%w: %d streams are open", errTooMany, s.streams)
	}
	s.streams++
	s.comes(face)
	return func() {
		s.facesMu.Lock()
		defer s.facesMu.Unlock()
		s.streams--
		s.goes(face)
	}, nil
}

// present notes that a face asks something, until done is called.
func (s *Server) present(face string) (done func()) {
	if face == nobody {
		return func() {}
	}
	s.facesMu.Lock()
	defer s.facesMu.Unlock()
	s.comes(face)
	return func() {
		s.facesMu.Lock()
		defer s.facesMu.Unlock()
		s.goes(face)
	}
}

// comes counts what a face does. s.facesMu is held.
func (s *Server) comes(face string) {
	if face == nobody {
		return
	}
	p := s.faces[face]
	if p == nil {
		p = new(presence)
		s.faces[face] = p
	}
	p.busy++
}

// goes notes that one thing which a face did is over; when it does nothing more, it
// is waited for. s.facesMu is held.
func (s *Server) goes(face string) {
	p := s.faces[face]
	if p == nil {
		return // nobody
	}
	if p.busy--; p.busy > 0 || p.awaited {
		p.since = time.Now()
		return
	}
	if s.closed || !s.holds.has(face) {
		delete(s.faces, face)
		return
	}
	p.since, p.awaited = time.Now(), true
	s.wg.Go(func() { s.awaitFace(face, p) })
}

// awaitFace leaves what a face had open, unless it comes back.
func (s *Server) awaitFace(face string, p *presence) {
	for wait := faceGrace; wait > 0; {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
		wait = s.judgeFace(face, p)
	}
}

// judgeFace looks whether a face is back, and else how much longer to wait; when
// that is over, what it had open is left.
func (s *Server) judgeFace(face string, p *presence) (wait time.Duration) {
	s.facesMu.Lock()
	wait = faceGrace - time.Since(p.since)
	if p.busy > 0 {
		p.awaited = false
		s.facesMu.Unlock()
		return 0
	}
	var left []chat.Conversation
	if wait <= 0 {
		delete(s.faces, face)
		left = s.holds.gone(face)
	}
	s.facesMu.Unlock()
	for _, conv := range left {
		if err := s.cfg.Node.Leave(s.ctx, conv); err != nil {
			s.log.Debug("leave", "err", err)
		}
	}
	return wait
}
