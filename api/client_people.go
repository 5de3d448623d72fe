package api

import (
	"context"
	"net/http"

	"github.com/p2pchat/p2pchat/chat"
)

// Requests lists who unknown wrote first, the newest first.
func (c *Client) Requests(ctx context.Context) ([]Request, error) {
	o, err := get[struct{ Requests []Request }](ctx, c, "/v1/requests")
	return o.Requests, err
}

// Accept lets a peer write in private.
func (c *Client) Accept(ctx context.Context, p chat.PeerID) error {
	return c.answerRequest(ctx, p, answerAccept)
}

// Ignore has what a peer writes unasked not shown.
func (c *Client) Ignore(ctx context.Context, p chat.PeerID) error {
	return c.answerRequest(ctx, p, answerIgnore)
}

func (c *Client) answerRequest(ctx context.Context, p chat.PeerID, answer string) error {
	return c.do(ctx, request{method: http.MethodPost, path: "/v1/requests/" + p.String(), body: answerBody{answer}, bare: true}, nil)
}

// Contacts lists what the user said about peers.
func (c *Client) Contacts(ctx context.Context) ([]Contact, error) {
	o, err := get[struct{ Contacts []Contact }](ctx, c, "/v1/contacts")
	return o.Contacts, err
}

// AddContact gives a peer a name.
func (c *Client) AddContact(ctx context.Context, name string, p chat.PeerID) error {
	return c.putContact(ctx, p, contactBody{Name: &name})
}

// Block sets or lifts the block of a peer.
func (c *Client) Block(ctx context.Context, p chat.PeerID, blocked bool) error {
	return c.putContact(ctx, p, contactBody{Blocked: &blocked})
}

// Verify remembers whether the user compared fingerprints with a peer.
func (c *Client) Verify(ctx context.Context, p chat.PeerID, verified bool) error {
	return c.putContact(ctx, p, contactBody{Verified: &verified})
}

func (c *Client) putContact(ctx context.Context, p chat.PeerID, b contactBody) error {
	return c.do(ctx, request{method: http.MethodPut, path: "/v1/contacts/" + p.String(), body: b, bare: true}, nil)
}

// RemoveContact forgets what the user said about a peer; a block stays.
func (c *Client) RemoveContact(ctx context.Context, p chat.PeerID) error {
	return c.do(ctx, request{method: http.MethodDelete, path: "/v1/contacts/" + p.String(), bare: true}, nil)
}
