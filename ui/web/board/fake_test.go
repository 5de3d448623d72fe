package board

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// fakeSource is a node whose snapshot the test sets.
type fakeSource struct {
	mu    sync.Mutex
	snap  Snapshot
	err   error
	calls int
}

func (f *fakeSource) Snapshot(context.Context) (Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.snap, f.err
}

func (f *fakeSource) change(change func(*Snapshot)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	snap := f.snap
	snap.People = append([]Person(nil), snap.People...)
	snap.Links = append([]Link(nil), snap.Links...)
	change(&snap)
	f.snap = snap
}

func (f *fakeSource) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeSource) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// peer is the n-th peer ID.
func peer(t testing.TB, n int) chat.PeerID {
	t.Helper()
	var seed [ed25519.SeedSize]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(n)+1)
	id, err := chat.PeerIDFromKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func nick(t testing.TB, s string) chat.Text {
	t.Helper()
	text, err := chat.NewText(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// town is a network of n peers, peer 0 being the seed that looks; always the
// same for the same n.
func town(t testing.TB, n int, now time.Time) Snapshot {
	t.Helper()
	dice := rand.New(rand.NewPCG(1, uint64(n)))
	names := []string{"ann", "bob", "chris", "dana", "Émile", "fatima", "grace", "henry", "ines", "joão", "kim", "lena", "مريم", "Олег", "pia"}
	snap := Snapshot{Self: peer(t, 0), Counters: Counters{Joins: uint64(n), DHT: min(n, 40)}}
	for i := range n {
		p := Person{
			Peer: peer(t, i), Online: true, Since: now.Add(-time.Duration(dice.IntN(90_000)) * time.Second),
			Seed: i < 1+n/40, Nick: nick(t, names[i%len(names)]),
		}
		if i >= len(names) {
			p.Nick = nick(t, fmt.Sprintf("%s%d", names[i%len(names)], i/len(names)))
		}
		if p.Seed {
			p.Nick = nick(t, fmt.Sprintf("seed%d", i+1))
			p.Since = now.Add(-50 * time.Hour)
		} else {
			p.Rooms = []chat.RoomName{"lobby", "go", "garden"}[:dice.IntN(4)]
		}
		snap.People = append(snap.People, p)
		if i == 0 {
			continue
		}
		relayed := !p.Seed && dice.IntN(6) == 0
		link := func(to int, relayed bool) {
			rtt := time.Duration(dice.ExpFloat64()*40*float64(time.Millisecond)) + time.Millisecond
			snap.Links = append(snap.Links, Link{A: p.Peer, B: peer(t, to), Relayed: relayed, RTT: rtt, Since: p.Since})
		}
		link(dice.IntN(1+min(i-1, n/40)), relayed)
		for range dice.IntN(4) {
			if to := dice.IntN(i); to > n/40 {
				link(to, dice.IntN(5) == 0)
			}
		}
	}
	return snap
}

// history fills the plots as a week of a small town would.
func history(r *rings, now time.Time) {
	dice := rand.New(rand.NewPCG(7, 7))
	online := 20
	for at := now.Add(-8 * 24 * time.Hour); !at.After(now); {
		step := time.Minute
		if now.Sub(at) < time.Hour {
			step = 10 * time.Second
		}
		if gap := now.Sub(at); gap > 40*time.Hour && gap < 46*time.Hour { // the seed was off
			at = at.Add(step)
			continue
		}
		joins, leaves := dice.IntN(5)/4, dice.IntN(5)/4
		online = min(40, max(4, online+joins-leaves))
		r.add(at, sample{
			Online: uint32(online), DHT: uint32(online/2 + 3), Joins: uint32(joins), Leaves: uint32(leaves),
			Messages: uint32(dice.IntN(12)), Relayed: uint64(dice.IntN(9000)),
			In: uint64(40_000 + dice.IntN(60_000)), Out: uint64(50_000 + dice.IntN(90_000)),
		})
		at = at.Add(step)
	}
}

const joinLine = "p2pchat --seed /dns4/seed.example.org/tcp/4747/p2p/12D3KooWEzBdSVuwbcPrXS1pBGfdSdiFM4YqBuVMeZBBkjYHJ5kW join lobby"

// serve serves a board of source on loopback until the test ends.
func serve(t testing.TB, source Source, change ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{Addr: "127.0.0.1:0", Source: source, Join: joinLine, Version: "v0.9.0"}
	for _, c := range change {
		c(&cfg)
	}
	s, err := Serve(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
