package discovery

import (
	"testing"
	"time"
)

func TestUpgradePause(t *testing.T) {
	for failed, want := range []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 5 * time.Minute} {
		if got := upgradePause(failed, 0); got != want {
			t.Errorf("after %d failures: %v, want %v", failed, got, want)
		}
		if got := upgradePause(failed, 0.999); got <= want || got > want+want/5 {
			t.Errorf("after %d failures, with jitter: %v", failed, got)
		}
	}
}

func TestUpgrader(t *testing.T) {
	now := time.Unix(1000, 0)
	u := make(upgrader)
	if _, ok := u.next(); ok {
		t.Error("nobody is on a relay, yet somebody is next")
	}
	u.add("alice", now, 0)
	u.add("alice", now.Add(time.Hour), 0) // known
	for failed := range 6 {
		at, ok := u.next()
		if !ok || at.Sub(now) != upgradePause(failed, 0) {
			t.Fatalf("attempt %d: after %v, %v", failed, at.Sub(now), ok)
		}
		if got := u.take(at.Add(-1)); len(got) != 0 {
			t.Errorf("too early: %v", got)
		}
		if got := u.take(at); len(got) != 1 || got[0].peer != "alice" {
			t.Fatalf("attempt %d: %v", failed, got)
		}
		if got := u.take(at.Add(time.Hour)); len(got) != 0 {
			t.Errorf("two attempts at once: %v", got)
		}
		u.result("alice", at, 0)
		now = at
	}
	u.hurry(now, 0)
	if at, _ := u.next(); at.Sub(now) != upgradePause(0, 0) {
		t.Errorf("after a move: in %v", at.Sub(now))
	}
	u.drop("alice")
	u.result("alice", now, 0) // too late
	if len(u) != 0 {
		t.Error("direct, and still waiting to be")
	}
	for i := range maxUpgrades + 10 {
		u.add(testPeer(i), now, 0)
	}
	if len(u) != maxUpgrades {
		t.Errorf("%d peers wait", len(u))
	}
}
