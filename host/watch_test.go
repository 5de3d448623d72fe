package host_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/event"

	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// A machine has addresses and a clock that a test can change.
type machine struct {
	mu    sync.Mutex
	addrs []netip.Addr
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
