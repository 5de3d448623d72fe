package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// requireEnv turns a skip for want of namespaces into a failure.
	requireEnv = "REQUIRE_NETNS"
	// binaryEnv names the p2pchat that runs as nodes.
	binaryEnv = "NETLAB_P2PCHAT"
	// helperEnv names, to the test binary, the helper program that it is to be.
	helperEnv = "NETLAB_HELPER"
	// figuresEnv names a file to which Figure adds a line each.
	figuresEnv = "NETLAB_FIGURES"
	// slack is how many times what is hoped for is still no failure: others may use
	// the machine, too.
	slack = 3
	// maxLabs is how many labs one process can have at a time.
	maxLabs = 1000
	// maxAccount is how many lines tell of the network after a failure.
	maxAccount = 60
	// maxName is how long a namespace's name may be, in bytes.
	maxName = 60
)

// A Lab is one internet with all that is attached to it, for one test.
type Lab struct {
	t      testing.TB
	dir    string
	binary string
	name   string // which begins the names of its namespaces
	net    *internet

	spaces []space
	edges  []*edge
	hosts  []*Host
	addrs  int // given out so far
	nets   int
	ports  int
}

// New makes a lab without anything in it. It skips the test where none can be made,
// and fails it there if REQUIRE_NETNS is set. The end of the test removes the lab.
func New(t testing.TB) *Lab {
	t.Helper()
	if testing.Short() {
		t.Skip("the network lab takes its time")
	}
	l := &Lab{t: t, dir: t.TempDir(), binary: os.Getenv(binaryEnv), net: newInternet(1)}
	if err := l.claim(); err != nil {
		if os.Getenv(requireEnv) != "" {
			t.Fatalf("the network lab needs root, namespaces, /dev/net/tun and nft: %v", err)
		}
		t.Skipf("the network lab needs root, namespaces, /dev/net/tun and nft: %v", err)
	}
	t.Cleanup(l.close)
	return l
}

// claim finds a name that no other lab of this process has, by making its first
// namespace, in which it tries whatever the lab needs.
func (l *Lab) claim() error {
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	if os.Geteuid() != 0 {
		return errors.New("not run by root")
	}
	if err := removeLeftovers(); err != nil {
		return err
	}
	for n := range maxLabs {
		l.name = fmt.Sprintf("%s%d-", prefix(os.Getpid()), n)
		s, err := newSpace(l.name + "probe")
		if err != nil && strings.Contains(err.Error(), "File exists") {
			continue
		}
		if err == nil {
			err = probe(s)
		}
		if err != nil {
			return errors.Join(err, s.remove())
		}
		l.spaces = append(l.spaces, s)
		return nil
	}
	return errors.New("too many labs at a time")
}

// probe tries in a namespace what the lab needs of the kernel.
func probe(s space) error {
	tun, err := openTUN(s)
	if err != nil {
		return err
	}
	return errors.Join(tun.Close(),
		s.nft(natRules(Shifting, []lease{{"192.168.1.10", firstPort}}, []forwarding{{80, 80, "192.168.1.10"}})),
		s.nft(watchRules))
}

// close ends all processes and goroutines of the lab and removes its namespaces.
func (l *Lab) close() {
	for _, h := range l.hosts {
		for _, n := range h.nodes {
			n.Kill9()
			if l.t.Failed() {
				l.t.Logf("%s", n.account())
			}
		}
	}
	if l.t.Failed() {
		for _, line := range l.account() {
			l.t.Log(line)
		}
	}
	if unknown := l.Unknown(); len(unknown) > 0 {
		l.t.Logf("packets to addresses that nobody has: %v", unknown)
	}
	for _, e := range l.edges {
		e.detach()
	}
	l.net.wg.Wait()
	for _, s := range l.spaces {
		if err := s.remove(); err != nil {
			l.t.Error(err)
		}
	}
}

