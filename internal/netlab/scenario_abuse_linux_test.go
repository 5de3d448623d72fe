package netlab

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// flood opens n TCP connections from each of a host's addresses to one place, and
// keeps what it gets until the test's end. After each it writes what first is.
func flood(t *testing.T, from *Host, to netip.AddrPort, n int, first []byte) (opened int) {
	t.Helper()
	var conns []net.Conn
	t.Cleanup(func() {
		for _, c := range conns {
			c.Close()
		}
	})
	_ = from.Do(func() error { // refusals are what we hope for
		for range n {
			for _, a := range from.addrs {
				d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: a.AsSlice()}}
				c, err := d.Dial("tcp", to.String())
				if err != nil {
					continue
				}
				opened++
				conns = append(conns, c)
				_, _ = c.Write(first) // it may be closed by now
			}
		}
		return nil
	})
	return opened
}

// TestFlood opens 10,000 connections to a seed, from one address and from fifty, and
// leaves them in the middle of the handshake. Those who talk go on, newcomers from
// elsewhere get in, and the seed's memory stays bounded.
func TestFlood(t *testing.T) {
	t.Parallel()
	const connections = 10_000
	for _, addresses := range []int{1, 50} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			seed := lab.Public("seed").Seed()
			alice := lab.Public("alice").Join("lobby", Via(seed))
			bob := lab.Public("bob").Join("lobby", Via(seed))
			hearEachOther(lab, "before", 30*time.Second, alice, bob)
			before := seed.Memory()

			attacker := lab.Public("attacker")
			attacker.MoreAddresses(addresses - 1)
			to := netip.AddrPortFrom(seed.Host().Address(), SeedPort)
			// The length and the beginning of a Noise handshake.
			opened := flood(t, attacker, to, connections/addresses, []byte{0, 32, 1, 2, 3})
			t.Logf("%d of %d connections were opened", opened, connections)

			hearEachOther(lab, "during", 10*time.Second, alice, bob)
			carol := lab.Public("carol").Join("lobby", Via(seed))
			alice.Say("hello carol")
			heard := carol.WaitEvent("alice's message", 30*time.Second, IsMessage("hello carol"))
			lab.Figure(fmt.Sprintf("flood from %d: newcomer hears the room", addresses), heard.At.Sub(carol.Started()), 3*time.Second)
			after := seed.Memory()
			t.Logf("the seed's memory: %d MiB before, at most %d MiB", before>>20, after>>20)
			if after-before > 64<<20 {
				t.Errorf("the seed's memory went from %d to %d MiB", before>>20, after>>20)
			}
			lab.Check("lobby", alice, bob, carol)
		})
	}
}
