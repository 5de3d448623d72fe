package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/host"
)

// A checkCase is a check and what is expected of it: the beginning of what was seen
// and a part of the advice.
type checkCase struct {
	name   string
	got    Check
	status CheckStatus
	saw    string
	advice string
}

func wantVerdicts(t *testing.T, all []checkCase) {
	t.Helper()
	seen := make(map[string]string)
	for _, v := range all {
		c := v.got
		switch {
		case c.Status != v.status:
			t.Errorf("%s: %s (%q), want %s", v.name, c.Status, c.Saw, v.status)
		case !strings.HasPrefix(c.Saw, v.saw) || v.saw == "":
			t.Errorf("%s: saw %q, want %q", v.name, c.Saw, v.saw)
		case (c.Advice == "") != (v.advice == "") || !strings.Contains(c.Advice, v.advice):
			t.Errorf("%s: advice %q, want %q", v.name, c.Advice, v.advice)
		case c.Status == CheckOK && c.Advice != "":
			t.Errorf("%s: advice without need: %q", v.name, c.Advice)
		case (c.Status == CheckWarn || c.Status == CheckFail) && c.Advice == "":
			t.Errorf("%s: no advice", v.name)
		case strings.ContainsAny(c.Saw+c.Advice, "\n\x1b") || strings.Contains(c.Saw+c.Advice, "%!"):
			t.Errorf("%s: %q, %q", v.name, c.Saw, c.Advice)
		}
		if before, twice := seen[c.Saw]; twice {
			t.Errorf("%s and %s say the same: %q", v.name, before, c.Saw)
		}
		seen[c.Saw] = v.name
	}
}

