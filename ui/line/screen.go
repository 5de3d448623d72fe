package line

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

const (
	// queuedFor is how long messages may wait for somebody to come before the
	// person is told.
	queuedFor = 1500 * time.Millisecond
	// idle is when to look again if nothing waits for time to pass: in effect
	// never.
	idle = time.Hour
	// maxQueued bounds the own messages whose way out the screen follows.
	maxQueued = 1 << 20
	// writeSize is how many bytes are gathered before they are written.
	writeSize = 64 << 10
)

// A screen prints. The goroutine in follow owns it; others hand it what answers
// the input by ask.
type screen struct {
	cfg  Config
	met  context.Context // ends when somebody else is there
	over context.Context // ends when a private talk is over
	asks chan func()     // unbuffered: who asks waits while the outputs do
	pump pump

	setMet, setOver context.CancelFunc

	// owned by follow:
	hold    *hold
	pending []chunk // what is to be written, in this order
	size    int     // bytes in pending
	teller  teller
	recall  *recall                   // the teller's; it has a lock of its own
	here    map[chat.PeerID]chat.Text // members of the conversation, as last told
	// present are those who were told as there before, until an event is about them.
	present map[chat.PeerID]chat.Member
	shown   *shown
	edge    edge
	me      chat.Text // the own nick
	tally   *tally    // it has a lock of its own
	// elsewhere are private talks in which other faces speak.
	elsewhere map[chat.Conversation]bool
	path      path // of a private talk
	queued    map[chat.MessageID]struct{}
	since     time.Time // when queued stopped being empty
	told      bool      // that messages wait
	notFound  bool
	refused   bool
	reason    string
	trouble   string // the trouble last told, so that it is told once
	rejects   int    // drafts that the node refused
	held      held
	topic     chat.MessageID // what set the topic last told
	read      chat.Place     // the newest message of the other that was printed
	unread    chat.MessageID // the same, if it is not marked as read yet

	draining []chan struct{} // closed when nothing is held back

	leaving atomic.Bool // the talk is over; others set it
}

// A chunk is text for one of the two outputs.
type chunk struct {
	toErr bool
	text  []byte
}

func newScreen(cfg Config) *screen {
	recall := newRecall()
	s := &screen{
		cfg:       cfg,
		asks:      make(chan func()),
		hold:      newHold(),
		teller:    teller{names.New(Person{Peer: cfg.Chat.Self(), Name: cfg.Name}, cfg.Known), recall, clockLayout, ""},
		recall:    recall,
		here:      make(map[chat.PeerID]chat.Text),
		present:   make(map[chat.PeerID]chat.Member),
		shown:     newShown(time.Now()),
		me:        cfg.Name,
		tally:     newTally(),
		elsewhere: make(map[chat.Conversation]bool),
		queued:    make(map[chat.MessageID]struct{}),
	}
	s.met, s.setMet = context.WithCancel(context.Background())
	s.over, s.setOver = context.WithCancel(context.Background())
	return s
}

// ask has f run by follow, unless ctx ends before.
func (s *screen) ask(ctx context.Context, f func()) {
	select {
	case s.asks <- f:
	case <-ctx.Done():
	}
}

// drain waits until all events that are there now are shown, or ctx ends.
func (s *screen) drain(ctx context.Context) {
	s.pump.drain(ctx)
	drained := make(chan struct{})
	s.ask(ctx, func() { s.draining = append(s.draining, drained) })
	select {
	case <-drained:
	case <-ctx.Done():
	}
}

// tellDrained tells those who wait in drain.
func (s *screen) tellDrained() {
	if len(s.hold.events) > 0 {
		return
	}
	for _, drained := range s.draining {
		close(drained)
	}
	s.draining = nil
}

// follow shows events until ctx ends, and then those that are already there.
func (s *screen) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	batches, rest := make(chan []chat.Event), make(chan pumped, 1)
	go func() { rest <- s.pump.run(ctx, s.cfg.Events, batches) }()
	look := time.NewTimer(idle)
	defer look.Stop()
	if err := s.begin(ctx); err != nil {
		cancel()
		<-rest
		return err
	}
	for {
		look.Reset(time.Until(s.next(time.Now())))
		var err error
		select {
		case evs := <-batches:
			err = s.offer(ctx, evs)
		case f := <-s.asks:
			f()
			err = s.flush()
		case now := <-look.C:
			s.remind(now)
			s.tellRelay(now)
			err = s.show(ctx, s.hold.due(now))
		case p := <-rest:
			cancel()
			if p.err != nil {
				return fmt.Errorf("wait for events: %w", p.err)
			}
			last, _ := s.cfg.Events.Next(ctx)
			if err := s.offer(ctx, append(p.evs, last...)); err != nil {
				return err
			}
			return s.show(ctx, s.hold.release())
		}
		if err != nil {
			cancel()
			<-rest
			return err
		}
		s.tellDrained()
	}
}

