package netlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// ipv6Net is the length of the prefix that each edge owns.
	ipv6Net = 48
	// firstHost is the last byte of the first host's address in a home.
	firstHost = 10
	// firstPublic and lastPublic bound the last byte of public IPv4 addresses.
	firstPublic, lastPublic = 65, 254
	// SeedPort is where seeds listen.
	SeedPort = 4747
	// firstPort is where people on the lab's first host listen; the others follow.
	firstPort = 4010
)

// A Place is where something is in the lab: a Host or a Home.
type Place interface {
	edge() *edge
}

// A Home is a router and the network behind it.
type Home struct {
	lab     *Lab
	name    string
	space   space
	at      *edge
	outer   *Home // the router in front of this one; nil if it is the internet
	kind    NAT
	lan     netip.Prefix // with the router's own address
	lan6    netip.Prefix // if it has IPv6
	addr    netip.Addr   // on wan
	leases  []lease      // given to those inside
	forward []forwarding
}

// A Host is one computer.
type Host struct {
	lab   *Lab
	name  string
	space space
	home  *Home // nil if it is at the edge itself
	at    *edge // if home is nil
	port  int   // on which people here listen
	addrs []netip.Addr
	off   bool
	nodes []*Node
}

func (h *Home) edge() *edge { return h.at }

func (h *Host) edge() *edge {
	if h.home != nil {
		return h.home.at
	}
	return h.at
}

// Public adds a host with a public IPv4 address of its own.
func (l *Lab) Public(name string) *Host {
	l.t.Helper()
	h := l.newHost(name)
	h.at = l.newEdge(name, h.space)
	h.AddAddress(l.newAddr())
	l.must(h.space.ip("route add default dev " + wan))
	h.watch()
	return h
}

// PublicIPv6 adds a host that has a public IPv6 address and no IPv4.
func (l *Lab) PublicIPv6(name string) *Host {
	l.t.Helper()
	h := l.newHost(name)
	h.at = l.newEdge(name, h.space)
	p := l.newPrefix()
	h.at.own(p)
	h.addrs = []netip.Addr{p.Addr().Next()}
	l.must(h.space.ip(
		fmt.Sprintf("addr add %s/128 dev %s", h.addrs[0], wan),
		"route add ::/0 dev "+wan,
	))
	h.watch()
	return h
}

// AddAddress gives a public host one more address.
func (h *Host) AddAddress(a netip.Addr) {
	h.lab.t.Helper()
	h.at.own(single(a))
	h.lab.must(h.space.ip(fmt.Sprintf("addr add %s/32 dev %s", a, wan)))
	h.addrs = append(h.addrs, a)
}

// MoreAddresses gives a public host n more addresses and returns all it has.
func (h *Host) MoreAddresses(n int) []netip.Addr {
	h.lab.t.Helper()
	for range n {
		h.AddAddress(h.lab.newAddr())
	}
	return h.addrs
}

// Home adds a router at the edge of the internet, with an IPv4 network behind it, the
// same in every home.
func (l *Lab) Home(name string, kind NAT) *Home {
	l.t.Helper()
	return l.HomeIn(name, kind, "192.168.1.1/24")
}

// HomeIn is Home with another network behind it, written as the router's own address
// in it.
func (l *Lab) HomeIn(name string, kind NAT, lan string) *Home {
	l.t.Helper()
	r := &Home{lab: l, name: name, space: l.newSpace(name), kind: kind, lan: netip.MustParsePrefix(lan)}
	r.at = l.newEdge(name, r.space)
	r.addr = l.newAddr()
	r.at.own(single(r.addr))
	l.must(r.space.ip(
		fmt.Sprintf("addr add %s/32 dev %s", r.addr, wan),
		"route add default dev "+wan,
	))
	r.route()
	return r
}

// HomeIPv6 adds a router with both IPv4, translated in the way of kind, and an IPv6
// network of public addresses, into which it lets nothing that nobody asked for.
func (l *Lab) HomeIPv6(name string, kind NAT) *Home {
	l.t.Helper()
	r := l.Home(name, kind)
	p := l.newPrefix()
	r.at.own(p)
	r.lan6 = netip.PrefixFrom(p.Addr().Next(), 64)
	l.must(r.space.sysctl("net.ipv6.conf.all.forwarding", "1"))
	l.must(r.space.ip(
		fmt.Sprintf("addr add %s dev br0 nodad", r.lan6),
		"route add ::/0 dev "+wan,
	))
	return r
}

