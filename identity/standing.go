package identity

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// A Standing is what may be done with what a peer writes in private.
type Standing int

// The standings.
const (
	// StandingUnknown is a peer of whom the user said nothing: its first messages
	// are a request.
	StandingUnknown Standing = iota
	// StandingKnown is a peer with a name, or accepted, or verified.
	StandingKnown
	// StandingIgnored is a peer whose requests are not shown.
	StandingIgnored
	// StandingBlocked is a peer from whom nothing is heard.
	StandingBlocked
)

// String is the standing in one word.
func (s Standing) String() string {
	switch s {
	case StandingKnown:
		return "known"
	case StandingIgnored:
		return "ignored"
	case StandingBlocked:
		return "blocked"
	default:
		return "unknown"
	}
}

// Standing is how p stands with the user. What the user said last counts, and a
// block above all. It is as cheap as Blocked.
func (c *Contacts) Standing(p chat.PeerID) Standing {
	k, _ := c.Of(p)
	return k.Standing()
}

// Standing is how the contact's peer stands with the user.
func (k Contact) Standing() Standing {
	switch {
	case k.Blocked:
		return StandingBlocked
	case k.Ignored:
		return StandingIgnored
	case k.Name != "" || k.Accepted || k.Verified:
		return StandingKnown
	default:
		return StandingUnknown
	}
}

// onlyBlock is k without all that the user said but a block.
func (k Contact) onlyBlock() Contact {
	return Contact{Peer: k.Peer, Added: k.Added, Blocked: k.Blocked}
}

// empty reports whether nothing is said about the peer.
func (k Contact) empty() bool { return !k.Blocked && k == k.onlyBlock() }

// Accept lets p write in private. It does not lift a block.
func (c *Contacts) Accept(p chat.PeerID) error {
	return c.mark(p, func(k *Contact) { k.Accepted, k.Ignored = true, false })
}

// Ignore has what p writes unasked not shown, and takes an acceptance back.
func (c *Contacts) Ignore(p chat.PeerID) error {
	return c.mark(p, func(k *Contact) { k.Accepted, k.Ignored = false, true })
}

// Forget takes back all that the user said about p but a block. If that is
// nothing, the error wraps chat.ErrNotFound.
func (c *Contacts) Forget(p chat.PeerID) error {
	return c.change(func(list []Contact, _ time.Time) ([]Contact, error) {
		i := slices.IndexFunc(list, func(k Contact) bool { return k.Peer == p && k != k.onlyBlock() })
		if i < 0 {
			return nil, fmt.Errorf("contact %s: %w", p, chat.ErrNotFound)
		}
		list[i] = list[i].onlyBlock()
		return list, nil
	})
}
