package api

import (
	"context"
	"time"
)

// defaultSettle is how long settling waits if the request does not say.
const defaultSettle = 10 * time.Second

func (s *Server) leaveConversation(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if s.holds.leave(conv, c.face) { // or other faces have it open
		if err := s.cfg.Node.Leave(ctx, conv); err != nil {
			return nil, err
		}
	}
	return toldObject{s.told(ctx)}, nil
}

// A toldObject names the newest event of what happened before an answer.
type toldObject struct {
	Event string `json:"event"`
}

// settle waits until somebody holds what was said.
func (s *Server) settle(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	var b waitBody
	if err := c.parse(&b); err != nil {
		return nil, err
	}
	wait, err := b.wait(defaultSettle)
	if err != nil {
		return nil, err
	}
	settling, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	left, err := s.cfg.Node.Settle(settling, conv)
	if err != nil && settling.Err() == nil {
		return nil, err
	}
	return settled{Left: left, Settled: err == nil, toldObject: toldObject{s.told(ctx)}}, nil
}

// A settled says how many messages nobody holds, and whether it ended by itself.
type settled struct {
	Left    int  `json:"left"`
	Settled bool `json:"settled"`
	toldObject
}