// account tells, after a failure, who has which address and what was dialled.
func (l *Lab) account() (lines []string) {
	l.net.set(func() {
		for p, e := range l.net.owners {
			lines = append(lines, fmt.Sprintf("%s is %s", p.Addr(), e.name))
		}
	})
	for f, n := range l.net.allSYNs() {
		lines = append(lines, fmt.Sprintf("%s sent %d SYNs to %s", f.from, n, f.to))
	}
	slices.Sort(lines)
	return lines[:min(len(lines), maxAccount)]
}

// withNames puts the names of nodes in the place of their peer IDs.
func (l *Lab) withNames(s string) string {
	var pairs []string
	for _, h := range l.hosts {
		for _, n := range h.nodes {
			if n.id != "" { // a helper has none
				pairs = append(pairs, n.id, "<"+n.name+">")
			}
		}
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// must ends the test if building the lab fails.
func (l *Lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// newSpace makes a namespace that is removed at the end.
func (l *Lab) newSpace(name string) space {
	l.t.Helper()
	full := l.name + name
	if len(full) > maxName || strings.ContainsAny(name, " /.") {
		l.t.Fatalf("%q cannot name a namespace", full)
	}
	if slices.ContainsFunc(l.spaces, func(s space) bool { return s.name == full }) {
		l.t.Fatalf("there are two places with the name %q", name)
	}
	s, err := newSpace(full)
	l.spaces = append(l.spaces, s)
	l.must(err)
	return s
}

// newEdge connects a namespace to the internet.
func (l *Lab) newEdge(name string, s space) *edge {
	l.t.Helper()
	tun, err := openTUN(s)
	l.must(err)
	e := l.net.attach(name, tun)
	l.edges = append(l.edges, e)
	l.must(s.ip("link set " + wan + " up"))
	return e
}

func (l *Lab) newHost(name string) *Host {
	l.t.Helper()
	h := &Host{lab: l, name: name, space: l.newSpace(name), port: firstPort + len(l.hosts)}
	l.hosts = append(l.hosts, h)
	return h
}

// newAddr gives out public IPv4 addresses: all that libp2p takes for public and
// that belong to nobody.
func (l *Lab) newAddr() netip.Addr {
	l.t.Helper()
	last := firstPublic + l.addrs
	if last > lastPublic {
		l.t.Fatalf("the lab has no more than %d public addresses", lastPublic-firstPublic+1)
	}
	l.addrs++
	return netip.AddrFrom4([4]byte{192, 0, 0, byte(last)})
}

// newPrefix gives out IPv6 prefixes that count as public.
func (l *Lab) newPrefix() netip.Prefix {
	l.nets++
	a := netip.MustParseAddr("3fff::").As16()
	a[5] = byte(l.nets)
	return netip.PrefixFrom(netip.AddrFrom16(a), ipv6Net)
}

func (l *Lab) newPort() string {
	l.ports++
	return fmt.Sprintf("port%d", l.ports)
}

// Figure prints what was measured beside what is hoped for, and fails the test, which
// goes on, if it took more than three times as long.
func (l *Lab) Figure(what string, got, hoped time.Duration) {
	l.t.Helper()
	line := fmt.Sprintf("%-60s %8s   (%s)", what, got.Round(time.Millisecond), hoped)
	l.t.Logf("figure: %s", line)
	if path := os.Getenv(figuresEnv); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		l.must(err)
		_, err = fmt.Fprintln(f, line)
		l.must(errors.Join(err, f.Close()))
	}
	if got > slack*hoped {
		l.t.Errorf("%s took %s, more than %d times the %s hoped for", what, got, slack, hoped)
	}
}

// Eventually polls until ok reports true, and ends the test if it does not within
// the given time. It returns how long it took.
func (l *Lab) Eventually(what string, within time.Duration, ok func() bool) time.Duration {
	l.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > within {
			l.t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(pollEvery)
	}
	return time.Since(start)
}

// pollEvery is the pause between two looks at what only tells when asked.
const pollEvery = 20 * time.Millisecond
