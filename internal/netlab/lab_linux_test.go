package netlab

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// connect opens a connection and returns both ends, which the test's end closes.
func connect(t *testing.T, from, to *Host, port int) (out, in net.Conn) {
	t.Helper()
	l, err := to.Listen(fmt.Sprintf(":%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if out, err = from.DialFrom(0, fmt.Sprintf("%s:%d", to.Address(), port), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if in, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close(); in.Close() })
	return out, in
}

// roundTrip is how long one byte takes there and back.
func roundTrip(t *testing.T, a, b net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	for _, hop := range [][2]net.Conn{{a, b}, {b, a}} {
		if _, err := hop[0].Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(hop[1], make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a, b := lab.Public("a"), lab.Public("b")
	out, in := connect(t, a, b, 80)
	quickest := func() time.Duration { // the others tell how busy this machine is
		var all []time.Duration
		for range 9 {
			all = append(all, roundTrip(t, out, in))
		}
		return slices.Min(all)
	}
	base := quickest()
	lab.Path(Link{Delay: 40 * time.Millisecond})
	lab.Cable(a, Link{Delay: 10 * time.Millisecond})
	slow := quickest()
	t.Logf("round trip %s, and %s where 100ms are asked for", base, slow)
	// Never too quick; how much too slow is a matter of what else the machine does.
	if base > 50*time.Millisecond {
		t.Errorf("a perfect path takes %s", base)
	}
	if slow < 100*time.Millisecond || slow > 300*time.Millisecond {
		t.Errorf("100 ms round trip are %s", slow)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a, b := lab.Public("a"), lab.Public("b")
	lab.Cable(a, Link{Rate: 100_000})
	out, in := connect(t, a, b, 80)
	const size = 150_000
	start := time.Now()
	go func() { _, _ = out.Write(make([]byte, size)) }() // the read below fails if it does
	if _, err := io.ReadFull(in, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("%d bytes at 100 kB/s took %s", size, took)
	if took < 1400*time.Millisecond || took > 2200*time.Millisecond {
		t.Errorf("%d bytes at 100 kB/s took %s", size, took)
	}
	if sent := lab.Bytes(a, b); sent < size || sent > size*13/10 {
		t.Errorf("%d bytes were counted as %d", size, sent)
	}
}

func TestCablePulledAndPartition(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a, b := lab.Public("a"), lab.Public("b")
	home := lab.Home("home", Friendly)
	c := home.Host("c")
	reach := func(from *Host) bool {
		conn, err := from.DialFrom(0, b.Address().String()+":80", 300*time.Millisecond)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}
	l, err := b.Listen(":80")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, step := range []struct {
		name   string
		change func()
		a, c   bool
	}{
		{name: "at first", change: func() {}, a: true, c: true},
		{name: "parted", change: func() { lab.Partition(Side(a, b), Side(c)) }, a: true},
		{name: "parted otherwise", change: func() { lab.Partition(Side(a), Side(b, home)) }, c: true},
		{name: "healed", change: lab.Heal, a: true, c: true},
		{name: "router unplugged", change: home.Unplug, a: true},
		{name: "router plugged", change: home.Plug, a: true, c: true},
		{name: "host unplugged", change: c.Unplug, a: true},
		{name: "host plugged", change: c.Plug, a: true, c: true},
		{name: "public host unplugged", change: a.Unplug, c: true},
		{name: "public host plugged", change: a.Plug, a: true, c: true},
		{name: "new address", change: home.ChangeAddress, a: true, c: true},
		{name: "moved", change: func() { c.MoveTo(lab.Home("home-2", Symmetric)) }, a: true, c: true},
	} {
		step.change()
		for _, c := range []struct {
			from *Host
			want bool
		}{{a, step.a}, {c, step.c}} {
			if c.want { // the kernel takes up to a second to see that a cable is in
				lab.Eventually(step.name+": "+c.from.Name()+" reaches b", 5*time.Second, func() bool { return reach(c.from) })
			} else if reach(c.from) {
				t.Errorf("%s: %s reaches b", step.name, c.from.Name())
			}
		}
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a, b := lab.PublicIPv6("a"), lab.PublicIPv6("b")
	home := lab.HomeIPv6("home", Friendly)
	c := home.Host("c")
	l, err := b.Listen("[::]:80")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, from := range []*Host{a, c} {
		conn, err := from.DialFrom(0, fmt.Sprintf("[%s]:80", b.Address()), 5*time.Second)
		if err != nil {
			t.Fatalf("%s: %v", from.Name(), err)
		}
		defer conn.Close()
	}
	inner, err := c.Listen("[::]:80")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if conn, err := a.DialFrom(0, fmt.Sprintf("[%s]:80", c.addrs[1]), 300*time.Millisecond); err == nil {
		conn.Close()
		t.Error("the router let a stranger in")
	}
	b.Unplug()
	b.Plug()
	conn, err := a.DialFrom(0, fmt.Sprintf("[%s]:80", b.Address()), 5*time.Second)
	if err != nil {
		t.Fatalf("after replugging: %v", err)
	}
	conn.Close()
}

// seenAs dials a public host from a port and returns the address it is seen as.
func seenAs(t *testing.T, from *Host, port int, to *Host) netip.AddrPort {
	t.Helper()
	l, err := to.Listen(":80")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := from.DialFrom(port, to.Address().String()+":80", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	seen := in.RemoteAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(seen.Addr().Unmap(), seen.Port())
}

func TestNATKinds(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a, b := lab.Public("a"), lab.Public("b")
	for _, kind := range []NAT{Friendly, Shifting, Symmetric, Resetting} {
		home := lab.Home("home-"+kind.String(), kind)
		h := home.Host("host-" + kind.String())
		toA, toB := seenAs(t, h, h.Port(), a), seenAs(t, h, h.Port(), b)
		if toA.Addr() != home.Address() {
			t.Errorf("%s: seen as %s behind %s", kind, toA, home.Address())
		}
		if same := toA == toB; same != (kind != Symmetric) {
			t.Errorf("%s: seen as %s and as %s", kind, toA, toB)
		}
		if kept := int(toA.Port()) == h.Port(); kept != (kind == Friendly || kind == Resetting) {
			t.Errorf("%s: port %d is seen as %d", kind, h.Port(), toA.Port())
		}
		// A stranger is let in nowhere, and only one kind of router says so.
		l, err := h.Listen(":4000")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = a.DialFrom(0, fmt.Sprintf("%s:%d", home.Address(), 4000), 300*time.Millisecond)
		if err == nil {
			t.Errorf("%s: a stranger was let in", kind)
		}
		if reset := time.Since(start) < 200*time.Millisecond; reset != (kind == Resetting) {
			t.Errorf("%s: a stranger heard after %s: %v", kind, time.Since(start), err)
		}
		home.Forward(h, 4000)
		conn, err := a.DialFrom(0, fmt.Sprintf("%s:%d", home.Address(), 4000), 5*time.Second)
		if err != nil {
			t.Errorf("%s: port forward: %v", kind, err)
		} else {
			conn.Close()
		}
		l.Close()
	}
	outer := lab.Home("carrier", Symmetric)
	inner := outer.Home("inner", Friendly)
	if seen := seenAs(t, inner.Host("deep"), 0, a); seen.Addr() != outer.Address() {
		t.Errorf("behind two routers: seen as %s, want %s", seen, outer.Address())
	}
}

// TestPunch does what hole punching does: both dial each other at the same moment,
// from the ports they are known by.
func TestPunch(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Delay(20 * time.Millisecond)
	for _, c := range []struct {
		a, b NAT
		open bool
	}{{Friendly, Friendly, true}, {Shifting, Friendly, true}, {Friendly, Symmetric, false}} {
		name := fmt.Sprintf("%s-%s", c.a, c.b)
		a := lab.Home("l-"+name, c.a).Host("left-" + name)
		b := lab.Home("r-"+name, c.b).Host("right-" + name)
		outer := func(h *Host, kind NAT) string {
			port := h.Port()
			if kind == Shifting {
				port += shift
			}
			return fmt.Sprintf("%s:%d", h.Home().Address(), port)
		}
		done := make(chan error, 1)
		dial := func(from *Host, to string) error {
			conn, err := from.DialFrom(from.Port(), to, 1500*time.Millisecond)
			if err == nil {
				err = conn.Close()
			}
			return err
		}
		go func() { done <- dial(a, outer(b, c.b)) }()
		err := dial(b, outer(a, c.a))
		if other := <-done; err == nil {
			err = other
		}
		if (err == nil) != c.open {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNothingLeaks looks for ways out of the lab's namespaces, and at what becomes of
// packets to the world outside.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a := lab.Public("a")
	home := lab.Home("home", Friendly)
	h := home.Host("h")
	for _, s := range lab.spaces {
		var out []byte
		lab.must(s.do(func() (err error) {
			out, err = exec.Command("ip", "-o", "link").Output()
			return err
		}))
		for line := range strings.Lines(string(out)) {
			name := strings.TrimSuffix(strings.Fields(line)[1], ":")
			name, peer, _ := strings.Cut(name, "@")
			switch {
			case name == "lo", name == wan, name == "br0":
			case (strings.HasPrefix(name, "port") || name == "eth0") && strings.HasPrefix(peer, "if") && strings.Contains(line, "link-netns "+lab.name):
			default:
				t.Errorf("%s has the interface %s", s.name, line)
			}
		}
	}
	for _, from := range []*Host{a, h} {
		if _, err := from.DialFrom(0, "1.1.1.1:443", 100*time.Millisecond); err == nil {
			t.Errorf("%s reaches the world", from.Name())
		}
	}
	if _, err := h.DialFrom(0, "192.168.1.77:22", 100*time.Millisecond); err == nil {
		t.Error("a host that does not exist answered")
	}
	if n := lab.Unknown()[netip.MustParseAddr("1.1.1.1")]; n < 2 {
		t.Errorf("%d packets to 1.1.1.1 were counted", n)
	}
	if n := lab.SYNs()[netip.MustParseAddrPort("1.1.1.1:443")]; n < 2 {
		t.Errorf("%d SYNs to 1.1.1.1 were counted", n)
	}
	if n := h.Dialled()[netip.MustParseAddrPort("192.168.1.77:22")]; n != 1 {
		t.Errorf("%d SYNs to the LAN were counted: %v", n, h.Dialled())
	}
}

// TestLeftoversGo makes a namespace of a process that is no more.
func TestLeftoversGo(t *testing.T) {
	t.Parallel()
	_ = New(t) // skips where there are no namespaces
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	s, err := newSpace(prefix(cmd.Process.Pid) + "0-old")
	if err != nil {
		t.Fatal(err)
	}
	if err := removeLeftovers(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(spacesDir + "/" + s.name); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", s.name, err)
	}
}

// TestLoss counts what arrives of many packets that are not repeated.
func TestLoss(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a, b := lab.Public("a"), lab.Public("b")
	lab.Path(Link{Loss: 0.05})
	var in net.PacketConn
	lab.must(b.Do(func() (err error) {
		in, err = net.ListenPacket("udp", ":9")
		return err
	}))
	defer in.Close()
	var out net.Conn
	lab.must(a.Do(func() (err error) {
		out, err = net.Dial("udp", b.Address().String()+":9")
		return err
	}))
	defer out.Close()
	const packets, batch = 4000, 50
	got := 0
	buf := make([]byte, 100)
	for range packets / batch {
		for range batch {
			if _, err := out.Write(bytes.Repeat([]byte{1}, 50)); err != nil {
				t.Fatal(err)
			}
		}
		lab.must(in.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		for n := 0; n < batch; n++ {
			if _, _, err := in.ReadFrom(buf); err != nil {
				break
			}
			got++
		}
	}
	for { // a busy machine is late
		lab.must(in.SetReadDeadline(time.Now().Add(500 * time.Millisecond)))
		if _, _, err := in.ReadFrom(buf); err != nil {
			break
		}
		got++
	}
	share := 1 - float64(got)/packets
	t.Logf("of %d packets %.1f %% were lost where 5 %% are asked for", packets, share*100)
	if share < 0.035 || share > 0.07 {
		t.Errorf("%.1f %% were lost, not 5 %%", share*100)
	}
}

func TestHelper(t *testing.T) {
	t.Parallel()
	lab := New(t)
	h := lab.Public("a").Helper("hello", "wide", "world")
	h.WaitEvent("hello", 10*time.Second, func(e Event) bool { return e.Type == "hello" && e.Text == "wide world" })
}
