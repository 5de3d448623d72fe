package invite

import (
	"errors"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// What an invite holds behind its version byte (PROTOCOL.md, section 12):
//
//	peer   32 bytes, an Ed25519 key
//	room   length in 1 byte, UTF-8; empty for a private talk
//	nick   length in 1 byte, UTF-8; may be empty
//	addrs  count in 1 byte; each: length in 1 byte, a binary multiaddr
//	seeds  count in 1 byte; each: 32 bytes of key, and addrs as above
//
// Nothing follows, no entry stands twice, and the addresses are such as mayHold
// takes: an invite has one text.

var (
	errShort   = errors.New("it ends too early")
	errCount   = errors.New("too many entries")
	errAddress = errors.New("an address that is none")
	errSeed    = errors.New("a seed without address")
)

// append writes a bounded invite.
func (i Invite) append(b []byte) []byte {
	b = append(b, i.Peer[:]...)
	b = appendBytes(b, []byte(i.Room))
	b = appendBytes(b, []byte(i.Nick.Raw()))
	b = appendAddrs(b, i.Addrs)
	b = append(b, byte(len(i.Seeds)))
	for _, s := range i.Seeds {
		id, _ := chat.PeerIDFromLibp2p(s.ID) // bounded keeps no others
		b = append(b, id[:]...)
		b = appendAddrs(b, s.Addrs)
	}
	return b
}

func appendBytes(b, field []byte) []byte {
	return append(append(b, byte(len(field))), field...)
}

func appendAddrs(b []byte, addrs []ma.Multiaddr) []byte {
	b = append(b, byte(len(addrs)))
	for _, a := range addrs {
		b = appendBytes(b, a.Bytes())
	}
	return b
}

// bounded is i with what an invite may hold, in the same order.
func (i Invite) bounded() Invite {
	nick, err := chat.NewNick(i.Nick.Raw())
	if err != nil {
		nick = chat.Text{}
	}
	out := Invite{Peer: i.Peer, Nick: nick, Room: i.Room, Addrs: boundedAddrs(i.Addrs, MaxAddrs)}
	for _, s := range i.Seeds {
		_, err := chat.PeerIDFromLibp2p(s.ID)
		addrs := boundedAddrs(s.Addrs, MaxSeedAddrs)
		known := slices.ContainsFunc(out.Seeds, func(o peer.AddrInfo) bool { return o.ID == s.ID })
		if err == nil && len(addrs) > 0 && !known && len(out.Seeds) < MaxSeeds {
			out.Seeds = append(out.Seeds, peer.AddrInfo{ID: s.ID, Addrs: addrs})
		}
	}
	return out
}

func boundedAddrs(addrs []ma.Multiaddr, limit int) (out []ma.Multiaddr) {
	for _, a := range addrs {
		if len(out) == limit {
			break
		}
		a = withoutPeer(a)
		if mayHold(a) && !slices.ContainsFunc(out, a.Equal) {
			out = append(out, a)
		}
	}
	return out
}

// A reader takes fields from the front of its bytes. After the first error it
// gives nothing more.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.fail(errShort)
		return nil
	}
	field := r.rest[:n]
	r.rest = r.rest[n:]
	return field
}

// number takes one byte that is at most limit.
func (r *reader) number(limit int) int {
	field := r.take(1)
	if field == nil {
		return 0
	}
	if n := int(field[0]); n <= limit {
		return n
	}
	r.fail(errCount)
	return 0
}

func (r *reader) peer() chat.PeerID {
	key := r.take(len(chat.PeerID{}))
	if key == nil {
		return chat.PeerID{}
	}
	id, err := chat.PeerIDFromKey(key)
	if err != nil {
		r.fail(err)
	}
	return id
}

func (r *reader) addrs(limit int) (out []ma.Multiaddr) {
	for range r.number(limit) {
		field := r.take(r.number(MaxAddr))
		if r.err != nil {
			return nil
		}
		a, err := ma.NewMultiaddrBytes(field)
		if err != nil {
			r.fail(errAddress) // err quotes a stranger's bytes
			return nil
		}
		out = append(out, a)
	}
	return out
}

// parsePayload reads what append wrote, of what anybody may have written. The
// caller compares what it gives, written again: so addresses of other kinds,
// entries that stand twice, and bytes at the end are found.
func parsePayload(b []byte) (Invite, error) {
	var i Invite
	r := &reader{rest: b}
	i.Peer = r.peer()
	room := string(r.take(r.number(chat.MaxRoomName)))
	nick := string(r.take(r.number(chat.MaxNick)))
	i.Addrs = r.addrs(MaxAddrs)
	for range r.number(MaxSeeds) {
		id := r.peer()
		addrs := r.addrs(MaxSeedAddrs)
		if r.err == nil && len(addrs) == 0 {
			r.fail(errSeed)
		}
		i.Seeds = append(i.Seeds, peer.AddrInfo{ID: id.Libp2p(), Addrs: addrs})
	}
	if r.err != nil {
		return Invite{}, r.err
	}
	if err := i.setNames(room, nick); err != nil {
		return Invite{}, err
	}
	return i, nil
}

// setNames takes the room and the nick, if there are.
func (i *Invite) setNames(room, nick string) (err error) {
	if room != "" {
		if i.Room, err = chat.ParseRoomName(room); err != nil {
			return err
		}
	}
	if nick != "" {
		i.Nick, err = chat.NewNick(nick)
	}
	return err
}
