package node

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/p2pchat/p2pchat/chat"
)

// What a seed carries for others is counted, there and nowhere else, and the
// metrics of libp2p go to the registry that was given.
func TestNetworkCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50*time.Millisecond)
		registry := prometheus.NewRegistry()
		seed := w.start(Config{Seed: true, Metrics: registry})
		w.seeds = append(w.seeds, seed.info)
		if n := seed.network(); n.Relayed != 0 || n.Forwarded != 0 {
			t.Errorf("for nobody %d bytes were relayed, and %d messages forwarded", n.Relayed, n.Forwarded)
		}
		alice, bob := w.person("alice"), w.person("bob")
		w.apart(alice, bob)
		time.Sleep(3 * time.Second)
		alice.join("den")
		bob.join("den")
		time.Sleep(10 * time.Second)
		before := seed.network()
		alice.say("den", "through the seed")
		bob.wantText(5*time.Second, "through the seed")
		if n := seed.network(); n.Forwarded <= before.Forwarded {
			t.Errorf("%d messages were forwarded, and %d before", n.Forwarded, before.Forwarded)
		}
		if err := alice.Dial(t.Context(), bob.Self()); err != nil {
			t.Fatal(err)
		}
		before = seed.network()
		words := strings.Repeat("x", 10_000)
		alice.tell(chat.With(bob.Self()), words)
		bob.wantText(5*time.Second, words)
		if n := seed.network(); n.Relayed < before.Relayed+10_000 {
			t.Errorf("%d bytes were relayed, and %d before", n.Relayed, before.Relayed)
		}
		for _, p := range []*person{alice, bob} {
			if n := p.network(); n.Relayed != 0 || n.Forwarded != 0 {
				t.Errorf("%s relayed %d bytes and forwarded %d messages", p.nick, n.Relayed, n.Forwarded)
			}
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"libp2p_swarm_", "libp2p_relaysvc_", "libp2p_rcmgr_"} {
			found := false
			for _, f := range families {
				found = found || strings.HasPrefix(f.GetName(), want)
			}
			if !found {
				t.Errorf("no metric %s*", want)
			}
		}
	})
}

func (p *person) network() Network {
	p.t.Helper()
	n, err := p.Network(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}
