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
	// maxInFlight is how many segments of ours may be on their way: published
	// and not yet known to have landed at half of the members.
	maxInFlight = 64
	// minInFlight is what is left of it when the network drops our segments.
	minInFlight = 4
	// landAfter is when a published segment counts as landed though nobody
	// said so: members who cannot keep up are repaired, not waited for.
	landAfter = time.Second
	// leaveAfter and meetTime say which messages to an empty room are not for
	// those who come: see stale.
	leaveAfter = 500 * time.Millisecond
	meetTime   = 5 * time.Second
	// maxUnsent is how many sealed segments wait for somebody to come. Beyond,
	// lines stay with the writer.
	maxUnsent = 1024
	// tellAfter merges changes of delivery states.
	tellAfter = 50 * time.Millisecond
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
	// watched is set once our user opened the conversation; others may.
	watched atomic.Bool
	wrote   atomic.Bool     // we ever said something here
	asked   atomic.Int64    // the bytes of what a stranger said in this run
	ctx     context.Context // ends with stop
	cancel  context.CancelFunc
	done    chan struct{}
	runs    sync.WaitGroup // catch-up runs and commits
	stopped sync.Once

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
	unmarked  bool            // more was stored than the log knows to be shown
	skew      skew
	unsent    []*chat.Segment
	flying    []flight
	window    int
	drops     uint64
	tellDue   bool
	skewTold  time.Duration
	syncer    syncer
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
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.intake = newIntake(func(s chat.SegmentID) bool { return n.log.Has(id, s) })
	c.syncer = newSyncer()
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
	return c.outcome(ctx, ran)
}

