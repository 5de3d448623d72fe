package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/catchup"
)

var errRun = errors.New("the connection broke")

// start lets all run that may, and lists them.
func (s *syncer) start(now time.Time) (out []int) {
	for {
		p, ok := s.next(now, maxRuns)
		if !ok {
			return out
		}
		for i := range 100 {
			if p == peerID(i) {
				out = append(out, i)
			}
		}
	}
}

func TestSyncer(t *testing.T) {
	now := time.UnixMilli(1e12)
	for name, c := range map[string]struct {
		do   func(s *syncer) []int
		want string
	}{
		"nobody wanted": {func(s *syncer) []int { return s.start(now) }, "[]"},
		"in order, once each, a few at a time": {func(s *syncer) []int {
			for _, p := range []int{1, 2, 1, 3, 4} {
				s.want(peerID(p))
			}
			return s.start(now)
		}, "[1 2 3]"},
		"the next when one is done": {func(s *syncer) []int {
			for p := range 5 {
				s.want(peerID(p))
			}
			s.start(now)
			s.finished(peerID(1), now, nil)
			return s.start(now)
		}, "[3]"},
		"wanted again while it runs": {func(s *syncer) []int {
			s.want(peerID(1))
			s.start(now)
			s.want(peerID(1))
			s.want(peerID(1))
			out := s.start(now) // not two at once
			s.finished(peerID(1), now, nil)
			out = append(out, s.start(now)...)
			s.finished(peerID(1), now, nil)
			return append(out, s.start(now)...)
		}, "[1]"},
		"wanted again although the run failed": {func(s *syncer) []int {
			s.want(peerID(1))
			s.start(now)
			s.want(peerID(1))
			s.finished(peerID(1), now, errRun)
			return s.start(now)
		}, "[1]"},
		"a liar": {func(s *syncer) []int {
			s.want(peerID(1))
			s.start(now)
			s.finished(peerID(1), now, fmt.Errorf("run: %w", catchup.ErrLied))
			s.want(peerID(1))
			s.want(peerID(2))
			return s.start(now.Add(avoidFor - 1))
		}, "[2]"},
		"a liar, later": {func(s *syncer) []int {
			s.want(peerID(1))
			s.start(now)
			s.finished(peerID(1), now, catchup.ErrLied)
			s.want(peerID(1))
			return s.start(now.Add(avoidFor))
		}, "[1]"},
		"a broken connection is no lie": {func(s *syncer) []int {
			s.want(peerID(1))
			s.start(now)
			s.finished(peerID(1), now, errRun)
			s.want(peerID(1))
			return s.start(now)
		}, "[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSyncer()
			if got := fmt.Sprint(c.do(&s)); got != c.want {
				t.Errorf("runs with %v, want %v", got, c.want)
			}
		})
	}
}

// TestSyncerIsBounded: whatever happens, few runs go on at once, never two with
// one peer, and few wait.
func TestSyncerIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSyncer()
		now := time.UnixMilli(1e12)
		running := make(map[int]bool)
		peer := rapid.IntRange(0, 20)
		t.Repeat(map[string]func(*rapid.T){
			"want": func(t *rapid.T) { s.want(peerID(peer.Draw(t, "peer"))) },
			"soon": func(t *rapid.T) { s.wantSoon(peerID(peer.Draw(t, "peer")), now) },
			"pass": func(t *rapid.T) { now = now.Add(time.Minute) },
			"start": func(t *rapid.T) {
				for _, p := range s.start(now) {
					if running[p] {
						t.Fatalf("two runs with %d at once", p)
					}
					running[p] = true
				}
			},
			"finish": func(t *rapid.T) {
				p := peer.Draw(t, "peer")
				if running[p] {
					delete(running, p)
					s.finished(peerID(p), now, rapid.SampledFrom([]error{nil, errRun, catchup.ErrLied}).Draw(t, "end"))
				}
			},
			"": func(t *rapid.T) {
				if len(running) > maxRuns || len(s.running) != len(running) {
					t.Fatalf("%d runs, %d known", len(running), len(s.running))
				}
				if len(s.wanted) > maxWanted || len(s.soon) > maxWanted {
					t.Fatalf("%d wanted, %d wanted soon", len(s.wanted), len(s.soon))
				}
			},
		})
	})
}

func TestHeadsThatGossipMayStillBring(t *testing.T) {
	now := time.UnixMilli(1e12)
	s := newSyncer()
	s.wantSoon(peerID(1), now)
	first := s.soon[peerID(1)]
	if wait := first.Sub(now); wait < headGrace || wait >= 2*headGrace {
		t.Errorf("gossip has %v", wait)
	}
	s.wantSoon(peerID(1), now.Add(time.Second))
	if s.soon[peerID(1)] != first {
		t.Error("more news put the first off")
	}
}
