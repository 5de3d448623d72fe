package api

import (
	"context"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

const (
	// maxUnseen is how many segments that nobody was shown yet are looked at: as many
	// as the node is going to show.
	maxUnseen = 1000
	// maxSeenPages is how many pages are read to find what was shown.
	maxSeenPages = 16
)

// An unseener is a History that knows what no face was shown yet. Of others all
// was.
type unseener interface {
	Unseen(ctx context.Context, conv chat.ConversationID, limit int) (segs []*chat.Segment, n int, err error)
}

// backwardSeen is the page before q.Before, without what no face was shown yet: the
// node will show that when the conversation is opened. While it is open all was.
func (s *Server) backwardSeen(ctx context.Context, conv chat.Conversation, q history.Query, limit int, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	unseen, err := s.unseen(ctx, conv)
	if err != nil {
		return nil, err
	}
	if len(unseen) == 0 {
		return s.backward(ctx, conv, q, limit, nil)
	}
	var found []history.Entry
	more := true
	q.Limit = MaxPage
	for i := 0; i < maxSeenPages && more && len(found) <= limit; i++ {
		page, err := s.cfg.History.Messages(ctx, q)
		if err != nil {
			return nil, err
		}
		if more = len(page) == MaxPage; more {
			q.Before = page[0].Place
		}
		page = slices.DeleteFunc(page, func(e history.Entry) bool { return unseen[e.Segment] })
		found = append(page, found...)
	}
	from := fitting(found, limit)
	return s.page(ctx, conv, found[from:], more || from > 0)
}

// unseen are the segments of others that no face was shown, if the conversation is
// not open.
func (s *Server) unseen(ctx context.Context, conv chat.Conversation) (map[chat.SegmentID]bool, error) {
	log, ok := s.cfg.History.(unseener)
	if !ok || s.holds.all()[conv] {
		return nil, nil
	}
	segs, _, err := log.Unseen(ctx, conv.ID(s.self), maxUnseen)
	if err != nil {
		return nil, err
	}
	out := make(map[chat.SegmentID]bool, len(segs))
	for _, seg := range segs {
		if seg.Author != s.self {
			out[seg.ID] = true
		}
	}
	return out, nil
}
