package rooms

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// When one of two connections to a neighbour ends, gossipsub may forget for ever
// which rooms the neighbour is in: it wipes them when it notices that its own
// stream is gone, also if the neighbour, who noticed earlier, has announced them
// anew. After a few such ends it does not open a stream again at all. We
// remember them (see guard), so we can tell.
const (
	// mendEvery is how often it is looked whether gossipsub still knows what a
	// neighbour announced, from the end of a gossip stream until it does.
	mendEvery = time.Second

	// renewAfter is at how many checks in a row a neighbour must be missing
	// before we end the gossip streams with it. Both then begin anew, and
	// nothing else is disturbed. closeAfter is the same for the connections,
	// if that did not help.
	renewAfter = 2
	closeAfter = 4

	// mendPause is the least time between two equal remedies for one neighbour.
	mendPause = time.Minute

	// maxDoubts is how many neighbours are looked after at once, and how many
	// remedies are remembered: more than there are connections.
	maxDoubts = 4096

	// mendRooms is how many rooms of one neighbour are looked at: usually it is
	// missing in all or in none.
	mendRooms = 64
)

// A remedy is what to do about a neighbour of whom gossipsub has lost sight.
type remedy int

const (
	leaveAlone remedy = iota
	renewStreams
	closeConnections
)

// A ward decides what to do about neighbours who are in doubt. It is pure.
type ward struct {
	missing map[peer.ID]int // those in doubt, and the checks in a row that missed them
	treated map[peer.ID]treatment
}

// A treatment is when a neighbour got each remedy last.
type treatment struct{ renewed, closed time.Time }

func newWard() ward {
	return ward{missing: make(map[peer.ID]int), treated: make(map[peer.ID]treatment)}
}

// admit takes in a neighbour whose gossip stream ended.
func (w *ward) admit(p peer.ID) {
	if _, known := w.missing[p]; !known && len(w.missing) < maxDoubts {
		w.missing[p] = 0
	}
}

// discharge forgets a neighbour who is well, or gone.
func (w *ward) discharge(p peer.ID) { delete(w.missing, p) }

// check takes note that gossipsub misses p, and returns what to do about it.
func (w *ward) check(now time.Time, p peer.ID) remedy {
	w.missing[p]++
	t := w.treated[p]
	what := leaveAlone
	switch n := w.missing[p]; {
	case n >= closeAfter && now.Sub(t.closed) >= mendPause:
		what, t.closed = closeConnections, now
	case n >= renewAfter && n < closeAfter && now.Sub(t.renewed) >= mendPause:
		what, t.renewed = renewStreams, now
	}
	if what == leaveAlone || !w.makeRoom(now) {
		return leaveAlone
	}
	w.treated[p] = t
	return what
}

// makeRoom forgets old treatments if there are many.
func (w *ward) makeRoom(now time.Time) bool {
	if len(w.treated) < maxDoubts {
		return true
	}
	for p, t := range w.treated {
		if now.Sub(t.renewed) >= mendPause && now.Sub(t.closed) >= mendPause {
			delete(w.treated, p)
		}
	}
	return len(w.treated) < maxDoubts
}

// A mender repairs what gossipsub forgot. Its loop owns ward.
type mender struct {
	service *Service
	ward    ward

	mu    sync.Mutex
	ended map[peer.ID]struct{} // not yet seen by the loop; at most maxDoubts
	wake  chan struct{}        // holds one
}

func newMender(s *Service) *mender {
	return &mender{service: s, ward: newWard(), ended: make(map[peer.ID]struct{}), wake: make(chan struct{}, 1)}
}

// note tells that a gossip stream with p ended. It never waits.
func (m *mender) note(p peer.ID) {
	m.mu.Lock()
	if len(m.ended) < maxDoubts {
		m.ended[p] = struct{}{}
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// loop sleeps while nobody is in doubt.
func (m *mender) loop() {
	timer := time.NewTimer(mendEvery)
	defer timer.Stop()
	for {
		select {
		case <-m.wake:
			if m.admit() {
				timer.Reset(mendEvery)
			}
		case <-timer.C:
			if m.look(time.Now()) {
				timer.Reset(mendEvery)
			}
		case <-m.service.ctx.Done():
			return
		}
	}
}

// admit takes in whose streams ended, and reports whether they are the first.
func (m *mender) admit() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := len(m.ward.missing) == 0
	for p := range m.ended {
		m.ward.admit(p)
	}
	clear(m.ended)
	return first
}

// look checks all who are in doubt, and reports whether any are left.
func (m *mender) look(now time.Time) bool {
	var inDoubt []peer.ID
	for p := range m.ward.missing {
		inDoubt = append(inDoubt, p)
	}
	slices.Sort(inDoubt)
	for _, p := range inDoubt {
		if m.service.mute(p) {
			m.service.forget(p)
		}
		if !m.service.missing(p) {
			m.ward.discharge(p)
			continue
		}
		switch m.ward.check(now, p) {
		case renewStreams:
			m.service.resetStreams(m.service.host.Network().ConnsToPeer(p))
		case closeConnections:
			m.ward.discharge(p)
			m.service.disconnect(p)
		}
	}
	return len(m.ward.missing) > 0
}

// missing reports whether gossipsub does not know that p is in one of our rooms,
// although it could.
func (s *Service) missing(p peer.ID) bool {
	if s.host.Network().Connectedness(p) != network.Connected {
		return false
	}
	if s.mute(p) {
		return false
	}
	for _, topic := range s.guard.roomsOf(p, mendRooms, func(_ string, ours bool) bool { return ours }) {
		if !slices.Contains(s.ps.ListPeers(topic), p) {
			return true
		}
	}
	return false
}

// mute reports whether p says that it does not gossip, or has said nothing yet.
func (s *Service) mute(p peer.ID) bool {
	spoken, err := s.host.Peerstore().SupportsProtocols(p, protocols()...)
	return err != nil || len(spoken) == 0
}

// disconnect makes a neighbour begin anew with us.
func (s *Service) disconnect(p peer.ID) {
	s.cfg.log().Debug("gossipsub has lost sight of a neighbour: disconnected", "peer", p)
	if err := s.host.Network().ClosePeer(p); err != nil {
		s.cfg.log().Debug("disconnect", "peer", p, "err", err)
	}
	if id, err := chat.PeerIDFromLibp2p(p); err == nil && s.cfg.Forgotten != nil {
		s.cfg.Forgotten(id)
	}
}

// resetStreams ends the gossip streams of some connections.
func (s *Service) resetStreams(conns []network.Conn) {
	for _, c := range conns {
		for _, st := range c.GetStreams() {
			if strings.HasPrefix(string(st.Protocol()), "/meshsub/") {
				_ = st.Reset() // it has ended by itself meanwhile
			}
		}
	}
}
