package main

import (
	"context"
	"errors"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// pastMessages is how much of what was said earlier a person is shown first.
const pastMessages = 20

// past are the last messages of a conversation that the user was shown already,
// oldest first, for a person at a terminal.
func (s *session) past(ctx context.Context, conv chat.Conversation) ([]chat.Message, error) {
	msgs, _, err := s.Messages(ctx, conv, api.PageQuery{Limit: pastMessages, Seen: true})
	if errors.Is(err, chat.ErrNotFound) {
		return nil, nil
	}
	for i := range msgs {
		msgs[i].Old = true
	}
	return msgs, err
}
