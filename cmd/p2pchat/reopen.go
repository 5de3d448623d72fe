package main

import (
	"encoding/json"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

const (
	// openName is the file that says what a person had open on the whole terminal.
	openName = "open.json"
	// maxOpen bounds it, in bytes, and maxReopened what is opened again.
	maxOpen     = 64 << 10
	maxReopened = 256
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
