package discovery

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// partedFor is how long after its goodbye a peer's lost connection is no
	// surprise.
	partedFor = time.Minute
	// maxParted bounds how many goodbyes are remembered; beyond, they are all
	// forgotten, and those who said them redialled for nothing.
	maxParted = 1024
)

// A partedSet remembers who said goodbye lately. The zero value is ready.
type partedSet struct {
	mu sync.Mutex
	at map[peer.ID]time.Time
}

func (s *partedSet) add(p peer.ID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil || len(s.at) >= maxParted {
		s.at = make(map[peer.ID]time.Time)
	}
	s.at[p] = now
}

func (s *partedSet) recently(p peer.ID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[p]
	if ok && now.Sub(at) < partedFor {
		return true
	}
	delete(s.at, p)
	return false
}

// Parted notes that a peer said goodbye in a room: when its connection ends it
// has probably left, and is not redialled for long.
func (s *Service) Parted(p chat.PeerID) { s.parted.add(p.Libp2p(), time.Now()) }
