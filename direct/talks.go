package direct

import (
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
)

// acquire finds or starts the talk with p, which does not end before release.
func (s *Service) acquire(p chat.PeerID) (*talk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acquireLocked(p)
}

// want is acquire for this node's own wish.
func (s *Service) want(p chat.PeerID) (*talk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.acquireLocked(p)
	if err == nil {
		s.wanted[p] = true
	}
	return t, err
}

func (s *Service) acquireLocked(p chat.PeerID) (*talk, error) {
	if s.closed {
		return nil, chat.ErrClosed
	}
	t := s.talks[p]
	if t == nil {
		t = newTalk(s, p)
		s.talks[p] = t
		s.wg.Go(t.run)
	}
	t.users++
	return t, nil
}

// lookUp is acquire for a talk that there may not be.
func (s *Service) lookUp(p chat.PeerID) *talk {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.talks[p]
	if t != nil {
		t.users++
	}
	return t
}

func (s *Service) release(t *talk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.users--
}

// forget lets t end, unless somebody is about to use it.
func (s *Service) forget(t *talk) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.users > 0 {
		return false
	}
	delete(s.talks, t.peer)
	return true
}

// rest asks for leave to be remembered without a stream.
func (s *Service) rest() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resting >= maxResting {
		return false
	}
	s.resting++
	return true
}

func (s *Service) unrest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resting--
}

// connected tells a waiting talk that its peer is here. libp2p calls it.
func (s *Service) connected(_ network.Network, c network.Conn) {
	p, err := chat.PeerIDFromLibp2p(c.RemotePeer())
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.talks[p]; t != nil {
		select {
		case t.poke <- struct{}{}:
		default: // it will look anyhow
		}
	}
}
