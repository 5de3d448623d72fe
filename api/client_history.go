package api

import (
	"context"
	"strconv"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// This file holds what a face asks of the history.

// A PageQuery asks for messages of a conversation: before or after one, or around
// it. Without any it is the newest.
type PageQuery struct {
	Before, After, Around chat.MessageID
	// Since, if it is not zero, asks for what was said from then on.
	Since time.Time
	// Limit is how many messages the page has at most: MaxPage, or, if zero, 50.
	Limit int
	// Seen leaves out what no face was shown yet: the past, as long as the
	// conversation is not open, for whoever is about to open it. It goes with
	// Before, or without any.
	Seen bool
	// Raw gives edits, deletions and reactions as messages of their own, as the
	// live stream does.
	Raw bool
}

// A Page is some messages of a conversation.
type Page struct {
	// Messages are sorted, the oldest first.
	Messages []chat.Message
	// Deliveries are how far the own ones among them got, in their order, as far as
	// it is known. Of a message of an earlier run the counts are not.
	Deliveries []chat.Delivery
	// More is set if there are more messages in the direction asked for.
	More bool
}

// Messages returns the messages of a Page, and whether there are more.
func (c *Client) Messages(ctx context.Context, conv chat.Conversation, q PageQuery) (msgs []chat.Message, more bool, err error) {
	p, err := c.Page(ctx, conv, q)
	return p.Messages, p.More, err
}

// Page returns a page.
func (c *Client) Page(ctx context.Context, conv chat.Conversation, q PageQuery) (Page, error) {
	o, err := get[pageObject](ctx, c, q.path(conv))
	if err != nil {
		return Page{}, err
	}
	p := Page{More: o.More}
	if p.Messages, err = messagesOf(o.Messages); err != nil {
		return Page{}, err
	}
	for i, m := range o.Messages {
		if m.Delivery != nil {
			p.Deliveries = append(p.Deliveries, m.Delivery.delivery(p.Messages[i].Conversation, m.ID))
		}
	}
	return p, nil
}

// path is that of the request.
func (q PageQuery) path(conv chat.Conversation) string {
	id := func(m chat.MessageID) string {
		if m == (chat.MessageID{}) {
			return ""
		}
		return m.String()
	}
	after, limit, raw, seen := id(q.After), "", "", ""
	if !q.Since.IsZero() {
		after = q.Since.UTC().Format(timeFormat)
	}
	if q.Limit != 0 {
		limit = strconv.Itoa(q.Limit)
	}
	if q.Raw {
		raw = "1"
	}
	if q.Seen {
		seen = "1"
	}
	return withQuery(pathOf(conv, "/messages"),
		"before", id(q.Before), "after", after, "around", id(q.Around), "limit", limit, "raw", raw, "seen", seen)
}

func messagesOf(all []messageObject) ([]chat.Message, error) {
	out := make([]chat.Message, 0, len(all))
	for _, o := range all {
		m, err := o.message()
		if err != nil {
			return nil, malformed("message", err)
		}
		out = append(out, m)
	}
	return out, nil
}

// Message returns one message.
func (c *Client) Message(ctx context.Context, conv chat.Conversation, id chat.MessageID) (chat.Message, error) {
	o, err := get[messageObject](ctx, c, pathOf(conv, "/messages/"+id.String()))
	if err != nil {
		return chat.Message{}, err
	}
	return o.message()
}

// Delivery tells how far an own message got, and at whom.
func (c *Client) Delivery(ctx context.Context, conv chat.Conversation, id chat.MessageID) (DeliveryDetail, error) {
	return get[DeliveryDetail](ctx, c, pathOf(conv, "/messages/"+id.String()+"/delivery"))
}

// A SearchQuery asks for messages with certain words.
type SearchQuery struct {
	Words string
	// In are the conversations looked into; if empty, all. From is whose messages
	// are; if zero, everybody's.
	In           []chat.Conversation
	From         chat.PeerID
	Since, Until time.Time
	// Limit is how many are returned at most: MaxPage, or, if zero, 50.
	Limit int
	// Next is that of the page before.
	Next string
}

// Search returns messages, the newest first, and what leads to the next page, if
// there is one.
func (c *Client) Search(ctx context.Context, q SearchQuery) (msgs []chat.Message, next string, err error) {
	pairs := []string{"words", q.Words, "from", q.From.String(), "before", q.Next}
	if q.From.IsZero() {
		pairs[3] = ""
	}
	for _, conv := range q.In {
		pairs = append(pairs, "in", conv.String())
	}
	if !q.Since.IsZero() {
		pairs = append(pairs, "since", q.Since.UTC().Format(timeFormat))
	}
	if !q.Until.IsZero() {
		pairs = append(pairs, "until", q.Until.UTC().Format(timeFormat))
	}
	if q.Limit != 0 {
		pairs = append(pairs, "limit", strconv.Itoa(q.Limit))
	}
	o, err := get[foundObject](ctx, c, withQuery("/v1/search", pairs...))
	if err != nil {
		return nil, "", err
	}
	msgs, err = messagesOf(o.Messages)
	return msgs, o.Next, err
}
