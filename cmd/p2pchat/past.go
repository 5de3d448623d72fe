package main

import (
	"context"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

const (
	// pastMessages is how much of what was said earlier a person is shown first.
	pastMessages = 20
	// pastUnseen is how many segments that nobody was shown yet are looked at: as
	// many as the node is going to show.
	pastUnseen = 1000
)

// past are the last messages of a conversation that the user has seen, oldest
// first, for a person at a terminal. It is called before the conversation is
// opened: what the user has not seen yet, the node shows then.
func (p *program) past(ctx context.Context, r *running, conv chat.Conversation, t *talkFlags) ([]chat.Message, error) {
	if t.json || !terminal(p.out) {
		return nil, nil
	}
	id := conv.ID(r.Self())
	segs, _, err := r.log.Unseen(ctx, id, pastUnseen)
	if err != nil {
		return nil, err
	}
	unseen := make(map[chat.SegmentID]bool, len(segs))
	for _, s := range segs {
		unseen[s.ID] = s.Author != r.Self()
	}
	entries, err := r.log.Messages(ctx, history.Query{Conversation: id, Limit: pastMessages + len(segs)})
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e history.Entry) bool { return unseen[e.Segment] })
	var out []chat.Message
	for _, e := range entries[max(0, len(entries)-pastMessages):] {
		m := e.Message(conv, r.Self(), r.Name(e.Author))
		m.Old = true
		out = append(out, m)
	}
	return out, nil
}

// topic finds the message that set a conversation's topic, or one of no kind.
func (r *running) topic(ctx context.Context, conv chat.Conversation) (chat.Message, error) {
	e, ok, err := r.log.Topic(ctx, conv.ID(r.Self()))
	if err != nil || !ok {
		return chat.Message{}, err
	}
	return e.Message(conv, r.Self(), r.Name(e.Author)), nil
}
