package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// Say hands a message over. What becomes of it is told by events: a Message or a
// Refused with the draft's key. While the Client has a Stream, a message that the
// node took and did not store before it ended is said again to the next one; else
// Say waits until it is stored. After ErrSilent the node may yet take it, and after
// ErrNoNode the last one may have stored it: said again with the same key it is said
// once.
func (c *Client) Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error {
	if len(d.Key) > MaxDraftKey/2 {
		return badRequest("the key has %d bytes, and at most %d are allowed", len(d.Key), MaxDraftKey/2)
	}
	c.mu.Lock()
	s := c.waiting.again(conv, d.Key, d.Body)
	stored := s != nil && s.stored()
	c.mu.Unlock()
	if stored { // and told
		return nil
	}
	if s == nil {
		wait := waitHanded
		if !c.listened() {
			wait = waitAccepted
		}
		s = c.newSaid(conv, d, wait)
	}
	sent, err := c.tell(ctx, s)
	if err != nil {
		return c.failed(s, err)
	}
	if s.wait == waitAccepted {
		c.forget(s, sent.id())
	}
	return nil
}

// failed notes that a message could not be handed over, as far as is known. It
// returns what the face is told.
func (c *Client) failed(s *said, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.stored(): // an event has said it since then
		return nil
	case errors.Is(err, ErrSilent) && s.wait == waitHanded: // recover takes care of it
		c.waiting.doubt(s)
	case s.unsure:
		c.waiting.leave(s)
	default:
		c.waiting.settle(s.wire, chat.MessageID{})
	}
	return err
}

// Send says something and waits until it is stored, so that it is not lost even if
// the node ends.
func (c *Client) Send(ctx context.Context, conv chat.Conversation, body chat.Body) (Sent, error) {
	s := c.newSaid(conv, chat.Draft{Body: body}, waitAccepted)
	sent, err := c.tell(ctx, s)
	c.forget(s, sent.id())
	return sent, err
}

// id is that of the message, or zero.
func (s Sent) id() (id chat.MessageID) {
	if s.ID != nil {
		id = *s.ID
	}
	return id
}

func (c *Client) newSaid(conv chat.Conversation, d chat.Draft, wait string) *said {
	return &said{wire: wireKey(c.face, c.seq.Add(1), d.Key), key: d.Key, conv: conv, body: d.Body, wait: wait, at: time.Now()}
}

// listened reports whether a Stream will tell what becomes of what is said.
func (c *Client) listened() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams) > 0 && len(c.waiting.byKey) < maxPending
}

// forget notes that nothing more will be known of a message, or that it is stored.
func (c *Client) forget(s *said, id chat.MessageID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != (chat.MessageID{}) {
		c.waiting.accept(id)
	}
	c.waiting.settle(s.wire, id)
}

// known reports whether it is known what became of a message.
func (c *Client) known(s *said) (id chat.MessageID, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.id, s.done
}

// tell hands a message to the node, and to the next if this one ends meanwhile. Of
// one that a node may have it is found out first.
func (c *Client) tell(ctx context.Context, s *said) (Sent, error) {
	c.saying.RLock()
	c.mu.Lock()
	c.waiting.add(s) // not before: who says again what is lost would take it for that
	err, sent := errBroken, Sent{}
	unsure, only := s.unsure, c.waiting.before(s)
	c.mu.Unlock()
	if !unsure {
		sent, err = c.post(ctx, s, only)
	}
	c.saying.RUnlock()
	if errors.Is(err, errBroken) && ctx.Err() == nil {
		c.saying.Lock()
		defer c.saying.Unlock()
		if err := c.sayLost(ctx, s); err != nil {
			return Sent{}, err
		}
		return c.repeat(ctx, s)
	}
	return sent, err
}

