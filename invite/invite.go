package invite

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// MaxText is the longest invite, in characters without white space.
	MaxText = 2048
	// MaxAddrs is how many addresses of its author an invite holds.
	MaxAddrs = 4
	// MaxSeeds is how many seeds an invite holds.
	MaxSeeds = 3
	// MaxSeedAddrs is how many addresses it holds of each seed.
	MaxSeedAddrs = 2
	// MaxAddr is the longest address in an invite, in bytes of its binary form:
	// a DNS name of 94 characters and a port.
	MaxAddr = 100
)

// Prefix begins every invite. Its '1' is in no other place: the alphabet behind
// it has none.
const Prefix = "p2pchat1"

const (
	// maxRaw is the most bytes that are looked at, white space included.
	maxRaw = 2 * MaxText
	// version is the first byte inside.
	version = 1
	// sumSize is how many bytes of the checksum end an invite of any version.
	sumSize = 4
)

var (
	// ErrNotInvite says that a text is something else.
	ErrNotInvite = errors.New("not an invite: those begin with " + Prefix)
	// ErrDamaged says that a text was cut off or changed on its way.
	ErrDamaged = errors.New("the invite is damaged: ask for it again, and copy all of it")
	// ErrNewer says that the invite is whole, and of a later version.
	ErrNewer = errors.New("the invite is of a newer p2pchat: update yours to use it")
)

// An Invite is what somebody needs to come to Peer.
type Invite struct {
	// Peer is who invites. Without one there is no invite.
	Peer chat.PeerID
	// Nick is what Peer is called, by its own word; it may be empty.
	Nick chat.Text
	// Addrs are where Peer is, without its peer ID; there may be none.
	Addrs []ma.Multiaddr
	// Seeds are where Peer is known, each with at least one address.
	Seeds []peer.AddrInfo
	// Room is where to. If empty, to a private talk with Peer.
	Room chat.RoomName
}

// Conversation is what opening the invite opens.
func (i Invite) Conversation() chat.Conversation {
	if i.Room != "" {
		return chat.InRoom(i.Room)
	}
	return chat.With(i.Peer)
}

// String is the invite as one word of at most MaxText characters. Addresses that
// no invite may hold are left out, and what is above the limits; so choose first
// (see Choose). An Invite that names nobody is the empty text.
func (i Invite) String() string {
	if i.Peer.IsZero() {
		return ""
	}
	return spell(append([]byte{version}, i.bounded().append(nil)...))
}

// Parse reads an invite, in either case and with white space in it. Every Invite
// it returns is within the limits, and has one text only. The error wraps
// ErrNotInvite, ErrDamaged, ErrNewer or chat.ErrTooLong, and tells all a person
// needs.
func Parse(s string) (Invite, error) {
	if len(s) > maxRaw {
		return Invite{}, tooLong()
	}
	word := squeeze(s)
	switch {
	case !strings.HasPrefix(word, Prefix):
		return Invite{}, ErrNotInvite
	case len(word) > MaxText:
		return Invite{}, tooLong()
	}
	data, err := unspell(word)
	switch {
	case err != nil:
		return Invite{}, err
	case data[0] > version:
		return Invite{}, ErrNewer
	case data[0] < version:
		return Invite{}, ErrDamaged
	}
	i, err := parsePayload(data[1:])
	if err != nil {
		return Invite{}, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	if i.String() != word { // another writing of the same, or more than may be in it
		return Invite{}, ErrDamaged
	}
	return i, nil
}

// Is reports whether s looks like an invite, also one that is damaged or newer. No
// room name, peer ID or contact's name does: these are shorter.
func Is(s string) bool {
	word := squeeze(s)
	return strings.HasPrefix(word, Prefix) && len(word) > chat.MaxRoomName
}

func tooLong() error {
	return fmt.Errorf("%w for an invite: those have at most %d characters", chat.ErrTooLong, MaxText)
}

// squeeze drops what mails and terminals put into a long word, and folds the case
// of ASCII letters: of other letters some fold to ASCII.
func squeeze(s string) string {
	const zeroWidthSpace = '\u200b' // where a page lets a long word break
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == zeroWidthSpace:
			return -1
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// spell makes a word of a version byte and what it frames: the prefix, then both
// and a checksum in base32.
func spell(data []byte) string {
	return Prefix + strings.ToLower(letters().EncodeToString(append(data, sum(data)...)))
}

// unspell is the reverse of spell. It returns at least a version byte. Invites of
// all versions are framed alike, so that a newer one is told from a damaged one.
func unspell(word string) ([]byte, error) {
	body := strings.TrimPrefix(word, Prefix)
	if strings.Trim(body, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return nil, ErrDamaged
	}
	all, err := letters().DecodeString(strings.ToUpper(body))
	if err != nil || len(all) <= sumSize {
		return nil, ErrDamaged
	}
	data := all[:len(all)-sumSize]
	if spell(slices.Clone(data)) != word { // the checksum, and bits to spare
		return nil, ErrDamaged
	}
	return data, nil
}

// sum is the checksum. The prefix is in it, so that bytes framed for something else
// are no invite by chance.
func sum(data []byte) []byte {
	full := sha256.Sum256(append([]byte(Prefix), data...))
	return full[:sumSize]
}

func letters() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }
