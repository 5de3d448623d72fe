package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// maxFar is how many names of people who are not connected are shown on one line.
const maxFar = 8

// A linkObject is one line of peers --map --json: a connection of the node, or of
// somebody who is online and not connected, then without a path.
type linkObject struct {
	Type  string       `json:"type"` // "link"
	Peer  chat.PeerID  `json:"peer"`
	Nick  api.Text     `json:"nick"`
	Seed  bool         `json:"seed"`
	Path  string       `json:"path"` // "direct", "relayed", or ""
	Via   *chat.PeerID `json:"via,omitempty"`
	RTT   float64      `json:"rtt_ms"`
	Since time.Time    `json:"since"`
}

// showMap draws what this node is connected to, and who else is online.
func (p *program) showMap(ctx context.Context, n lookout, asJSON, orNothing bool) (found bool, err error) {
	conns, err := n.Connections(ctx)
	if err != nil {
		return false, err
	}
	people, err := n.Peers(ctx)
	if err != nil || len(conns) == 0 && len(people) == 0 && orNothing {
		return false, err
	}
	links := linksOf(conns, people)
	if !asJSON {
		return len(links) > 0, p.print(drawLinks(links))
	}
	for _, l := range links {
		if err := p.printObject(l); err != nil {
			return false, err
		}
	}
	return len(links) > 0, nil
}

// linksOf makes one of all connections to a peer, the best: seeds first, then the
// near ones, and last who is not connected.
func linksOf(conns []api.Connection, people []api.Peer) (out []linkObject) {
	best := make(map[chat.PeerID]linkObject)
	for _, c := range conns {
		l := linkObject{
			Type: "link", Peer: c.Peer, Nick: c.Nick, Seed: c.Role == "seed", Path: "direct", Via: c.Via, RTT: c.RTT, Since: c.Opened,
		}
		if c.Relayed {
			l.Path = "relayed"
		}
		if old, ok := best[c.Peer]; !ok || old.Path == "relayed" && l.Path == "direct" {
			best[c.Peer] = l
		}
	}
	for _, x := range people {
		if _, ok := best[x.Peer]; !ok && x.Online && x.How != "self" {
			best[x.Peer] = linkObject{Type: "link", Peer: x.Peer, Nick: x.Nick, Seed: x.Seed, Since: x.Since}
		}
	}
	for _, l := range best {
		out = append(out, l)
	}
	order := map[string]int{"direct": 0, "relayed": 1, "": 2}
	slices.SortFunc(out, func(a, b linkObject) int {
		seeds := 0
		if a.Seed != b.Seed {
			seeds = 1
			if a.Seed {
				seeds = -1
			}
		}
		return cmp.Or(cmp.Compare(order[a.Path], order[b.Path]), seeds, cmp.Compare(a.RTT, b.RTT), a.Peer.Compare(b.Peer))
	})
	return out
}

// drawLinks draws a map for a person: this node, and branches as long as the way.
func drawLinks(links []linkObject) string {
	lines := []string{"you"}
	var far []string
	for _, l := range links {
		if l.Path == "" {
			far = append(far, shortName(l))
			continue
		}
		branch := "├──"
		if l.Path == "relayed" {
			branch = "├╌╌"
		}
		line := fmt.Sprintf("%s%s %s", branch, strings.Repeat(branch[len("├"):len("├")+len("─")], distance(l.RTT)), shortName(l))
		if l.Via != nil {
			line += ", through ~" + l.Via.Short()
		}
		lines = append(lines, line+"  "+roundTrip(l.RTT))
	}
	if n := len(far); n > maxFar {
		far = append(far[:maxFar], fmt.Sprintf("%d more", n-maxFar))
	}
	if len(far) > 0 {
		lines = append(lines, "   online, not connected to you: "+strings.Join(far, ", "))
	}
	if last := len(lines) - 1; len(far) > 0 {
		lines[last-1] = strings.Replace(lines[last-1], "├", "└", 1)
	} else {
		lines[last] = strings.Replace(lines[last], "├", "└", 1)
	}
	return strings.Join(lines, "\n")
}

// distance is how long a branch is drawn: one more for each threefold of 1 ms.
func distance(ms float64) int {
	n := 0
	for ; ms > 1 && n < 8; ms /= 3 {
		n++
	}
	return n
}

// shortName names a peer on a map.
func shortName(l linkObject) string {
	name := l.Nick.Line() + "~" + l.Peer.Short()
	if l.Seed {
		name += " (seed)"
	}
	return name
}