// sayLost says again, in order, what the last node lost of what was said before s, or
// all if s is nil. It fails if it is not known what became of one. saying is held.
func (c *Client) sayLost(ctx context.Context, s *said) error {
	info, err := c.Node(ctx)
	if err == nil {
		err = c.reopen(ctx, info.Run)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	lost := c.waiting.open()
	c.mu.Unlock()
	for _, o := range lost {
		if o == s {
			return nil
		}
		if o.run == info.Run {
			continue
		}
		if _, err := c.repeat(ctx, o); errors.Is(err, errBroken) || errors.Is(err, ErrNoNode) || errors.Is(err, ErrSilent) || ctx.Err() != nil {
			return err
		} else if err != nil { // the next node does not take it
			c.refused(o, err)
		}
	}
	return nil
}

// post hands a message over once, to any node or to only one.
func (c *Client) post(ctx context.Context, s *said, only string) (sent Sent, err error) {
	b, err := draftOf(s.body)
	if err != nil {
		return sent, err
	}
	b.Key, b.Wait = s.wire, s.wait
	before := c.runNow()
	var run string
	err = c.do(ctx, request{
		method: http.MethodPost, path: pathOf(s.conv, "/messages"), body: b, key: s.wire, once: true, only: only, run: &run,
	}, &sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.unsure = mayHave(err, s.unsure); err == nil {
		s.run = run
	} else if s.run == "" { // if a node got it, it is this or a later one
		s.run = before
	}
	return sent, err
}

// mayHave reports whether a node may have taken a message that none says it has,
// after an attempt that ended with err; before is whether one may before.
func mayHave(err error, before bool) bool {
	var answer *Error
	switch {
	case errors.Is(err, ErrNoNode): // it was not sent
		return before
	case errors.Is(err, errBroken):
		return true
	default:
		return err != nil && !errors.As(err, &answer)
	}
}

func (c *Client) runNow() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run
}

// repeat finds out what became of a message, and says it again if it is lost.
// saying is held.
func (c *Client) repeat(ctx context.Context, s *said) (Sent, error) {
	for end := time.Now().Add(c.o.patience()); ; {
		sent, err := c.repeatOnce(ctx, s)
		if !errors.Is(err, errBroken) || time.Now().After(end) || !sleep(ctx, retryEvery) {
			return sent, err
		}
	}
}

func (c *Client) repeatOnce(ctx context.Context, s *said) (Sent, error) {
	info, err := c.Node(ctx)
	if err != nil {
		return Sent{}, err
	}
	switch id, done := c.known(s); { // its event came, and not its answer
	case done && id == (chat.MessageID{}):
		return Sent{}, errNotAccepted
	case done:
		return Sent{Conversation: Ref{s.conv}, Accepted: true, ID: &id}, nil
	}
	if info.Run != s.run && s.run != "" {
		m, found, err := c.recall(ctx, s)
		if err != nil {
			return Sent{}, err
		}
		if found {
			c.accepted(s, m)
			return Sent{Conversation: Ref{s.conv}, Accepted: true, ID: &m.ID, Time: m.Time.UTC().Format(timeFormat)}, nil
		}
	}
	if c.moved(info.Run) {
		if err := c.reopen(ctx, info.Run); err != nil {
			return Sent{}, err
		}
	}
	// With its key the same node takes it once, and no other may: that must be
	// asked first.
	return c.post(ctx, s, info.Run)
}

// recall looks a message up that the node before may have stored.
func (c *Client) recall(ctx context.Context, s *said) (chat.Message, bool, error) {
	q := PageQuery{Since: s.at.Add(-recallSlack), Limit: MaxPage, Raw: true}
	for {
		msgs, more, err := c.Messages(ctx, s.conv, q)
		if errors.Is(err, errNoHistory) || errors.Is(err, chat.ErrNotFound) {
			return chat.Message{}, false, nil
		}
		if err != nil {
			return chat.Message{}, false, err
		}
		c.mu.Lock()
		m, found := c.waiting.match(s, msgs)
		c.mu.Unlock()
		if found || !more || len(msgs) == 0 {
			return m, found, nil
		}
		q.Since, q.After = time.Time{}, msgs[len(msgs)-1].ID
	}
}

// accepted tells the Streams of a message that the node before stored: no event of
// this one will.
func (c *Client) accepted(s *said, m chat.Message) {
	m.Key = s.key
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.done { // told already
		return
	}
	c.waiting.accept(m.ID)
	c.waiting.settle(s.wire, m.ID)
	for st := range c.streams {
		st.push([]chat.Event{m})
	}
}

// recover opens at the next node what was open, and says again what the last one
// lost.
func (c *Client) recover(ctx context.Context, run string) error {
	c.saying.Lock()
	defer c.saying.Unlock()
	if err := c.reopen(ctx, run); err != nil {
		return err
	}
	return c.sayLost(ctx, nil)
}

// refused tells the Streams of a message that no node takes.
func (c *Client) refused(s *said, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.done {
		return
	}
	c.waiting.settle(s.wire, chat.MessageID{})
	for st := range c.streams {
		st.push([]chat.Event{chat.Refused{Conversation: s.conv, Key: s.key, Reason: err.Error()}})
	}
}
