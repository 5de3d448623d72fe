package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/catchup"
	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxRuns is how many catch-up runs of one conversation go on at once.
	maxRuns = 3
	// maxWanted is how many members wait to be asked; more is no better.
	maxWanted = 8
	// firstRuns is how many members a newcomer asks, and wordyRuns how many if it
	// said something that nobody is known to hold: a run hands that over, and gossip
	// does not know yet who is in the room.
	firstRuns = 3
	wordyRuns = 8
	// runTimeout bounds one run, which bounds itself, but for what is stored.
	runTimeout = 3 * time.Minute
	// headGrace is how long what only a beacon or a child names may still be on
	// its way by gossip; up to twice that, so that not all ask at once.
	headGrace = 150 * time.Millisecond
	// avoidFor is how long a member who lied is not asked.
	avoidFor = 10 * time.Minute
	// maxAvoided bounds how many of them are remembered.
	maxAvoided = 1024
	// progressEvery is how often the progress of a long fetch is told.
	progressEvery = time.Second
	// relayedAgain is the pause between runs over a relay that brought as much as
	// they may.
	relayedAgain = time.Minute
	// refreshEvery is the mean time between runs with a random member.
	refreshEvery = 5 * time.Minute
)

// A syncer decides whom to ask for what is missing. It is pure but for its
// random numbers; one conversation owns it.
type syncer struct {
	wanted  []chat.PeerID
	soon    map[chat.PeerID]time.Time
	later   map[chat.PeerID]time.Time // whose rest comes over a relay, slowly
	running map[chat.PeerID]bool
	again   map[chat.PeerID]bool // wanted once more while running
	avoid   map[chat.PeerID]time.Time
	met     map[chat.PeerID]bool // connected members at the last look
	company bool                 // somebody was ever connected
	done    int                  // runs completed since we were last alone

	without  int  // complete runs since something was missing
	told     bool // whether the history is complete, and what is missing
	missing  int
	progress time.Time // when progress was last told
}

func newSyncer() syncer {
	return syncer{
		soon:    make(map[chat.PeerID]time.Time),
		later:   make(map[chat.PeerID]time.Time),
		running: make(map[chat.PeerID]bool),
		again:   make(map[chat.PeerID]bool),
		avoid:   make(map[chat.PeerID]time.Time),
		met:     make(map[chat.PeerID]bool),
	}
}

// want asks for a run with p as soon as there is room.
func (s *syncer) want(p chat.PeerID) {
	switch {
	case s.running[p]:
		s.again[p] = true
	case len(s.wanted) < maxWanted && !slices.Contains(s.wanted, p):
		s.wanted = append(s.wanted, p)
	}
}

// wantSoon asks for a run with p unless gossip brings the news before.
func (s *syncer) wantSoon(p chat.PeerID, now time.Time) {
	if _, ok := s.soon[p]; !ok && len(s.soon) < maxWanted {
		s.soon[p] = now.Add(headGrace + rand.N(headGrace))
	}
}

// wantLater asks for a run with p after a pause.
func (s *syncer) wantLater(p chat.PeerID, now time.Time) {
	if len(s.later) < maxWanted {
		s.later[p] = now.Add(relayedAgain)
	}
}

// next picks whom to ask now, if fewer than most are being asked.
func (s *syncer) next(now time.Time, most int) (chat.PeerID, bool) {
	for len(s.wanted) > 0 && len(s.running) < most {
		p := s.wanted[0]
		s.wanted = s.wanted[1:]
		if until, liar := s.avoid[p]; liar && now.Before(until) {
			continue
		}
		delete(s.avoid, p)
		s.running[p] = true
		return p, true
	}
	return chat.PeerID{}, false
}

// finished notes the end of a run.
func (s *syncer) finished(p chat.PeerID, now time.Time, err error) {
	delete(s.running, p)
	switch {
	case errors.Is(err, catchup.ErrLied):
		s.distrust(p, now)
	case err == nil:
		s.done++
	}
	if s.again[p] {
		delete(s.again, p)
		s.want(p)
	}
}

// distrust keeps a member who lied from being asked. When there are very many,
// who lied first is forgotten.
func (s *syncer) distrust(p chat.PeerID, now time.Time) {
	for q, until := range s.avoid {
		if !now.Before(until) {
			delete(s.avoid, q)
		}
	}
	if len(s.avoid) >= maxAvoided {
		oldest := p
		for q, until := range s.avoid {
			if t, ok := s.avoid[oldest]; !ok || until.Before(t) {
				oldest = q
			}
		}
		delete(s.avoid, oldest)
	}
	s.avoid[p] = now.Add(avoidFor)
}

// peersChanged compares who is connected with the last look. A newcomer asks
// the first few members it meets at once. Any other two who meet, for the first
// time or again, compare as well, for each may come from a part of the room that
// was cut off; one of the two sees to it.
func (c *conversation) peersChanged() {
	now := c.link.connected()
	if len(now) == 0 {
		c.syncer.done = 0
	}
	fresh := make(map[chat.PeerID]bool, len(now))
	for _, p := range now {
		fresh[p] = true
		if c.syncer.met[p] {
			continue
		}
		if l, ok := c.link.(*roomLink); ok && l.roster[p].Online {
			l.met(p)
		}
		switch {
		case c.syncer.done+len(c.syncer.running)+len(c.syncer.wanted) < c.firstAsked():
			c.syncer.want(p)
		case c.node.self.Compare(p) < 0:
			c.syncer.wantSoon(p, time.Now())
		}
	}
	c.syncer.met = fresh
	c.syncer.company = c.syncer.company || len(now) > 0
	c.startSyncs()
}

