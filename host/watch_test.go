package host_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// A machine has addresses and a clock that a test can change.
type machine struct {
	mu    sync.Mutex
	addrs []netip.Addr
	links []host.Link
	slept time.Duration
	moved []string
}

func (m *machine) has(addrs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addrs = nil
	for _, a := range addrs {
		m.addrs = append(m.addrs, netip.MustParseAddr(a))
	}
}

// plugged says how its only cable is.
func (m *machine) plugged(l host.Link, addrs ...string) {
	m.has(append(addrs, lo)...)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range addrs {
		l.Addrs = append(l.Addrs, netip.MustParseAddr(a))
	}
	m.links = []host.Link{l}
}

func (m *machine) unplugged() {
	m.has(lo)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links = nil
}

func (m *machine) sleep(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slept += d
}

func (m *machine) heard() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.moved, ", ")
}

// config is for a host on this machine.
func (m *machine) config() host.Config {
	cfg := host.Config{Moved: func(why string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.moved = append(m.moved, why)
	}}
	cfg = host.WithInterfaces(cfg, func() ([]netip.Addr, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.addrs, nil
	})
	cfg = host.WithLinks(cfg, func() []host.Link {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.links
	})
	return host.WithWallClock(cfg, func() time.Time {
		m.mu.Lock()
		defer m.mu.Unlock()
		return time.Now().Round(0).Add(m.slept)
	})
}

const lo = "127.0.0.1"

func TestChangeOfNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var m machine
		m.has(lo, "10.1.0.1")
		alice, bob := net.HostWith(m.config()), net.Host()
		net.Connect(alice, bob)
		time.Sleep(time.Minute)
		if m.heard() != "" || len(alice.Network().Conns()) != 1 {
			t.Fatalf("nothing happened, but %q, %d connections", m.heard(), len(alice.Network().Conns()))
		}

		m.has(lo) // a cable pulled, and put in again
		time.Sleep(800 * time.Millisecond)
		m.has("10.1.0.1", lo)
		time.Sleep(10 * time.Second)
		if m.heard() != "" || len(alice.Network().Conns()) != 1 {
			t.Errorf("a short break: %q, %d connections", m.heard(), len(alice.Network().Conns()))
		}

		m.has(lo, "fe80::1") // the address goes, the next one comes a moment later
		time.Sleep(600 * time.Millisecond)
		m.has(lo, "fe80::1", "10.7.0.1")
		took := until(t, "news", 2*time.Second, func() bool { return m.heard() != "" })
		t.Logf("noticed after %s", took)
		time.Sleep(10 * time.Second)
		if m.heard() != "network changed" {
			t.Errorf("told %q", m.heard())
		}
		if n := len(alice.Network().Conns()); n != 0 {
			t.Errorf("%d connections from an address that is gone", n)
		}

		m.has(lo, "10.7.0.1", "10.8.0.1") // a second network
		net.Connect(alice, bob)
		time.Sleep(10 * time.Second)
		if m.heard() != "network changed, network changed" {
			t.Errorf("told %q", m.heard())
		}
	})
}

// TestSameAddressElsewhere moves a machine to a network where it gets the address
// that it had.
func TestSameAddressElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var m machine
		cable, a := host.Link{Index: 2, Hardware: "02:00:00:00:00:01", Running: true}, "10.1.0.1"
		m.plugged(cable, a)
		alice, bob := net.HostWith(m.config()), net.Host()
		connect := func() {
			net.Connect(alice, bob)
			time.Sleep(time.Minute)
		}
		connect()
		want := func(what, heard string, conns int, within time.Duration) {
			t.Helper()
			took := until(t, what, within, func() bool { return m.heard() != "" || heard == "" })
			time.Sleep(within - took)
			if m.heard() != heard || len(alice.Network().Conns()) != conns {
				t.Errorf("%s: told %q, %d connections", what, m.heard(), len(alice.Network().Conns()))
			}
			t.Logf("%s: told %q after %s", what, m.heard(), took)
			m.mu.Lock()
			m.moved = nil
			m.mu.Unlock()
		}

		cable.Index = 3 // between two looks
		m.plugged(cable, a)
		want("another link", "network changed", 0, time.Second)

		connect()
		m.unplugged()
		time.Sleep(700 * time.Millisecond)
		cable.Hardware = "02:00:00:00:00:02"
		m.plugged(cable, a)
		want("another link, after a moment", "network changed", 0, 500*time.Millisecond)

		connect()
		cable.Running = false
		m.plugged(cable, a)
		want("a cable pulled", "", 1, time.Minute)
		cable.Running = true
		m.plugged(cable, a)
		want("and put in again", "link interrupted", 1, 3*time.Second)

		cable.Running = false
		m.plugged(cable, a)
		time.Sleep(600 * time.Millisecond)
		cable.Running = true
		m.plugged(cable, a)
		net.Cut(alice, bob)
		want("and put in elsewhere", "link interrupted", 0, 3*time.Second)

		bare := host.Link{Index: 9, Running: true} // a container's, say
		m.mu.Lock()
		m.links = append(m.links, bare)
		m.mu.Unlock()
		want("a link without address comes", "", 0, 2*time.Second)
		m.plugged(cable, a)
		want("and goes", "", 0, 2*time.Second)
	})
}

