// Package chat holds the words all other packages speak: peers, rooms,
// conversations, segments, messages, events, delivery states, and the errors a
// person may see.
//
// Every value is checked when it is made, so that inside the program its type
// is the proof: a PeerID is a sound Ed25519 key, a RoomName can name a room,
// and Text from a stranger cannot reach a terminal unescaped by accident.
// Package chat is pure: no network, no clock, no disk.
package chat
