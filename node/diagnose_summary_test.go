package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
)

// TestSummarize has a row for everything a diagnosis may end with.
func TestSummarize(t *testing.T) {
	p := testPeerID(t)
	home := listenView{addrs: addrsOf("/ip4/192.168.1.2/tcp/40123"), wanted: true}
	warn := Check{Name: "clock", Status: CheckWarn, Saw: "off", Advice: "set the clock"}
	own := func(r reachView, more ...func(*view)) view {
		r.port = portOf(home.addrs)
		v := view{listen: home, seedsGiven: 1, seedsUp: 1, company: 1, reach: r}
		for _, f := range more {
			f(&v)
		}
		return v
	}
	lonely := func(f func(*view)) view {
		v := view{listen: home}
		f(&v)
		return v
	}
	with := func(x peerView, more ...func(*view)) view {
		x.id = p
		return own(reachOf(network.ReachabilityPrivate, natFriendly, withRelay), append(more, func(v *view) { v.peer = &x })...)
	}
	troubled := func(v *view) { v.worst = warn }
	public, private := network.ReachabilityPublic, network.ReachabilityPrivate
	notFound, gone := fmt.Errorf("x: %w", chat.ErrNotFound), fmt.Errorf("x: %w", chat.ErrUnreachable)

	seen := make(map[string]string)
	for _, c := range []struct {
		name string
		v    view
		want Outcome
		text string
	}{
		{"public", own(reachOf(public, "none")), Healthy, "All is well: others can reach you directly."},
		{"friendly NAT", own(reachOf(private, natFriendly, withRelay)), Healthy, "All is well: others reach you through the seed, and directly a moment later."},
		{"own network", own(reachOf(private, natUnknown), func(v *view) { v.own = true }), Healthy, "All is well in your own network; "},
		{"relay only, NAT not known", own(reachOf(private, natUnknown, withRelay)), Healthy, "You can chat, and others reach you at least through the seed."},
		{"symmetric NAT", own(reachOf(private, natSymmetric, withRelay)), Degraded, "You can chat, but others reach you only through the seed; forwarding TCP port 40123 on your router to this computer would make it faster."},
		{"no relay", own(reachOf(private, natFriendly)), Degraded, "You can reach others, but others cannot reach you: no seed relays for you. "},
		{"not known", own(reachOf(network.ReachabilityUnknown, natUnknown)), Degraded, "You are connected, but how others reach you was not found out in time; "},
		{"cannot listen", own(reachOf(private, natUnknown, withRelay), func(v *view) { v.listen = listenView{err: errors.New("x"), wanted: true} }), Degraded, "You can chat, but others cannot reach you by themselves, "},
		{"other trouble", own(reachOf(public, "none"), troubled), Degraded, `The network is well, but look at "clock" above: set the clock.`},
		{"folder", own(reachOf(public, "none"), troubled, func(v *view) { v.folderBad = true }), Degraded, "Your data folder cannot be used, "},

		{"no seed answers", lonely(func(v *view) { v.seedsGiven = 1 }), Degraded, "No seed answers; check your internet connection, or ask who gave you the seed's address."},
		{"no seed answers, others do", lonely(func(v *view) { v.seedsGiven, v.company = 1, 1 }), Degraded, "No seed answers, but others are connected; "},
		{"no network", lonely(func(v *view) { v.seedsGiven, v.listen = 1, listenView{wanted: true} }), Degraded, "This computer seems to have no network; connect it first."},
		{"no seed, company", lonely(func(v *view) { v.company = 1 }), Healthy, "All is well: you are connected to others, even without a seed."},
		{"no seed, mDNS", lonely(func(v *view) { v.lan = true }), Degraded, "No seed is set, so only people in your own network are found, "},
		{"no seed, nothing", lonely(func(*view) {}), Degraded, "No seed is set, so nobody is found; "},
		{"no seed, loopback", lonely(func(v *view) { v.listen.addrs = addrsOf("/ip4/127.0.0.1/tcp/1") }), Degraded, "Nobody was found, and no seed is set; "},

		{"peer direct", with(peerView{connected: true, compatible: true, name: "bob"}), Healthy, "All is well: you are connected directly to bob."},
		{"peer punched", with(peerView{connected: true, compatible: true, first: true}), Healthy, "All is well: you are connected directly to " + p.String() + ", after a moment"},
		{"peer relayed", with(peerView{connected: true, compatible: true, first: true, relayed: true}), Degraded, "You can talk to " + p.String() + ", but only through the seed; forwarding TCP port 40123"},
		{"peer of another version", with(peerView{connected: true}), Degraded, "You are connected to " + p.String() + ", but cannot talk: "},
		{"peer is a seed", with(peerView{connected: true, compatible: true, seed: true}), Healthy, "All is well: " + p.String() + " is a seed"},
		{"peer not found", with(peerView{err: notFound}), Unreachable, p.String() + " was not found; ask whether p2pchat runs there"},
		{"peer not found, no seed", with(peerView{err: notFound}, func(v *view) { v.seedsGiven, v.seedsUp = 0, 0 }), Unreachable, p.String() + " was not found; set a seed"},
		{"peer not reached", with(peerView{err: gone}), Unreachable, p.String() + " does not answer where"},
		{"peer not reached, nor a seed", with(peerView{err: gone}, func(v *view) { v.seedsUp, v.company = 0, 0 }), Unreachable, p.String() + " was not reached, and no seed answers either; "},
		{"nobody there", own(reachOf(public, "none"), func(v *view) { v.peer = &peerView{at: "/ip4/1.2.3.4/tcp/1", err: gone} }), Unreachable, "Nobody can be reached at /ip4/1.2.3.4/tcp/1; "},
	} {
		d := summarize(c.v)
		if d.Outcome != c.want || !strings.HasPrefix(d.Text, c.text) {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, d.Outcome, d.Text, c.want, c.text)
		}
		if !strings.HasSuffix(d.Text, ".") || strings.Contains(d.Text, "..") || strings.Contains(d.Text, "%!") {
			t.Errorf("%s: %q is no sentence", c.name, d.Text)
		}
		if before, twice := seen[d.Text]; twice {
			t.Errorf("%s and %s end with the same words: %q", c.name, before, d.Text)
		}
		seen[d.Text] = c.name
	}
}

// A word of another's choice cannot hurt the screen.
func TestSummaryIsSafe(t *testing.T) {
	x := &peerView{id: testPeerID(t), name: "\x1b[31mbob\n", connected: true, compatible: true}
	if d := summarize(view{seedsGiven: 1, seedsUp: 1, peer: x}); strings.ContainsAny(d.Text, "\x1b\n") {
		t.Errorf("%q", d.Text)
	}
}
