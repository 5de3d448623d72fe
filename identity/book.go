package identity

import (
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	bookFile = "peers.json"
	// damagedBook is where a damaged address book is moved, in place of an
	// earlier one.
	damagedBook = bookFile + ".damaged"

	// maxKnown is how many peers are remembered; the last seen are kept.
	maxKnown = 2_000
	// maxKnownAddrs is how many addresses of a peer are remembered; the first are
	// kept.
	maxKnownAddrs = 8
	// maxKnownAddr is the longest address, in bytes; longer ones are dropped.
	maxKnownAddr = 256
	// maxKnownRooms is how many rooms of a peer are remembered; the first are kept.
	maxKnownRooms = 64
	// maxBookFile is the most bytes of peers.json that are read: more than
	// maxKnown of the longest need.
	maxBookFile = 32 << 20
)

// A Known is a peer that was met, remembered so that it is found again without
// seeds.
type Known struct {
	Peer chat.PeerID `json:"peer"`
	// Addrs are multiaddrs, the best first. They are a stranger's claim.
	Addrs []string `json:"addrs,omitempty"`
	// Rooms are the conversations it was met in, as ConversationID.Base32.
	Rooms []string `json:"rooms,omitempty"`
	// Seen is when it was last connected, to the second.
	Seen time.Time `json:"seen"`
	// Seed is set for seed nodes.
	Seed bool `json:"seed,omitzero"`
}

// A Book is the folder's address book: peers.json, a cache. Its methods may be
// called by several goroutines. Where several processes save, the last wins.
type Book struct{ folder *Folder }

// Book gives access to the address book. It reads nothing yet, so its error is
// always nil for now; a damaged book is reported by Load.
func (f *Folder) Book() (*Book, error) { return &Book{f}, nil }

// Load returns the remembered peers, the last seen first; none if there is no
// book. A damaged book, or one of a newer version, is moved to
// peers.json.damaged and begun anew: then there are no peers, and an error that
// wraps ErrDamagedCache, with which one can go on.
func (b *Book) Load() ([]Known, error) {
	f := b.folder
	known, _, err := load(f, bookFile, maxBookFile, decodeBook)
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
		return tidyBook(known, time.Now()), err
	}
	err = f.edit(func() error {
		// Another process may have begun it anew meanwhile.
		var damage error
		known, _, damage = load(f, bookFile, maxBookFile, decodeBook)
		if !errors.Is(damage, ErrDamaged) && !errors.Is(damage, ErrNewer) {
			return damage
		}
		if err := os.Rename(f.path(bookFile), f.path(damagedBook)); err != nil {
			return fmt.Errorf("%w, and cannot be moved aside: %w", ErrDamagedCache, err)
		}
		return fmt.Errorf("%w: begun anew, the old one is %s: %w", ErrDamagedCache, f.path(damagedBook), damage)
	})
	return tidyBook(known, time.Now()), err
}

// Save replaces the remembered peers. What is beyond the limits (2,000 peers, 8
// addresses of 256 bytes and 64 rooms each) or makes no sense is left out: the
// peers last seen are kept, and the first addresses and rooms.
func (b *Book) Save(known []Known) error {
	data, err := encodeJSON(bookData{Version: fileVersion, Peers: tidyBook(known, time.Now())})
	if err != nil {
		return fmt.Errorf("save address book: %w", err)
	}
	return b.folder.edit(func() error { return b.folder.replace(bookFile, data) })
}

// bookData is what peers.json holds.
type bookData struct {
	Version int     `json:"version"`
	Peers   []Known `json:"peers"`
}

// decodeBook reads peers.json; tidyBook applies the limits.
func decodeBook(data []byte) ([]Known, error) {
	var file bookData
	if err := decodeJSON(data, &file); err != nil {
		return nil, err
	}
	return file.Peers, nil
}

// tidyBook returns what of known is fit to keep, the last seen first. It shares
// nothing with known. A time ahead of now, from when the clock was wrong, counts
// as now, or it would stay in front for ever.
func tidyBook(known []Known, now time.Time) []Known {
	now = now.UTC().Truncate(time.Second)
	tidy := make([]Known, 0, len(known))
	for _, k := range known {
		if k.Peer.IsZero() {
			continue
		}
		k.Addrs = keep(k.Addrs, maxKnownAddrs, goodAddr)
		k.Rooms = keep(k.Rooms, maxKnownRooms, goodRoom)
		if k.Seen = k.Seen.UTC().Truncate(time.Second); k.Seen.After(now) {
			k.Seen = now
		}
		tidy = append(tidy, k)
	}
	slices.SortStableFunc(tidy, func(a, b Known) int { return b.Seen.Compare(a.Seen) })
	have := make(map[chat.PeerID]bool, len(tidy))
	tidy = slices.DeleteFunc(tidy, func(k Known) bool {
		twice := have[k.Peer]
		have[k.Peer] = true
		return twice
	})
	return slices.Clip(tidy[:min(len(tidy), maxKnown)])
}

// keep returns the first n good elements of list, each once.
func keep(list []string, n int, good func(string) bool) []string {
	var kept []string
	for _, s := range list {
		if len(kept) < n && good(s) && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// goodAddr tells whether s may be a multiaddr: who dials it parses it.
func goodAddr(s string) bool {
	return len(s) <= maxKnownAddr && strings.HasPrefix(s, "/") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// goodRoom tells whether s is what ConversationID.Base32 gives.
func goodRoom(s string) bool {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(s))
	return err == nil && len(raw) == len(chat.ConversationID{}) && chat.ConversationID(raw).Base32() == s
}
