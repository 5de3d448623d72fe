package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// maxPlaces is how many read marks are remembered by their place.
const maxPlaces = 1000

// Attach makes a Node of a client of the local interface and one of its streams.
// The caller closes both, after Run.
func Attach(c *api.Client, st *api.Stream) Node {
	return &attached{Client: c, stream: st, places: make(map[chat.MessageID]chat.Place)}
}

// attached is a Node in whatever process. Its promoted methods are those of the
// Client that are a Node's as they are.
type attached struct {
	*api.Client
	stream *api.Stream

	mu     sync.Mutex
	places map[chat.MessageID]chat.Place // of read marks
}

// Self implements Node.
func (a *attached) Self(ctx context.Context) (Self, error) {
	info, err := a.Node(ctx)
	return Self{Peer: info.Peer, Name: info.Name.Text}, err
}

// Next implements Node. That there is no node is an error until there is one again.
func (a *attached) Next(ctx context.Context) ([]chat.Event, error) {
	all, err := a.stream.Next(ctx)
	if err != nil {
		return nil, err
	}
	var lost error
	out := make([]chat.Event, 0, len(all))
	for _, ev := range all {
		n, ok := ev.(chat.Notice)
		switch {
		case ok && n.Code == api.NoticeNodeLost:
			lost = errors.New(n.Text)
			if n.Detail != "" {
				lost = fmt.Errorf("%s: %s", n.Text, n.Detail)
			}
		case ok && n.Code == api.NoticeNodeBack:
			lost = nil
		default:
			lost = nil // a node has said it
			out = append(out, ev)
		}
	}
	return out, lost
}

