package bootstrap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// DefaultPort is the TCP port of a seed (PROTOCOL.md, section 8).
const DefaultPort = 4747

// MaxSeedLength is the longest written address of a seed, in bytes. A name of
// the DNS has at most 253, a peer ID 52.
const MaxSeedLength = 512

// ErrBadSeed says that a seed's address cannot be used.
var ErrBadSeed = errors.New("not a usable seed address")

// ParseSeed reads a full address of a seed, such as
// /dns4/seed.example.org/tcp/4747/p2p/12D3KooW... It must name the seed's
// Ed25519 identity at its end: an address alone could be anybody's. The
// addresses may be of kind /ip4, /ip6, /dns, /dns4, /dns6 or /dnsaddr; names
// are resolved at each dial, not here. The error wraps ErrBadSeed.
func ParseSeed(s string) (peer.AddrInfo, error) {
	if len(s) > MaxSeedLength {
		return peer.AddrInfo{}, fmt.Errorf("%w: %d bytes, and at most %d are allowed", ErrBadSeed, len(s), MaxSeedLength)
	}
	shown := chat.SafeString(s)
	addr, err := ma.NewMultiaddr(s)
	if err != nil {
		// libp2p's words begin with the address, which is told already.
		why := strings.TrimPrefix(err.Error(), fmt.Sprintf("failed to parse multiaddr %q: ", s))
		return peer.AddrInfo{}, fmt.Errorf("%w: %q is no multiaddr: %s", ErrBadSeed, shown, chat.SafeString(why))
	}
	where, id := peer.SplitAddr(addr)
	switch {
	case id == "":
		return peer.AddrInfo{}, fmt.Errorf("%w: %q does not end in /p2p/ and the seed's peer ID", ErrBadSeed, shown)
	case len(where) == 0:
		return peer.AddrInfo{}, fmt.Errorf("%w: %q has a peer ID but no address before it", ErrBadSeed, shown)
	}
	if _, err := chat.PeerIDFromLibp2p(id); err != nil {
		return peer.AddrInfo{}, fmt.Errorf("%w: %q: %w", ErrBadSeed, shown, err)
	}
	if err := checkKind(where); err != nil {
		return peer.AddrInfo{}, fmt.Errorf("%w: %q %w", ErrBadSeed, shown, err)
	}
	return peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{where}}, nil
}

// checkKind refuses what our transport, TCP, can never dial, so that a slip of
// the pen is told at once instead of as a seed that never answers.
func checkKind(where ma.Multiaddr) error {
	switch where[0].Code() {
	case ma.P_DNSADDR: // its text records hold whole addresses
		return nil
	case ma.P_IP4, ma.P_IP6, ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
	default:
		return fmt.Errorf("begins with /%s and not with /ip4, /ip6, /dns, /dns4, /dns6 or /dnsaddr", where[0].Protocol().Name)
	}
	if len(where) < 2 || where[1].Code() != ma.P_TCP {
		return errors.New("names no /tcp/ port")
	}
	if len(where) > 2 {
		return fmt.Errorf("goes on with /%s after its TCP port", where[2].Protocol().Name)
	}
	return nil
}

// ParseSeeds reads several addresses and merges those of one seed, in the order
// given. The first that is no good ends it.
func ParseSeeds(ss []string) ([]peer.AddrInfo, error) {
	var seeds []peer.AddrInfo
	for _, s := range ss {
		seed, err := ParseSeed(s)
		if err != nil {
			return nil, err
		}
		seeds = merge(seeds, seed)
	}
	return seeds, nil
}

// merge adds a seed to a list in which each peer stands once, and each of its
// addresses once.
func merge(seeds []peer.AddrInfo, seed peer.AddrInfo) []peer.AddrInfo {
	for i := range seeds {
		if seeds[i].ID == seed.ID {
			seeds[i].Addrs = ma.Unique(append(seeds[i].Addrs, seed.Addrs...))
			return seeds
		}
	}
	return append(seeds, peer.AddrInfo{ID: seed.ID, Addrs: ma.Unique(append([]ma.Multiaddr(nil), seed.Addrs...))})
}

// Listen is where a seed listens unless told otherwise: DefaultPort on all
// interfaces. IPv6 is optional because some machines have none.
func Listen() (required, optional []ma.Multiaddr) {
	port := fmt.Sprintf("/tcp/%d", DefaultPort)
	return []ma.Multiaddr{ma.StringCast("/ip4/0.0.0.0" + port)}, []ma.Multiaddr{ma.StringCast("/ip6/::" + port)}
}