func testPeerID(t *testing.T) chat.PeerID {
	t.Helper()
	p, err := chat.ParsePeerID(relayID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func addrsOf(all ...string) (out []ma.Multiaddr) {
	for _, s := range all {
		out = append(out, ma.StringCast(s))
	}
	return out
}

const (
	relayID  = "12D3KooWQsPbPKc8F6MyerWbHg8t5NqixotK2kJ8q1Mcoj3L24bu"
	publicIP = "/ip4/192.0.0.70/tcp/4001"
)

func TestJudgeFolder(t *testing.T) {
	full := FolderFacts{Dir: "/home/a", Mode: 0o700, Free: 1 << 20, FreeKnown: true}
	wantVerdicts(t, []checkCase{
		{"good", judgeFolder(FolderFacts{Dir: "/home/a", Mode: 0o700, Free: 1 << 30, FreeKnown: true}), CheckOK, "/home/a can be used", ""},
		{"full", judgeFolder(full), CheckWarn, "/home/a can be used; 1 MiB are free", "make room"},
		{"in use", judgeFolder(FolderFacts{Dir: "/home/a", InUse: true, Holder: "process 7"}), CheckOK, "/home/a is in use by a running node (process 7)", ""},
		{"bad", judgeFolder(FolderFacts{Dir: "/home/a", Err: errors.New("not writable")}), CheckFail, "not writable", "--data DIR"},

		{"history", judgeHistory(FolderFacts{HistorySize: 5}), CheckOK, "the history is sound", ""},
		{"no history", judgeHistory(FolderFacts{HistoryErr: fs.ErrNotExist}), CheckOK, "no history yet", ""},
		{"long history", judgeHistory(FolderFacts{HistoryErr: context.DeadlineExceeded}), CheckSkip, "the history is so large", ""},
		{"bad history", judgeHistory(FolderFacts{HistoryErr: errors.New("file is damaged")}), CheckFail, "file is damaged", "moved aside"},
		{"history of a bad folder", judgeHistory(FolderFacts{Err: errors.New("x")}), CheckSkip, "not looked at", ""},
	})
	if d := judgeFolder(full).Detail; d["mode"] != "0700" || d["free_bytes"] != "1048576" {
		t.Errorf("details %v", d)
	}
}

func TestJudgeListen(t *testing.T) {
	wantVerdicts(t, []checkCase{
		{"all", judgeListen(listenView{addrs: addrsOf("/ip4/192.168.1.2/tcp/4001", "/ip6/::1/tcp/4001"), wanted: true}), CheckOK, "TCP port 4001, on 2 addresses", ""},
		{"loopback", judgeListen(listenView{addrs: addrsOf("/ip4/127.0.0.1/tcp/4001"), wanted: true}), CheckOK, "TCP port 4001, for this computer alone", ""},
		{"error", judgeListen(listenView{err: errors.New("port taken")}), CheckFail, "cannot listen: port taken", "--listen"},
		{"dials only", judgeListen(listenView{}), CheckSkip, "this node only dials", ""},
		{"no network", judgeListen(listenView{wanted: true}), CheckFail, "there is no address", "connect this computer"},
	})
}

func TestJudgeSeed(t *testing.T) {
	p := testPeerID(t)
	good := seedView{
		peer: p, addr: publicIP, connected: true, took: 30 * time.Millisecond, rtt: 12 * time.Millisecond,
		identified: true, agent: "p2pchat", serves: true, relays: true, sees: true,
	}
	mute, other, hostile := good, good, good
	mute.rtt = 0
	other.serves = false
	hostile.agent = "\x1b[31m" + strings.Repeat("x", 1000)
	wantVerdicts(t, []checkCase{
		{"good", judgeSeed(good), CheckOK, publicIP + " answers; connected after 30ms, round trip 12ms (p2pchat)", ""},
		{"refused", judgeSeed(seedView{peer: p, addr: publicIP, err: syscall.ECONNREFUSED}), CheckFail, publicIP + ": nobody listens there", "check your internet connection"},
		{"dead", judgeSeed(seedView{peer: p, addr: publicIP, err: context.DeadlineExceeded}), CheckFail, publicIP + ": no answer in time", "check your internet connection"},
		{"slow", judgeSeed(seedView{peer: p, addr: "/dns4/a/tcp/1"}), CheckFail, "/dns4/a/tcp/1: no answer in time", "--wait 30s"},
		{"mute", judgeSeed(mute), CheckWarn, publicIP + " answers; connected after 30ms; it did not answer a ping", "overloaded"},
		{"no seed", judgeSeed(other), CheckWarn, publicIP + " answers; connected after 30ms, round trip 12ms; but it is no seed", "p2pchat --bootstrap"},
		{"none", judgeNoSeed(0, false), CheckWarn, "no seed is set", "--seed"},
		{"none, but others", judgeNoSeed(1, false), CheckSkip, "no seed is set; 1 other is connected all the same", ""},
		{"none, but an address", judgeNoSeed(0, true), CheckSkip, "no seed is set; one address", ""},
	})
	if c := judgeSeed(hostile); len(c.Saw) > 200 || strings.Contains(c.Saw+c.Detail["agent"], "\x1b") {
		t.Errorf("a hostile agent is shown as %q", c.Saw)
	}
	want := map[string]string{"agent": "p2pchat", "dht": "yes", "relay": "yes", "autonat": "yes", "connected_ms": "30", "rtt_ms": "12", "addr": publicIP, "peer": p.String()}
	if got := judgeSeed(good).Detail; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("details %v, want %v", got, want)
	}
}

func TestJudgeRelay(t *testing.T) {
	id, err := peer.Decode(relayID)
	if err != nil {
		t.Fatal(err)
	}
	reserved := host.Relay{Peer: id, Reserved: true, Expires: time.Unix(0, 0), Limit: host.RelayLimit{Duration: time.Hour, Data: 64 << 20}}
	full := host.Relay{Peer: id, LastError: errors.New("reservation refused")}
	wantVerdicts(t, []checkCase{
		{"reserved", judgeRelay(reserved, network.ReachabilityPrivate, false), CheckOK, "the seed ~3L24bu relays for this node, each connection at most 64 MiB each way and 1h", ""},
		{"reserved, small", judgeRelay(host.Relay{Peer: id, Reserved: true, Limit: host.RelayLimit{Data: 64 << 10}}, network.ReachabilityPrivate, false), CheckOK, "the seed ~3L24bu relays for this node, each connection at most 64 KiB each way", ""},
		{"reserved without limit", judgeRelay(host.Relay{Peer: id, Reserved: true}, network.ReachabilityPrivate, false), CheckOK, "the seed ~3L24bu relays for this node", ""},
		{"public", judgeRelay(host.Relay{Peer: id}, network.ReachabilityPublic, false), CheckSkip, "the seed ~3L24bu does not relay for this node, which needs no relay", ""},
		{"at home", judgeRelay(full, network.ReachabilityPrivate, true), CheckSkip, "the seed ~3L24bu does not relay for this node; in one network", ""},
		{"refused", judgeRelay(full, network.ReachabilityPrivate, false), CheckWarn, "the seed ~3L24bu refuses to relay for this node: reservation refused", "another seed"},
		{"silent", judgeRelay(host.Relay{Peer: id}, network.ReachabilityUnknown, false), CheckWarn, "the seed ~3L24bu does not relay for this node", "another seed"},
	})
}

func reachOf(r network.Reachability, nat string, more ...func(*reachView)) reachView {
	v := reachView{Reach: host.Reach{Reachability: r, NAT: nat, PunchReady: true}, up: true, port: 4001}
	for _, f := range more {
		f(&v)
	}
	return v
}

func withRelay(v *reachView)   { v.Relays = []host.Relay{{Reserved: true}} }
func withRefusal(v *reachView) { v.Refuted = addrsOf(publicIP) }
func atHome(v *reachView)      { v.own = true }

func TestJudgeReach(t *testing.T) {
	wantVerdicts(t, []checkCase{
		{"public", judgeReach(reachOf(network.ReachabilityPublic, "none", func(v *reachView) { v.Confirmed = addrsOf(publicIP) })), CheckOK, "others can reach this node directly at " + publicIP, ""},
		{"alone", judgeReach(reachOf(network.ReachabilityUnknown, natUnknown, func(v *reachView) { v.up = false })), CheckSkip, "nobody could be asked", ""},
		{"at home", judgeReach(reachOf(network.ReachabilityPrivate, natUnknown, atHome)), CheckSkip, "not tested: the seed is in your own network", ""},
		{"symmetric", judgeReach(reachOf(network.ReachabilityPrivate, natSymmetric, withRelay)), CheckWarn, "behind a router that uses another port for everybody", "forward TCP port 4001"},
		{"friendly", judgeReach(reachOf(network.ReachabilityPrivate, natFriendly, withRelay)), CheckOK, "behind a router that can be passed", ""},
		{"friendly, not ready", judgeReach(reachOf(network.ReachabilityPrivate, natFriendly, func(v *reachView) { v.PunchReady = false })), CheckWarn, "behind a router that could be passed", "--wait 30s"},
		{"refuted", judgeReach(reachOf(network.ReachabilityPrivate, natUnknown, withRelay, withRefusal)), CheckWarn, "others cannot reach this node directly", "forward TCP port 4001"},
		{"relayed", judgeReach(reachOf(network.ReachabilityPrivate, natUnknown, withRelay)), CheckOK, "others reach this node through a seed", ""},
		{"relayed by the only seed", judgeReach(reachOf(network.ReachabilityPrivate, natUnknown, withRelay, func(v *reachView) { v.one = true })), CheckOK, "others reach this node through the seed; what kind of router", ""},
		{"unknown", judgeReach(reachOf(network.ReachabilityUnknown, natUnknown)), CheckWarn, "how others reach this node was not found out", "--wait 30s"},
	})
	deaf := judgeReach(reachOf(network.ReachabilityPrivate, natSymmetric, func(v *reachView) { v.port = 0 }))
	if !strings.HasPrefix(deaf.Advice, "let this node listen") {
		t.Errorf("a node that does not listen is advised: %q", deaf.Advice)
	}
}

func TestJudgeMapping(t *testing.T) {
	mapped := mappingView{reachView: reachOf(network.ReachabilityPublic, "none", func(v *reachView) { v.Mapped = addrsOf(publicIP) })}
	wantVerdicts(t, []checkCase{
		{"mapped", judgeMapping(mapped), CheckOK, "the router forwards " + publicIP, ""},
		{"off", judgeMapping(mappingView{off: true}), CheckSkip, "switched off", ""},
		{"loopback", judgeMapping(mappingView{loopback: true}), CheckSkip, "not needed: this node listens for this computer", ""},
		{"public", judgeMapping(mappingView{reachView: reachOf(network.ReachabilityPublic, "none")}), CheckSkip, "not needed", ""},
		{"none", judgeMapping(mappingView{reachView: reachOf(network.ReachabilityPrivate, natFriendly)}), CheckSkip, "no router answers", ""},
	})
}

func TestJudgeDHTAndLAN(t *testing.T) {
	serving := discovery.Detail{Status: discovery.Status{TableSize: 1, Mode: "client"}}
	one := func(l discovery.LANDetail) Check {
		return judgeLAN(discovery.Detail{LAN: []discovery.LANDetail{l}}, false)[0]
	}
	wantVerdicts(t, []checkCase{
		{"dht", judgeDHT(serving, 1), CheckOK, "1 node can be asked where others are; this node only asks", ""},
		{"dht empty", judgeDHT(discovery.Detail{}, 1), CheckWarn, "a seed is connected, but no server", "try again"},
		{"dht alone", judgeDHT(discovery.Detail{}, 0), CheckSkip, "no server of the hash table is known", ""},

		{"lan off", judgeLAN(discovery.Detail{}, true)[0], CheckSkip, "switched off", ""},
		{"lan on", judgeLAN(discovery.Detail{Status: discovery.Status{MDNS: true}}, false)[0], CheckOK, "looks for people on the local network", ""},
		{"lan broken", judgeLAN(discovery.Detail{Status: discovery.Status{LastError: errors.New("no multicast")}}, false)[0], CheckWarn, "cannot look for people on the local network", "UDP port 5353"},
		{"interface on", one(discovery.LANDetail{Interface: "eth0", On: true}), CheckOK, "looks for people on the local network of eth0", ""},
		{"interface broken", one(discovery.LANDetail{Interface: "eth0", LastError: errors.New("no route")}), CheckWarn, "cannot look for people on the local network of eth0: no route", "UDP port 5353"},
		{"interface off", one(discovery.LANDetail{Interface: "lo"}), CheckSkip, "lo: not looked at", ""},
	})
}

func TestJudgeClock(t *testing.T) {
	wantVerdicts(t, []checkCase{
		{"alone", judgeClock(0, 0), CheckSkip, "nobody told the time", ""},
		{"right", judgeClock(-time.Minute, 3), CheckOK, "the clock agrees with that of 3 others", ""},
		{"ahead", judgeClock(-3*time.Minute, 1), CheckWarn, "this computer's clock is 3m0s ahead of those of others", "set this computer's clock"},
		{"behind", judgeClock(3*time.Minute, 1), CheckWarn, "this computer's clock is 3m0s behind those of others", "set this computer's clock"},
		{"far off", judgeClock(time.Hour, 2), CheckFail, "this computer's clock is 1h0m0s behind those of others: messages", "set this computer's clock"},
	})
}

func TestJudgePeer(t *testing.T) {
	p := testPeerID(t)
	relayed := peerView{id: p, connected: true, took: time.Second, relayed: true, via: p, first: true, compatible: true, rtt: time.Millisecond}
	direct := peerView{id: p, connected: true, took: time.Second, compatible: true}
	punched := relayed
	punched.relayed, punched.punched = false, 300*time.Millisecond
	gone := peerView{id: p, known: 2, err: fmt.Errorf("x: %w", chat.ErrUnreachable)}
	unknown := peerView{id: p, err: fmt.Errorf("x: %w", chat.ErrNotFound)}
	seed := peerView{id: p, seed: true, compatible: true}
	one := []protocol.ID{"/a"}
	circuit := publicIP + "/p2p/" + relayID + "/p2p-circuit"
	wantVerdicts(t, []checkCase{
		{"at", judgePeerAt("/ip4/1.2.3.4/tcp/1", p, nil), CheckOK, "peer " + p.String() + " is at", ""},
		{"at no peer", judgePeerAt("/ip4/1.2.3.4/tcp/1", p, host.ErrNotAPeer), CheckFail, "/ip4/1.2.3.4/tcp/1: what listens there is not p2pchat", "its port"},
		{"at nobody", judgePeerAt("/ip4/1.2.3.4/tcp/1", p, syscall.ECONNREFUSED), CheckFail, "/ip4/1.2.3.4/tcp/1: nobody listens there", "its port"},

		{"addresses", judgePeerAddrs(addrsOf(publicIP), nil, false), CheckOK, "1 address is known", ""},
		{"addresses of a relay", judgePeerAddrs(addrsOf(publicIP, circuit), nil, false), CheckOK, "2 addresses are known, 1 of them through a relay", ""},
		{"no addresses", judgePeerAddrs(nil, errors.New("x"), false), CheckWarn, "nobody who was asked knows an address", "must be running"},
		{"no addresses, connected", judgePeerAddrs(nil, nil, true), CheckSkip, "no address is known, but", ""},

		{"dial", judgePeerDial(discovery.DialResult{Addr: ma.StringCast(publicIP), Took: time.Second}, false), CheckOK, publicIP + ": answers after 1s", ""},
		{"dial through a seed", judgePeerDial(discovery.DialResult{Addr: ma.StringCast(circuit), Took: time.Second}, false), CheckOK, "through the seed ~3L24bu at " + publicIP + ": answers after 1s", ""},
		{"dial nobody", judgePeerDial(discovery.DialResult{Addr: ma.StringCast(publicIP), Err: syscall.ECONNREFUSED}, false), CheckWarn, publicIP + ": nobody listens there", "no matter"},

		{"dial, connected", judgePeerDial(discovery.DialResult{Addr: ma.StringCast(publicIP), Err: errors.New("x")}, true), CheckOK, publicIP + ": connected there already", ""},
		{"dial a name", judgePeerDial(discovery.DialResult{Addr: ma.StringCast("/dns4/a/tcp/1"), Err: errors.New("x")}, false), CheckSkip, "/dns4/a/tcp/1: a name", ""},

		{"connected before", judgePeerConnect(peerView{id: p, connected: true, already: true}), CheckOK, "connected directly since before", ""},
		{"connect", judgePeerConnect(direct), CheckOK, "connected directly after 1s", ""},
		{"connect by relay", judgePeerConnect(relayed), CheckOK, "connected after 1s, through the seed ~" + p.Short(), ""},
		{"not found", judgePeerConnect(unknown), CheckFail, "not found", "share a seed"},
		{"not reached", judgePeerConnect(gone), CheckFail, "not reached: none of the 2 addresses answers", "p2pchat doctor"},

		{"punch not needed", judgePeerPunch(direct, reachView{}), CheckSkip, "not needed", ""},
		{"punched", judgePeerPunch(punched, reachView{}), CheckOK, "the connection became direct after 300ms", ""},
		{"not punched", judgePeerPunch(relayed, reachView{port: 4001}), CheckWarn, "the connection still goes through the seed after 5s", "forward TCP port 4001"},

		{"protocols", judgePeerProtocols(direct, one, one), CheckOK, "1 protocol in common, private chat among them", ""},
		{"protocols of a seed", judgePeerProtocols(seed, one, one), CheckOK, "it is a seed", ""},
		{"other version", judgePeerProtocols(peerView{}, one, nil), CheckFail, "it speaks no private chat", "same version"},
		{"no protocols", judgePeerProtocols(peerView{}, nil, nil), CheckWarn, "the peer did not say in time", "try again"},

		{"ping", judgePeerPing(relayed), CheckOK, "round trip 1ms", ""},
		{"no ping", judgePeerPing(direct), CheckWarn, "no answer to a ping", "try again"},
	})
	if c := judgePeerPunch(relayed, reachView{}); c.Status != CheckWarn || !strings.Contains(c.Advice, "one of you two could let this node listen") {
		t.Errorf("advice %q", c.Advice)
	}
}

func TestWorse(t *testing.T) {
	warn, fail := Check{Name: "a", Status: CheckWarn}, Check{Name: "b", Status: CheckFail}
	for _, c := range []struct {
		name string
		all  []Check
		want string
	}{
		{"nothing", []Check{{Name: "x", Status: CheckOK}, {Name: "y", Status: CheckSkip}}, ""},
		{"first warning", []Check{warn, {Name: "c", Status: CheckWarn}}, "a"},
		{"failure after warning", []Check{warn, fail, {Name: "d", Status: CheckFail}}, "b"},
		{"address of a peer", []Check{{Name: checkPeerDial, Status: CheckWarn}}, ""},
	} {
		var worst Check
		for _, x := range c.all {
			worst = worse(worst, x)
		}
		if worst.Name != c.want {
			t.Errorf("%s: %q, want %q", c.name, worst.Name, c.want)
		}
	}
}

func TestDirectWins(t *testing.T) {
	direct, relayed := ma.StringCast(publicIP), ma.StringCast(publicIP+"/p2p/"+relayID+"/p2p-circuit")
	for _, c := range []struct{ a, b, want ma.Multiaddr }{
		{direct, relayed, direct},
		{relayed, direct, direct},
		{relayed, relayed, relayed},
	} {
		if got := moreDirect(c.a, c.b); !got.Equal(c.want) {
			t.Errorf("of %s and %s: %s", c.a, c.b, got)
		}
	}
}

func TestSpanWords(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"1h": time.Hour, "10m": 10 * time.Minute, "1h10m": 70 * time.Minute, "10s": 10 * time.Second, "1h0m10s": time.Hour + 10*time.Second,
	} {
		if got := spanWords(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// A port that is forwarded is found out later than the kind of NAT.
func TestReachSettles(t *testing.T) {
	for _, c := range []struct {
		name   string
		v      reachView
		waited time.Duration
		want   bool
	}{
		{"nothing known", reachOf(network.ReachabilityPrivate, natUnknown), time.Hour, false},
		{"NAT known", reachOf(network.ReachabilityPrivate, natFriendly), 0, false},
		{"NAT known for long", reachOf(network.ReachabilityPrivate, natFriendly), callWait, true},
		{"one seed", reachOf(network.ReachabilityPrivate, natUnknown, func(v *reachView) { v.one = true }), callWait, true},
		{"called back", reachOf(network.ReachabilityPublic, natUnknown), 0, true},
		{"not got through", reachOf(network.ReachabilityPrivate, natUnknown, withRefusal), 0, true},
	} {
		if got := c.v.settled(c.waited); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPunched(t *testing.T) {
	at := func(all ...int) (out []time.Time) {
		for _, s := range all {
			out = append(out, time.Unix(int64(s), 0))
		}
		return out
	}
	for _, c := range []struct {
		name            string
		relayed, direct []time.Time
		first           bool
		after           time.Duration
	}{
		{"direct", nil, at(5), false, 0},
		{"relayed", at(5), nil, false, 0},
		{"punched", at(9, 5), at(8, 7), true, 2 * time.Second},
		{"relayed later", at(9), at(7), false, 0},
	} {
		if first, after := punched(c.relayed, c.direct); first != c.first || after != c.after {
			t.Errorf("%s: %v after %v", c.name, first, after)
		}
	}
}
