package board

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func TestRateIsLimitedByAddress(t *testing.T) {
	now := noon()
	h := testHandler(t, &fakeSource{}, func() time.Time { return now })
	count := func(from string, n int) (ok int) {
		for range n {
			got := ask(h, "GET", "/v1/join", "from", from)
			switch got.StatusCode {
			case http.StatusOK:
				ok++
			case http.StatusTooManyRequests:
				if got.Header.Get("Retry-After") == "" {
					t.Fatal("no Retry-After")
				}
			default:
				t.Fatal(got.StatusCode)
			}
		}
		return ok
	}
	if n := count("192.0.2.1:1", 1000); n != maxBurst {
		t.Errorf("%d at once", n)
	}
	if n := count("192.0.2.2:1", 10); n != 10 {
		t.Errorf("another address got %d of 10", n)
	}
	now = now.Add(time.Second)
	if n := count("192.0.2.1:2", 1000); n != maxRate {
		t.Errorf("%d a second later", n)
	}
	count("[2001:db8::1]:1", 1000)
	if n := count("[2001:db8::ffff:2]:1", 10); n != 0 {
		t.Errorf("a neighbour within one /64 got %d", n)
	}
	if n := count("[2001:db8:0:1::1]:1", 10); n != 10 {
		t.Errorf("another network got %d of 10", n)
	}
	if n := count("127.0.0.1:1", 1000) + count("[::1]:1", 1000); n != 2000 {
		t.Errorf("loopback got %d of 2000", n)
	}
	if n := count("garbage", 1000); n != maxBurst {
		t.Errorf("somebody without an address got %d", n)
	}
}

func TestWatchedAddressesAreBounded(t *testing.T) {
	now := noon()
	l := newLimiter(func() time.Time { return now })
	allowed := 0
	for i := range 3 * maxAddrs {
		if l.allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})) {
			allowed++
		}
	}
	if len(l.left) > maxAddrs {
		t.Errorf("%d addresses are kept", len(l.left))
	}
	if want := maxAddrs + maxBurst; allowed != want {
		t.Errorf("%d requests of ever new addresses were allowed, want %d", allowed, want)
	}
	now = now.Add(time.Minute)
	if !l.allow(netip.MustParseAddr("192.0.2.9")) || len(l.left) != 1 {
		t.Errorf("those at rest are not forgotten: %d", len(l.left))
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	l := limitConns(nil).(*limitedListener)
	far, loop := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1")
	for range maxConnsEach {
		if !l.enter(far) {
			t.Fatal("refused within the limit")
		}
	}
	if l.enter(far) {
		t.Error("one address has too many")
	}
	for range maxConns - maxConnsEach {
		if !l.enter(loop) {
			t.Fatal("loopback is refused below the limit of all")
		}
	}
	if l.enter(loop) || l.enter(netip.MustParseAddr("192.0.2.2")) {
		t.Error("too many in all")
	}
	l.exit(far)
	if !l.enter(far) {
		t.Error("no place after one left")
	}
	for range maxConnsEach {
		l.exit(far)
	}
	if len(l.open) != 1 {
		t.Errorf("%v is kept of addresses without a connection", l.open)
	}
}

// A thousand connections that say nothing do not keep others out.
func TestIdleConnectionsDoNotHurt(t *testing.T) {
	s := serve(t, &fakeSource{snap: town(t, 3, time.Now())})
	for range 1000 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Skipf("this machine allows too few connections: %v", err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	got, err := http.Get(s.URL() + "v1/peers")
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if got.StatusCode != 200 {
		t.Error(got.StatusCode)
	}
}

// A connection over the limit is closed at once, and those before it live on.
func TestConnectionOverTheLimitIsClosed(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitConns(inner).(*limitedListener)
	defer l.Close()
	l.all = maxConns - 1
	accepted := make(chan net.Conn, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := dial()
	server := <-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("one too many was served")
	}
	fmt.Fprint(server, "x")
	if _, err := first.Read(make([]byte, 1)); err != nil {
		t.Errorf("the first: %v", err)
	}
	_, _ = server.Close(), server.Close() // counted once
	if l.all != maxConns-1 {
		t.Errorf("%d are counted", l.all)
	}
}
