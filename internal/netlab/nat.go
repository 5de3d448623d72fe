package netlab

import (
	"fmt"
	"strings"
)

// A NAT is how a router translates the addresses of those behind it.
type NAT uint8

const (
	// Friendly keeps the source port and so maps it the same way for everybody;
	// what nobody inside asked for is dropped. Most home routers are like this.
	Friendly NAT = iota
	// Shifting maps each host's port to another one, the same for everybody.
	Shifting
	// Symmetric takes a new random port for each connection: it cannot be punched.
	Symmetric
	// Resetting is Friendly, but answers what nobody asked for with a reset.
	Resetting
)

// String names the kind in subtests.
func (n NAT) String() string {
	switch n {
	case Friendly:
		return "friendly"
	case Shifting:
		return "shifting"
	case Symmetric:
		return "symmetric"
	case Resetting:
		return "resetting"
	default:
		return fmt.Sprintf("nat(%d)", uint8(n))
	}
}

// wan is the name of the interface that leads to the internet, or to the router
// in front of a router.
const wan = "wan0"

// shift is what Shifting adds to the port on which people on a host listen.
const shift = 50000

// A lease is the address of a host in a home, and the port people listen on there;
// 0 if it is another router's.
type lease struct {
	ip   string
	port int
}

// A forwarding is a port of the router that leads to one inside.
type forwarding struct {
	outer, inner int
	host         string
}

// natRules are a router's complete rules: they replace what was there.
func natRules(kind NAT, leases []lease, forwards []forwarding) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("table ip nat")
	line("delete table ip nat")
	line("table ip nat {")
	line("chain pre { type nat hook prerouting priority dstnat;")
	for _, f := range forwards {
		line("iifname %s tcp dport %d dnat to %s:%d", wan, f.outer, f.host, f.inner)
	}
	line("}")
	line("chain post { type nat hook postrouting priority srcnat;")
	if kind == Shifting {
		for _, l := range leases {
			if l.port != 0 {
				line("oifname %s ip saddr %s tcp sport %d masquerade to :%d", wan, l.ip, l.port, l.port+shift)
			}
		}
	}
	if kind == Symmetric {
		line("oifname %s masquerade fully-random", wan)
	} else {
		line("oifname %s masquerade", wan)
	}
	line("}")
	line("}")
	line("table inet filter")
	line("delete table inet filter")
	line("table inet filter {")
	if kind != Resetting {
		// Invalid packets, too: the router would answer them with a reset, and
		// that ends every attempt at a hole.
		line("chain input { type filter hook input priority filter;")
		line("iifname %s ct state != { established, related } drop", wan)
		line("}")
	}
	line("chain forward { type filter hook forward priority filter;")
	line("ct state invalid drop") // it would leave with the address from inside
	line("iifname %s ct status dnat accept", wan)
	line("iifname %s ct state new drop", wan)
	line("}")
	line("}")
	return b.String()
}
