package discovery

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// entryWait is how long a server that was just identified may take to answer
	// the DHT's first question, which brings it into the table.
	entryWait = 10 * time.Second

	// maxChecks is how many servers are watched at once for that.
	maxChecks = 16

	// redialBuffer is how many requests and results wait for the loop. Whoever
	// has more waits, and none of them is the loop.
	redialBuffer = 64
)

// A redialResult is what became of a dial the loop asked for, or, with ask set,
// the wish for one.
type redialResult struct {
	peer    peer.ID
	ask     bool
	reached bool
}

// A loop is the state of the goroutine that hears the host's events. It never
// waits: the host's identify would wait with it.
type loop struct {
	s        *Service
	redials  redialer
	upgrades upgrader
	servers  map[peer.ID]bool // connected peers that answer DHT questions
	checks   int              // servers watched until they are in the table
	checked  chan peer.ID     // results of those; a place for each
	timer    *time.Timer      // for redials
	better   *time.Timer      // for upgrades
	settle   *time.Timer      // for our own addresses
	settled  time.Time        // when settle fires, or has
	pardoned time.Time        // when failures were forgotten for a seed's sake
	ways     waysIn           // how others can reach us, as far as we heard
}

// loopCounts is what others may know of the loop's state.
type loopCounts struct{ lost, onRelay atomic.Int64 }

// loop hears the host's events until the service ends.
func (s *Service) loop(sub event.Subscription) {
	defer sub.Close()
	l := &loop{
		s:        s,
		redials:  make(redialer),
		upgrades: make(upgrader),
		servers:  make(map[peer.ID]bool),
		checked:  make(chan peer.ID, maxChecks),
		timer:    time.NewTimer(0),
		better:   time.NewTimer(0),
		settle:   time.NewTimer(0),
	}
	for _, t := range []*time.Timer{l.timer, l.better, l.settle} {
		t.Stop()
		defer t.Stop()
	}
	for _, p := range s.h.Network().Peers() { // connected before we listened
		l.identified(p)
		if s.h.Network().Connectedness(p) == network.Limited {
			l.relayed(p)
		}
	}
	for {
		s.counts.lost.Store(int64(len(l.redials)))
		s.counts.onRelay.Store(int64(len(l.upgrades)))
		select {
		case <-s.ctx.Done():
			return
		case e, ok := <-sub.Out():
			if !ok {
				return
			}
			l.event(e)
		case p := <-l.checked:
			l.checks--
			// A table without room for a seed does not need it, but those who
			// ask the seed need our records there.
			if s.table.has(p) || l.servers[p] && s.cfg.isSeed(p) && s.table.size() > 0 {
				l.useful()
			}
		case r := <-s.redials:
			if r.ask {
				l.redials.lost(r.peer, true, time.Now(), s.cfg.rand())
			} else {
				l.redials.result(r.peer, r.reached, time.Now(), s.cfg.rand())
			}
			l.plan()
		case <-l.timer.C:
			for _, t := range l.redials.take(time.Now()) {
				s.wg.Go(func() { s.redialNow(t) })
			}
			l.plan()
		case <-l.better.C:
			for _, t := range l.upgrades.take(time.Now()) {
				s.wg.Go(func() { s.upgrade(t) })
			}
			l.plan()
		case r := <-s.upgraded:
			l.upgrades.result(r.peer, time.Now(), s.cfg.rand())
			l.plan()
		case <-l.settle.C:
			s.renewAll()
		case <-s.moves:
			l.moved()
		}
	}
}

// event only routes.
func (l *loop) event(e any) {
	switch e := e.(type) {
	case event.EvtPeerIdentificationCompleted:
		l.claimed(e.Peer, e.ListenAddrs)
		l.identified(e.Peer)
	case event.EvtPeerProtocolsUpdated:
		if slices.Contains(e.Added, protocol.ID(kadProtocol)) {
			l.identified(e.Peer)
		}
	case event.EvtPeerConnectednessChanged:
		switch e.Connectedness {
		case network.Connected:
			l.connected(e.Peer)
		case network.Limited:
			l.relayed(e.Peer)
		case network.NotConnected:
			l.lost(e.Peer)
		}
	case event.EvtLocalAddressesUpdated:
		l.readdressed()
	}
}

// connected notes a direct connection, be it the first or a better one.
func (l *loop) connected(p peer.ID) {
	l.upgrades.drop(p)
	l.s.arrived(p)
	if l.s.cfg.isSeed(p) {
		for _, q := range l.s.allSearches() {
			q.askSeed(p)
		}
		l.anotherWay(time.Now())
	}
}

// relayed notes that p is connected through a relay, and not otherwise any more.
func (l *loop) relayed(p peer.ID) {
	delete(l.servers, p)
	l.upgrades.add(p, time.Now(), l.s.cfg.rand())
	// Until it says where it is, which it will not if we knew it before.
	l.claimed(p, l.s.h.Peerstore().Addrs(p))
	l.s.arrived(p)
	l.plan()
}

// readdressed plans to announce our addresses, which changed: soon if others can
// reach us by a way that they could not before, else when they have settled.
func (l *loop) readdressed() {
	now, before := time.Now(), l.ways
	if l.ways = waysTo(l.s.h.Addrs()); l.ways.more(before) {
		l.announceIn(reachSettle)
	} else if left := l.settled.Sub(now); left <= 0 || left > reachSettle {
		l.announceIn(addrsSettle) // else what is planned will tell this change too
	}
}

