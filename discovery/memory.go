package discovery

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxKnown is how many peers are remembered; the one not seen for the
	// longest time is forgotten, seeds last.
	maxKnown = 512
	// maxKnownRooms is how many rooms are remembered of one peer, the latest.
	maxKnownRooms = 16
)

// Known is a peer that was met, and how to find it again.
type Known struct {
	Peer chat.PeerID
	// Addrs are at most 8 multiaddrs that do not end in /p2p, the best first; at
	// most 2 of them, the last ones, lead through relays.
	Addrs []string
	// Rooms are the conversations it was met in, as conversation IDs
	// in base32, the latest last.
	Rooms []string
	Seen  time.Time
	// Seed is set for seeds.
	Seed bool
}

// A Book keeps the peers that were met. It is called from one goroutine at a
// time, never again before it has answered.
type Book interface {
	// Load gives what was saved last.
	Load() ([]Known, error)
	// Save replaces it.
	Save([]Known) error
}

// A memory holds the peers that were met. It is a map with a lock around it.
type memory struct {
	mu    sync.Mutex
	peers map[chat.PeerID]*Known
	dirty bool
}

func newMemory(known []Known) *memory {
	m := &memory{peers: make(map[chat.PeerID]*Known)}
	for _, k := range known {
		if k.Peer.IsZero() {
			continue
		}
		k.Addrs = slices.Clone(k.Addrs[:min(len(k.Addrs), maxAddrs)])
		k.Rooms = slices.Clone(k.Rooms[max(0, len(k.Rooms)-maxKnownRooms):])
		m.peers[k.Peer] = &k
		m.evict()
	}
	return m
}

// met notes that p is there now, in conv unless that is zero.
func (m *memory) met(p chat.PeerID, conv chat.ConversationID, seed bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.peers[p]
	if k == nil {
		k = &Known{Peer: p}
		m.peers[p] = k
	}
	k.Seen, k.Seed, m.dirty = now, k.Seed || seed, true
	if room := conv.Base32(); conv != (chat.ConversationID{}) && (len(k.Rooms) == 0 || k.Rooms[len(k.Rooms)-1] != room) {
		k.Rooms = append(slices.DeleteFunc(k.Rooms, func(r string) bool { return r == room }), room)
		k.Rooms = k.Rooms[max(0, len(k.Rooms)-maxKnownRooms):]
	}
	m.evict()
}

// evict forgets whom there is no room for. m.mu is held, or m is new.
func (m *memory) evict() {
	for len(m.peers) > maxKnown {
		oldest := slices.MinFunc(m.list(), func(a, b *Known) int {
			if a.Seed != b.Seed {
				if b.Seed {
					return -1
				}
				return 1
			}
			return older(a, b)
		})
		delete(m.peers, oldest.Peer)
	}
}

func older(a, b *Known) int {
	return cmp.Or(a.Seen.Compare(b.Seen), a.Peer.Compare(b.Peer))
}

func (m *memory) list() []*Known {
	all := make([]*Known, 0, len(m.peers))
	for _, k := range m.peers {
		all = append(all, k)
	}
	return all
}

// members are the peers met in conv, the latest first, or with the zero
// conversation all seeds.
func (m *memory) members(conv chat.ConversationID) []peer.AddrInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	room := conv.Base32()
	all := slices.DeleteFunc(m.list(), func(k *Known) bool {
		if conv == (chat.ConversationID{}) {
			return !k.Seed
		}
		return !slices.Contains(k.Rooms, room)
	})
	slices.SortFunc(all, func(a, b *Known) int { return older(b, a) })
	infos := make([]peer.AddrInfo, len(all))
	for i, k := range all {
		infos[i] = k.info()
	}
	return infos
}

// in reports whether p was met in conv.
func (m *memory) in(p chat.PeerID, conv chat.ConversationID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.peers[p]
	return k != nil && slices.Contains(k.Rooms, conv.Base32())
}

// addrs are what is remembered of p's addresses.
func (m *memory) addrs(p chat.PeerID) []ma.Multiaddr {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.peers[p]; k != nil {
		return k.info().Addrs
	}
	return nil
}

// info reads the addresses, of which a book edited by hand may hold bad ones.
func (k *Known) info() peer.AddrInfo {
	info := peer.AddrInfo{ID: k.Peer.Libp2p()}
	for _, s := range k.Addrs {
		if a, err := ma.NewMultiaddr(s); err == nil {
			info.Addrs = append(info.Addrs, a)
		}
	}
	return info
}

// snapshot asks where each peer is now (no addresses: as before) and gives all
// that is worth saving, in a fixed order. It is nil if nothing has changed.
func (m *memory) snapshot(now time.Time, where func(peer.ID) (addrs []ma.Multiaddr, connected bool)) []Known {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirty {
		return nil
	}
	m.dirty = false
	all := m.list()
	slices.SortFunc(all, func(a, b *Known) int { return a.Peer.Compare(b.Peer) })
	saved := make([]Known, 0, len(all))
	for _, k := range all {
		addrs, connected := where(k.Peer.Libp2p())
		if len(addrs) > 0 {
			k.Addrs = k.Addrs[:0:0]
			for _, a := range addrs {
				k.Addrs = append(k.Addrs, a.String())
			}
		}
		if connected {
			k.Seen = now
		}
		if len(k.Addrs) == 0 {
			continue // cannot be found by it
		}
		c := *k
		c.Rooms = slices.Clone(k.Rooms)
		saved = append(saved, c)
	}
	return saved
}

// touch makes the next snapshot look again.
func (m *memory) touch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirty = m.dirty || len(m.peers) > 0
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.peers)
}