// outcome waits for the end of something, unless the conversation or ctx ends
// before.
func (c *conversation) outcome(ctx context.Context, ended <-chan struct{}) error {
	var err error
	select {
	case <-ended:
		return nil
	case <-c.done:
		err = chat.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	select {
	case <-ended: // what is done is done
		return nil
	default:
		return err
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
			if !c.batch.empty() {
				wait = shareAfter
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

// gather takes a line and all that wait behind it into the batch.
func (c *conversation) gather(d chat.Draft) {
	now := time.Now()
	c.batch.take(d, now)
	for !c.batch.full() {
		select {
		case d := <-c.drafts:
			c.batch.take(d, now)
		default:
			return
		}
	}
}

// send moves our messages on: from the batch into a segment, from there to the
// other members, as far as the window allows.
func (c *conversation) send(ctx context.Context) {
	for {
		now := time.Now()
		c.land(now)
		c.ship(ctx, now)
		switch {
		case c.batch.empty() || c.store.sealing || len(c.unsent) >= maxUnsent:
			return
		case len(c.unsent) == 0: // the way is free
		case c.batch.full() || now.Sub(c.batch.since) >= shareAfter:
		default:
			return
		}
		c.seal(now)
	}
}

// seal makes a segment of the batch and stores it. While that goes on, further
// lines gather: the next segment names this one as its parent, so it must not be
// made before this one is safe.
func (c *conversation) seal(now time.Time) {
	drafts := c.batch.drain(now)
	log := c.node.log
	seg, err := c.sealer.seal(drafts, log.Heads(c.id), now.Add(c.skew.correction()), log.Latest(c.id))
	if err != nil {
		c.refuse(drafts, err)
		return
	}
	c.store.sealing = true
	c.kept.add(seg.ID)
	c.runs.Go(func() {
		_, err := log.AppendOwn(c.ctx, seg)
		c.do(func() { c.sealed(seg, drafts, err) })
	})
}

// sealed goes on with a segment of ours that was stored, or was not.
func (c *conversation) sealed(seg *chat.Segment, drafts []chat.Draft, err error) {
	c.store.sealing = false
	c.kept.drop(seg.ID)
	c.stored(err)
	if err != nil {
		c.refuse(drafts, err)
		return
	}
	c.sealer.accepted(seg)
	c.wrote.Store(true)
	c.ledger.add(seg, true)
	c.headsMoved()
	c.node.feed.publish(c.messages(seg, drafts)...)
	c.unsent = append(c.unsent, seg)
	c.tell() // "queued", before anything else is said of them
	c.show(c.intake.shown(seg.ID))
}

// refuse tells that lines were not accepted.
func (c *conversation) refuse(drafts []chat.Draft, err error) {
	evs := make([]chat.Event, 0, len(drafts))
	for _, d := range drafts {
		evs = append(evs, chat.Refused{Conversation: c.conv, Key: d.Key, Reason: chat.SafeString(err.Error())})
	}
	c.node.feed.publish(evs...)
}

// ship hands over what waits, oldest first.
func (c *conversation) ship(ctx context.Context, now time.Time) {
	for len(c.unsent) > 0 && len(c.flying) < c.window {
		s := c.unsent[0]
		reached, taken, err := c.link.ship(ctx, s)
		if err != nil {
			c.log.Debug("cannot hand over", "segment", s.ID, "err", err)
		}
		switch {
		case err != nil:
			return
		case !taken && !c.stale(s, now):
			return
		case !taken:
			c.unsent = c.unsent[1:]
			continue
		}
		c.unsent = c.unsent[1:]
		c.ledger.sent(s.ID, reached)
		if o := c.ledger.find(s.ID); o != nil {
			c.flying = append(c.flying, flight{o.ordinal, now})
		}
		c.tellDue = true
	}
}

// stale reports whether a segment that nobody in the room was there for is left
// to catch-up: who comes later gets it as a part of the past, in its order. A
// newcomer's first words are for those it is about to meet.
func (c *conversation) stale(s *chat.Segment, now time.Time) bool {
	now = now.Add(c.skew.correction())
	return !c.conv.IsDirect() && now.Sub(s.End().Wall()) >= leaveAfter && now.Sub(c.joined) >= meetTime
}

// land frees the window of what half of the members hold, or had time to get.
func (c *conversation) land(now time.Time) {
	want := (c.link.members() + 1) / 2
	for len(c.flying) > 0 {
		f := c.flying[0]
		if !c.ledger.landed(f.ordinal, max(want, 1)) && now.Sub(f.since) < landAfter {
			return
		}
		c.flying = c.flying[1:]
	}
}

// show lets logged segments onto the screen, each followed by those that
// waited for it.
func (c *conversation) show(segs []*chat.Segment) {
	var evs []chat.Event
	for len(segs) > 0 {
		s := segs[0]
		c.ledger.add(s, false)
		c.tellDue = true
		evs = c.appendMessages(evs, s)
		segs = append(c.intake.shown(s.ID), segs[1:]...)
	}
	c.node.feed.publish(evs...)
}

// showGaps shows those whose parents are not to be had.
func (c *conversation) showGaps(now time.Time) {
	for _, s := range c.intake.gaps(now, len(c.link.connected())) {
		c.gap = true
		c.show([]*chat.Segment{s})
	}
}

// appendMessages adds what others' segments say.
func (c *conversation) appendMessages(evs []chat.Event, s *chat.Segment) []chat.Event {
	if c.node.cfg.blocked(s.Author) {
		return evs // kept and passed on, for others need it; the user wants none of it
	}
	said := c.messages(s, nil)
	if m, ok := said[0].(chat.Message); ok && c.gap {
		m.Gap, c.gap = true, false
		said[0] = m
	}
	if s.Author == c.conv.Peer && (c.unasked() || c.conv.IsDirect() && c.node.cfg.ignored(s.Author)) {
		c.asked.Add(int64(len(s.Envelope)))
		said = c.request(said)
	}
	if c.conv.IsDirect() && s.Author == c.conv.Peer {
		c.recent = append(c.recent[max(0, len(c.recent)-maxRecent+1):], s)
	}
	return append(evs, said...)
}

// messages are the events of a segment's messages, made of these drafts if it
// was written here and now.
func (c *conversation) messages(s *chat.Segment, drafts []chat.Draft) []chat.Event {
	evs := make([]chat.Event, 0, len(s.Bodies))
	nick, mine := c.node.Name(s.Author), s.Author == c.node.self
	for i, b := range s.Bodies {
		at := (s.Time + chat.Time(i)).Wall()
		m := chat.Message{
			Conversation: c.conv, ID: s.MessageID(i), Author: s.Author, Nick: nick,
			Time: at, Clock: s.Time + chat.Time(i), Kind: b.Kind, Text: b.Text, Target: b.Target, Mine: mine,
		}
		if drafts != nil {
			m.Key = drafts[i].Key
		} else {
			m.Old = at.Before(c.joined)
		}
		evs = append(evs, m)
	}
	return evs
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
	c.tell()
	c.keepStates()
	c.seen()
}

// tell reports every delivery state that changed.
func (c *conversation) tell() {
	changed := c.ledger.take()
	if len(changed) == 0 {
		return
	}
	members := c.link.members()
	var evs []chat.Event
	for _, o := range changed {
		c.states.note(o)
		for i := range o.seg.Bodies {
			evs = append(evs, chat.Delivery{
				Conversation: c.conv, ID: o.seg.MessageID(i), State: o.state,
				Reached: o.reached, HeldBy: o.heldBy, Members: max(members, o.heldBy), Reason: o.reason,
			})
		}
	}
	c.node.feed.publish(evs...)
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

// settle wakes those who wait until all is handed over.
func (c *conversation) settle() {
	if len(c.settling) == 0 || !c.settled() {
		return
	}
	c.tell() // who waits then leaves, and is to have seen how far it all got
	for _, w := range c.settling {
		close(w.done)
	}
	c.settling = nil
}

// settled reports whether somebody else holds all that was said, or what is
// left has failed.
func (c *conversation) settled() bool {
	return len(c.drafts) == 0 && c.batch.empty() && !c.store.sealing && !c.ledger.waiting()
}

// unsettled counts the messages that nobody else says to hold.
func (c *conversation) unsettled() int {
	n := len(c.drafts) + len(c.batch.drafts) + c.ledger.unheld()
	if c.batch.next != nil {
		n++
	}
	return n
}
