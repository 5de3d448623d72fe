package node

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// draftQueue is how many lines wait before they are gathered into
	// segments. Say waits when it is full.
	draftQueue = 1024
	// workQueue is how much can wait for a conversation's goroutine. Streams
	// wait when it is full; gossip, which must not, is dropped and repaired.
	workQueue = 512
	// tickEvery is the pace of what waits for time to pass, and restEvery the
	// same while nothing does.
	tickEvery = 250 * time.Millisecond
	restEvery = 2 * time.Second
)

// A link carries a conversation's segments to its other members: gossip for a
// room, a stream for a private conversation.
type link interface {
	// ship hands a segment on. taken says that the link sees to it from now
	// on, reached how many members were handed it at once.
	ship(ctx context.Context, s *chat.Segment) (reached int, taken bool, err error)
	// connected lists members that can be asked for what is missing.
	connected() []chat.PeerID
	// members is how many others are in the conversation.
	members() int
	// dropped counts what the network let fall so far.
	dropped() uint64
	// headsChanged says that the log grew.
	headsChanged()
	// close leaves the conversation, politely while ctx lasts.
	close(ctx context.Context) error
}

// A conversation is what the node knows of one room or private talk. Its loop
// owns all fields below "owned"; others send it work.
type conversation struct {
	node   *Node
	conv   chat.Conversation
	id     chat.ConversationID
	log    *slog.Logger
	joined time.Time

	drafts chan chat.Draft
	work   chan func()
	kept   keptSet
	lost   atomic.Bool
	// changed is set when another process wrote into the log.
	changed atomic.Bool
	// watched is set once our user opened the conversation; others may.
	watched  atomic.Bool
	wrote    atomic.Bool  // we ever said something here
	asked    atomic.Int64 // the bytes of what a stranger said in this run
	withheld withheld
	// pathsMissed is set when the loop had no time to hear of a change.
	pathsMissed atomic.Bool
	ctx         context.Context // ends with stop
	cancel      context.CancelFunc
	done        chan struct{}
	runs        sync.WaitGroup // catch-up runs and commits
	stopped     sync.Once

	// owned by loop:
	link      link
	sealer    *sealer
	batch     batch
	intake    *intake
	ledger    *ledger
	store     store
	backlog   backlog
	heads     []chat.SegmentID // as the link was last told
	states    states
	read      chat.SegmentID  // of recent, the last that a person has read
	recent    []*chat.Segment // the last the other of a private talk said
	gap       bool            // what is shown next follows something that is missing
	ours      storedSet       // so that imported messages are told apart
	imports   bool            // another process wrote, and that is not shown yet
	forks     int             // how many were told
	forksDue  bool            // there may be more
	unmarked  bool            // more was stored than the log knows to be shown
	skew      skew
	unsent    []*chat.Segment
	flying    []flight
	window    int
	drops     uint64
	tellDue   bool
	skewTold  time.Duration
	syncer    syncer
	paths     paths // as the faces were last told
	settling  []*settling
	refreshed time.Time
}

// A flight is a segment of ours on its way.
type flight struct {
	ordinal uint64
	since   time.Time
}

// A settling is somebody who waits until all is handed over.
type settling struct {
	done chan struct{}
}

func newConversation(n *Node, conv chat.Conversation) *conversation {
	id := conv.ID(n.self)
	c := &conversation{
		node:   n,
		conv:   conv,
		id:     id,
		log:    n.cfg.logger().With("conversation", conv.String()),
		joined: time.Now(),
		drafts: make(chan chat.Draft, draftQueue),
		work:   make(chan func(), workQueue),
		done:   make(chan struct{}),
		sealer: newSealer(n.cfg.Key, id),
		ledger: newLedger(),
		window: maxInFlight,
	}
	if conv.IsDirect() { // whoever opens it, it is open to the other as long as we run
		c.joined = n.started
	}
	c.withheld.ready = make(chan struct{})
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.intake = newIntake(func(s chat.SegmentID) bool { return n.log.Has(id, s) })
	c.syncer = newSyncer()
	c.paths = make(paths)
	return c
}

// start runs the loop; l must be ready to be used.
func (c *conversation) start(l link) {
	c.link = l
	go c.loop(c.ctx)
}

// stop ends the loop, all catch-up runs and commits, and waits. It does not
// close the link.
func (c *conversation) stop() {
	c.cancel()
	<-c.done
	c.stopped.Do(func() {
		c.runs.Wait()
		c.seen()
		c.saveStates(context.WithoutCancel(c.ctx))
	})
}

// end leaves the conversation, politely while ctx lasts. A private one goes on
// until the other side was heard out.
func (c *conversation) end(ctx context.Context) error {
	if !c.conv.IsDirect() {
		c.stop()
	}
	defer c.stop()
	return c.link.close(ctx)
}

