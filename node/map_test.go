package node

import (
	"testing"
	"testing/synctest"
	"time"
)

// A map is drawn of what is there, and distances of what was measured.
func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50*time.Millisecond)
		seed := w.start(Config{Seed: true})
		w.seeds = append(w.seeds, seed.info)
		alice, bob := w.person("alice"), w.person("bob")
		time.Sleep(5 * time.Second)
		links := make(map[string]Link)
		for _, l := range seed.Links() {
			links[l.Peer.String()] = l
		}
		for _, p := range []*person{alice, bob} {
			if l, ok := links[p.Self().String()]; !ok || l.Relayed || l.Since.IsZero() {
				t.Errorf("%s is not linked: %+v", p.nick, l)
			}
		}
		seed.Measure(t.Context())
		people, err := seed.Online(t.Context())
		if err != nil || len(people) != 2 {
			t.Fatalf("online: %+v, %v", people, err)
		}
		for _, x := range people {
			if x.How != "direct" || x.RTT < 100*time.Millisecond {
				t.Errorf("%s is %q at %v", x.Nick, x.How, x.RTT)
			}
		}
	})
}
