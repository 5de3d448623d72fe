package node

import (
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/bootstrap"
)

// AddSeeds has the node stay attached to more seeds, as to those of Config.Seeds:
// what an invite named. Known ones are tried at their new addresses, if they are
// not connected; beyond bootstrap.MaxSeeds none are added. It returns at once. What
// the host does with seeds, to relay for us and to call us back, begins for them
// with the next start.
func (n *Node) AddSeeds(seeds []peer.AddrInfo) {
	seeds = slices.DeleteFunc(slices.Clone(seeds), func(s peer.AddrInfo) bool { return s.ID == n.host.ID() })
	n.given.add(seeds) // first: whoever is connected is asked what it is
	n.seeds.Add(seeds)
}

// A seedSet is the seeds that a node was given, at its start and later.
type seedSet struct {
	mu   sync.RWMutex
	list []peer.AddrInfo // at most bootstrap.MaxSeeds
}

func (s *seedSet) add(seeds []peer.AddrInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range seeds {
		if s.at(one.ID) < 0 && len(s.list) < bootstrap.MaxSeeds {
			s.list = append(slices.Clip(s.list), one) // all may be read meanwhile
		}
	}
}

// at is where a peer stands in the list, or negative. s.mu is held.
func (s *seedSet) at(p peer.ID) int {
	return slices.IndexFunc(s.list, func(o peer.AddrInfo) bool { return o.ID == p })
}

func (s *seedSet) has(p peer.ID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.at(p) >= 0
}

// all are not to be changed.
func (s *seedSet) all() []peer.AddrInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.list
}