// do hands work to the loop and waits until there is room for it. It reports
// false when the conversation has ended.
func (c *conversation) do(f func()) bool {
	select {
	case c.work <- f:
		return true
	case <-c.done:
		return false
	}
}

// try hands work to the loop if there is room; what it drops is repaired.
func (c *conversation) try(f func()) {
	select {
	case c.work <- f:
	default:
		c.lost.Store(true)
	}
}

// call runs f in the loop and waits for its end.
func (c *conversation) call(ctx context.Context, f func()) error {
	ran := make(chan struct{})
	select {
	case c.work <- func() { f(); close(ran) }:
	case <-c.done:
		return chat.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := outcome(ctx, c, ran)
	return err
}

// outcome waits for the result of something that runs in c, unless c or ctx ends
// before.
func outcome[T any](ctx context.Context, c *conversation, result <-chan T) (r T, err error) {
	select {
	case r = <-result:
		return r, nil
	case <-c.done:
		err = chat.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	select {
	case r = <-result: // what is done is done
		return r, nil
	default:
		return r, err
	}
}

// loop owns the conversation's state.
func (c *conversation) loop(ctx context.Context) {
	defer close(c.done)
	c.restore(ctx)
	tick := time.NewTimer(restEvery)
	defer tick.Stop()
	resting := true
	// soon fires when gathered lines must go, or delivery states be told.
	soon := time.NewTimer(0)
	defer soon.Stop()
	for {
		var drafts <-chan chat.Draft
		if !c.batch.full() {
			drafts = c.drafts
		}
		select {
		case d := <-drafts:
			c.gather(d)
		case f := <-c.work:
			f()
		case <-tick.C:
			c.tick()
			resting = !c.busy()
			tick.Reset(pace(resting))
		case <-soon.C:
			c.tell()
		case <-ctx.Done():
			return
		}
		c.commit()
		c.send(ctx)
		c.settle()
		if resting && c.busy() {
			resting = false
			tick.Reset(tickEvery)
		}
		if c.tellDue || !c.batch.empty() {
			wait := tellAfter
			switch {
			case !c.batch.empty():
				wait = shareAfter
			case c.conv.IsDirect() && len(c.unsent) == 0:
				wait = 0 // there is nothing to merge it with
			}
			c.tellDue = false
			soon.Reset(wait)
		}
	}
}

// busy reports whether anything waits for time to pass.
func (c *conversation) busy() bool {
	return len(c.flying)+len(c.intake.waiting)+len(c.intake.aside)+len(c.syncer.soon)+len(c.settling)+len(c.backlog.segs) > 0 ||
		c.window < maxInFlight || c.lost.Load()
}

func pace(resting bool) time.Duration {
	if resting {
		return restEvery
	}
	return tickEvery
}

// tick does what waits for time to pass.
func (c *conversation) tick() {
	now := time.Now()
	for _, seg := range c.intake.due(now.Add(c.skew.correction())) {
		c.kept.drop(seg.ID)
		c.arrive(arrival{from: seg.Author, seg: seg, live: true})
	}
	if len(c.intake.waiting) > 0 {
		c.showGaps(now)
	}
	// The window follows what the network bears, as TCP's does.
	if d := c.link.dropped(); d != c.drops {
		c.drops, c.window = d, max(minInFlight, c.window/2)
	} else if c.window < maxInFlight {
		c.window++
	}
	c.backlogTick(now)
	if !c.storeRests(now) {
		if c.lost.Swap(false) {
			c.syncAny()
		}
		c.syncTick(now)
	}
	if l, ok := c.link.(*roomLink); ok {
		l.reachOut(now)
	}
	c.tell()
	c.tellLatePaths(now)
	c.keepStates()
	c.heed()
	c.tellForks()
	c.seen()
}

// hear learns from a beacon or a hello: who holds what, and what time it is.
func (c *conversation) hear(p chat.PeerID, sent time.Time, heads []chat.SegmentID) {
	c.skew.observe(p, sent, time.Now())
	c.warnOfSkew()
	before := len(c.ledger.dirty)
	c.ledger.heads(p, heads)
	if len(c.ledger.dirty) != before {
		c.tellDue = true
	}
	for _, h := range heads {
		if !c.kept.has(h) && !c.node.log.Has(c.id, h) {
			c.syncer.wantSoon(p, time.Now())
			return
		}
	}
}

// warnOfSkew tells the user once when our clock and everybody's differ.
func (c *conversation) warnOfSkew() {
	d := c.skew.correction()
	if (d == 0) == (c.skewTold == 0) {
		return
	}
	c.skewTold = d
	if d == 0 {
		return
	}
	way := "behind"
	if d < 0 {
		way, d = "ahead of", -d
	}
	c.node.feed.publish(chat.Notice{
		Conversation: c.conv, Code: chat.NoticeClock,
		Text: "this computer's clock is " + d.Round(time.Minute).String() + " " + way + " everybody's here; messages get their time (hint: set the clock)",
	})
}
