package chat

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxRoomName is the longest room name, in bytes of UTF-8.
const MaxRoomName = 64

// A RoomName is 1 to MaxRoomName bytes of lower-case text without spaces.
type RoomName string

// ParseRoomName folds case and compatibility forms (NFKC), drops the space
// around the name and each '#' before it, and refuses what cannot name a room:
// nothing, too much, spaces, control and invisible characters, stacks of
// combining marks. A RoomName stays as it is when parsed again.
func ParseRoomName(s string) (RoomName, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: not valid UTF-8", ErrBadRoomName)
	}
	name := norm.NFKC.String(strings.ToLower(norm.NFKC.String(s)))
	name = strings.TrimLeft(strings.TrimSpace(name), "#")
	switch {
	case name == "":
		return "", fmt.Errorf("%w: it is empty", ErrBadRoomName)
	case len(name) > MaxRoomName:
		return "", fmt.Errorf("%w: %d bytes, and at most %d are allowed", ErrBadRoomName, len(name), MaxRoomName)
	}
	var marks marks
	for _, r := range name {
		if !visible(r) || unicode.IsSpace(r) || !marks.fit(r) {
			return "", fmt.Errorf("%w: it may not contain %q", ErrBadRoomName, r)
		}
	}
	return RoomName(name), nil
}

// A ConversationID names a conversation on the wire.
type ConversationID [32]byte

// Hash prefixes keep the conversation kinds apart: no room name can be made
// whose ID is that of a direct conversation or of the presence room.
const (
	roomPrefix     = "p2pchat room 1\x00"
	directPrefix   = "p2pchat direct 1\x00"
	presencePrefix = "p2pchat presence 1\x00"
)

// RoomID is the conversation of a public room.
func RoomID(name RoomName) ConversationID {
	return sha256.Sum256([]byte(roomPrefix + string(name)))
}

// DirectID is the conversation of two peers; their order does not matter.
func DirectID(a, b PeerID) ConversationID {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return sha256.Sum256(append(append([]byte(directPrefix), a[:]...), b[:]...))
}

// PresenceID is the room everybody is in who wants to be seen. Nobody can
// speak there: its roster is the list of who is online.
func PresenceID() ConversationID { return sha256.Sum256([]byte(presencePrefix)) }

// Base32 is the lower-case form used in topic names, 52 characters.
func (id ConversationID) Base32() string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(id[:]))
}

// String is the hexadecimal form.
func (id ConversationID) String() string { return hex.EncodeToString(id[:]) }

// Compare orders conversations by their bytes.
func (id ConversationID) Compare(o ConversationID) int { return bytes.Compare(id[:], o[:]) }

// A Conversation is a room or a peer, as a person names it. Exactly one field
// is set; the zero Conversation is the presence room.
type Conversation struct {
	Room RoomName
	Peer PeerID
}

// InRoom is the conversation of a room.
func InRoom(name RoomName) Conversation { return Conversation{Room: name} }

// With is the private conversation with a peer.
func With(p PeerID) Conversation { return Conversation{Peer: p} }

// Presence is the room everybody is in.
func Presence() Conversation { return Conversation{} }

// ID is the conversation's name on the wire, as self takes part in it.
func (c Conversation) ID(self PeerID) ConversationID {
	switch {
	case c.Room != "":
		return RoomID(c.Room)
	case !c.Peer.IsZero():
		return DirectID(self, c.Peer)
	default:
		return PresenceID()
	}
}

// IsDirect reports whether c is a private conversation.
func (c Conversation) IsDirect() bool { return !c.Peer.IsZero() }

// IsPresence reports whether c is the presence room.
func (c Conversation) IsPresence() bool { return c == Conversation{} }

// String is the room's name, or the other's peer ID.
func (c Conversation) String() string {
	switch {
	case c.Room != "":
		return string(c.Room)
	case !c.Peer.IsZero():
		return c.Peer.String()
	default:
		return ""
	}
}
