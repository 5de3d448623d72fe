package discovery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// maxLookups is how many look-ups of one search may run at once: a slow server
// must not hold up the quick ones at the start. When they all run, the next
// waits.
const maxLookups = 3

// quickAgain is the shortest time between two events that make a search quick
// again: a seed that comes and goes must not make us look up for ever.
const quickAgain = 10 * time.Second

// aloneWait is how long a search waits for its last member to be reached again
// before it looks for others: in a network without seeds the member may be the
// DHT server that is asked, and the DHT dials without our politeness.
const aloneWait = 1500 * time.Millisecond

// A Search keeps this node connected with members of one conversation: it
// announces the node as one of them and looks for the others, until Close.
type Search struct {
	s         *Service
	conv      chat.ConversationID
	key       key
	connected func() int
	tell      func(chat.PeerID) // a Quest's Reached
	announcer *announcer
	burst     *burst // of the look-ups, which may overlap
	cancel    context.CancelFunc
	done      chan struct{}
	// hurry says that look-ups may succeed now that failed before. It holds
	// one: more would say the same.
	hurry chan struct{}
	// anew says that we are in another network. It holds one, as above.
	anew chan struct{}
	// alone says that the last member was lost. It holds one, as above.
	alone chan struct{}
	// seeds are those just connected, to be asked at once. When it is full, the
	// others are asked by the ordinary look-ups.
	seeds chan peer.ID

	lookups atomic.Int64
	found   atomic.Int64

	mu    sync.Mutex
	next  time.Time
	fault error
}

// SearchStatus tells how a Search is doing.
type SearchStatus struct {
	// Lookups is how often the DHT was asked for members.
	Lookups int
	// Found is how many answers came, the same member counted each time.
	Found int
	// NextLookup is when it is asked again; zero while there is nobody to ask.
	NextLookup time.Time
	// Announced is when servers last took our announcement, and Servers how many
	// they were. NextAnnouncement is when they are told again, at the latest.
	Announced        time.Time
	Servers          int
	NextAnnouncement time.Time
	// LastError is why the latest announcement or look-up failed, if it did.
	LastError error
}

// A Quest says how to look for the members of a conversation.
type Quest struct {
	// After is how long to wait before: for what is in no hurry, so that
	// questions which people wait for pass first.
	After time.Duration
	// Connected tells how many members are connected now. It is called from any
	// goroutine and must not wait. Required.
	Connected func() int
	// Reached is told of each peer that was dialled because it is said to be a
	// member, as soon as it is connected: before anybody can know that it is one.
	// It is called from the dial's goroutine; Close waits for it. If nil, nobody
	// is told.
	Reached func(chat.PeerID)
}

// Seek announces this node as a member of conv and connects it with others
// until the Search is closed: those met there before, and whomever the DHT
// knows. connected is a Quest's. Seek returns at once.
func (s *Service) Seek(conv chat.ConversationID, connected func() int) *Search {
	return s.SeekWith(conv, Quest{Connected: connected})
}

// SeekWith is Seek with all that can be said about it.
func (s *Service) SeekWith(conv chat.ConversationID, quest Quest) *Search {
	ctx, cancel := context.WithCancel(s.ctx)
	q := &Search{
		s:         s,
		conv:      conv,
		key:       roomKey(conv),
		connected: quest.Connected,
		tell:      quest.Reached,
		cancel:    cancel,
		done:      make(chan struct{}),
		hurry:     make(chan struct{}, 1),
		anew:      make(chan struct{}, 1),
		alone:     make(chan struct{}, 1),
		seeds:     make(chan peer.ID, maxLookups),
	}
	q.announcer = newAnnouncer(s, q.key, 0)
	q.burst = newBurst(s.dials, q.connected, q.reached)
	if !s.addSearch(q, func() { q.run(ctx, quest.After) }) {
		cancel()
		close(q.done) // the service is closed: a search that finds nobody
	}
	return q
}

// Close ends the search and waits. Connections stay. The servers forget the
// announcement by themselves, after at most 2 hours.
func (q *Search) Close() {
	q.s.dropSearch(q)
	q.cancel()
	<-q.done
}

// Status tells how the search is doing.
func (q *Search) Status() SearchStatus {
	st := SearchStatus{Lookups: int(q.lookups.Load()), Found: int(q.found.Load())}
	q.announcer.status(&st)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.s.table.size() > 0 {
		st.NextLookup = q.next
	}
	if st.LastError == nil {
		st.LastError = q.fault
	}
	return st
}

// quicken looks up at once and is quick again for a while.
func (q *Search) quicken() {
	select {
	case q.hurry <- struct{}{}:
	default:
	}
}

// restart looks up at once, however short ago that was done last.
func (q *Search) restart() {
	select {
	case q.anew <- struct{}{}:
	default:
	}
}

