package wire

import (
	"fmt"
	"time"
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
	if err := checkBeacon(m, new(chat.Beacon)); err != nil {
		return err
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
	b.Sent, b.Leaving, b.Seed = time.UnixMilli(int64(m.SentMs)), m.Leaving, m.Seed
	return nil
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