// Home adds a router behind this one: a carrier's network, or a second box.
func (h *Home) Home(name string, kind NAT) *Home {
	h.lab.t.Helper()
	l := h.lab
	r := &Home{
		lab: l, name: name, space: l.newSpace(name), at: h.at, outer: h, kind: kind,
		lan: netip.MustParsePrefix(fmt.Sprintf("192.168.%d.1/24", h.lan.Addr().As4()[2]+1)),
	}
	ip := h.lease(0)
	h.plug(r.space, wan)
	l.must(r.space.ip(
		fmt.Sprintf("addr add %s/%d dev %s", ip, h.lan.Bits(), wan),
		fmt.Sprintf("route add default via %s", h.lan.Addr()),
	))
	r.addr = netip.MustParseAddr(ip)
	r.route()
	return r
}

// route makes the router's inner network and its rules.
func (h *Home) route() {
	h.lab.t.Helper()
	h.lab.must(h.space.sysctl("net.ipv4.ip_forward", "1"))
	h.lab.must(h.space.ip(
		"link add br0 type bridge",
		fmt.Sprintf("addr add %s dev br0", h.lan),
		"link set br0 up",
	))
	h.apply()
}

// apply gives the router the rules that follow from what it knows.
func (h *Home) apply() {
	h.lab.t.Helper()
	h.lab.must(h.space.nft(natRules(h.kind, h.leases, h.forward)))
}

// Address is the router's address on the side of the internet.
func (h *Home) Address() netip.Addr { return h.addr }

// Name is how the story calls the home.
func (h *Home) Name() string { return h.name }

// Forward makes the router lead a port of its own to one of a host inside, the same.
func (h *Home) Forward(host *Host, port int) {
	h.lab.t.Helper()
	h.forward = append(h.forward, forwarding{port, port, host.Address().String()})
	h.apply()
}

// ChangeAddress gives the router another public address, as a provider does in the
// night. Nobody inside is told.
func (h *Home) ChangeAddress() {
	h.lab.t.Helper()
	old := h.addr
	h.addr = h.lab.newAddr()
	h.at.own(single(h.addr))
	h.at.disown(single(old))
	h.lab.must(h.space.ip(
		fmt.Sprintf("addr add %s/32 dev %s", h.addr, wan),
		fmt.Sprintf("addr del %s/32 dev %s", old, wan),
		"route replace default dev "+wan,
	))
}

// Host adds a computer behind the router.
func (h *Home) Host(name string) *Host {
	h.lab.t.Helper()
	c := h.lab.newHost(name)
	c.moveIn(h)
	c.watch()
	return c
}

// MoveTo pulls the host's cable and puts it into another home's router: another
// address, another way into the internet. Connections are not told.
func (h *Host) MoveTo(to *Home) {
	h.lab.t.Helper()
	h.lab.must(h.space.ip("link del eth0"))
	h.moveIn(to)
}

// moveIn connects the host to a home's router.
func (h *Host) moveIn(to *Home) {
	h.lab.t.Helper()
	ip := to.lease(h.port)
	to.plug(h.space, "eth0")
	lines := []string{
		fmt.Sprintf("addr add %s/%d dev eth0", ip, to.lan.Bits()),
		fmt.Sprintf("route add default via %s", to.lan.Addr()),
	}
	h.home, h.addrs = to, []netip.Addr{netip.MustParseAddr(ip)}
	if to.lan6.IsValid() {
		a6 := to.lan6.Addr().As16()
		a6[15] = byte(firstHost + len(to.leases))
		a := netip.AddrFrom16(a6)
		lines = append(lines,
			fmt.Sprintf("addr add %s/64 dev eth0 nodad", a),
			fmt.Sprintf("route add ::/0 via %s", to.lan6.Addr()))
		h.addrs = append(h.addrs, a)
	}
	h.lab.must(h.space.ip(lines...))
	to.apply()
}

