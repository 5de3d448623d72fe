package discovery

import (
	"testing"
	"time"
)

func TestLookupPause(t *testing.T) {
	var at time.Duration
	var got []time.Duration
	for done := range 11 {
		got = append(got, at.Round(100*time.Millisecond))
		at += lookupPause(done+1, 0, 0)
	}
	want := []time.Duration{
		0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second,
		8 * time.Second, 16 * time.Second, 32 * time.Second, 92 * time.Second, 152 * time.Second,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("look-up %d at %v, want %v", i, got[i], want[i])
		}
	}
	for _, random := range []float64{0, 0.5, 0.999} {
		if p := lookupPause(100, fewMembers-1, random); p < slowLookup || p > slowLookup*5/4 {
			t.Errorf("small room at rest: %v", p)
		}
		for _, done := range []int{1, 100} {
			if p := lookupPause(done, fewMembers, random); p < restLookup || p > restLookup*5/4 {
				t.Errorf("large room: %v", p)
			}
		}
	}
}

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want time.Duration
	}{
		{"announce, all well", announcePause(0, 0), announceAgain},
		{"announce, failed once", announcePause(1, 0), time.Second},
		{"announce, failed 4 times", announcePause(4, 0), 8 * time.Second},
		{"announce, failed for ever", announcePause(1000, 0), maxAnnounceRetry},
		{"announce, jitter", announcePause(1000, 0.5), maxAnnounceRetry * 9 / 10},
		{"unreachable once", failurePause(1, 0), firstFailure},
		{"unreachable 3 times", failurePause(3, 0), 4 * firstFailure},
		{"unreachable for ever", failurePause(1000, 0), maxFailure},
		{"redial, first", redialPause(0, 0, 0, 1, 0), 200 * time.Millisecond},
		{"redial, second", redialPause(1, time.Second, 0, 1, 0), 800 * time.Millisecond},
		{"redial, late", redialPause(100, time.Hour, 0, 5, 0), redialEach},
		{"redial, one of many", redialPause(100, time.Hour, 0, 40, 0), 40 * time.Second},
		{"redial, one of very many", redialPause(100, time.Hour, 0, maxLost, 0), restRedial},
		{"redial, long gone", redialPause(1000, redialPatience, 0, 1, 0), restRedial},
		{"redial, after a dial that waited", redialPause(9, time.Minute, 5*time.Second, 1, 0), 0},
		{"redial, likewise, jitter", redialPause(9, time.Minute, 8*time.Second, 1, 0.5), redialStep / 2},
		{"redial, one of many, likewise", redialPause(9, time.Minute, 5*time.Second, 40, 0), 35 * time.Second},
		{"redial, gone for longer, likewise", redialPause(9, redialEager, 5*time.Second, 1, 0), redialEach},
		{"redial, at first, likewise", redialPause(0, 0, 5*time.Second, 1, 0), 0},
		{"dial", dialWait(0, false, true, 0), 0},
		{"polite dial, smaller ID", dialWait(0, true, false, 0), 0},
		{"polite dial, larger ID", dialWait(0, true, true, 0), politeWait},
		{"second try, smaller ID", dialWait(1, false, false, 0), 20 * time.Millisecond},
		{"second try, larger ID", dialWait(1, false, true, 0), politeWait},
		{"third try, smaller ID", dialWait(2, true, false, 0), 200 * time.Millisecond},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	if 2*announceAgain >= recordLife {
		t.Error("one failed announcement would hide us")
	}
}

func TestRedialer(t *testing.T) {
	now := time.Unix(1000, 0)
	r := make(redialer)
	if _, ok := r.next(); ok {
		t.Error("nobody is lost, yet somebody is next")
	}
	r.lost("alice", true, now, 0)
	r.lost("alice", true, now.Add(time.Minute), 0) // known
	if at, ok := r.next(); !ok || !at.Equal(now.Add(200*time.Millisecond)) {
		t.Fatalf("next: %v, %v", at, ok)
	}
	if got := r.take(now); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	for i := range maxRedials {
		at, ok := r.next()
		if !ok {
			t.Fatalf("given up after %d attempts", i)
		}
		if got := r.take(at); len(got) != 1 || got[0].peer != "alice" {
			t.Fatalf("attempt %d: %v", i, got)
		}
		if got := r.take(at.Add(time.Hour)); len(got) != 0 {
			t.Errorf("dialled twice at once: %v", got)
		}
		r.result("alice", false, at, 0)
	}
	if len(r) != 0 {
		t.Error("not given up")
	}
	// Who said no goodbye may only be cut off.
	r.lost("carol", false, now, 0)
	for at := now; at.Before(now.Add(redialFor)); {
		due, ok := r.next()
		if !ok || due.Sub(at) > restRedial {
			t.Fatalf("carol is given up after %v", at.Sub(now))
		}
		at = due
		r.take(at)
		r.result("carol", false, at, 0)
	}
	if len(r) != 0 {
		t.Error("carol is not given up")
	}
	r.lost("bob", false, now, 0)
	r.take(now.Add(time.Second))
	r.result("bob", true, now, 0)
	r.result("bob", false, now, 0) // a second result changes nothing
	if len(r) != 0 {
		t.Error("reached, and still lost")
	}
	for i := range maxLost + 10 {
		r.lost(testPeer(i), false, now, 0)
	}
	if len(r) != maxLost {
		t.Errorf("%d lost peers are kept", len(r))
	}
}

// A seed that is back is another way to those who are lost.
func TestRedialerTriesAnotherWay(t *testing.T) {
	now := time.Unix(1000, 0)
	late := func() float64 { return 0.999 }
	r := make(redialer)
	for i := range 5 {
		r.lost(testPeer(i), false, now, 0)
	}
	now = now.Add(time.Second)
	r.take(now)
	now = now.Add(100 * time.Millisecond)
	for i := range 5 {
		r.result(testPeer(i), false, now, 0)
		r[testPeer(i)].due = now.Add(time.Minute)
	}
	r.another(now, late)
	if got := r.take(now.Add(time.Second)); len(got) != 0 {
		t.Errorf("%d were tried a moment ago, and are again", len(got))
	}
	now = now.Add(anotherGap)
	r.another(now, late)
	if got := r.take(now.Add(max(anotherWait, 5*anotherShare))); len(got) != 5 {
		t.Errorf("%d are tried", len(got))
	}
	r.another(now.Add(time.Hour), late) // all are being dialled
	if _, ok := r.next(); ok {
		t.Error("dialled twice at once")
	}
	if p := anotherPause(maxLost, 0.999); p < maxLost*anotherShare*9/10 {
		t.Errorf("many are dialled within %v", p)
	}
}

// After a move all who are lost are dialled, but not at the same moment.
func TestMoveIsNoStorm(t *testing.T) {
	r := make(redialer)
	now := time.Unix(1000, 0)
	for i := range maxLost {
		r.lost(testPeer(i), false, now, 0)
	}
	now = now.Add(time.Hour)
	i := 0
	r.hurry(now, func() float64 { i++; return float64(i) / maxLost })
	for second := range 7 {
		at := now.Add(time.Duration(second+1) * time.Second)
		if got := len(r.take(at)); got > 41 {
			t.Errorf("%d are dialled in second %d", got, second)
		}
	}
	if at, ok := r.next(); ok {
		t.Errorf("somebody waits until %v", at)
	}
}
