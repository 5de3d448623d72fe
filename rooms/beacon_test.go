package rooms

import (
	"math/rand/v2"
	"testing"
	"time"
)

func at(d time.Duration) time.Time { return time.Unix(1_800_000_000, 0).Add(d) }

// half is a random number that is always in the middle.
func half() float64 { return 0.5 }

func wantNext(t *testing.T, p *pacer, now time.Time, n int, want time.Time) {
	t.Helper()
	got, ok := p.next(now, n)
	if !ok {
		t.Fatalf("no beacon due, want one after %v", want.Sub(now))
	}
	// A token's time is rounded up by a millisecond.
	if d := got.Sub(want); d < 0 || d > time.Millisecond {
		t.Fatalf("beacon due after %v, want %v", got.Sub(now), want.Sub(now))
	}
}

// started has p send the two beacons of a start at once, at t.
func started(p *pacer, t time.Time, n int) {
	p.start(t)
	p.sent(t, n)
	p.sent(t, n)
	p.tokens = bucket{}
}

func TestPacerIsSilentAlone(t *testing.T) {
	p := pacer{random: half}
	p.change(at(0), 1)
	if _, ok := p.next(at(0), 1); ok {
		t.Fatal("a beacon is due with nobody to hear it")
	}
	p.start(at(time.Hour))
	wantNext(t, &p, at(time.Hour), 2, at(time.Hour+150*time.Millisecond))
	p.sent(at(time.Hour), 2)
	wantNext(t, &p, at(time.Hour), 2, at(time.Hour+2250*time.Millisecond)) // again, once
	p.sent(at(time.Hour), 2)
	wantNext(t, &p, at(time.Hour), 2, at(time.Hour+30*time.Second))
	p.stop()
	if _, ok := p.next(at(time.Hour), 2); ok {
		t.Fatal("a beacon is due after all have left")
	}
}

func TestPacerAtRest(t *testing.T) {
	for _, c := range []struct {
		random float64
		n      int
		want   time.Duration
	}{
		{0.5, 2, 30 * time.Second},
		{0, 2, 24 * time.Second},
		{0.999999999, 2, 36 * time.Second},
		{0.5, 15, 30 * time.Second},
		{0.5, 100, 200 * time.Second},
		{0, 1000, 1600 * time.Second},
	} {
		p := pacer{random: func() float64 { return c.random }}
		started(&p, at(0), c.n)
		got, _ := p.next(at(0), c.n)
		if d := got.Sub(at(c.want)).Abs(); d > time.Millisecond {
			t.Errorf("n=%d, random=%v: next beacon after %v, want %v", c.n, c.random, got.Sub(at(0)), c.want)
		}
	}
}

func TestPacerMergesChanges(t *testing.T) {
	begin := func() *pacer {
		p := &pacer{random: half}
		started(p, at(-time.Hour), 2)
		return p
	}
	const wait = 900 * time.Millisecond // in the middle of 0.3 to 1.5 s

	p := begin()
	p.change(at(0), 2)
	wantNext(t, p, at(0), 2, at(wait))

	// A second change postpones, so that one beacon tells of both.
	p.change(at(500*time.Millisecond), 2)
	wantNext(t, p, at(500*time.Millisecond), 2, at(500*time.Millisecond+wait))

	// But heads that change all the time are told of after 2.5 to 5 s.
	for d := time.Second; d < 3700*time.Millisecond; d += 100 * time.Millisecond {
		p.change(at(d), 2)
	}
	wantNext(t, p, at(3700*time.Millisecond), 2, at(3750*time.Millisecond))

	// In a large room everything takes longer: here 10 times.
	p = begin()
	p.change(at(0), 200)
	wantNext(t, p, at(0), 200, at(10*wait))
	for d := time.Second; d < 37*time.Second; d += time.Second {
		p.change(at(d), 200)
	}
	wantNext(t, p, at(37*time.Second), 200, at(37500*time.Millisecond))

	// A change never hurries the beacon that is due.
	p = begin()
	p.random = func() float64 { return 0.99 }
	p.change(at(0), 2)
	before, _ := p.next(at(0), 2)
	p.random = func() float64 { return 0 }
	p.change(at(0), 2)
	wantNext(t, p, at(0), 2, before)
}

