package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// This file holds what a face asks of the node.

const (
	// markPatience bounds MarkRead and SetName, which take no context.
	markPatience = 2 * time.Second
	// countPatience bounds how long Settle asks what is left when it is given up.
	countPatience = time.Second
)

// get asks for an object.
func get[T any](ctx context.Context, c *Client, path string) (out T, err error) {
	err = c.do(ctx, request{method: http.MethodGet, path: path}, &out)
	return out, err
}

// Node says who owns the node.
func (c *Client) Node(ctx context.Context) (NodeInfo, error) {
	return get[NodeInfo](ctx, c, "/v1/node")
}

// Status says what the node costs and how well it is connected.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/v1/status")
}

// Peers lists who is online. It takes up to about two seconds.
func (c *Client) Peers(ctx context.Context) ([]Peer, error) {
	o, err := get[struct{ Peers []Peer }](ctx, c, "/v1/peers")
	return o.Peers, err
}

// Connections lists what the node is connected to. It takes up to about two
// seconds.
func (c *Client) Connections(ctx context.Context) ([]Connection, error) {
	o, err := get[struct{ Connections []Connection }](ctx, c, "/v1/connections")
	return o.Connections, err
}

// Net lists the connections as lines: objects, or a table for people.
func (c *Client) Net(ctx context.Context, asJSON bool) (lines []string, err error) {
	list, err := c.Connections(ctx)
	if err != nil {
		return nil, err
	}
	if !asJSON {
		return table(list, time.Now()), nil
	}
	for _, o := range list {
		lines = append(lines, string(marshal(o)))
	}
	return lines, nil
}