// lease gives out the next address of the home.
func (h *Home) lease(port int) (ip string) {
	a := h.lan.Addr().As4()
	a[3] = byte(firstHost + len(h.leases))
	ip = netip.AddrFrom4(a).String()
	h.leases = append(h.leases, lease{ip, port})
	return ip
}

// plug leads a cable from the router's inner network to an interface of s.
func (h *Home) plug(s space, name string) {
	h.lab.t.Helper()
	port := h.lab.newPort()
	h.lab.must(run("ip", "link", "add", "name", name, "netns", s.name, "type", "veth", "peer", "name", port, "netns", h.space.name))
	h.lab.must(h.space.ip("link set "+port+" master br0", "link set "+port+" up"))
	h.lab.must(s.ip("link set " + name + " up"))
}

// Name is how the story calls the host.
func (h *Host) Name() string { return h.name }

// Address is the host's first address, as itself knows it.
func (h *Host) Address() netip.Addr { return h.addrs[0] }

// Home is where the host is, or nil if it is public.
func (h *Host) Home() *Home { return h.home }

// Port is where people on this host listen.
func (h *Host) Port() int { return h.port }

// device is the host's interface.
func (h *Host) device() string {
	if h.home == nil {
		return wan
	}
	return "eth0"
}

// Unplug pulls the host's cable: the computer sees that its interface is down.
func (h *Host) Unplug() {
	h.lab.t.Helper()
	h.lab.must(h.space.ip("link set " + h.device() + " down"))
}

// Plug puts it back.
func (h *Host) Plug() {
	h.lab.t.Helper()
	lines := []string{"link set " + h.device() + " up"}
	if h.home == nil { // addresses stay, routes do not
		if h.addrs[0].Is4() {
			lines = append(lines, "route replace default dev "+wan)
		} else {
			lines = append(lines, fmt.Sprintf("addr replace %s/128 dev %s", h.addrs[0], wan), "route replace ::/0 dev "+wan)
		}
	} else {
		lines = append(lines, fmt.Sprintf("route replace default via %s", h.home.lan.Addr()))
		if h.home.lan6.IsValid() {
			lines = append(lines, fmt.Sprintf("addr replace %s/64 dev eth0 nodad", h.addrs[1]), fmt.Sprintf("route replace ::/0 via %s", h.home.lan6.Addr()))
		}
	}
	h.lab.must(h.space.ip(lines...))
}

// PowerOff takes the power from the host: its processes end and nobody is told,
// no packet leaves it any more. PowerOn and then Node.Restart bring it back.
func (h *Host) PowerOff() {
	h.lab.t.Helper()
	h.Unplug()
	h.off = true
	for _, n := range h.nodes {
		n.Kill9()
	}
}

// PowerOn connects the host again; its nodes are started with Restart.
func (h *Host) PowerOn() {
	h.lab.t.Helper()
	h.off = false
	h.Plug()
}

// Unplug pulls the cable between the router and the internet: those inside see
// nothing of it.
func (h *Home) Unplug() { h.lab.net.set(func() { h.at.unplugged = true }) }

// Plug puts it back.
func (h *Home) Plug() { h.lab.net.set(func() { h.at.unplugged = false }) }

// Path sets how any packet fares between any two edges, besides their own links.
// Its Rate is ignored.
func (l *Lab) Path(link Link) {
	link.Rate = 0
	l.net.set(func() { l.net.core.Link = link })
}

// Delay sets how long a packet takes from any edge to any other, one way.
func (l *Lab) Delay(d time.Duration) { l.net.set(func() { l.net.core.Delay = d }) }

// Cable sets how packets fare on the cable between a place and the internet, each
// way. All of a home share one.
func (l *Lab) Cable(p Place, link Link) {
	l.net.set(func() { p.edge().up.Link, p.edge().down.Link = link, link })
}

// Partition parts the internet: packets pass only between places of one side.
// Places that are on none stay together.
func (l *Lab) Partition(sides ...[]Place) {
	l.net.set(func() {
		for _, e := range l.edges {
			e.side = 0
		}
		for i, side := range sides {
			for _, p := range side {
				p.edge().side = i + 1
			}
		}
	})
}

// Side is one side of a Partition.
func Side(places ...Place) []Place { return places }

