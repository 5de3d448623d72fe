package api

import (
	"context"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

// The answers to a request.
const (
	answerAccept = "accept"
	answerIgnore = "ignore"
	answerBlock  = "block"
)

func (s *Server) getRequests(context.Context, *call) (any, error) {
	list, err := s.requests.List()
	if err != nil {
		return nil, err
	}
	out := make([]Request, 0, len(list))
	for _, q := range list {
		out = append(out, Request{
			Type: "request", Peer: q.Peer, Nick: Text{q.Nick}, First: q.First.UTC(), Last: q.Last.UTC(), Count: q.Count, Text: Text{q.Text},
		})
	}
	return struct {
		Requests []Request `json:"requests"`
	}{out}, nil
}

func (s *Server) answerRequest(_ context.Context, c *call) (any, error) {
	p, err := s.other(c)
	if err != nil {
		return nil, err
	}
	var b answerBody
	if err := c.parse(&b); err != nil {
		return nil, err
	}
	switch b.Answer {
	case answerAccept:
		err = s.contacts.Accept(p)
	case answerIgnore:
		err = s.contacts.Ignore(p)
	case answerBlock:
		err = s.contacts.Block(p, true)
	default:
		err = badRequest(`answer is "accept", "ignore" or "block"`)
	}
	if err != nil {
		return nil, err
	}
	return nil, s.requests.Remove(p)
}

// other is the peer that the path names, which must be somebody else.
func (s *Server) other(c *call) (chat.PeerID, error) {
	p, err := c.peer()
	if err == nil && p == s.self {
		err = errOwnPeer
	}
	return p, err
}

func (s *Server) getContacts(context.Context, *call) (any, error) {
	list := s.contacts.List()
	out := make([]Contact, 0, len(list))
	for _, k := range list {
		out = append(out, newContact(k))
	}
	return struct {
		Contacts []Contact `json:"contacts"`
	}{out}, nil
}

func newContact(k identity.Contact) Contact {
	return Contact{
		Name: chat.SafeString(k.Name), Peer: k.Peer, Fingerprint: k.Peer.Fingerprint(),
		Verified: k.Verified, Blocked: k.Blocked, Accepted: k.Accepted, Ignored: k.Ignored,
	}
}

// putContact says something about a peer. What is not named stays.
func (s *Server) putContact(_ context.Context, c *call) (any, error) {
	p, err := s.other(c)
	if err != nil {
		return nil, err
	}
	var b contactBody
	if err := c.parse(&b); err != nil {
		return nil, err
	}
	if b == (contactBody{}) {
		return nil, badRequest(`nothing is said: name, verified, blocked, accepted or ignored is needed`)
	}
	if b.Accepted != nil && !*b.Accepted || b.Ignored != nil && !*b.Ignored {
		return nil, badRequest(`what was accepted or ignored is taken back by the other of the two, or by DELETE`)
	}
	if err := s.sayAll(p, b); err != nil {
		return nil, err
	}
	if err := s.requests.Remove(p); err != nil {
		return nil, err
	}
	k, _ := s.contacts.Of(p)
	k.Peer = p
	return newContact(k), nil
}

// sayAll notes all that a body says about a peer.
func (s *Server) sayAll(p chat.PeerID, b contactBody) error {
	for _, step := range []struct {
		said bool
		do   func() error
	}{
		{b.Name != nil, func() error { return s.contacts.Add(*b.Name, p) }},
		{b.Verified != nil, func() error { return s.contacts.Verify(p, *b.Verified) }},
		{b.Blocked != nil, func() error { return s.contacts.Block(p, *b.Blocked) }},
		{b.Accepted != nil, func() error { return s.contacts.Accept(p) }},
		{b.Ignored != nil, func() error { return s.contacts.Ignore(p) }},
	} {
		if !step.said {
			continue
		}
		if err := step.do(); err != nil {
			return err
		}
	}
	return nil
}

// deleteContact forgets what was said about a peer; a block stays.
func (s *Server) deleteContact(_ context.Context, c *call) (any, error) {
	p, err := s.other(c)
	if err != nil {
		return nil, err
	}
	if err := s.contacts.Forget(p); err != nil {
		return nil, fmt.Errorf("contact %s: %w", p, err)
	}
	return nil, nil
}
