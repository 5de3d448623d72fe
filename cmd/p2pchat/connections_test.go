package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/node"
)

// someConnections has one of each kind, and one whose other end is hostile.
func someConnections(t *testing.T, now time.Time) (all []api.Connection) {
	t.Helper()
	var ids []chat.PeerID
	for _, s := range []string{
		"12D3KooWQsPbPKc8F6MyerWbHg8t5NqixotK2kJ8q1Mcoj3L24bu",
		"12D3KooWB8DoKgkRz188BPiQWqtTxU8e5exRFbiJZTwDN5adxsxo",
	} {
		p, err := chat.ParsePeerID(s)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p)
	}
	seed, bob := ids[0], ids[1]
	hostile, err := chat.NewText("e\x1b[31mve\tx")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []node.Connection{
		{
			Peer: seed, Role: node.RoleSeed, Local: "/ip4/192.168.1.2/tcp/40123", Remote: "/ip4/192.0.0.70/tcp/4747",
			Transport: "tcp", Security: "/noise", Muxer: "/yamux/1.0.0", Opened: now.Add(-3*time.Hour - 5*time.Minute - 7*time.Second),
			In: 1_400_000, Out: 900, RTT: 23_456 * time.Microsecond,
			Streams: []string{">/p2pchat/kad/1.0.0", ">/meshsub/1.3.0", "</meshsub/1.3.0", "</meshsub/1.3.0"},
		},
		{
			Peer: bob, Name: mustNick(t, "bob"), Role: node.RoleContact, Inbound: true, Relayed: true, Via: seed,
			Local: "/ip4/192.168.1.2/tcp/40123", Remote: "/ip4/192.0.0.70/tcp/4747/p2p/" + seed.String() + "/p2p-circuit",
			Transport: "tcp", Security: "/noise", Muxer: "/yamux/1.0.0", Opened: now.Add(-12 * time.Second),
		},
		{
			Peer: bob, Name: hostile, Role: node.RoleOther, Remote: "/ip6/2001:db8::1/tcp/1",
			Local: "", Opened: now.Add(time.Minute), In: 1 << 50, Streams: []string{">/\x1b[31mx"},
		},
	} {
		all = append(all, api.NewConnection(c))
	}
	return all
}

// TestConnectionsGolden shows the table and the objects as a person and a script
// get them. UPDATE_GOLDEN=1 writes them anew.
func TestConnectionsGolden(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	list := someConnections(t, now)
	var b bytes.Buffer
	if err := writeConnections(&b, list, now); err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		line, err := objectLine(c)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(line + "\n")
	}
	if strings.ContainsAny(b.String(), "\x1b\t") {
		t.Errorf("raw bytes of others:\n%q", b.String())
	}
	const golden = "testdata/connections.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestApproxSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "-", 1: "1B", 1023: "1023B", 1024: "1.0KiB", 200 << 10: "200KiB", 3 << 20: "3.0MiB", 1 << 62: "4194304TiB"} {
		if got := approxSize(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
