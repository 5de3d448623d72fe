package line

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
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

	setMet, setOver context.CancelFunc

	// owned by follow:
	hold     *hold
	pending  []chunk // what is to be written, in this order
	size     int     // bytes in pending
	names    *names
	here     map[chat.PeerID]chat.Text // members of the conversation, as last told
	queued   map[chat.MessageID]struct{}
	since    time.Time // when queued stopped being empty
	told     bool      // that messages wait
	notFound bool
	refused  bool
	reason   string
	trouble  string // the trouble last told, so that it is told once
}

// A chunk is text for one of the two outputs.
type chunk struct {
	toErr bool
	text  []byte
}

func newScreen(cfg Config) *screen {
	s := &screen{
		cfg:    cfg,
		asks:   make(chan func()),
		hold:   newHold(),
		names:  newNames(cfg.Chat.Self(), cfg.Name, cfg.Known),
		here:   make(map[chat.PeerID]chat.Text),
		queued: make(map[chat.MessageID]struct{}),
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

// follow shows events until ctx ends, and then those that are already there.
func (s *screen) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	batches, rest := make(chan []chat.Event), make(chan pumped, 1)
	go func() { rest <- s.pump(ctx, batches) }()
	look := time.NewTimer(idle)
	defer look.Stop()
	for {
		look.Reset(time.Until(s.next(time.Now())))
		var err error
		select {
		case evs := <-batches:
			err = s.offer(evs)
		case f := <-s.asks:
			f()
			err = s.flush()
		case now := <-look.C:
			s.remind(now)
			err = s.show(s.hold.due(now))
		case p := <-rest:
			cancel()
			if p.err != nil {
				return fmt.Errorf("wait for events: %w", p.err)
			}
			last, _ := s.cfg.Events.Next(ctx)
			if err := s.offer(append(p.evs, last...)); err != nil {
				return err
			}
			return s.show(s.hold.release())
		}
		if err != nil {
			cancel()
			<-rest
			return err
		}
	}
}

// next is when something that waits will have waited long enough.
func (s *screen) next(now time.Time) time.Time {
	at := now.Add(idle)
	if len(s.hold.events) > 0 {
		at = s.hold.until
	}
	if s.reminds() && s.since.Add(queuedFor).Before(at) {
		at = s.since.Add(queuedFor)
	}
	return at
}

// A pumped is how pump ended: with events that nobody took, or why there are no
// more before ctx ended.
type pumped struct {
	evs []chat.Event
	err error
}

// pump hands on events until ctx ends.
func (s *screen) pump(ctx context.Context, batches chan<- []chat.Event) pumped {
	for ctx.Err() == nil {
		evs, err := s.cfg.Events.Next(ctx)
		if len(evs) > 0 {
			select {
			case batches <- evs:
			case <-ctx.Done():
				return pumped{evs: evs}
			}
		}
		if err != nil && ctx.Err() == nil {
			return pumped{err: err}
		}
	}
	return pumped{}
}

// offer shows events as soon as their authors have names.
func (s *screen) offer(evs []chat.Event) error {
	now := time.Now()
	for _, ev := range evs {
		if err := s.print(s.hold.add(now, ev)); err != nil {
			return err
		}
	}
	return s.flush()
}

// show prints events and sees to it that they are seen.
func (s *screen) show(evs []chat.Event) error {
	if err := s.print(evs); err != nil {
		return err
	}
	return s.flush()
}

// print puts events into what is to be written.
func (s *screen) print(evs []chat.Event) error {
	for _, ev := range evs {
		s.note(ev)
		if s.cfg.JSON {
			s.object(ev)
		} else {
			s.write(ev)
		}
		if s.size >= writeSize {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// object queues the JSON form of an event.
func (s *screen) object(ev chat.Event) { s.add(false, append(object(ev), '\n')) }

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
	return nil
}

// note keeps what the end of the run depends on.
func (s *screen) note(ev chat.Event) {
	switch ev := ev.(type) {
	case chat.Member:
		if ev.Conversation == s.cfg.Conversation && ev.Online {
			s.setMet()
			s.notFound = false
		}
	case chat.Delivery:
		if ev.Conversation == s.cfg.Conversation {
			s.noteDelivery(ev)
		}
	case chat.Notice:
		if ev.Conversation == s.cfg.Conversation {
			switch ev.Code {
			case chat.NoticeNotFound:
				s.notFound = true
			case chat.NoticeUnreachable:
				s.notFound = false
			}
		}
	case chat.Ended:
		if ev.Conversation == s.cfg.Conversation {
			s.refused, s.reason = ev.Refused, ev.Reason
			s.setOver()
		}
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
}

// write puts one event into words.
func (s *screen) write(ev chat.Event) {
	switch ev := ev.(type) {
	case chat.Message:
		s.message(ev)
	case chat.Member:
		s.member(ev)
	case chat.Delivery:
		s.delivery(ev)
	case chat.Notice:
		s.notice(ev)
	case chat.Ended:
		if ev.Conversation == s.cfg.Conversation && !ev.Refused { // a refusal is told at the end
			s.say("%s left the talk", s.name(ev.Conversation.Peer))
		}
	}
}

func (s *screen) message(m chat.Message) {
	if m.Mine && m.Key != "" {
		return // it was typed here
	}
	nick := s.names.show(m.Author, m.Nick)
	at, line, lines := m.Time.Local().Format("15:04"), m.Text.Line(), m.Text.Safe()
	if !m.Kind.Known() {
		line = "(made by a newer version of p2pchat)"
		lines = line
	}
	switch {
	case m.Conversation != s.cfg.Conversation:
		s.say("%s: %s: %s", place(m.Conversation), nick, line)
	case m.Kind == chat.KindAction:
		s.add(false, fmt.Appendf(nil, "%s * %s %s\n", at, nick, line))
	default:
		first, rest, more := strings.Cut(lines, "\n")
		b := fmt.Appendf(nil, "%s %s | %s\n", at, nick, first)
		for more { // no line but the first begins with a time
			first, rest, more = strings.Cut(rest, "\n")
			b = fmt.Appendf(b, "      | %s\n", first)
		}
		s.add(false, b)
	}
}

// place names a conversation other than the one shown.
func place(c chat.Conversation) string {
	if c.IsDirect() {
		return "in private"
	}
	return "in " + c.String()
}

// name writes a peer by the nick it was last told with.
func (s *screen) name(p chat.PeerID) string { return s.names.show(p, s.here[p]) }

func (s *screen) member(m chat.Member) {
	if m.Conversation != s.cfg.Conversation {
		return
	}
	was, known := s.here[m.Peer]
	before := s.names.show(m.Peer, was)
	if m.Online {
		s.here[m.Peer] = m.Nick
	}
	switch name := s.names.show(m.Peer, m.Nick); {
	case m.Online && !known && m.Conversation.IsDirect():
		s.say("connected to %s (%s)", name, m.Peer)
	case m.Online && !known:
		s.say("%s is here (%s)", name, m.Peer)
	case m.Online && was != m.Nick:
		s.say("%s is now called %s", before, name)
	case m.Online || !known:
	case m.Conversation.IsDirect():
		delete(s.here, m.Peer)
		if s.over.Err() == nil {
			s.say("lost the connection to %s; trying to get it back", before)
		}
	default:
		delete(s.here, m.Peer)
		s.say("%s is gone", before)
	}
}

func (s *screen) delivery(d chat.Delivery) {
	if d.Conversation != s.cfg.Conversation {
		return
	}
	switch short := d.ID.String()[:8]; {
	case d.State == chat.Failed:
		if d.Reason != s.trouble && !s.refused {
			s.trouble = d.Reason
			s.say("not delivered: %s", d.Reason)
		}
	case s.cfg.Verbose && d.State == chat.Held:
		s.say("message %s is held by %d of %d", short, d.HeldBy, d.Members)
	case s.cfg.Verbose && d.State == chat.Sent:
		s.say("message %s is sent to %d", short, d.Reached)
	case s.cfg.Verbose:
		s.say("message %s is %s", short, d.State)
	}
	if s.told && len(s.queued) == 0 {
		s.told = false
		s.say("what waited has gone out")
	}
}

func (s *screen) notice(n chat.Notice) {
	if n.Conversation != s.cfg.Conversation && n.Conversation != (chat.Conversation{}) {
		return
	}
	text := n.Text
	if s.cfg.Verbose && n.Detail != "" {
		text += " (" + n.Detail + ")"
	}
	if n.Code == chat.NoticeNotFound || n.Code == chat.NoticeUnreachable {
		// An attempt is made again and again; its trouble is told once.
		if s.trouble == n.Text && !s.cfg.Verbose {
			return
		}
		s.trouble = n.Text
		text += "; still trying"
	}
	s.say("%s", text)
	if n.Code == chat.NoticeWaiting && s.cfg.Invite != "" {
		s.say("somebody else can come here with: %s", s.cfg.Invite)
	}
}

// reminds reports whether messages wait that the person was not told of.
func (s *screen) reminds() bool { return !s.cfg.JSON && !s.told && len(s.queued) > 0 }

// remind tells once that messages wait for somebody to come.
func (s *screen) remind(now time.Time) {
	if !s.reminds() || now.Sub(s.since) < queuedFor {
		return
	}
	s.told = true
	if len(s.queued) == 1 {
		s.say("1 message waits for somebody to come, and then goes out by itself")
	} else {
		s.say("%d messages wait for somebody to come, and then go out by themselves", len(s.queued))
	}
}

// waits says why the program does not end though its input has.
func (s *screen) waits() {
	if !s.cfg.JSON {
		s.say("waiting until all is handed over, at most %s; interrupt to leave at once", s.cfg.wait())
	}
}

// who lists members, in answer to the input.
func (s *screen) who(members []chat.Member) {
	here := slices.DeleteFunc(members, func(m chat.Member) bool { return !m.Online })
	switch n := len(here); {
	case s.cfg.JSON:
	case n == 0:
		s.say("nobody else is here")
	case n == 1:
		s.say("1 other is here:")
	default:
		s.say("%d others are here:", n)
	}
	for _, m := range here {
		if s.cfg.JSON {
			s.object(m)
		} else {
			s.say("  %s (%s)", s.names.show(m.Peer, m.Nick), m.Peer)
		}
	}
}

// rejected says what is wrong with a line of input.
func (s *screen) rejected(num int, err error) {
	reason := chat.SafeString(err.Error())
	if s.cfg.JSON {
		s.add(false, append(marshal(rejectedObject{"rejected", num, safe(reason)}), '\n'))
	}
	s.say("line %d was not sent: %s", num, reason)
}

// renamed takes note of the own new nick, which so becomes nobody else's.
func (s *screen) renamed(name chat.Text) {
	s.say("you are now called %s", s.names.show(s.cfg.Chat.Self(), name))
}

// say queues a line about the state of things. All in it is safe already, but
// for a slip of ours, which SafeString mends.
func (s *screen) say(format string, args ...any) {
	s.add(true, fmt.Appendf(nil, "p2pchat: %s\n", chat.SafeString(fmt.Sprintf(format, args...))))
}
