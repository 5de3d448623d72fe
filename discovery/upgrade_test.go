package discovery

import (
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
)

func TestUpgradePause(t *testing.T) {
	for failed, want := range []time.Duration{2 * time.Second, time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 5 * time.Minute} {
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

// A direct address that is new makes an attempt due at once, but not too often.
func TestUpgraderHearsOfAnAddress(t *testing.T) {
	now := time.Unix(1000, 0)
	hole, other := ma.StringCast("/ip4/192.0.0.99/tcp/4001"), ma.StringCast("/ip4/192.0.0.98/tcp/4001")
	circuit := ma.StringCast("/ip4/192.0.0.97/tcp/4001/p2p/12D3KooWFX2Uw4TvudeaCVSuYRDsMywBFXWAb4a3nGUuHCDdxknL/p2p-circuit")
	u := make(upgrader)
	due := func() time.Duration { at, _ := u.next(); return at.Sub(now) }
	u.claim("alice", []ma.Multiaddr{hole}, now) // not on a relay
	u.add("alice", now, 0)
	if u.claim("alice", []ma.Multiaddr{circuit}, now); due() != upgradePause(0, 0) {
		t.Errorf("a relay's address: %v", due())
	}
	if u.claim("alice", []ma.Multiaddr{circuit, hole}, now); due() != 0 {
		t.Errorf("a new address: %v", due())
	}
	u.take(now)
	u.result("alice", now, 0)
	for _, as := range [][]ma.Multiaddr{{hole}, {other}} { // known; too soon
		if u.claim("alice", as, now); due() != upgradePause(1, 0) {
			t.Errorf("%v: %v", as, due())
		}
	}
	now = now.Add(claimPause)
	if got := u.take(now); len(got) != 1 {
		t.Fatal(got)
	}
	u.claim("alice", []ma.Multiaddr{hole}, now) // during an attempt
	if u.result("alice", now, 0); due() != 0 {
		t.Errorf("new during an attempt: %v", due())
	}
}
