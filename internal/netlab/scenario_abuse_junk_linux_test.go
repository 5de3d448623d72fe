package netlab

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestJunkAddresses has a stranger list sixty people in the room's key, and answer
// every question of the DHT, with addresses of this machine, of the home, and of
// people who have nothing to do with it.
func TestJunkAddresses(t *testing.T) {
	t.Parallel()
	lab := New(t)
	seed := lab.Public("seed").Seed()
	home := lab.Home("home-a", Friendly)
	alice := home.Host("alice").Join("lobby", Via(seed))
	bob := lab.Public("bob").Join("lobby", Via(seed))
	hearEachOther(lab, "before", 30*time.Second, alice, bob)
	before := alice.Memory()
	printer := home.Host("printer")
	bystander := lab.Public("bystander")
	var junk []string
	for _, a := range []string{
		"127.0.0.1/tcp/4747", "127.0.0.1/tcp/22", "169.254.169.254/tcp/8080", "0.0.0.0/tcp/4747",
		printer.Address().String() + "/tcp/9100", "192.168.1.1/tcp/8080", "10.0.0.1/tcp/4747", "100.64.0.1/tcp/4747",
		bystander.Address().String() + "/tcp/22", bystander.Address().String() + "/tcp/25",
	} {
		junk = append(junk, "/ip4/"+a)
	}
	const public = 4
	for i := range public {
		junk = append(junk, fmt.Sprintf("/ip4/%s/tcp/%d", bystander.Address(), 7000+i))
	}
	attacker := lab.Public("attacker")
	args := append([]string{seed.Addr(), attacker.Address().String(), "6000", "lobby"}, junk...)
	attackOf(attacker, "junk", args...)

	// Newcomers ask who is in the room, and believe what they can.
	carol := home.Host("carol").Join("lobby", Via(seed))
	dave := lab.Public("dave").Join("lobby", Via(seed))
	people := []*Node{alice, bob, carol, dave}
	hearEachOther(lab, "to newcomers", attackTime, people...)
	e, _ := alice.Find(IsMessage("dave speaks to newcomers"))
	lab.Figure("junk addresses: newcomer is heard in the room", e.At.Sub(dave.Started()), 3*time.Second)
	for i := range 5 { // while junk is dialled, and dialled again
		hearEachOther(lab, fmt.Sprint("with strangers, ", i), attackTime, people...)
		time.Sleep(time.Second) // people talk at their own pace
	}
	believed := 0
	for _, n := range append(people, seed) {
		own := n.Host().Address()
		for to, syns := range n.Host().Dialled() {
			switch {
			case to.Addr() == own, isSomebody(to, people, seed):
			case to.Addr() == attacker.Address() && to.Port() == 6000: // a DHT server
			case to.Addr() == bystander.Address() && to.Port() >= 7000:
				believed += syns
			default:
				t.Errorf("%s sent %d SYNs to %s", n.Name(), syns, to)
			}
		}
	}
	// Each node tries each address a few times for each of the sixty, at most.
	t.Logf("%d SYNs went to a bystander", believed)
	if most := (len(people) + 1) * public * liars * 4; believed == 0 || believed > most {
		t.Errorf("%d SYNs went to a bystander, not 1 to %d", believed, most)
	}
	unharmed(lab, "junk addresses", alice, before, people...)
}

// isSomebody tells whether one of them listens at an address.
func isSomebody(to netip.AddrPort, people []*Node, seed *Node) bool {
	for _, p := range people {
		if to == netip.AddrPortFrom(p.Host().Address(), uint16(p.Host().Port())) ||
			p.Host().Home() != nil && to.Addr() == p.Host().Home().Address() {
			return true
		}
	}
	return to == netip.AddrPortFrom(seed.Host().Address(), SeedPort)
}