// TestNewAddressIsToldAtOnce needs a listener that knows of wildcards: real TCP,
// to which nobody connects.
func TestNewAddressIsToldAtOnce(t *testing.T) {
	var m machine
	m.has(lo, "10.1.0.1")
	cfg := m.config()
	cfg.Listen, cfg.NoPortMapping = wildcard(), true
	cfg.Key = testnet.New(t, testnet.Config{}).Key(0)
	alice, err := host.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	if got := alice.Addrs(); len(got) != 1 || !strings.HasPrefix(got[0].String(), "/ip4/10.1.0.1/tcp/") {
		t.Fatalf("advertises %s", got)
	}
	sub, err := alice.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	began := time.Now()
	m.has(lo, "10.9.0.1")
	deadline := time.After(10 * time.Second)
	for {
		select {
		case ev := <-sub.Out():
			now := ev.(event.EvtLocalAddressesUpdated).Current
			if len(now) == 1 && strings.HasPrefix(now[0].Address.String(), "/ip4/10.9.0.1/tcp/") {
				t.Logf("told after %s", time.Since(began))
				return
			}
		case <-deadline:
			t.Fatal("not told of the new address")
		}
	}
}

func TestWakingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var m machine
		m.has(lo, "10.1.0.1")
		alice := net.HostWith(m.config())
		bob, carol := net.Host(), net.Host()
		net.Connect(alice, bob)
		net.Connect(alice, carol)
		time.Sleep(time.Minute)
		m.sleep(3 * time.Second) // a clock put right
		time.Sleep(time.Minute)
		if m.heard() != "" {
			t.Errorf("a small correction: %q", m.heard())
		}
		net.Cut(alice, bob)
		m.sleep(8 * time.Hour)
		began := time.Now()
		until(t, "news", time.Second, func() bool { return m.heard() != "" })
		if m.heard() != "woke up" {
			t.Errorf("told %q", m.heard())
		}
		took := until(t, "the end of the dead connection", 4*time.Second, func() bool { return len(alice.Network().Conns()) == 1 })
		t.Logf("dead connection closed after %s", took)
		time.Sleep(time.Until(began.Add(time.Minute)))
		if len(alice.Network().ConnsToPeer(carol.ID())) != 1 {
			t.Error("a live connection was closed")
		}
	})
}

// TestOldConnectionOfOneWhoMoved: with a new connection the old one is asked, and a
// live one stays.
func TestOldConnectionOfOneWhoMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		var m machine
		m.has(lo, "10.1.0.1")
		alice := net.HostWith(m.config())
		key := net.Key(7)
		bob := net.HostWith(host.Config{Key: key})
		net.Connect(alice, bob)
		time.Sleep(10 * time.Second)
		old := alice.Network().Conns()[0]
		net.Kill(bob)
		bob = net.HostWith(host.Config{Key: key})
		net.Connect(bob, alice)
		took := until(t, "the end of the dead connection", 4*time.Second, old.IsClosed)
		t.Logf("dead connection closed after %s", took)
		if took > 2500*time.Millisecond || len(alice.Network().Conns()) != 1 {
			t.Errorf("closed after %s, %d connections", took, len(alice.Network().Conns()))
		}
		time.Sleep(time.Second)
		below := bob.Network().(interface {
			TransportForDialing(a ma.Multiaddr) transport.Transport
		})
		where := alice.Network().ListenAddresses()[0]
		second, err := below.TransportForDialing(where).Dial(t.Context(), where, alice.ID())
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		time.Sleep(10 * time.Second)
		if n := len(alice.Network().Conns()); n != 2 {
			t.Errorf("%d connections of two that live", n)
		}
	})
}

func TestNothingIsWatchedOnLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{})
		var m machine
		m.has(lo, "10.1.0.1")
		cfg := m.config()
		cfg.Listen = onLoopback()
		net.HostWith(cfg)
		m.has(lo)
		m.sleep(time.Hour)
		time.Sleep(time.Minute)
		if m.heard() != "" {
			t.Errorf("told %q", m.heard())
		}
	})
}

// TestProbeSparesTheBusy asks while a large transfer fills a slow link, so that
// the answer comes late.
func TestProbeSparesTheBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Config{Latency: 20 * time.Millisecond})
		alice, bob, young := net.Host(), net.Host(), net.Host()
		serveEcho(bob)
		net.Connect(alice, bob)
		net.SetBandwidth(alice, bob, 128<<10)
		done := make(chan error, 1)
		go func() { done <- say(t.Context(), alice, bob.ID(), 2_500_000) }()
		time.Sleep(10 * time.Second)
		net.Connect(alice, young)
		net.Cut(alice, young)

		began := time.Now()
		alice.Probe(t.Context())
		t.Logf("probe took %s", time.Since(began))
		if len(alice.Network().ConnsToPeer(bob.ID())) != 1 {
			t.Error("a busy connection was closed")
		}
		if len(alice.Network().ConnsToPeer(young.ID())) != 1 {
			t.Error("a connection just made was asked")
		}
		time.Sleep(2 * time.Second)
		alice.Probe(t.Context())
		if len(alice.Network().ConnsToPeer(young.ID())) != 0 {
			t.Error("a dead connection was left open")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
