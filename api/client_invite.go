package api

import (
	"context"

	"github.com/p2pchat/p2pchat/chat"
)

// Invite makes a text with which somebody else comes to a room or, of a private
// conversation or none, to us. It is one word.
func (c *Client) Invite(ctx context.Context, conv chat.Conversation) (string, error) {
	o, err := c.Invited(ctx, conv)
	return o.Invite, err
}

// Invited is Invite, and tells what is in the invite: with neither an address nor a
// seed it helps only those who find us by themselves.
func (c *Client) Invited(ctx context.Context, conv chat.Conversation) (Invited, error) {
	name := ""
	if !conv.IsDirect() {
		name = conv.String()
	}
	return get[Invited](ctx, c, withQuery("/v1/invite", "conversation", name))
}

// OpenInvite opens what an invite leads to: a room, or a private talk with who
// made it. The node stays attached to its seeds, now and at every later start. The
// error is one of package invite's if the text is no good.
func (c *Client) OpenInvite(ctx context.Context, text string) (Opened, error) {
	return c.open(ctx, openBody{Invite: text})
}
