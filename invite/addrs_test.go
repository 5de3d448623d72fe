package invite

import (
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func TestChoose(t *testing.T) {
	me, relay := "/p2p/"+person(1).String(), "/p2p/"+person(2).String()+"/p2p-circuit"
	for name, tc := range map[string]struct{ in, want string }{
		"nothing":            {"", ""},
		"public first":       {"/ip4/127.0.0.1/tcp/1 /ip4/192.168.1.2/tcp/1 /ip4/8.8.8.8/tcp/1", "/ip4/8.8.8.8/tcp/1 /ip4/192.168.1.2/tcp/1"},
		"loopback if alone":  {"/ip4/127.0.0.1/tcp/1 /ip6/::1/tcp/1", "/ip4/127.0.0.1/tcp/1 /ip6/::1/tcp/1"},
		"no peer at the end": {"/ip4/8.8.8.8/tcp/1" + me, "/ip4/8.8.8.8/tcp/1"},
		"each once":          {"/ip4/8.8.8.8/tcp/1 /ip4/8.8.8.8/tcp/1" + me, "/ip4/8.8.8.8/tcp/1"},
		"place for a neighbour": {
			"/ip4/8.8.8.1/tcp/1 /ip4/8.8.8.2/tcp/1 /ip4/8.8.8.3/tcp/1 /ip4/8.8.8.4/tcp/1 /ip4/10.0.0.1/tcp/1",
			"/ip4/8.8.8.1/tcp/1 /ip4/8.8.8.2/tcp/1 /ip4/10.0.0.1/tcp/1",
		},
		"one relay": {
			"/ip4/8.8.8.8/tcp/2" + relay + me + " /ip4/8.8.8.9/tcp/2" + relay + " /ip4/10.0.0.1/tcp/1",
			"/ip4/8.8.8.8/tcp/2" + relay + " /ip4/10.0.0.1/tcp/1",
		},
		"a private relay": {
			"/ip4/10.0.0.9/tcp/2" + relay + " /ip4/10.0.0.1/tcp/1",
			"/ip4/10.0.0.1/tcp/1 /ip4/10.0.0.9/tcp/2" + relay,
		},
		"bounded": {
			"/ip4/8.8.8.1/tcp/1 /ip4/8.8.8.2/tcp/1 /ip4/8.8.8.8/tcp/2" + relay + " /ip4/10.0.0.1/tcp/1 /ip4/10.0.0.2/tcp/1",
			"/ip4/8.8.8.1/tcp/1 /ip4/8.8.8.2/tcp/1 /ip4/8.8.8.8/tcp/2" + relay + " /ip4/10.0.0.1/tcp/1",
		},
		"link-local":    {"/ip6/fe80::1/tcp/1 /ip4/169.254.1.1/tcp/1", ""},
		"cannot be had": {"x /ip4/8.8.8.8/udp/1 /ip4/0.0.0.0/tcp/1 /ip4/8.8.8.8/tcp/0 /p2p/" + person(1).String(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, a := range Choose(strings.Fields(tc.in)) {
				got = append(got, a.String())
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("chose %v, want %v", got, strings.Fields(tc.want))
			}
			if len(got) > MaxAddrs {
				t.Errorf("%d addresses", len(got))
			}
		})
	}
}

func TestMayHold(t *testing.T) {
	relay := "/p2p/" + person(2).String()
	for s, want := range map[string]bool{
		"/ip4/127.0.0.1/tcp/1":                        true,
		"/ip6/2001:db8::1/tcp/65535":                  true,
		"/dns/a.example/tcp/1":                        true,
		"/dns4/a.example/tcp/1":                       true,
		"/dns6/a-b_c.example/tcp/1":                   true,
		"/dnsaddr/example.org":                        true,
		"/dnsaddr/example.org/tcp/1":                  false,
		"/ip4/1.2.3.4/tcp/1" + relay + "/p2p-circuit": true,
		"/ip4/1.2.3.4/tcp/1/p2p-circuit":              false,
		"/ip4/1.2.3.4/tcp/1" + relay:                  false,
		"/ip4/1.2.3.4/tcp/1/ws":                       false,
		"/ip4/1.2.3.4/tcp/0":                          false,
		"/ip4/1.2.3.4":                                false,
		"/ip4/1.2.3.4/udp/1":                          false,
		"/ip4/1.2.3.4/udp/1/quic-v1":                  false,
		"/ip4/0.0.0.0/tcp/1":                          false,
		"/ip6/::/tcp/1":                               false,
		"/ip4/224.0.0.1/tcp/1":                        false,
		"/ip6zone/eth0/ip6/fe80::1/tcp/1":             false,
		"/unix/tmp":                                   false,
		"/dns4/a b/tcp/1":                             false,
		"/dns4/a\x1b[31m/tcp/1":                       false,
		"/dns4/b\u202ec/tcp/1":                        false,
		"/dns4/b\u00fccher.example/tcp/1":             false,
		"/dns4/" + strings.Repeat("a", 95) + "/tcp/1": true,
		"/dns4/" + strings.Repeat("a", 96) + "/tcp/1": false,
		"/ip4/1.2.3.4/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N/p2p-circuit": false,
	} {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if got := mayHold(a); got != want {
			t.Errorf("mayHold(%q) = %v", s, got)
		}
	}
	if mayHold(nil) {
		t.Error("mayHold(nil)")
	}
}
