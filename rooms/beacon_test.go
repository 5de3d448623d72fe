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

// While all are neighbours the next beacon is late; when that ends, it is due as
// if it had never been so.
func TestPacerCalm(t *testing.T) {
	for _, luck := range []float64{0, 0.5, 0.999999999} {
		p := pacer{random: func() float64 { return luck }}
		started(&p, at(0), 5)
		early, _ := p.next(at(0), 5)
		p.settle(at(0), true)
		late, _ := p.next(at(0), 5)
		if d := late.Sub(at(0)); d < 95*time.Second || d > 105*time.Second {
			t.Errorf("a beacon after %v, want 95 to 105 s", d)
		}
		p.settle(at(10*time.Second), false)
		wantNext(t, &p, at(10*time.Second), 5, early)
		p.settle(at(11*time.Second), true)
		wantNext(t, &p, at(11*time.Second), 5, late)
		p.settle(at(80*time.Second), false)
		if next, _ := p.next(at(80*time.Second), 5); next.Sub(at(80*time.Second)) > overdueMax {
			t.Errorf("overdue, and sent only after %v", next.Sub(at(80*time.Second)))
		}
	}
	p := pacer{random: half}
	p.settle(at(0), true)
	started(&p, at(0), 5)
	p.settle(at(99*time.Second), false)
	wantNext(t, &p, at(99*time.Second), 5, at(100*time.Second)) // not 5 s from then
	p = pacer{random: half}
	p.settle(at(0), true)
	started(&p, at(0), 60)
	wantNext(t, &p, at(0), 60, at(120*time.Second)) // a large room is slow anyway
}

// A party is a room without a network: members who hear each other after a
// second, and each of whom has its own view of who are its neighbours.
type party struct {
	t       *testing.T
	rnd     *rand.Rand
	now     time.Duration
	members []*guest
	later   []happening
	beacons int
	gone    func(at, who int) // somebody was taken for away
}

type guest struct {
	*roster
	pacer  pacer
	sees   []bool // whom it takes for neighbours
	absent bool
}

// A happening is something to do later.
type happening struct {
	at time.Duration
	do func()
}

const partyStep = 500 * time.Millisecond

func newParty(t *testing.T, n int, seed uint64) *party {
	p := &party{t: t, rnd: rand.New(rand.NewPCG(3, seed))}
	for i := range n {
		g := &guest{roster: newRoster(id(i)), sees: make([]bool, n)}
		g.pacer = pacer{random: p.rnd.Float64}
		g.pacer.start(at(0))
		p.members = append(p.members, g)
	}
	return p
}

// see makes i take j for a neighbour, or not any more.
func (p *party) see(i, j int, yes bool) {
	if i == j || p.members[i].sees[j] == yes {
		return
	}
	p.members[i].sees[j] = yes
	p.members[i].connect(at(p.now), id(j), yes)
}

func (p *party) in(d time.Duration, do func()) {
	p.later = append(p.later, happening{p.now + d, do})
}

// run lets time pass.
func (p *party) run(d time.Duration) {
	for end := p.now + d; p.now < end; p.now += partyStep {
		due := p.later
		p.later = nil
		for _, h := range due {
			if h.at > p.now {
				p.later = append(p.later, h)
			} else {
				h.do()
			}
		}
		for i, g := range p.members {
			if !g.absent {
				p.tick(i, g)
			}
		}
	}
}

// tick does what Room.tick does.
func (p *party) tick(i int, g *guest) {
	now := at(p.now)
	for _, m := range g.sweep(now) {
		for j := range p.members {
			if id(j) == m.Peer {
				p.gone(i, j)
			}
		}
	}
	g.pacer.settle(now, g.calm())
	next, _ := g.pacer.next(now, g.size())
	if now.Before(next) {
		return
	}
	g.pacer.sent(now, g.size())
	p.beacons++
	b, sent := id(i), p.now
	p.in(time.Second, func() {
		for j, o := range p.members {
			if j != i && o.hear(at(p.now), beacon(i, sent)).came && o.sees[i] {
				o.connect(at(p.now), b, true) // as takeBeacon does
			}
		}
	})
}

// However connections come and go, and though the two ends of one do not notice
// at the same time, and some never notice at all: nobody who is there is taken
// for away, and whoever vanishes is, as soon as if all beaconed every 30 s.
func TestCalmViews(t *testing.T) {
	const members, blind = 6, 2
	const noticed = 15 * time.Second // until the end of a connection is
	for seed := range uint64(40) {
		p := newParty(t, members, seed)
		p.gone = func(i, j int) { t.Fatalf("seed %d, %v: %d takes %d for away", seed, p.now, i, j) }
		// Some never learn that they are neighbours of others who know it.
		never := make(map[[2]int]bool)
		for range blind * int(seed%2) {
			never[[2]int{p.rnd.IntN(members), p.rnd.IntN(members)}] = true
		}
		both := func(i, j int, yes bool, within time.Duration) {
			for _, way := range [][2]int{{i, j}, {j, i}} {
				if !never[way] {
					p.in(time.Duration(p.rnd.Int64N(int64(within))), func() { p.see(way[0], way[1], yes) })
				}
			}
		}
		for i := range members {
			for j := range i {
				both(i, j, true, time.Second)
			}
		}
		apart := make(map[[2]int]time.Duration) // pairs, and until when
		for range 100 {
			p.run(time.Duration(p.rnd.Int64N(int64(3 * time.Minute))))
			i, j := p.rnd.IntN(members), p.rnd.IntN(members)
			i, j = min(i, j), max(i, j)
			if apart[[2]int{i, j}] > p.now {
				continue
			}
			back := noticed + time.Duration(p.rnd.Int64N(int64(2*time.Minute)))
			apart[[2]int{i, j}] = p.now + back + 3*time.Second
			both(i, j, false, noticed)
			p.in(back, func() { both(i, j, true, 2*time.Second) })
		}
		p.run(10 * time.Minute)

		vanished, knew := p.now, 0
		p.members[0].absent = true
		p.gone = func(i, j int) {
			most := awayIntervals*restMin + awayGrace + time.Second
			if !never[[2]int{i, 0}] {
				most = noticed + time.Duration(lostIntervals*float64(restMin)) + time.Second
			}
			if knew++; j != 0 || p.now-vanished > most {
				t.Errorf("seed %d: %d takes %d for away after %v, want %v at most", seed, i, j, p.now-vanished, most)
			}
		}
		for j := range members {
			both(0, j, false, noticed)
		}
		p.run(5 * time.Minute)
		if knew != members-1 {
			t.Errorf("seed %d: %d of %d noticed that somebody vanished", seed, knew, members-1)
		}
	}
}

// A room in which all are neighbours costs a third.
func TestCalmRate(t *testing.T) {
	count := func(connected bool) int {
		p := newParty(t, 6, 1)
		for i := range p.members {
			for j := range p.members {
				p.see(i, j, connected)
			}
		}
		p.run(time.Minute)
		p.beacons = 0
		p.run(time.Hour)
		return p.beacons
	}
	calm, apart := count(true), count(false)
	t.Logf("6 members: %d beacons an hour if all are neighbours, %d if none are", calm, apart)
	if 10*calm > 4*apart || calm < 6*30 {
		t.Errorf("%d beacons in an hour, want about a third of %d", calm, apart)
	}
}
