package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// foundObject is what a search finds, the newest first.
type foundObject struct {
	Messages []messageObject `json:"messages"`
	// Next, if it is not empty, is the before of the next page.
	Next string `json:"next"`
}

func (s *Server) search(ctx context.Context, c *call) (any, error) {
	if err := c.query("words", "in", "from", "since", "until", "before", "limit"); err != nil {
		return nil, err
	}
	if s.cfg.History == nil {
		return nil, errNoHistory
	}
	q, err := s.searchQuery(c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	if q.Limit, err = c.number("limit", defaultPage, MaxPage); err != nil {
		return nil, err
	}
	entries, err := s.cfg.History.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	all, err := s.cfg.History.Conversations(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[chat.ConversationID]chat.Conversation, len(all))
	for _, sum := range all {
		names[sum.ID] = sum.Conversation
	}
	var o foundObject
	if fit := fittingNewest(entries); fit < len(entries) || len(entries) == q.Limit {
		entries = entries[:fit]
		o.Next = placeToken(entries[fit-1].Place)
	}
	o.Messages, err = s.objects(ctx, entries, func(id chat.ConversationID) chat.Conversation { return names[id] })
	return o, err
}

// fittingNewest is how many of the entries, the newest of which is first, fit on one
// page.
func fittingNewest(entries []history.Entry) int {
	bytes := 0
	for i, e := range entries {
		if bytes += e.Body.Text.Len(); bytes > maxPageBytes && i > 0 {
			return i
		}
	}
	return len(entries)
}

func (s *Server) searchQuery(v url.Values) (q history.Search, err error) {
	q.Words = v.Get("words")
	for _, name := range v["in"] {
		conv, err := parseConversation(name)
		if err != nil {
			return q, err
		}
		q.In = append(q.In, conv.ID(s.self))
	}
	if from := v.Get("from"); from != "" {
		if q.From, err = chat.ParsePeerID(from); err != nil {
			return q, err
		}
	}
	for name, at := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if v.Get(name) == "" {
			continue
		}
		if *at, err = time.Parse(time.RFC3339Nano, v.Get(name)); err != nil {
			return q, badRequest("%s is a time as 2006-01-02T15:04:05Z", name)
		}
	}
	if token := v.Get("before"); token != "" {
		q.Before, err = parsePlaceToken(token)
	}
	return q, err
}

// placeToken writes a place for the next page of a search.
func placeToken(p chat.Place) string { return fmt.Sprintf("%d-%s", p.Time, p.ID) }

func parsePlaceToken(s string) (p chat.Place, err error) {
	clock, id, found := strings.Cut(s, "-")
	at, err := strconv.ParseUint(clock, 10, 64)
	p.Time = chat.Time(at)
	if !found || err != nil || len(id) != hex.EncodedLen(len(p.ID)) || p.ID.UnmarshalText([]byte(id)) != nil {
		return p, badRequest("before is the next of an earlier page")
	}
	return p, nil
}
