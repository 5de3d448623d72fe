package discovery

import (
	"net/netip"
	"testing"
	"time"
)

func TestKnocksAtOneAddress(t *testing.T) {
	var k knockCounter
	now := time.Now()
	takes := func(ip string, times int) (n int) {
		for range times {
			if k.take(netip.MustParseAddr(ip), now) {
				n++
			}
		}
		return n
	}
	if n := takes("192.0.0.70", 100); n != knocksBurst {
		t.Errorf("%d dials at once", n)
	}
	if n := takes("192.0.0.71", 100); n != knocksBurst {
		t.Errorf("%d dials to the neighbour", n)
	}
	now = now.Add(30 * time.Second)
	if n := takes("192.0.0.70", 100); n != knocksPerMinute/2 {
		t.Errorf("%d dials half a minute later", n)
	}
	now = now.Add(time.Hour)
	if n := takes("192.0.0.70", 100); n != knocksBurst {
		t.Errorf("%d dials an hour later", n)
	}
	if n := takes("3fff::1", 10) + takes("3fff::2", 10) + takes("3fff:0:0:ff::3", 10); n != knocksBurst {
		t.Errorf("%d dials to one household's IPv6", n)
	}
}

func TestKnockedAddressesAreBounded(t *testing.T) {
	var k knockCounter
	now, ip := time.Now(), netip.MustParseAddr("192.0.0.64")
	for range 2 * maxKnocked {
		ip = ip.Next()
		if !k.take(ip, now) {
			t.Fatalf("no dial to %s", ip)
		}
	}
	if len(k.at) != maxKnocked {
		t.Errorf("%d addresses are counted", len(k.at))
	}
}