// Conversations implements Node. People whose request waits are not among them.
func (a *attached) Conversations(ctx context.Context) ([]Conversation, error) {
	all, err := a.Client.Conversations(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Conversation, 0, len(all))
	for _, x := range all {
		if x.Request {
			continue
		}
		c := Conversation{
			ID: x.Conversation.Conversation, Topic: x.Topic.Text, Nick: x.Name.Text, Open: x.Open,
			Unread: x.Unread, Mentions: x.Mentions, Waiting: x.Waiting,
		}
		c.Read = a.readUpTo(ctx, x)
		if x.Open {
			h, err := a.History(ctx, c.ID)
			if err == nil { // else it is told by an event
				c.History = chat.History{Conversation: c.ID, Complete: h.Complete, Missing: h.Missing, Fetched: h.Fetched, Total: h.Total}
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// readUpTo is where a conversation's read mark stands. Where all is read, that is
// at its end.
func (a *attached) readUpTo(ctx context.Context, x api.Conversation) chat.Place {
	if last, ok := x.LastMessage(); ok && x.Unread == 0 {
		return last.Place()
	}
	if x.Read == nil {
		return chat.Place{}
	}
	a.mu.Lock()
	at, known := a.places[*x.Read]
	a.mu.Unlock()
	if known {
		return at
	}
	m, err := a.Message(ctx, x.Conversation.Conversation, *x.Read)
	if err != nil {
		return chat.Place{} // it was pruned: there is no line to draw
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.places) >= maxPlaces {
		clear(a.places)
	}
	a.places[m.ID] = m.Place()
	return m.Place()
}

// Page implements Node. Of what the history does not hold any more, and where none
// is kept, there is nothing.
func (a *attached) Page(ctx context.Context, conv chat.Conversation, q PageQuery) (Page, error) {
	limit := min(q.Limit, api.MaxPage)
	ask := func(q api.PageQuery) (Page, error) {
		q.Limit = limit
		p, err := a.Client.Page(ctx, conv, q)
		if has(err, "not-found", "no-history") {
			return Page{}, nil
		}
		return Page{Messages: p.Messages, Deliveries: p.Deliveries}, err
	}
	switch {
	case q.Before != (chat.Place{}):
		return ask(api.PageQuery{Before: q.Before.ID})
	case q.After.ID != (chat.MessageID{}):
		p, err := ask(api.PageQuery{After: q.After.ID})
		if len(p.Messages) > 0 || err != nil {
			return p, err
		}
		fallthrough // nothing is after it, or it is gone itself
	case q.After != (chat.Place{}):
		p, err := ask(api.PageQuery{Since: q.After.Time.Wall()})
		p.Messages = slices.DeleteFunc(p.Messages, func(m chat.Message) bool { return m.Place().Compare(q.After) <= 0 })
		return p, err
	default:
		return ask(api.PageQuery{})
	}
}

// has reports whether an error is the node's, with one of those codes.
func has(err error, codes ...string) bool {
	var e *api.Error
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}

// Search implements Node.
func (a *attached) Search(ctx context.Context, q SearchQuery) ([]chat.Message, error) {
	ask := api.SearchQuery{Words: q.Words, Limit: min(q.Limit, api.MaxPage)}
	if q.In != nil {
		ask.In = []chat.Conversation{*q.In}
	}
	msgs, _, err := a.Client.Search(ctx, ask)
	return msgs, err
}

// Say implements Node.
func (a *attached) Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error {
	err := a.Client.Say(ctx, conv, d)
	if errors.Is(err, api.ErrNoNode) || errors.Is(err, api.ErrSilent) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// Members implements Node.
func (a *attached) Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error) {
	if !conv.IsPresence() {
		return a.Client.Members(ctx, conv)
	}
	all, err := a.Peers(ctx)
	out := make([]chat.Member, 0, len(all))
	for _, x := range all {
		if x.Peer != a.Client.Self() {
			out = append(out, chat.Member{Conversation: conv, Peer: x.Peer, Nick: x.Nick.Text, Online: x.Online, Since: x.Since, Seed: x.Seed})
		}
	}
	return out, err
}

// Holders implements Node.
func (a *attached) Holders(ctx context.Context, conv chat.Conversation, id chat.MessageID) (Holders, error) {
	d, err := a.Delivery(ctx, conv, id)
	if err != nil {
		return Holders{}, err
	}
	h := Holders{Delivery: deliveryOf(d)}
	for _, x := range d.Holders {
		m := chat.Member{Conversation: conv, Peer: x.Peer, Nick: x.Nick.Text, Online: x.Online}
		if x.Holds {
			h.Holding = append(h.Holding, m)
		} else {
			h.Missing = append(h.Missing, m)
		}
	}
	return h, nil
}

func deliveryOf(d api.DeliveryDetail) chat.Delivery {
	return chat.Delivery{
		Conversation: d.Conversation.Conversation, ID: d.ID, State: d.State, Reached: d.Reached,
		HeldBy: d.HeldBy, Members: d.Members, Reason: d.Reason,
	}
}

// MarkRead implements Node.
func (a *attached) MarkRead(_ context.Context, conv chat.Conversation, id chat.MessageID) error {
	a.Client.MarkRead(conv, id)
	return nil
}

// SetName implements Node.
func (a *attached) SetName(_ context.Context, name chat.Text) error { return a.Client.SetName(name) }

// Requests implements Node.
func (a *attached) Requests(ctx context.Context) ([]Request, error) {
	all, err := a.Client.Requests(ctx)
	out := make([]Request, 0, len(all))
	for _, x := range all {
		out = append(out, Request{Peer: x.Peer, Nick: x.Nick.Text, First: x.First, Count: x.Count, Text: x.Text.Text})
	}
	return out, err
}

// Answer implements Node.
func (a *attached) Answer(ctx context.Context, p chat.PeerID, answer Answer) error {
	switch answer {
	case Accept:
		return a.Accept(ctx, p)
	case Ignore:
		return a.Ignore(ctx, p)
	case Block:
		return a.Block(ctx, p, true)
	default:
		return fmt.Errorf("answer %q to a request: %w", string(answer), errors.ErrUnsupported)
	}
}

// Contacts implements Node.
func (a *attached) Contacts(ctx context.Context) ([]Contact, error) {
	all, err := a.Client.Contacts(ctx)
	out := make([]Contact, 0, len(all))
	for _, x := range all {
		out = append(out, Contact{Peer: x.Peer, Name: x.Name, Verified: x.Verified, Blocked: x.Blocked})
	}
	return out, err
}

// SaveContact implements Node.
func (a *attached) SaveContact(ctx context.Context, p chat.PeerID, name string) error {
	return a.AddContact(ctx, name, p)
}