// next is when something that waits will have waited long enough.
func (s *screen) next(now time.Time) time.Time {
	at := now.Add(idle)
	if len(s.hold.events) > 0 {
		at = s.hold.until
	}
	if due := s.path.due(); !due.IsZero() && !s.cfg.JSON && due.Before(at) {
		at = due
	}
	if s.reminds() && s.since.Add(queuedFor).Before(at) {
		at = s.since.Add(queuedFor)
	}
	return at
}

// offer shows events as soon as their authors have names.
func (s *screen) offer(ctx context.Context, evs []chat.Event) error {
	now := time.Now()
	for _, ev := range evs {
		if m, ok := ev.(chat.Message); ok && !s.concerns(m) {
			continue // nothing waits for its author's nick
		}
		if s.toldPresent(ev) {
			continue
		}
		if err := s.print(ctx, s.hold.add(now, ev)); err != nil {
			return err
		}
		if _, ready := ev.(chat.Ready); ready {
			if err := s.tellPresent(ctx); err != nil {
				return err
			}
		}
	}
	return s.settle()
}

// show prints events and sees to it that they are seen.
func (s *screen) show(ctx context.Context, evs []chat.Event) error {
	if err := s.print(ctx, evs); err != nil {
		return err
	}
	return s.settle()
}

// settle says what follows from all that was printed at once, and has it seen.
func (s *screen) settle() error {
	s.tellComplete()
	return s.flush()
}

// print puts events into what is to be written.
func (s *screen) print(ctx context.Context, evs []chat.Event) error {
	for _, ev := range evs {
		if !s.concerns(ev) {
			continue
		}
		s.event(ev)
		if n, ok := ev.(chat.Notice); ok && n.Code == chat.NoticeMissed {
			s.catchUp(ctx)
		}
		if s.size >= writeSize {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// event puts one event that concerns us into what is to be written, and a message
// only once.
func (s *screen) event(ev chat.Event) {
	m, said := ev.(chat.Message)
	if said && !s.shown.first(m.ID) {
		return
	}
	here := said && m.Conversation == s.cfg.Conversation
	if here {
		s.edge.note(m)
	}
	s.note(ev)
	if !s.cfg.JSON {
		s.write(ev)
		return
	}
	s.object(ev)
	if here {
		s.recall.note(m)
	}
}

// object queues the JSON form of an event.
func (s *screen) object(ev chat.Event) { s.add(false, object(ev)) }

// add queues text for an output.
func (s *screen) add(toErr bool, text []byte) {
	s.size += len(text)
	if n := len(s.pending); n > 0 && s.pending[n-1].toErr == toErr {
		s.pending[n-1].text = append(s.pending[n-1].text, text...)
		return
	}
	s.pending = append(s.pending, chunk{toErr, text})
}

// flush writes what is pending. That Err cannot be written to cannot be told,
// and loses no message.
func (s *screen) flush() error {
	for _, c := range s.pending {
		if c.toErr {
			_, _ = s.cfg.Err.Write(c.text)
		} else if _, err := s.cfg.Out.Write(c.text); err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
	}
	s.pending, s.size = nil, 0
	if s.unread != (chat.MessageID{}) {
		s.cfg.Chat.MarkRead(s.cfg.Conversation, s.unread)
		s.unread = chat.MessageID{}
	}
	return nil
}

// note keeps what the end of the run depends on.
func (s *screen) note(ev chat.Event) {
	if placeOf(ev) != s.cfg.Conversation {
		return
	}
	switch ev := ev.(type) {
	case chat.Member:
		if ev.Online {
			s.setMet()
			s.notFound = false
		}
	case chat.Message:
		if ev.Mine {
			s.tally.stored(ev.Key, ev.ID)
		}
	case chat.Delivery:
		s.tally.delivery(ev)
		s.noteDelivery(ev)
	case chat.Notice:
		switch ev.Code {
		case chat.NoticeNotFound:
			s.notFound = true
		case chat.NoticeUnreachable:
			s.notFound = false
		}
	case chat.Refused:
		s.rejects++
		s.recall.took(ev.Key)
		s.tally.drop(ev.Key)
	case chat.Ended:
		s.refused, s.reason = ev.Refused, ev.Reason
		s.setOver()
	}
}

func (s *screen) noteDelivery(d chat.Delivery) {
	if d.State != chat.Queued {
		delete(s.queued, d.ID)
		return
	}
	if len(s.queued) == 0 {
		s.since = time.Now()
	}
	if len(s.queued) < maxQueued {
		s.queued[d.ID] = struct{}{}
	}
}

// report adds what the screen knows to the result, after follow has ended.
func (s *screen) report(res *Result) {
	res.Connected = s.met.Err() != nil
	res.Over = s.over.Err() != nil
	res.NotFound = s.notFound && !res.Connected
	res.Refused, res.Reason = s.refused, s.reason
	res.Rejected += s.rejects
}

// say queues a line about the state of things. All in it is safe already, but
// for a slip of ours, which SafeString mends.
func (s *screen) say(format string, args ...any) {
	s.add(true, fmt.Appendf(nil, "p2pchat: %s\n", chat.SafeString(fmt.Sprintf(format, args...))))
}
