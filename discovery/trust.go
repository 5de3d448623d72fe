package discovery

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// maxTrusted is of how many peers such addresses are kept; beyond, any other is
// forgotten.
const maxTrusted = 1024

// A trustedSet holds addresses that are dialled whatever the scope, because no
// stranger named them: the user did, or the local network. The zero value is
// ready.
type trustedSet struct {
	mu sync.Mutex
	of map[peer.ID][]trustedAddr // at most maxAddrs each, the latest last
}

type trustedAddr struct {
	addr  ma.Multiaddr
	until time.Time
}

func (s *trustedSet) add(p peer.ID, addrs []ma.Multiaddr, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[peer.ID][]trustedAddr)
	}
	all := s.of[p]
	if all == nil && len(s.of) >= maxTrusted {
		for other := range s.of {
			delete(s.of, other)
			break
		}
	}
	for _, a := range boundAddrs(addrs) {
		all = slices.DeleteFunc(all, func(t trustedAddr) bool { return t.addr.Equal(a) })
		all = append(all, trustedAddr{a, until})
	}
	if len(all) > 0 {
		s.of[p] = all[max(0, len(all)-maxAddrs):]
	}
}

func (s *trustedSet) addrs(p peer.ID, now time.Time) (addrs []ma.Multiaddr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.of[p] {
		if now.Before(t.until) {
			addrs = append(addrs, t.addr)
		}
	}
	if len(addrs) == 0 {
		delete(s.of, p)
	}
	return addrs
}
