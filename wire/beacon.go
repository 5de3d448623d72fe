package wire

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// maxSentMS is the last millisecond a beacon may claim: the year 10889, as far
// as the 48 bits of chat.Time reach.
const maxSentMS = 1<<48 - 1

// SealBeacon signs b for its conversation and fills in Author and Envelope.
func SealBeacon(key crypto.PrivKey, b *chat.Beacon) error {
	m := &pb.Beacon{
		SentMs:  uint64(max(b.Sent.UnixMilli(), 1)),
		Nick:    b.Nick.Raw(),
		Heads:   rawIDs(b.Heads),
		Leaving: b.Leaving,
		Seed:    b.Seed,
	}
	for _, room := range b.Rooms {
		m.Rooms = append(m.Rooms, string(room))
	}
	checked := &chat.Beacon{Conversation: b.Conversation}
	if err := checkBeacon(m, checked); err != nil {
		return err
	}
	if len(checked.Rooms) != len(m.Rooms) { // others would not show them
		return fmt.Errorf("%w: %q", chat.ErrBadRoomName, m.Rooms)
	}
	bytes, err := deterministic.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode beacon: %w", err)
	}
	b.Author, b.Envelope, err = seal(key, &payload{TypeBeacon, b.Conversation, bytes})
	return err
}

// OpenBeacon checks a beacon of conversation conv as it came from a stranger
// (PROTOCOL.md, section 5). The beacon keeps data as its Envelope.
func OpenBeacon(conv chat.ConversationID, data []byte) (*chat.Beacon, error) {
	author, bytes, err := open(TypeBeacon, conv, data)
	if err != nil {
		return nil, err
	}
	m := new(pb.Beacon)
	if err := unmarshalStrict(bytes, m); err != nil {
		return nil, err
	}
	b := &chat.Beacon{Author: author, Conversation: conv, Envelope: data}
	if err := checkBeacon(m, b); err != nil {
		return nil, err
	}
	return b, nil
}

// checkBeacon enforces the rules for what a beacon says, and copies it to b.
func checkBeacon(m *pb.Beacon, b *chat.Beacon) (err error) {
	if m.SentMs == 0 || m.SentMs > maxSentMS {
		return fmt.Errorf("%w: beacon sent at %d", chat.ErrMalformed, m.SentMs)
	}
	if b.Nick, err = nick(m.Nick); err != nil {
		return err
	}
	if b.Heads, err = ids(m.Heads, chat.MaxHeads); err != nil {
		return fmt.Errorf("heads: %w", err)
	}
	if b.Rooms, err = shownRooms(b.Conversation, m.Rooms); err != nil {
		return fmt.Errorf("rooms: %w", err)
	}
	b.Sent, b.Leaving, b.Seed = time.UnixMilli(int64(m.SentMs)), m.Leaving, m.Seed
	return nil
}

// shownRooms reads the rooms that a beacon of the presence room names. One with a
// character that our version of Unicode does not have counts as none; all others
// fold as they always will, and must be folded.
func shownRooms(conv chat.ConversationID, names []string) (rooms []chat.RoomName, err error) {
	switch {
	case len(names) > chat.MaxShownRooms:
		return nil, fmt.Errorf("%w: %d, and at most %d are allowed", chat.ErrTooLarge, len(names), chat.MaxShownRooms)
	case len(names) > 0 && conv != chat.PresenceID():
		return nil, fmt.Errorf("%w: only the presence room's beacons name any", chat.ErrMalformed)
	}
	for i, name := range names {
		switch {
		case len(name) == 0 || len(name) > chat.MaxRoomName || !utf8.ValidString(name):
			return nil, fmt.Errorf("%w: a name of %d bytes", chat.ErrBadRoomName, len(name))
		case slices.Contains(names[:i], name):
			return nil, fmt.Errorf("%w: one is there twice", chat.ErrMalformed)
		case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Cn, r) }):
			continue
		}
		room, err := chat.ParseRoomName(name)
		if err != nil {
			return nil, err
		}
		if string(room) != name {
			return nil, fmt.Errorf("%w: %q is not folded", chat.ErrBadRoomName, name)
		}
		rooms = append(rooms, room)
	}
	return rooms, nil
}

// nick reads a name that may be left out. A name that cannot be shown counts as
// none: which characters can be shown depends on the version of Unicode, and
// whether a beacon holds must not.
func nick(s string) (chat.Text, error) {
	if len(s) > chat.MaxNick || !utf8.ValidString(s) {
		return chat.Text{}, fmt.Errorf("%w: a nick of %d bytes", chat.ErrBadNick, len(s))
	}
	t, err := chat.NewNick(s)
	if err != nil {
		return chat.Text{}, nil //nolint:nilerr // see above
	}
	return t, nil
}
