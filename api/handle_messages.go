package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

const (
	// defaultPage is how many messages a page has if the request does not say.
	defaultPage = 50
	// maxPageBytes is about how much text a page has at most; a page has at least
	// one message.
	maxPageBytes = 4 << 20
)

// A pageObject is some messages of a conversation, the oldest first.
type pageObject struct {
	Messages []messageObject `json:"messages"`
	// More is set if there are more in the direction that was asked for.
	More bool `json:"more"`
}

// getMessages returns the page before, after or around a message; else the
// newest.
func (s *Server) getMessages(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if err := c.query("before", "after", "around", "limit", "raw", "seen"); err != nil {
		return nil, err
	}
	limit, err := c.number("limit", defaultPage, MaxPage)
	if err != nil {
		return nil, err
	}
	if s.cfg.History == nil {
		return nil, errNoHistory
	}
	q := history.Query{Conversation: conv.ID(s.self), Raw: c.r.URL.Query().Get("raw") == "1"}
	values := c.r.URL.Query()
	before, after, around := values.Get("before"), values.Get("after"), values.Get("around")
	seen := values.Get("seen") == "1"
	switch {
	case seen && after+around != "":
		return nil, badRequest("seen goes with before alone")
	case seen:
		if before != "" {
			q.Before, err = s.placeOf(ctx, conv, before)
		}
		return s.backwardSeen(ctx, conv, q, limit, err)
	case before != "" && after == "" && around == "":
		q.Before, err = s.placeOf(ctx, conv, before)
		return s.backward(ctx, conv, q, limit, err)
	case after != "" && before == "" && around == "":
		q.After, err = s.placeOf(ctx, conv, after)
		return s.forward(ctx, conv, q, limit, err)
	case around != "" && before == "" && after == "":
		return s.around(ctx, conv, q, around, limit)
	case before+after+around != "":
		return nil, badRequest("only one of before, after and around can be there")
	}
	return s.backward(ctx, conv, q, limit, nil)
}

// placeOf is the place that a message's ID, or a time, names.
func (s *Server) placeOf(ctx context.Context, conv chat.Conversation, ref string) (chat.Place, error) {
	if at, err := time.Parse(time.RFC3339Nano, ref); err == nil {
		return history.PlaceOf(at), nil
	}
	var id chat.MessageID
	if err := id.UnmarshalText([]byte(ref)); err != nil {
		return chat.Place{}, badRequest("%q is neither a message's ID nor a time as 2006-01-02T15:04:05Z", chat.SafeString(ref))
	}
	e, err := s.find(ctx, conv, id)
	return e.Place, err
}

// find finds a message.
func (s *Server) find(ctx context.Context, conv chat.Conversation, id chat.MessageID) (history.Entry, error) {
	if s.cfg.History == nil {
		return history.Entry{}, errNoHistory
	}
	e, ok, err := s.cfg.History.Find(ctx, conv.ID(s.self), id)
	if err == nil && !ok {
		err = fmt.Errorf("message %s in %s: %w", id, conv, chat.ErrNotFound)
	}
	return e, err
}

// backward is the page before q.Before.
func (s *Server) backward(ctx context.Context, conv chat.Conversation, q history.Query, limit int, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	q.Limit = min(limit+1, MaxPage)
	entries, err := s.cfg.History.Messages(ctx, q)
	if err != nil {
		return nil, err
	}
	from := fitting(entries, limit)
	return s.page(ctx, conv, entries[from:], from > 0 || limit == MaxPage && len(entries) == MaxPage)
}

// fitting is where the newest of the entries begin that fit on one page.
func fitting(entries []history.Entry, limit int) (from int) {
	from = max(0, len(entries)-limit)
	bytes := 0
	for i, e := range slices.Backward(entries) {
		if bytes += e.Body.Text.Len(); bytes > maxPageBytes && i < len(entries)-1 {
			return max(from, i+1)
		}
	}
	return from
}

// forward is the page after q.After.
func (s *Server) forward(ctx context.Context, conv chat.Conversation, q history.Query, limit int, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if q.After == (chat.Place{}) {
		q.After = history.Beginning()
	}
	q.Limit = min(limit+1, MaxPage)
	entries, err := s.cfg.History.Messages(ctx, q)
	if err != nil {
		return nil, err
	}
	to := min(limit, len(entries))
	bytes := 0
	for i, e := range entries[:to] {
		if bytes += e.Body.Text.Len(); bytes > maxPageBytes && i > 0 {
			to = i
			break
		}
	}
	return s.page(ctx, conv, entries[:to], to < len(entries) || limit == MaxPage && len(entries) == MaxPage)
}

// around is a page with a message in its middle.
func (s *Server) around(ctx context.Context, conv chat.Conversation, q history.Query, ref string, limit int) (any, error) {
	at, err := s.placeOf(ctx, conv, ref)
	if err != nil {
		return nil, err
	}
	before, after := q, q
	// After is without its place itself, and nothing stands between a place and
	// the one before it with the highest ID.
	before.Before, before.Limit = at, max(1, limit/2)
	after.After, after.Limit = justBefore(at), max(1, limit-limit/2)
	older, err := s.cfg.History.Messages(ctx, before)
	if err != nil {
		return nil, err
	}
	newer, err := s.cfg.History.Messages(ctx, after)
	if err != nil {
		return nil, err
	}
	return s.page(ctx, conv, append(older, newer...), len(newer) == after.Limit)
}