func TestPacerResize(t *testing.T) {
	p := pacer{random: half}
	started(&p, at(0), 2)
	wantNext(t, &p, at(0), 2, at(30*time.Second))
	// The room grows: the interval counts from the last beacon.
	wantNext(t, &p, at(10*time.Second), 100, at(200*time.Second))
	// It shrinks: what is left becomes a tenth, and not less than nothing.
	wantNext(t, &p, at(100*time.Second), 10, at(115*time.Second))
	p.sent(at(115*time.Second), 10)
	wantNext(t, &p, at(200*time.Second), 2, at(200*time.Second)) // it was due long ago
}

// However much is said, all members of a room together send at most one beacon
// a second in the long run, and at rest at most one in two seconds.
func TestBeaconRate(t *testing.T) {
	const span = time.Hour
	count := func(n int, change time.Duration) (sent int) {
		p := pacer{random: rand.New(rand.NewPCG(1, uint64(n))).Float64}
		p.start(at(0))
		for now := at(0); now.Before(at(span)); {
			next, _ := p.next(now, n)
			if change > 0 && !now.Add(change).After(next) {
				now = now.Add(change)
				p.change(now, n)
				continue
			}
			now = next
			p.sent(now, n)
			sent++
		}
		return sent
	}
	for _, n := range []int{2, 3, 10, 50, 100, 1000} {
		busy := float64(n*(count(n, 100*time.Millisecond)-beaconBurst)) / span.Seconds()
		if busy > 1 {
			t.Errorf("%d members in a busy room: %.2f beacons a second", n, busy)
		}
		// 0.8 is the shortest interval's share, and two beacons are for the start.
		rest := float64(n*(count(n, 0)-2)) / span.Seconds()
		if limit := 0.5 / (1 - restJitter); rest > limit {
			t.Errorf("%d members at rest: %.2f beacons a second, want at most %.2f", n, rest, limit)
		}
		t.Logf("%d members: %.2f beacons a second in a busy room, %.2f at rest", n, busy, rest)
	}
}

// A member whose neighbours come and go does not beacon each time.
func TestPacerFlapping(t *testing.T) {
	p := pacer{random: half}
	sent := 0
	for d := time.Duration(0); d < time.Minute; d += 10 * time.Millisecond {
		p.start(at(d))
		if next, _ := p.next(at(d), 5); !next.After(at(d)) {
			p.sent(at(d), 5)
			sent++
			p.stop()
		}
	}
	if limit := beaconBurst + 60/5; sent > limit {
		t.Fatalf("%d beacons in a minute, want at most %d", sent, limit)
	}
}

// About a fixed number of those who hear a newcomer answer, soon.
func TestPacerAnswer(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, n := range []int{2, answerers, 20, 200, 5000} {
		rnd := rand.New(rand.NewPCG(1, uint64(n)))
		answers := 0
		for range n {
			p := pacer{random: rnd.Float64}
			p.start(now)
			p.sent(now, n)
			p.sent(now, n)
			then := now.Add(time.Hour)
			p.answer(then, n)
			if at, ok := p.next(then, n); p.changed && ok && at.Sub(then) <= answerMax {
				answers++
			}
		}
		t.Logf("%d of %d answer", answers, n)
		if want := min(n, answerers); answers < want/2 || answers > 2*want {
			t.Errorf("%d of %d answer, want about %d", answers, n, want)
		}
	}
	p := pacer{random: func() float64 { return 0.9 }}
	p.answer(now, 2)
	if _, ok := p.next(now, 2); ok {
		t.Error("answers though nobody hears it")
	}
	p.start(now)
	due := p.due
	p.answer(now.Add(joinDelay), 2)
	if p.due != due {
		t.Error("postpones the first beacon")
	}
}
