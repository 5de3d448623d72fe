package bootstrap

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// testID is the peer ID of the key made from n.
func testID(n byte) string {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	id, err := chat.PeerIDFromKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return id.String()
}

func TestParseSeedAccepts(t *testing.T) {
	for _, where := range []string{
		"/ip4/192.0.2.1/tcp/4747",
		"/ip6/2001:db8::1/tcp/4747",
		"/dns/seed.example.org/tcp/4747",
		"/dns4/seed.example.org/tcp/4747",
		"/dns6/seed.example.org/tcp/4747",
		"/dnsaddr/seed.example.org",
	} {
		got, err := ParseSeed(where + "/p2p/" + testID(1))
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		if got.ID.String() != testID(1) || len(got.Addrs) != 1 || got.Addrs[0].String() != where {
			t.Errorf("%s: parsed as %v", where, got)
		}
	}
}

func TestParseSeedRefuses(t *testing.T) {
	weak := peer.ID("\x00\x24\x08\x01\x12\x20" + "\x01" + strings.Repeat("\x00", 31)).String()
	for _, c := range []struct{ in, why string }{
		{"", "no multiaddr"},
		{"seed.example.org:4747", "no multiaddr"},
		{"/ip4/192.0.2.1/tcp/99999/p2p/" + testID(1), "no multiaddr"},
		{"/ip4/192.0.2.1/tcp/4747", "does not end in /p2p/"},
		{"/ip4/192.0.2.1/tcp/4747/p2p/" + testID(1) + "/tcp/1", "does not end in /p2p/"},
		{"/p2p/" + testID(1), "no address before it"},
		{"/ip4/192.0.2.1/tcp/4747/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN", "not an Ed25519"},
		{"/ip4/192.0.2.1/tcp/4747/p2p/" + weak, "weak Ed25519 key"},
		{"/ip4/192.0.2.1/udp/4747/quic-v1/p2p/" + testID(1), "no /tcp/ port"},
		{"/ip4/192.0.2.1/tcp/4747/ws/p2p/" + testID(1), "goes on with /ws"},
		{"/unix/a/p2p/" + testID(1), "/p2p/"},
		{"/dns4/" + strings.Repeat("a", MaxSeedLength) + "/tcp/1/p2p/" + testID(1), "at most 512"},
		{"/ip4/\x1b[2J/tcp/1", "no multiaddr"},
	} {
		_, err := ParseSeed(c.in)
		if !errors.Is(err, ErrBadSeed) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q: %v, and not %q", c.in, err, c.why)
		} else if strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q: the error could hurt a terminal: %q", c.in, err)
		}
	}
}

func TestParseSeedsMergesEqualPeers(t *testing.T) {
	a, b := testID(1), testID(2)
	got, err := ParseSeeds([]string{
		"/ip4/192.0.2.1/tcp/4747/p2p/" + a,
		"/ip4/192.0.2.2/tcp/4747/p2p/" + b,
		"/ip6/2001:db8::1/tcp/4747/p2p/" + a,
		"/ip4/192.0.2.1/tcp/4747/p2p/" + a,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].ID.String() != a || len(got[0].Addrs) != 2 || got[1].ID.String() != b || len(got[1].Addrs) != 1 {
		t.Errorf("merged to %v", got)
	}
	if _, err := ParseSeeds([]string{"/ip4/192.0.2.1/tcp/4747/p2p/" + a, "nonsense"}); !errors.Is(err, ErrBadSeed) {
		t.Errorf("a bad one among good ones: %v", err)
	}
}

func TestListenIsTheDefaultPort(t *testing.T) {
	required, optional := Listen()
	if len(required) != 1 || required[0].String() != "/ip4/0.0.0.0/tcp/4747" {
		t.Errorf("required: %v", required)
	}
	if len(optional) != 1 || optional[0].String() != "/ip6/::/tcp/4747" {
		t.Errorf("optional: %v", optional)
	}
}

func FuzzParseSeed(f *testing.F) {
	f.Add("/ip4/192.0.2.1/tcp/4747/p2p/" + testID(1))
	f.Add("/dnsaddr/seed.example.org/p2p/" + testID(2))
	f.Add("/p2p/x")
	f.Add("\x00/ip6zone/a/ip6/::1/tcp/1")
	f.Fuzz(func(t *testing.T, s string) {
		seed, err := ParseSeed(s)
		if err != nil {
			if !errors.Is(err, ErrBadSeed) || chat.SafeString(err.Error()) != err.Error() {
				t.Fatalf("%q: unsafe or unnamed error %q", s, err)
			}
			return
		}
		again, err := ParseSeed(seed.Addrs[0].Encapsulate(ma.StringCast("/p2p/" + seed.ID.String())).String())
		if err != nil || again.ID != seed.ID || !again.Addrs[0].Equal(seed.Addrs[0]) {
			t.Fatalf("%q: written and read again: %v, %v", s, again, err)
		}
	})
}