func (l *loop) announceIn(wait time.Duration) {
	l.settled = time.Now().Add(wait)
	l.settle.Reset(wait)
}

// moved begins anew in a new network.
func (l *loop) moved() {
	now := time.Now()
	l.s.dials.forgive()
	l.redials.hurry(now, l.s.cfg.rand)
	l.upgrades.hurry(now, l.s.cfg.rand())
	l.ways = waysIn{}
	for _, q := range l.s.allSearches() {
		q.restart()
	}
	// Should our addresses look as before, they may lead elsewhere all the same.
	l.announceIn(addrsSettle)
	l.plan()
}

// identified looks whether p is a DHT server that changes what we can find: the
// first one, or a seed that is back, whose records were in its memory only.
func (l *loop) identified(p peer.ID) {
	if l.servers[p] || !l.s.dials.near(p) || !l.s.table.speaks(p) {
		return
	}
	first := len(l.servers) == 0
	l.servers[p] = true
	if (first || l.s.cfg.isSeed(p)) && l.checks < maxChecks {
		l.checks++
		l.s.wg.Go(func() {
			l.s.awaitEntry(p)
			l.checked <- p
		})
	}
}

// useful says that the DHT can answer what it could not before.
func (l *loop) useful() {
	select {
	case <-l.s.ready:
		// Those who knew us may have forgotten.
		l.s.renewAll()
	default:
		close(l.s.ready)
	}
	l.s.quickenAll()
}

// lost redials a member of one of our rooms, and looks for others if it was the
// last.
func (l *loop) lost(p peer.ID) {
	delete(l.servers, p)
	l.upgrades.drop(p)
	id, err := chat.PeerIDFromLibp2p(p)
	if err != nil {
		return
	}
	// Seeds, which are members of the list of who is online, have their own keeper.
	if l.s.lostMember(id) && !l.s.cfg.isSeed(p) {
		l.redials.lost(p, l.s.parted.recently(p, time.Now()), time.Now(), l.s.cfg.rand())
		l.plan()
	}
}

func (l *loop) plan() {
	if at, ok := l.redials.next(); ok {
		l.timer.Reset(max(time.Until(at), 0))
	} else {
		l.timer.Stop()
	}
	if at, ok := l.upgrades.next(); ok {
		l.better.Reset(max(time.Until(at), 0))
	} else {
		l.better.Stop()
	}
}

// awaitEntry waits until the DHT has taken a server into its table.
func (s *Service) awaitEntry(p peer.ID) {
	// The DHT has no event for it. It asks the server one question first, so
	// the answer is a round trip away.
	step := time.Millisecond
	for end := time.Now().Add(entryWait); time.Now().Before(end); step += step / 4 {
		if s.table.has(p) || !s.dials.near(p) || !sleep(s.ctx, step) {
			return
		}
	}
}

// arrived tells those who wait for p.
func (s *Service) arrived(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		if w.peer == p {
			select {
			case w.came <- struct{}{}:
			default:
			}
		}
	}
}

// allSearches gives the searches that run.
func (s *Service) allSearches() []*Search {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Search, 0, len(s.searches))
	for q := range s.searches {
		all = append(all, q)
	}
	return all
}

// quickenAll makes all searches look up now.
func (s *Service) quickenAll() {
	for _, q := range s.allSearches() {
		q.quicken()
	}
}

// renewAll announces all our names once more.
func (s *Service) renewAll() {
	for _, q := range s.allSearches() {
		q.announcer.renew()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.selfName != nil {
		s.selfName.renew()
	}
}

// lostMember reports whether p is worth redialling: a member of one of our
// rooms that has no more members than it needs. A room that has now none looks
// for others soon.
func (s *Service) lostMember(p chat.PeerID) (worth bool) {
	for _, q := range s.allSearches() {
		if !s.memory.in(p, q.conv) {
			continue
		}
		connected := q.connected()
		if connected < wantMembers {
			worth = true
		}
		if connected == 0 {
			q.lonely()
		}
	}
	return worth
}

// redial asks the loop to dial a peer that could not be reached, some time
// later and a few times.
func (s *Service) redial(p peer.ID) {
	select {
	case s.redials <- redialResult{peer: p, ask: true}:
	case <-s.ctx.Done():
	}
}

// redialNow dials once and tells the loop. The other side lost us at the same
// moment and redials too, so it is polite. Whose address nobody has told us yet,
// or who is not where it was, is asked for.
func (s *Service) redialNow(t redialTask) {
	if len(s.dials.worthy(t.peer)) == 0 || t.failed == asksAfter {
		s.ask(s.ctx, t.peer)
	}
	began := time.Now()
	err := s.dials.dial(s.ctx, peer.AddrInfo{ID: t.peer}, polite)
	if err != nil {
		s.cfg.log().Debug("lost member not reached", "peer", t.peer, "failed", t.failed+1, "took", time.Since(began), "err", chat.SafeString(err.Error()))
	}
	select {
	case s.redials <- redialResult{peer: t.peer, reached: err == nil}:
	case <-s.ctx.Done():
	}
}
