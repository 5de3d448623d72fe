package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

const (
	// openName is the file that says what a person had open on the whole terminal.
	openName = "open.json"
	// maxOpen bounds it, in bytes, and maxReopened what is opened again.
	maxOpen     = 64 << 10
	maxReopened = 256
	// rememberEvery is how often it is looked at what is open.
	rememberEvery = 2 * time.Second
)

// keepOpen remembers what was open, for the next time.
func keepOpen(f *identity.Folder, open []chat.Conversation) error {
	names := make([]string, 0, len(open))
	for _, conv := range open[:min(len(open), maxReopened)] {
		names = append(names, conv.String())
	}
	b, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return f.WriteFile(openName, b)
}

// lastOpen is what was open the last time. What cannot be read is forgotten: it is a
// convenience.
func lastOpen(f *identity.Folder) (open []chat.Conversation) {
	b, err := f.ReadFile(openName, maxOpen)
	var names []string
	if err != nil || json.Unmarshal(b, &names) != nil {
		return nil
	}
	for _, s := range names[:min(len(names), maxReopened)] {
		if p, err := chat.ParsePeerID(s); err == nil {
			open = append(open, chat.With(p))
		} else if room, err := chat.ParseRoomName(s); err == nil {
			open = append(open, chat.InRoom(room))
		}
	}
	return open
}

// reopened are the names of what a page opens when it begins: what was open the last
// time, and the rooms of the settings.
func (p *program) reopened(f *identity.Folder) (names []string) {
	for _, room := range p.settings.Rooms {
		names = append(names, string(room))
	}
	for _, conv := range lastOpen(f) {
		if !slices.Contains(names, conv.String()) {
			names = append(names, conv.String())
		}
	}
	return names
}

// rememberOpen keeps what faces have open, for the next time, until ctx ends.
func (s *session) rememberOpen(ctx context.Context) {
	var before []chat.Conversation
	tick := time.NewTicker(rememberEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		list, err := s.Conversations(ctx)
		if err != nil {
			continue // the node comes back, or this ends
		}
		var open []chat.Conversation
		for _, o := range list {
			if o.Open {
				open = append(open, o.Conversation.Conversation)
			}
		}
		slices.SortFunc(open, func(a, b chat.Conversation) int { return strings.Compare(a.String(), b.String()) })
		if slices.Equal(open, before) {
			continue // at first nothing is: that is not what was open last time
		}
		if before = open; keepOpen(s.folder, open) != nil {
			before = nil // it is tried again
		}
	}
}