// justBefore is the place next before another.
func justBefore(p chat.Place) chat.Place {
	for i := len(p.ID) - 1; i >= 0; i-- {
		p.ID[i]--
		if p.ID[i] != 0xff {
			return p
		}
	}
	p.Time--
	return p
}

func (s *Server) getMessage(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	id, err := c.message()
	if err != nil {
		return nil, err
	}
	e, err := s.find(ctx, conv, id)
	if err != nil {
		return nil, err
	}
	return s.object(ctx, conv, e)
}

// getTopic returns the message that set the topic.
func (s *Server) getTopic(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if s.cfg.History == nil {
		return nil, errNoHistory
	}
	e, ok, err := s.cfg.History.Topic(ctx, conv.ID(s.self))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("topic of %s: %w", conv, chat.ErrNotFound)
	}
	return newMessage(s.message(conv, e)), nil
}

// postMessage says something in an open conversation.
func (s *Server) postMessage(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	var b draftBody
	if err := c.parse(&b); err != nil {
		return nil, err
	}
	body, err := b.body()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	d := chat.Draft{Key: b.Key, Body: body}
	if b.Wait == waitHanded {
		return Sent{Conversation: Ref{conv}}, s.say(ctx, conv, d)
	}
	if d.Key == "" {
		d.Key = "~" + strconv.FormatUint(s.drafts.Add(1), 10)
	}
	came, stop := s.board.await(d.Key)
	defer stop()
	if err := s.say(ctx, conv, d); err != nil {
		return nil, err
	}
	select {
	case o := <-came:
		if o.refused != "" {
			return nil, fmt.Errorf("%w: %s", errNotAccepted, o.refused)
		}
		return Sent{Conversation: Ref{conv}, Accepted: true, ID: &o.message.ID, Time: o.message.Time.UTC().Format(timeFormat)}, nil
	case <-ctx.Done():
		return Sent{Conversation: Ref{conv}}, nil // it was handed over all the same
	}
}

// say hands a draft to the node.
func (s *Server) say(ctx context.Context, conv chat.Conversation, d chat.Draft) error {
	err := s.cfg.Node.Say(ctx, conv, d)
	if errors.Is(err, chat.ErrNotFound) {
		e := judge(err)
		e.Hint = "open it first"
		return e
	}
	return err
}

// getDelivery tells how far an own message got, and at whom.
func (s *Server) getDelivery(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	id, err := c.message()
	if err != nil {
		return nil, err
	}
	o := DeliveryDetail{Conversation: Ref{conv}, ID: id, Holders: []Holder{}}
	if d, ok := s.board.deliveryOf(id); ok {
		o.State, o.Reached, o.HeldBy, o.Members, o.Reason = d.State, d.Reached, d.HeldBy, d.Members, chat.SafeString(d.Reason)
	} else if err := s.storedState(ctx, conv, &o); err != nil {
		return nil, err
	}
	if err := s.holders(ctx, conv, &o); err != nil {
		return nil, err
	}
	return o, nil
}

// storedState takes from the log how far a message of an earlier run got.
func (s *Server) storedState(ctx context.Context, conv chat.Conversation, o *DeliveryDetail) error {
	e, err := s.find(ctx, conv, o.ID)
	switch {
	case err != nil:
		return err
	case e.Author != s.self:
		return badRequest("message %s is not yours", o.ID)
	}
	states, err := s.cfg.History.States(ctx, conv.ID(s.self), e.Segment)
	if err != nil {
		return err
	}
	st := states[e.Segment]
	o.State, o.Reason = st.State, chat.SafeString(st.Reason)
	return nil
}

// holders adds who holds the message, if the node tells.
func (s *Server) holders(ctx context.Context, conv chat.Conversation, o *DeliveryDetail) error {
	n, ok := s.cfg.Node.(Holders)
	if !ok {
		return nil
	}
	holding, err := n.Holders(ctx, conv, o.ID)
	switch {
	case errors.Is(err, chat.ErrNotFound): // it is not open, so nobody was asked
		return nil
	case err != nil:
		return err
	}
	members, err := s.cfg.Node.Members(ctx, conv)
	switch {
	case errors.Is(err, chat.ErrNotFound): // it was left just now
		return nil
	case err != nil:
		return err
	}
	o.Known = true
	for _, m := range members {
		if !m.Seed {
			o.Holders = append(o.Holders, Holder{m.Peer, Text{m.Nick}, m.Online, slices.Contains(holding, m.Peer)})
		}
	}
	for _, p := range holding {
		if !slices.ContainsFunc(members, func(m chat.Member) bool { return m.Peer == p }) {
			o.Holders = append(o.Holders, Holder{p, Text{s.cfg.Node.Name(p)}, false, true})
		}
	}
	return nil
}
