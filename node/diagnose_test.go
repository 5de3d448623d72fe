package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// diagnose runs a diagnosis and returns its checks by name.
func (p *person) diagnose(o DiagnoseOptions) (Diagnosis, map[string][]Check) {
	p.t.Helper()
	checks := make(map[string][]Check)
	d, err := p.Diagnose(p.t.Context(), o, func(c Check) {
		checks[c.Name] = append(checks[c.Name], c)
		p.t.Logf("%-4s %-14s %s  %s  %v", c.Status, c.Name, c.Saw, c.Advice, c.Detail)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Log(d)
	return d, checks
}

func wantCheck(t *testing.T, checks map[string][]Check, name string, want ...CheckStatus) {
	t.Helper()
	for i, c := range checks[name] {
		if i >= len(want) || c.Status != want[i] {
			t.Errorf("check %s: %v, want %v", name, checks[name], want)
			return
		}
	}
	if len(checks[name]) != len(want) {
		t.Errorf("check %s: %v, want %v", name, checks[name], want)
	}
}

func TestDiagnoseReachesPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Millisecond)
		w.seed()
		bob := w.person("bob")
		bob.join("lobby")
		time.Sleep(10 * time.Second)
		doctor := w.with(Config{Seeds: w.seeds, Invisible: true}, "doctor")
		began := time.Now()
		d, checks := doctor.diagnose(DiagnoseOptions{Peer: bob.Self(), Folder: &FolderFacts{Dir: "/x"}})
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		if d.Outcome == Unreachable {
			t.Errorf("%+v", d)
		}
		for _, name := range []string{checkFolder, checkHistory, checkListen, checkSeed, checkDHT, checkPeerConnect, checkPeerProtocol, checkPeerPing} {
			wantCheck(t, checks, name, CheckOK)
		}
		wantCheck(t, checks, checkPeerPunch, CheckSkip)
		total := 0
		for _, n := range d.Counts {
			total += n
		}
		shown := 0
		for _, list := range checks {
			shown += len(list)
		}
		if total != shown {
			t.Errorf("%d checks counted, %d shown", total, shown)
		}
	})
}

func TestDiagnoseWithoutAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Millisecond)
		seed := w.seed()
		bob := w.person("bob")
		seed.leave()
		bob.leave()
		doctor := w.with(Config{Seeds: w.seeds, Invisible: true}, "doctor")
		d, checks := doctor.diagnose(DiagnoseOptions{Peer: bob.Self(), Wait: 3 * time.Second})
		if d.Outcome != Unreachable {
			t.Errorf("%+v", d)
		}
		wantCheck(t, checks, checkSeed, CheckFail)
		wantCheck(t, checks, checkReach, CheckSkip)
		wantCheck(t, checks, checkPeerConnect, CheckFail)
		wantCheck(t, checks, checkPeerPing)

		alone := w.with(Config{Invisible: true}, "doctor")
		d, checks = alone.diagnose(DiagnoseOptions{})
		if d.Outcome != Degraded {
			t.Errorf("%+v", d)
		}
		wantCheck(t, checks, checkSeed, CheckWarn)
	})
}

// A clock that is off is noticed by the beacons of others.
func TestDiagnoseClock(t *testing.T) {
	s := new(skew)
	now := time.Unix(1_000_000, 0)
	if _, others := s.middle(); others != 0 {
		t.Errorf("%d others", others)
	}
	for i, off := range []time.Duration{-time.Hour, time.Minute, 2 * time.Minute} {
		s.observe(chat.PeerID{byte(i + 1)}, now.Add(off), now)
	}
	if off, others := s.middle(); off != time.Minute || others != 3 {
		t.Errorf("%v of %d, want 1m of 3", off, others)
	}
}
