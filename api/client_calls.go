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
