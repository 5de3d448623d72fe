package host

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	ma "github.com/multiformats/go-multiaddr"
)

// saw is an observation of our port 4001 at 192.168.1.5.
func saw(by, seen string) observation {
	return observation{
		local: netip.MustParseAddrPort("192.168.1.5:4001"), seen: netip.MustParseAddrPort(seen),
		by: netip.MustParseAddrPort(by), outbound: true, ours: true,
	}
}

func TestNATKind(t *testing.T) {
	own := ips("127.0.0.1", "192.168.1.5")
	inbound := saw("192.0.0.81:4001", "192.0.0.65:4001")
	inbound.outbound = false
	v6 := observation{
		local: netip.MustParseAddrPort("[fd00::5]:4001"), seen: netip.MustParseAddrPort("[3fff::5]:4001"),
		by: netip.MustParseAddrPort("[3fff::9]:4001"), outbound: true, ours: true,
	}
	for name, c := range map[string]struct {
		obs  []observation
		own  []netip.Addr
		want string
	}{
		"nobody said anything": {nil, own, natUnknown},
		"one alone":            {[]observation{saw("192.0.0.80:4001", "192.0.0.65:4001")}, own, natUnknown},
		"the same one twice": {[]observation{
			saw("192.0.0.80:4001", "192.0.0.65:4001"), saw("192.0.0.80:4001", "192.0.0.65:4001"),
		}, own, natUnknown},
		"two agree": {[]observation{
			saw("192.0.0.80:4001", "192.0.0.65:54001"), saw("192.0.0.81:4001", "192.0.0.65:54001"),
		}, own, natFriendly},
		"two ports": {[]observation{
			saw("192.0.0.80:4001", "192.0.0.65:1024"), saw("192.0.0.81:4001", "192.0.0.65:1025"),
		}, own, natSymmetric},
		"one came in": {[]observation{saw("192.0.0.80:4001", "192.0.0.65:4001"), inbound}, own, natUnknown},
		"our own":     {[]observation{saw("192.0.0.80:4001", "192.0.0.65:4001")}, ips("192.0.0.65"), natNone},
		"IPv6 too": {[]observation{
			saw("192.0.0.80:4001", "192.0.0.65:4001"), saw("192.0.0.81:4001", "192.0.0.65:4001"), v6,
		}, ips("192.168.1.5", "3fff::5"), natFriendly},
		"IPv6 alone": {[]observation{v6}, ips("3fff::5"), natNone},
	} {
		if got := natKind(c.obs, c.own); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestMostSeen(t *testing.T) {
	seed := saw("192.0.0.80:4001", "192.0.0.65:4001")
	seed.trusted = true
	elsewhere := saw("192.0.0.84:1", "192.0.0.65:7777")
	elsewhere.ours = false // from a port that nobody listens on
	obs := []observation{seed, elsewhere}
	for i := range 20 { // a liar with one machine and many names
		obs = append(obs, saw(fmt.Sprintf("192.0.0.90:%d", i+1), "192.0.0.99:22"))
	}
	obs = append(obs, saw("192.0.0.81:4001", "192.0.0.65:4001"))
	if got := fmt.Sprint(mostSeen(obs, false)); got != "[/ip4/192.0.0.65/tcp/4001 /ip4/192.0.0.99/tcp/22]" {
		t.Errorf("by all: %s", got)
	}
	if got := fmt.Sprint(mostSeen(obs, true)); got != "[/ip4/192.0.0.65/tcp/4001]" {
		t.Errorf("by seeds: %s", got)
	}
	for i := range 20 { // a symmetric NAT
		obs = append(obs, saw(fmt.Sprintf("192.0.0.%d:1", 100+i), fmt.Sprintf("192.0.0.65:%d", 1000+i)))
	}
	if got := mostSeen(obs, false); len(got) != maxObserved || got[0].String() != "/ip4/192.0.0.65/tcp/4001" {
		t.Errorf("of many: %v", got)
	}
}

func TestEndpoint(t *testing.T) {
	for s, want := range map[string]string{
		"/ip4/10.0.0.1/tcp/4001":           "10.0.0.1:4001",
		"/ip6/3fff::1/tcp/65535":           "[3fff::1]:65535",
		"/ip4/10.0.0.1/udp/4001":           "",
		"/dns/example.org/tcp/4001":        "",
		"/ip4/10.0.0.1":                    "",
		"/p2p-circuit":                     "",
		circuitOf(9):                       "192.0.0.70:9",
		"/ip6zone/eth0/ip6/fe80::1/tcp/80": "",
	} {
		at, ok := endpoint(ma.StringCast(s))
		if ok != (want != "") || ok && at.String() != want {
			t.Errorf("%s: %s, %t", s, at, ok)
		}
	}
}

func TestProof(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := proof{addr: ma.StringCast("/ip4/192.0.0.65/tcp/4001")}
	p = p.after(network.ReachabilityPrivate, now)
	if p.verdict != network.ReachabilityPrivate || p.next != now.Add(refutedFor) {
		t.Errorf("refused at first: %+v", p)
	}
	p = p.after(network.ReachabilityPublic, now)
	if p.verdict != network.ReachabilityPublic || p.next != now.Add(confirmedFor) {
		t.Errorf("called: %+v", p)
	}
	p = p.after(network.ReachabilityUnknown, now)
	if p.verdict != network.ReachabilityPublic {
		t.Errorf("no answer: %+v", p)
	}
	if p = p.after(network.ReachabilityPrivate, now); p.verdict != network.ReachabilityPublic || p.next != now {
		t.Errorf("one failure: %+v", p)
	}
	if p = p.after(network.ReachabilityPrivate, now); p.verdict != network.ReachabilityPrivate {
		t.Errorf("two failures: %+v", p)
	}
}

func TestWhatIsAskedFirst(t *testing.T) {
	p := &proofs{}
	all := mas("/ip6/3fff::1/tcp/1", "/ip4/192.0.0.65/tcp/1", "/ip4/192.0.0.65/tcp/2")
	for i := range 20 {
		all = append(all, ma.StringCast(fmt.Sprintf("/ip4/192.0.0.66/tcp/%d", i+1)))
	}
	p.update(all)
	if len(p.all) != maxProven {
		t.Errorf("asks about %d addresses", len(p.all))
	}
	p.update(all[:3])
	now := time.Now()
	p.note(autonatv2.Result{Addr: all[1], Reachability: network.ReachabilityPublic}, now)
	if due := p.due(now); len(due) != 2 || !due[0].Addr.Equal(all[2]) {
		t.Errorf("due: %v", due)
	}
	if due := p.due(now.Add(confirmedFor)); len(due) != 3 || !due[2].Addr.Equal(all[1]) {
		t.Errorf("due later: %v", due)
	}
	if p.update(all[2:3]); p.confirmed(all[1]) {
		t.Error("an address that is gone is still confirmed")
	}
}

func TestNeedsRelay(t *testing.T) {
	v4, v6 := mas("/ip4/192.0.0.65/tcp/1"), mas("/ip6/3fff::1/tcp/1")
	for _, c := range []struct {
		confirmed []ma.Multiaddr
		haveIPv4  bool
		want      bool
	}{{nil, true, true}, {nil, false, true}, {v4, true, false}, {v6, true, true}, {v6, false, false}, {append(v6, v4...), true, false}} {
		if got := needsRelay(c.confirmed, c.haveIPv4); got != c.want {
			t.Errorf("%v, IPv4 %t: %t", c.confirmed, c.haveIPv4, got)
		}
	}
}

func TestPunchFilter(t *testing.T) {
	bad := mas("/ip4/127.0.0.1/tcp/22", "/ip4/192.168.1.1/tcp/80", "/ip4/169.254.1.1/tcp/80", "/ip4/224.0.0.1/tcp/80",
		"/ip4/192.0.0.65/udp/4001", "/dns/example.org/tcp/80", "/ip4/192.0.0.65/tcp/0", "/ip4/192.0.0.65/tcp/80/ws",
		"/ip6/::1/tcp/22", "/ip6/fd00::1/tcp/22", "/ip6zone/eth0/ip6/fe80::1/tcp/22", circuitOf(1))
	good := mas("/ip4/192.0.0.65/tcp/4001", "/ip6/3fff::1/tcp/4001")
	if got := (punchFilter{}).FilterRemote("", append(bad, good...)); fmt.Sprint(got) != fmt.Sprint(good) {
		t.Errorf("kept %v", got)
	}
	var many []ma.Multiaddr
	for i := range 1000 {
		many = append(many, ma.StringCast(fmt.Sprintf("/ip4/192.0.0.65/tcp/%d", i+1)))
	}
	if got := (punchFilter{}).FilterRemote("", many); len(got) != maxPunched {
		t.Errorf("kept %d of many", len(got))
	}
}
