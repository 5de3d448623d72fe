package discovery

import (
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/internal/testnet"
)

// Members who could not be reached, of whom nobody is redialled any more, are found
// again as soon as a seed is back.
func TestSeedIsAnotherWay(t *testing.T) {
	inWorld(t, testnet.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		seed := w.start(nil, server)
		alice, bob := w.start(infos(seed)), w.start(infos(seed))
		w.within(3*time.Second, "the seed is known", func() bool { return alice.Status().TableSize > 0 && bob.Status().TableSize > 0 })
		bob.seek("lobby", alice)
		time.Sleep(10 * time.Second)
		w.net.Cut(alice, bob)
		alice.seek("lobby", bob)
		for alice.resting(bob) < 30*time.Second { // she looks for him again and again
			time.Sleep(time.Second)
		}
		w.net.Cut(alice, seed)
		time.Sleep(20 * time.Second)
		if alice.resting(bob) < 5*time.Second || alice.sees(seed) {
			t.Fatal("nothing was cut")
		}
		w.net.HealAll()
		w.within(10*time.Second, "the seed is back", func() bool { // as package bootstrap does; a dial of before has to end first
			return alice.Host.Connect(t.Context(), infos(seed)[0]) == nil
		})
		took := w.within(2*time.Second, "she finds him", func() bool { return alice.sees(bob) })
		t.Logf("found %v after the seed was back", took)
	})
}

// resting is for how long n still leaves another alone, because it could not be
// reached.
func (n *node) resting(other *node) time.Duration {
	n.dials.mu.Lock()
	defer n.dials.mu.Unlock()
	return time.Until(n.dials.failures[other.ID()].until)
}
