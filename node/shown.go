package node

import (
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// This file is about the rooms that people show to be in.

// shownRooms are those of ours, for our beacon in the presence room.
func (n *Node) shownRooms() (out []chat.RoomName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, room := range n.cfg.ShowRooms {
		// One that is not folded would spoil the beacon.
		folded, err := chat.ParseRoomName(string(room))
		if err != nil || folded != room || slices.Contains(out, room) || n.convs[chat.RoomID(room)] == nil {
			continue
		}
		if out = append(out, room); len(out) == chat.MaxShownRooms {
			break
		}
	}
	return out
}

// tellShown tells the others, if they are to know, that a conversation was opened or
// left. It is merged with what else our beacons say.
func (n *Node) tellShown(conv chat.Conversation) {
	if conv.IsDirect() || !slices.Contains(n.cfg.ShowRooms, conv.Room) {
		return
	}
	if l := n.presence(); l != nil {
		l.room.RoomsChanged()
	}
}

// presence is the list of who is online, or nil at the very beginning.
func (n *Node) presence() *roomLink {
	c := n.find(chat.PresenceID())
	if c == nil {
		return nil
	}
	return c.link.(*roomLink)
}

// roomsShown are the rooms of everybody else who shows any.
func (n *Node) roomsShown() map[chat.PeerID][]chat.RoomName {
	out := make(map[chat.PeerID][]chat.RoomName)
	if l := n.presence(); l != nil {
		for _, m := range l.room.Roster() {
			if len(m.Rooms) > 0 {
				out[m.Peer] = slices.Clone(m.Rooms)
			}
		}
	}
	return out
}
