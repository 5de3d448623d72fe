package bootstrap

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// Add has the Attachment stay attached to more seeds, as Attach did to the first.
// Addresses of one that is known are added to its own, and tried at once if it is
// not connected; after Close, and beyond MaxSeeds, nothing is added. It returns at
// once, with those that were not known.
func (a *Attachment) Add(seeds []peer.AddrInfo) (added []peer.AddrInfo) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	for _, info := range mergeAll(seeds) {
		id, err := chat.PeerIDFromLibp2p(info.ID)
		switch known := a.known(info.ID); {
		case err != nil:
			a.cfg.log().Debug("ignored a seed", "peer", info.ID, "err", err)
		case known != nil:
			known.learn(info.Addrs)
		case len(a.seeds) >= MaxSeeds:
			a.cfg.log().Debug("ignored a seed: there are too many", "peer", info.ID)
		default:
			a.begin(id, info)
			added = append(added, info)
		}
	}
	return added
}

// begin keeps one more seed connected. a.mu is held.
func (a *Attachment) begin(id chat.PeerID, info peer.AddrInfo) {
	now := time.Now()
	s := &seed{id: info.ID, nudge: make(chan struct{}, 1), moved: make(chan struct{}, 1), addrs: info.Addrs}
	s.status = SeedStatus{Peer: id, Since: now}
	a.seeds = append(a.seeds, s)
	if info.ID == a.h.ID() {
		s.status.LastError = errSelf
		return
	}
	a.byPeer[info.ID] = s
	a.h.ConnManager().Protect(info.ID, protection)
	a.watch()
	k := &keeper{a: a, seed: s, lost: now}
	a.wg.Go(func() { k.run(a.ctx) })
}

// known is the seed that a peer is, or nil. a.mu is held.
func (a *Attachment) known(p peer.ID) *seed {
	i := slices.IndexFunc(a.seeds, func(s *seed) bool { return s.id == p })
	if i < 0 {
		return nil
	}
	return a.seeds[i]
}

func mergeAll(seeds []peer.AddrInfo) (merged []peer.AddrInfo) {
	for _, s := range seeds {
		merged = merge(merged, s)
	}
	return merged
}

// maxSeedAddrs is how many addresses of one seed are known; more are ignored.
const maxSeedAddrs = 16

// learn adds addresses. If some are new they are tried at once.
func (s *seed) learn(addrs []ma.Multiaddr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.addrs)
	for _, a := range addrs {
		if len(s.addrs) < maxSeedAddrs && !ma.Contains(s.addrs, a) {
			s.addrs = append(s.addrs, a)
		}
	}
	if len(s.addrs) == before {
		return
	}
	select {
	case s.moved <- struct{}{}: // what failed before says nothing of these
	default:
	}
}

// info is where the seed may be.
func (s *seed) info() peer.AddrInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return peer.AddrInfo{ID: s.id, Addrs: slices.Clone(s.addrs)}
}

// now is how it stands with the seed.
func (s *seed) now() SeedStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	st.Addrs = slices.Clone(s.addrs)
	return st
}
