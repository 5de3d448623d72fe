package host

import (
	"fmt"
	"net/netip"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func TestHousehold(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/192.0.0.70/tcp/4747":          "192.0.0.70/32",
		"/ip6/3fff:1:2:345::1/tcp/4747":     "3fff:1:2:300::/56",
		"/ip6/3fff:1:2:3ff:5::/tcp/1":       "3fff:1:2:300::/56",
		"/ip6/::ffff:192.0.0.70/tcp/4747":   "192.0.0.70/32",
		"/dns4/example.org/tcp/4747":        "",
		"/ip4/192.0.0.70/tcp/1/p2p-circuit": "192.0.0.70/32",
	} {
		got, ok := household(ma.StringCast(addr))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s is of %s (%t), not %q", addr, got, ok, want)
		}
	}
}

// TestLastPlaces: while there are many connections, one address gets few of the rest.
func TestLastPlaces(t *testing.T) {
	a := ma.StringCast("/ip4/192.0.0.70/tcp/4747")
	elsewhere := func(n int) (all []ma.Multiaddr) {
		for i := range n {
			all = append(all, ma.StringCast(fmt.Sprintf("/ip4/192.0.%d.%d/tcp/1", 1+i/256, i%256)))
		}
		return all
	}
	own := func(n int) (all []ma.Multiaddr) {
		for range n {
			all = append(all, a)
		}
		return all
	}
	for _, c := range []struct {
		what           string
		own, elsewhere int
		over           bool
	}{
		{"nobody is there", 0, 0, false},
		{"not many in all", connsOfIPv4, connsHigh - connsOfIPv4, false},
		{"few of its own", connsOfIPWhenCrowded - 1, connsHigh, false},
		{"its share", connsOfIPWhenCrowded, connsHigh, true},
	} {
		if got := overShare(a, append(own(c.own), elsewhere(c.elsewhere)...)); got != c.over {
			t.Errorf("%s: over its share: %t", c.what, got)
		}
	}
	local := ma.StringCast("/ip4/127.0.0.1/tcp/4747")
	many := elsewhere(connsHigh)
	for range connsOfIPWhenCrowded {
		many = append(many, local)
	}
	if overShare(local, many) {
		t.Error("this machine has a share of itself")
	}
}

// TestDialBackPorts: a seed knocks at no other protocol's door for a stranger.
func TestDialBackPorts(t *testing.T) {
	for addr, want := range map[string]bool{
		"/ip4/192.0.0.70/tcp/4747":   true,
		"/ip4/192.0.0.70/tcp/1024":   true,
		"/ip6/3fff::1/tcp/443":       true,
		"/ip4/192.0.0.70/tcp/80":     true,
		"/ip4/192.0.0.70/tcp/22":     false,
		"/ip4/192.0.0.70/tcp/25":     false,
		"/ip4/192.0.0.70/tcp/1023":   false,
		"/ip6/3fff::1/tcp/587":       false,
		"/dns4/example.org/tcp/4747": false,
	} {
		if got := (dialBackGate{}).InterceptAddrDial("", ma.StringCast(addr)); got != want {
			t.Errorf("%s may be called: %t", addr, got)
		}
	}
}

// TestDialBackShare: one address cannot use up what a seed calls back for all.
func TestDialBackShare(t *testing.T) {
	l := newDialBackLimiter()
	busy, other := netip.MustParseAddr("192.0.0.70"), netip.MustParseAddr("192.0.0.71")
	got := 0
	for range dialBacksPerMinute {
		if l.Allow(busy) {
			got++
		}
	}
	if got < dialBacksOfIP || got > dialBacksOfIP+1 { // one more may fall due meanwhile
		t.Errorf("one address may ask %d times, not %d", got, dialBacksOfIP)
	}
	if !l.Allow(other) {
		t.Error("another may not")
	}
}