// lonely looks for other members soon, unless the one lost comes back first.
func (q *Search) lonely() {
	select {
	case q.alone <- struct{}{}:
	default:
	}
}

// run owns the schedule of look-ups. The announcer and the dials run beside it.
func (q *Search) run(ctx context.Context, after time.Duration) {
	defer close(q.done)
	defer q.burst.wait() // after the look-ups, which feed it
	if !sleep(ctx, after) {
		return
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { q.announcer.run(ctx) })

	var (
		lookedUp  = make(chan error, maxLookups) // one place for each that runs
		dialled   = make(chan struct{}, 1)       // there is one
		running   = 0                            // look-ups
		dialling  = false                        // of members met before
		done      = 0                            // look-ups since we are quick
		quickened time.Time                      // when that was, or will be
		listed    = q.announcer.listed
	)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, p := range q.s.h.Network().Peers() {
		if q.s.cfg.isSeed(p) {
			q.askSeed(p)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-q.seeds:
			if q.s.table.size() == 0 { // else the ordinary look-ups are as quick
				beside.Go(func() { q.ask(ctx, p) })
			}
		case err := <-lookedUp:
			running--
			q.note(err)
		case <-dialled:
			dialling = false
		case <-listed:
			// Of two who come to an empty room at the same moment, the one that
			// is listed last finds the other now, with certainty.
			listed = nil
			q.plan(timer, 0)
		case <-q.alone:
			if wait := q.nextIn(); wait > aloneWait && !time.Now().Before(quickened) {
				quickened, done = time.Now().Add(aloneWait), 0
				q.plan(timer, aloneWait)
			}
		case <-q.anew:
			quickened, done = time.Now(), 0
			q.plan(timer, 0)
		case <-q.hurry:
			now := time.Now()
			if now.Before(quickened) {
				continue // already planned
			}
			wait := max(quickened.Add(quickAgain).Sub(now), 0)
			quickened, done = now.Add(wait), 0
			q.plan(timer, wait)
		case <-timer.C:
			if !dialling {
				dialling = true
				beside.Go(func() {
					q.dialKnown(ctx)
					dialled <- struct{}{}
				})
			}
			if running < maxLookups && q.s.table.size() > 0 {
				running++
				beside.Go(func() { lookedUp <- q.lookup(ctx) })
			}
			done++
			q.plan(timer, lookupPause(done, q.connected(), q.s.cfg.rand()))
		}
	}
}

// nextIn is how long the next look-up is away.
func (q *Search) nextIn() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return time.Until(q.next)
}

func (q *Search) plan(timer *time.Timer, wait time.Duration) {
	timer.Reset(wait)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next = time.Now().Add(wait)
}

func (q *Search) note(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fault = err
}

// lookup asks the DHT once, and dials whom it names as soon as it does.
func (q *Search) lookup(ctx context.Context) error {
	q.lookups.Add(1)
	q.s.lookups.Add(1)
	q.burst.renew(ctx)
	// Before our own announcement is out nobody can find us as we find them, so
	// there is no dial to cross with. Whoever learns of us while this look-up
	// runs has our dial before it has our address.
	how := eager
	if q.announcer.begun.Load() {
		how = polite
	}
	return q.s.table.find(ctx, q.key, func(info peer.AddrInfo) {
		q.found.Add(1)
		q.burst.offer(ctx, candidate{info, how})
	})
}

// askSeed asks a seed that was just connected.
func (q *Search) askSeed(p peer.ID) {
	select {
	case q.seeds <- p:
	default:
	}
}

// ask is a look-up at one seed, in the time before the DHT can be asked.
func (q *Search) ask(ctx context.Context, p peer.ID) {
	members, err := q.s.table.ask(ctx, p, q.key)
	if err != nil {
		// Nothing is lost: the look-ups begin with the DHT's first entry.
		q.s.cfg.log().Debug("seed not asked", "peer", p, "err", err)
		return
	}
	q.lookups.Add(1)
	q.s.lookups.Add(1)
	// As in lookup; but the announcement may have overtaken the answer.
	how := eager
	if q.announcer.begun.Load() {
		how = polite
	}
	for _, info := range members {
		q.found.Add(1)
		q.burst.offer(ctx, candidate{info, how})
	}
}

// dialKnown dials who was met in the conversation before.
func (q *Search) dialKnown(ctx context.Context) {
	b := newBurst(q.s.dials, q.connected, q.reached)
	defer b.wait()
	for _, info := range q.s.memory.members(q.conv) {
		b.offer(ctx, candidate{info: info})
	}
}

func (q *Search) reached(p peer.ID) {
	q.s.cfg.log().Debug("connected with a member", "conversation", q.conv, "peer", p)
	if id, err := chat.PeerIDFromLibp2p(p); err == nil && q.tell != nil {
		q.tell(id)
	}
}
