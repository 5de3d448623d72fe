package host

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
)

func mas(ss ...string) (as []ma.Multiaddr) {
	for _, s := range ss {
		as = append(as, ma.StringCast(s))
	}
	return as
}

func ips(ss ...string) (as []netip.Addr) {
	for _, s := range ss {
		as = append(as, netip.MustParseAddr(s))
	}
	return as
}

// circuitOf is an address through a relay.
func circuitOf(i int) string {
	return fmt.Sprintf("/ip4/192.0.0.70/tcp/%d/p2p/12D3KooWM96CqLcb5UM4wj92Kch6eFMfCG6FU6ZDkToxpcNTVRxo/p2p-circuit", i)
}

func TestAdvertised(t *testing.T) {
	home := ips("127.0.0.1", "192.168.1.5", "::1")
	for name, c := range map[string]struct {
		facts     addrFacts
		confirmed []ma.Multiaddr
		want      []ma.Multiaddr
	}{
		"at home": {
			facts: addrFacts{listen: mas("/ip4/0.0.0.0/tcp/4001", "/p2p-circuit"), interfaces: home},
			want:  mas("/ip4/192.168.1.5/tcp/4001"),
		},
		"at home, seen by a seed, relayed": {
			facts: addrFacts{
				listen: mas("/ip4/0.0.0.0/tcp/4001"), interfaces: home,
				outside: mas("/ip4/192.0.0.65/tcp/4001"), circuits: mas(circuitOf(1)),
			},
			want: mas(circuitOf(1), "/ip4/192.168.1.5/tcp/4001"),
		},
		"port forwarded": {
			facts: addrFacts{
				listen: mas("/ip4/0.0.0.0/tcp/4001"), interfaces: home,
				outside: mas("/ip4/192.0.0.65/tcp/4001", "/ip4/192.0.0.65/tcp/999"),
			},
			confirmed: mas("/ip4/192.0.0.65/tcp/4001"),
			want:      mas("/ip4/192.0.0.65/tcp/4001", "/ip4/192.168.1.5/tcp/4001"),
		},
		"mapped by a router behind another": {
			facts: addrFacts{
				listen: mas("/ip4/0.0.0.0/tcp/4001"), interfaces: home,
				outside: mas("/ip4/10.0.0.2/tcp/4001"),
			},
			confirmed: mas("/ip4/10.0.0.2/tcp/4001"),
			want:      mas("/ip4/192.168.1.5/tcp/4001"),
		},
		"public, nobody to ask": {
			facts: addrFacts{listen: mas("/ip4/0.0.0.0/tcp/4001"), interfaces: ips("127.0.0.1", "192.0.0.66"), trustOwn: true},
			want:  mas("/ip4/192.0.0.66/tcp/4001"),
		},
		"public, not proven": {
			facts: addrFacts{listen: mas("/ip4/0.0.0.0/tcp/4001"), interfaces: ips("127.0.0.1", "192.0.0.66")},
			want:  mas("/ip4/127.0.0.1/tcp/4001"),
		},
		"IPv6 behind a firewall": {
			facts: addrFacts{
				listen:     mas("/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001"),
				interfaces: ips("127.0.0.1", "192.168.1.5", "::1", "3fff::5", "fd00::5"),
			},
			want: mas("/ip4/192.168.1.5/tcp/4001", "/ip6/fd00::5/tcp/4001"),
		},
		"offline": {
			facts: addrFacts{listen: mas("/ip4/0.0.0.0/tcp/4001"), interfaces: ips("127.0.0.1")},
			want:  mas("/ip4/127.0.0.1/tcp/4001"),
		},
		"loopback by name": {
			facts: addrFacts{listen: mas("/ip4/127.0.0.1/tcp/4001", "/ip4/10.0.0.5/tcp/4001"), interfaces: home},
			want:  mas("/ip4/10.0.0.5/tcp/4001", "/ip4/127.0.0.1/tcp/4001"),
		},
		"not listening": {facts: addrFacts{interfaces: home, circuits: mas(circuitOf(1))}, want: mas(circuitOf(1))},
	} {
		c.facts.confirmed = func(a ma.Multiaddr) bool { return ma.Contains(c.confirmed, a) }
		if got := advertised(c.facts); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, c.want)
		}
	}
}

func TestAdvertisedIsBounded(t *testing.T) {
	f := addrFacts{listen: mas("/ip4/0.0.0.0/tcp/4001"), confirmed: func(ma.Multiaddr) bool { return true }}
	for i := range 100 {
		f.circuits = append(f.circuits, ma.StringCast(circuitOf(i+1)))
		f.interfaces = append(f.interfaces, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	f.outside = mas("/ip4/192.0.0.65/tcp/4001")
	got := advertised(f)
	circuits := 0
	for _, a := range got {
		if isCircuit(a) {
			circuits++
		}
	}
	if len(got) != maxAdvertised || circuits != maxCircuits || !got[0].Equal(f.outside[0]) {
		t.Errorf("%d addresses, %d of relays: %v", len(got), circuits, got)
	}
}

func TestInterfacesAreAskedSeldom(t *testing.T) {
	asked := 0
	i := interfaces{source: func() ([]netip.Addr, error) {
		asked++
		return ips("fe80::1%eth0", "10.0.0.2", "::ffff:10.0.0.1", "10.0.0.2", "224.0.0.1", "0.0.0.0", "169.254.3.4"), nil
	}}
	for range 100 {
		i.now()
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if got := i.fresh(); fmt.Sprint(got) != "[10.0.0.1 10.0.0.2]" || asked != 2 {
		t.Errorf("got %v, asked %d times", got, asked)
	}
	i.source = func() ([]netip.Addr, error) { return nil, fmt.Errorf("no") }
	if got := i.fresh(); len(got) != 2 {
		t.Errorf("when the system does not say: %v", got)
	}
}

func TestSystemInterfaces(t *testing.T) {
	as, err := systemInterfaces()
	if err != nil || len(as) == 0 {
		t.Errorf("got %v, %v", as, err)
	}
}

func BenchmarkInterfaces(b *testing.B) {
	i := interfaces{source: systemInterfaces}
	for b.Loop() {
		i.fresh()
	}
}

func TestAsleep(t *testing.T) {
	for _, c := range []struct {
		wall, mono time.Duration
		want       bool
	}{
		{watchEvery, watchEvery, false},
		{4 * time.Second, watchEvery, false},      // the clock was put right
		{6 * time.Second, watchEvery, true},       // suspended
		{-time.Hour, watchEvery, false},           // put back
		{4 * time.Second, 4 * time.Second, false}, // a busy machine
		{time.Minute, time.Minute, true},          // frozen
		{8 * time.Hour, 600 * time.Millisecond, true},
	} {
		if got := asleep(c.wall, c.mono); got != c.want {
			t.Errorf("%s by the wall, %s by the other clock: %t", c.wall, c.mono, got)
		}
	}
}

func TestBehindRouter(t *testing.T) {
	for want, machines := range map[bool][][]netip.Addr{
		true:  {ips("127.0.0.1", "192.168.1.5"), ips("10.0.0.1", "3fff::1"), ips("100.64.0.9")},
		false: {nil, ips("127.0.0.1", "::1"), ips("3fff::1"), ips("192.0.0.66", "172.17.0.1")},
	} {
		for _, m := range machines {
			if behindRouter(m) != want {
				t.Errorf("%v: want %t", m, want)
			}
		}
	}
}
