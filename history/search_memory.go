package history

import (
	"context"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// Search returns the messages with certain words, the newest first. Of edited
// ones the newest text counts; deleted ones are not found. The error wraps
// ErrNoWords or chat.ErrTooLong if the words cannot be searched for.
func (m *Memory) Search(ctx context.Context, s Search) ([]Entry, error) {
	terms, err := terms(s.Words)
	if err != nil {
		return nil, err
	}
	in := s.In
	if len(in) == 0 {
		all, err := m.Conversations(ctx)
		if err != nil {
			return nil, wrapRead("search", err)
		}
		for _, c := range all {
			in = append(in, c.ID)
		}
	}
	var found []Entry
	for _, conv := range in {
		if found, err = m.searchIn(ctx, conv, s, terms, found); err != nil {
			return nil, wrapRead("search", err)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return b.Compare(a.Place) })
	return found[:min(len(found), pageLimit(s.Limit))], nil
}

// searchIn appends the newest matches in one conversation, as many as are asked
// for.
func (m *Memory) searchIn(ctx context.Context, conv chat.ConversationID, s Search, terms []term, found []Entry) ([]Entry, error) {
	q := Query{Conversation: conv, Before: s.Before, Limit: maxPage}
	for n := 0; n < pageLimit(s.Limit); {
		page, err := m.Messages(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range slices.Backward(page) {
			if s.wants(e) && e.has(terms) {
				found = append(found, e)
				n++
			}
		}
		if len(page) < maxPage {
			break
		}
		q.Before = page[0].Place
	}
	return found, nil
}

// has reports whether an entry is found by its words.
func (e Entry) has(terms []term) bool {
	if !searchable(e.Body.Kind) || e.Deleted {
		return false
	}
	text := tokens(e.Body.Text.Raw())
	return !slices.ContainsFunc(terms, func(t term) bool { return !t.in(text) })
}