// compared notes that a member was compared with completely: then what is still
// missing, that member does not have.
func (c *conversation) compared() {
	if c.conv.IsPresence() {
		return
	}
	c.backlog.shown = true // whatever comes now, and was said before, comes late
	_, missing := c.node.log.Missing(c.id)
	enough := min(gapTries, max(1, len(c.link.connected())))
	switch {
	case missing == 0:
		c.syncer.without = 0
		c.tellHistory(0)
	case c.syncer.without >= enough:
		c.tellHistory(missing)
	case c.syncer.without+1 < enough:
		c.syncer.without++
		c.syncAny()
	default:
		c.syncer.without++
		c.giveUpHorizon()
	}
}

// tellHistory tells whether all is here, and how much is not, if that is news.
func (c *conversation) tellHistory(missing int) {
	if !c.syncer.told || missing != c.syncer.missing {
		c.syncer.told, c.syncer.missing = true, missing
		c.node.feed.publish(chat.History{Conversation: c.conv, Complete: missing == 0, Missing: missing})
	}
}

// fetching is told by catch-up how far a run is.
func (n *Node) fetching(id chat.ConversationID, _ chat.PeerID, fetched, needed int) {
	c := n.find(id)
	if c == nil {
		return
	}
	c.do(func() {
		c.fetched(needed)
		if now := time.Now(); needed > maxBacklog && now.Sub(c.syncer.progress) >= progressEvery {
			c.syncer.progress = now
			n.feed.publish(chat.History{Conversation: c.conv, Fetched: fetched, Total: needed})
		}
	})
}

// firstAsked is how many members a newcomer asks.
func (c *conversation) firstAsked() int {
	if c.ledger.waiting() && time.Since(c.joined) < meetTime {
		return wordyRuns
	}
	return firstRuns
}

// syncAny asks one member, chosen by chance.
func (c *conversation) syncAny() {
	if peers := c.link.connected(); len(peers) > 0 {
		c.syncer.want(peers[rand.IntN(len(peers))])
		c.startSyncs()
	}
}

// syncTick starts what is due.
func (c *conversation) syncTick(now time.Time) {
	for p, at := range c.syncer.soon {
		if now.Before(at) {
			continue
		}
		delete(c.syncer.soon, p)
		if slices.Contains(c.link.connected(), p) {
			c.syncer.want(p)
		} else {
			c.syncAny() // whoever is connected will have heard of it too
		}
	}
	for p, at := range c.syncer.later {
		if !now.Before(at) {
			delete(c.syncer.later, p)
			c.syncer.want(p)
		}
	}
	if c.refreshed.IsZero() {
		c.refreshed = now.Add(rand.N(refreshEvery))
	}
	if now.Sub(c.refreshed) >= refreshEvery {
		c.refreshed = now.Add(-rand.N(refreshEvery / 4))
		c.syncAny()
	}
	if len(c.intake.waiting) > 0 && len(c.syncer.soon)+len(c.syncer.running) == 0 || len(c.settling) > 0 {
		c.syncAny()
	}
	c.startSyncs()
}

// startSyncs starts the runs there is room for.
func (c *conversation) startSyncs() {
	for {
		p, ok := c.syncer.next(time.Now(), max(maxRuns, c.firstAsked()))
		if !ok {
			return
		}
		c.runs.Add(1)
		go c.sync(p, c.ledger.last)
	}
}

// sync makes our log and p's equal. ordinal is our newest segment at its start.
func (c *conversation) sync(p chat.PeerID, ordinal uint64) {
	defer c.runs.Done()
	ctx, cancel := context.WithTimeout(c.ctx, runTimeout)
	defer cancel()
	began := time.Now()
	res, err := c.node.catchup.Run(ctx, p, c.id)
	c.log.Debug("caught up", "with", p, "fetched", res.Fetched, "pushed", res.Pushed, "rounds", res.Rounds, "err", err)
	c.do(func() {
		c.syncer.finished(p, time.Now(), err)
		switch {
		case res.Complete || res.Fetched == 0: // done, or of no use
		case err == nil && res.Relayed:
			c.syncer.wantLater(p, time.Now())
		case err == nil:
			c.syncer.want(p) // one run is bounded: the next goes on
		default:
			c.syncAny() // so does one with somebody else
		}
		c.startSyncs()
		if err == nil && res.Complete {
			c.intake.tried(began)
			c.showGaps(time.Now())
		}
		if len(c.syncer.running) == 0 || err == nil && res.Complete {
			c.showBacklog(true)
		}
		if err == nil && res.Complete {
			c.compared()
		}
		if err == nil && res.PeerHolds {
			c.ledger.held(p, ordinal)
			c.tellDue = true
		}
		c.startSyncs()
	})
}
