package discovery

import (
	"fmt"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func TestBoundAddrs(t *testing.T) {
	in := []ma.Multiaddr{
		ma.StringCast("/ip4/127.0.0.1/tcp/1"),
		ma.StringCast("/ip4/0.0.0.0/tcp/1"),
		ma.StringCast("/ip4/10.0.0.1/tcp/1"),
		ma.StringCast("/ip4/1.2.3.4/tcp/1"),
		ma.StringCast("/ip4/10.0.0.1/tcp/1"),
		nil,
	}
	got := boundAddrs(in)
	want := []string{"/ip4/1.2.3.4/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1"}
	if len(got) != len(want) {
		t.Fatalf("kept %v", got)
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("address %d is %s, want %s", i, got[i], want[i])
		}
	}
	if !in[0].Equal(ma.StringCast("/ip4/127.0.0.1/tcp/1")) {
		t.Error("the caller's list was changed")
	}
	var many []ma.Multiaddr
	for i := range 1000 {
		many = append(many, ma.StringCast(fmt.Sprintf("/ip4/10.0.0.1/tcp/%d", i+1)))
	}
	if got := boundAddrs(append(many, ma.StringCast("/ip4/1.2.3.4/tcp/1"))); len(got) != maxAddrs || got[0].String() != "/ip4/1.2.3.4/tcp/1" {
		t.Errorf("of 1001: %v", got)
	}
}

// Who is behind a router is often reached only through a relay: junk must not
// push its address out.
func TestBoundAddrsKeepsRelays(t *testing.T) {
	relay := func(i int) ma.Multiaddr {
		return ma.StringCast(fmt.Sprintf("/ip4/9.9.9.9/tcp/%d/p2p/%s/p2p-circuit", 5000+i, relayID))
	}
	loopback := ma.StringCast("/ip4/127.0.0.1/tcp/1")
	for name, c := range map[string]struct {
		in             []ma.Multiaddr
		relays, direct int
	}{
		"few":              {append(many(3), relay(1), relay(2), relay(3)), 3, 3},
		"many direct":      {append(many(100), relay(1), relay(2), relay(3)), relayAddrs, maxAddrs - relayAddrs},
		"one relay":        {append(many(100), relay(1)), 1, maxAddrs - 1},
		"no relay":         {many(100), 0, maxAddrs},
		"loopback as well": {append(many(7), relay(1), loopback, relay(2)), relayAddrs, maxAddrs - relayAddrs},
		"many of both":     {append(many(5), relay(1), relay(2), relay(3), relay(4), relay(5), relay(6)), 3, 5},
	} {
		got := boundAddrs(c.in)
		if n := count(got, isCircuit); n != c.relays || len(got)-n != c.direct {
			t.Errorf("%s: %d relays and %d others", name, n, len(got)-n)
		}
	}
}