// Heal ends a Partition.
func (l *Lab) Heal() { l.Partition() }

// Bytes is how many bytes of IP packets went from one edge to another. So it shows
// whether two homes talk to each other or through somebody else.
func (l *Lab) Bytes(from, to Place) uint64 { return l.net.between(from.edge(), to.edge()) }

// Unknown counts the packets that came to the internet for addresses that nobody
// has, by address: all of them would have left a less careful lab.
func (l *Lab) Unknown() map[netip.Addr]int { return l.net.unknownAddrs() }

// SYNs counts the connection attempts that came to the internet, by destination.
// What a host tries within its home or with itself does not come there; see Dialled.
func (l *Lab) SYNs() map[netip.AddrPort]int {
	sum := make(map[netip.AddrPort]int)
	for f, n := range l.net.allSYNs() {
		sum[f.to] += n
	}
	return sum
}

// watchRules count the connection attempts that leave a host, also to itself.
const watchRules = `table inet watch {
	set dialled4 { type ipv4_addr . inet_service; flags dynamic; counter; size 65535; }
	set dialled6 { type ipv6_addr . inet_service; flags dynamic; counter; size 65535; }
	chain output { type filter hook output priority filter;
		tcp flags & (fin | syn | rst | ack) == syn add @dialled4 { ip daddr . tcp dport }
		tcp flags & (fin | syn | rst | ack) == syn add @dialled6 { ip6 daddr . tcp dport }
	}
}
`

// Dialled counts the SYNs that processes on the host have sent, by destination;
// also those to the host itself and to its home.
func (h *Host) Dialled() map[netip.AddrPort]int {
	h.lab.t.Helper()
	all := make(map[netip.AddrPort]int)
	for _, set := range []string{"dialled4", "dialled6"} {
		var out []byte
		h.lab.must(h.space.do(func() (err error) {
			out, err = exec.Command("nft", "-j", "list", "set", "inet", "watch", set).Output()
			return err
		}))
		h.lab.must(readDialled(out, all))
	}
	return all
}

// readDialled adds to all what nft tells in JSON of one of the sets.
func readDialled(b []byte, all map[netip.AddrPort]int) error {
	var doc struct {
		NFTables []struct {
			Set struct {
				Elem []struct {
					Elem struct {
						Val     struct{ Concat [2]json.RawMessage }
						Counter struct{ Packets int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("read a set of nft: %w", err)
	}
	for _, o := range doc.NFTables {
		for _, e := range o.Set.Elem {
			var addr netip.Addr
			var port uint16
			if err := json.Unmarshal(e.Elem.Val.Concat[0], &addr); err != nil {
				return fmt.Errorf("read an address of nft: %w", err)
			}
			if err := json.Unmarshal(e.Elem.Val.Concat[1], &port); err != nil {
				return fmt.Errorf("read a port of nft: %w", err)
			}
			all[netip.AddrPortFrom(addr, port)] += e.Elem.Counter.Packets
		}
	}
	return nil
}

// Do runs f on a thread inside the host's namespace and waits. Sockets that f's own
// goroutine opens belong to the host and stay there. f may not end the test.
func (h *Host) Do(f func() error) error { return h.space.do(f) }

// Listen listens for TCP connections on the host.
func (h *Host) Listen(addr string) (l net.Listener, err error) {
	err = h.Do(func() error {
		l, err = net.Listen("tcp", addr)
		return err
	})
	return l, err
}

// DialFrom opens a TCP connection from the host, at the given local port if it is
// not 0.
func (h *Host) DialFrom(port int, to string, timeout time.Duration) (c net.Conn, err error) {
	err = h.Do(func() error {
		d := net.Dialer{Timeout: timeout}
		if port != 0 {
			d.LocalAddr = &net.TCPAddr{Port: port}
			d.Control = reuse
		}
		c, err = d.Dial("tcp", to)
		return err
	})
	return c, err
}

// watch begins to count what the host dials.
func (h *Host) watch() {
	h.lab.t.Helper()
	h.lab.must(h.space.nft(watchRules))
}

// reuse lets a socket share its local port with others of the same program.
func reuse(_, _ string, c syscall.RawConn) error {
	var err error
	ctl := c.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	})
	return errors.Join(ctl, err)
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
