package main

import (
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

func TestMapDrawsEveryPeerOnce(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	conns := someConnections(t, now)
	seed, bob := conns[0].Peer, conns[1].Peer
	carol, err := chat.ParsePeerID("12D3KooWQuGrpbihjmQghHCHZTAWABeHRy3oAwpmeqkeT8J7XJdi")
	if err != nil {
		t.Fatal(err)
	}
	people := []api.Peer{
		{Peer: bob, Online: true, How: "direct"},
		{Peer: carol, Nick: api.Text{Text: mustNick(t, "carol")}, Online: true},
	}
	links := linksOf(conns, people)
	if len(links) != 3 || links[0].Peer != seed || links[1].Peer != bob || links[1].Path != "direct" || links[2].Peer != carol || links[2].Path != "" {
		t.Fatalf("got %+v", links)
	}
	got := drawLinks(links)
	want := strings.Join([]string{
		"you",
		"├───── ~" + seed.Short() + " (seed)  23.5ms",
		"└── e[31mve x~" + bob.Short() + "  -",
		"   online, not connected to you: carol~" + carol.Short(),
	}, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := drawLinks(links[:2]); !strings.Contains(got, "└── e") {
		t.Errorf("the last branch is not the last:\n%s", got)
	}
	if got := drawLinks(nil); got != "you" {
		t.Errorf("alone: %q", got)
	}
}