// table writes connections for people.
func table(list []Connection, now time.Time) []string {
	if len(list) == 0 {
		return []string{"not connected to anybody"}
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHO\tPATH\tDIR\tREMOTE\tAGE\tIN\tOUT\tROUND TRIP")
	for _, o := range list {
		path, dir, rtt := "direct", "out", "-"
		if o.Relayed {
			path = "relayed"
		}
		if o.Inbound {
			dir = "in"
		}
		if o.RTT > 0 {
			rtt = strconv.FormatFloat(o.RTT, 'f', 1, 64) + "ms"
		}
		who := strings.ReplaceAll(o.Nick.Line(), "\t", " ") + "~" + o.Peer.Short() + " (" + chat.SafeString(o.Role) + ")"
		age := max(now.Sub(o.Opened), 0).Truncate(time.Second)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", who, path, dir, chat.SafeString(o.Remote), age, o.In, o.Out, rtt)
	}
	_ = w.Flush() // a bytes.Buffer takes everything
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// SetName changes the own nickname, for good.
func (c *Client) SetName(name chat.Text) error {
	ctx, cancel := context.WithTimeout(context.Background(), markPatience)
	defer cancel()
	return c.do(ctx, request{method: http.MethodPut, path: "/v1/name", body: nameBody{name.Raw()}}, nil)
}

// Conversations lists those that are open or have a history, the last used first.
func (c *Client) Conversations(ctx context.Context) ([]Conversation, error) {
	o, err := get[struct{ Conversations []Conversation }](ctx, c, "/v1/conversations")
	return o.Conversations, err
}

// Conversation tells about one.
func (c *Client) Conversation(ctx context.Context, conv chat.Conversation) (Conversation, error) {
	return get[Conversation](ctx, c, pathOf(conv, ""))
}

// Join opens a room.
func (c *Client) Join(ctx context.Context, room chat.RoomName) (Opened, error) {
	return c.open(ctx, openBody{Room: string(room)})
}

// DialPeer opens a private talk; addrs are multiaddrs where the peer may be.
func (c *Client) DialPeer(ctx context.Context, p chat.PeerID, addrs ...string) (Opened, error) {
	return c.open(ctx, openBody{Peer: p.String(), Addrs: addrs})
}

// DialAt opens a private talk with whoever listens at a host:port. If that is
// another peer than last time, the error's code is "peer-changed", unless newKey
// is set.
func (c *Client) DialAt(ctx context.Context, hostport string, newKey bool) (Opened, error) {
	return c.open(ctx, openBody{At: hostport, NewKey: newKey})
}

func (c *Client) open(ctx context.Context, b openBody) (o Opened, err error) {
	err = c.do(ctx, request{method: http.MethodPost, path: "/v1/conversations", body: b, bare: true}, &o)
	if err != nil {
		return o, err
	}
	if b.At != "" || b.Invite != "" { // a later node is told what it was
		if b = (openBody{Room: string(o.Conversation.Room)}); o.Conversation.IsDirect() {
			b = openBody{Peer: o.Conversation.Peer.String()}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened[o.Conversation.Conversation] = b
	return o, nil
}

// Leave leaves a conversation, unless other faces have it open. When it returns,
// Next of this client's Streams has what happened before, unless one is too slow.
func (c *Client) Leave(ctx context.Context, conv chat.Conversation) error {
	c.mu.Lock()
	delete(c.opened, conv)
	c.mu.Unlock()
	var o toldObject
	err := c.do(ctx, request{method: http.MethodDelete, path: pathOf(conv, ""), bare: true}, &o)
	if err == nil {
		c.hearUpTo(ctx, o.Event)
	}
	return err
}

// Members lists who else is in an open conversation.
func (c *Client) Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error) {
	o, err := get[membersObject](ctx, c, pathOf(conv, "/members"))
	if err != nil {
		return nil, err
	}
	out := make([]chat.Member, 0, len(o.Members))
	for _, m := range o.Members {
		member, err := m.member()
		if err != nil {
			return nil, err
		}
		out = append(out, member)
	}
	return out, nil
}

// History says how much of a conversation the node holds.
func (c *Client) History(ctx context.Context, conv chat.Conversation) (HistoryState, error) {
	return get[HistoryState](ctx, c, pathOf(conv, "/history"))
}

// Topic returns the message that set a conversation's topic, or one of no kind.
func (c *Client) Topic(ctx context.Context, conv chat.Conversation) (chat.Message, error) {
	o, err := get[messageObject](ctx, c, pathOf(conv, "/topic"))
	if errors.Is(err, chat.ErrNotFound) {
		return chat.Message{}, nil
	}
	if err != nil {
		return chat.Message{}, err
	}
	return o.message()
}

// MarkRead says that a person has read a conversation up to a message.
func (c *Client) MarkRead(conv chat.Conversation, id chat.MessageID) {
	ctx, cancel := context.WithTimeout(context.Background(), markPatience)
	defer cancel()
	// What is not marked now is with a later message.
	_ = c.do(ctx, request{method: http.MethodPost, path: pathOf(conv, "/read"), body: readBody{id}}, nil)
}

// Settle waits until somebody else holds all that was said in a conversation, or
// ctx ends, and in any case returns how many messages nobody holds. When it returns
// nil, Next of this client's Streams has what happened before, as after Leave.
func (c *Client) Settle(ctx context.Context, conv chat.Conversation) (left int, err error) {
	for {
		wait := maxWait
		if end, ok := ctx.Deadline(); ok {
			wait = min(wait, max(time.Until(end), time.Millisecond))
		}
		o, err := c.settleOnce(context.WithoutCancel(ctx), ctx, conv, wait)
		switch {
		case err == nil && (o.Settled || ctx.Err() != nil):
			if !o.Settled {
				return o.Left, ctx.Err()
			}
			c.hearUpTo(ctx, o.Event)
			return o.Left, nil
		case err != nil && ctx.Err() == nil:
			return 0, err
		case err != nil: // it was given up: what is left is asked for quickly
			brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), countPatience)
			defer cancel()
			o, _ = c.settleOnce(brief, brief, conv, time.Millisecond)
			return o.Left, ctx.Err()
		}
	}
}

// settleOnce asks once; it ends a moment after until does.
func (c *Client) settleOnce(ctx, until context.Context, conv chat.Conversation, wait time.Duration) (o settled, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(until, func() {
		if sleep(ctx, countPatience/4) {
			cancel()
		}
	})()
	err = c.do(ctx, request{
		method: http.MethodPost, path: pathOf(conv, "/settle"), body: waitBody{max(1, wait.Milliseconds())},
	}, &o)
	return o, err
}

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

// Messages returns a page, the oldest message first, and whether there are more in
// the direction asked for.
func (c *Client) Messages(ctx context.Context, conv chat.Conversation, q PageQuery) (msgs []chat.Message, more bool, err error) {
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
	path := withQuery(pathOf(conv, "/messages"),
		"before", id(q.Before), "after", after, "around", id(q.Around), "limit", limit, "raw", raw, "seen", seen)
	o, err := get[page](ctx, c, path)
	if err != nil {
		return nil, false, err
	}
	msgs, err = messagesOf(o.Messages)
	return msgs, o.More, err
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
