package rooms

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// id is the i-th peer of a test; only its order matters.
func id(i int) chat.PeerID {
	var p chat.PeerID
	binary.BigEndian.PutUint32(p[:], uint32(i)+1)
	return p
}

// beacon is one of peer i, sent at d by its clock.
func beacon(i int, d time.Duration, change ...func(*chat.Beacon)) *chat.Beacon {
	b := &chat.Beacon{Author: id(i), Sent: at(d), Envelope: []byte{byte(i)}}
	for _, f := range change {
		f(b)
	}
	return b
}

func leaving(b *chat.Beacon) { b.Leaving = true }

func called(nick string) func(*chat.Beacon) {
	return func(b *chat.Beacon) { b.Nick, _ = chat.NewNick(nick) }
}

// neighbours counts the members online who are neighbours.
func neighbours(r *roster) (n int) {
	for _, e := range r.members {
		if e.Online && e.connected {
			n++
		}
	}
	return n
}

func online(r *roster) string {
	var out []string
	for _, m := range r.list() {
		out = append(out, string(rune('0'+binary.BigEndian.Uint32(m.Peer[:])-1)))
	}
	return strings.Join(out, "")
}

func TestRoster(t *testing.T) {
	const self = 0
	type step struct {
		at   time.Duration
		do   string // hear, lose, connect, sweep
		peer int
		sent time.Duration
		with []func(*chat.Beacon)
		news string // came, renamed, left, fresh, or stale
		on   string // who is online then
	}
	away := 3*30*time.Second + awayGrace
	for name, steps := range map[string][]step{
		"comes, renames, leaves": {
			{do: "hear", peer: 1, news: "came", on: "1"},
			{at: time.Second, do: "hear", peer: 1, sent: time.Second, news: "fresh", on: "1"},
			{at: 2 * time.Second, do: "hear", peer: 1, sent: 2 * time.Second, with: []func(*chat.Beacon){called("ann")}, news: "renamed", on: "1"},
			{at: 3 * time.Second, do: "hear", peer: 1, sent: 3 * time.Second, with: []func(*chat.Beacon){leaving}, news: "left"},
		},
		"we are not on our own roster": {
			{do: "hear", peer: self, news: "stale"},
		},
		"replays change nothing": {
			{do: "hear", peer: 1, sent: 5 * time.Second, news: "came", on: "1"},
			{at: 9 * time.Second, do: "hear", peer: 1, sent: 5 * time.Second, news: "stale", on: "1"},
			{at: 9 * time.Second, do: "hear", peer: 1, sent: 4 * time.Second, with: []func(*chat.Beacon){leaving}, news: "stale", on: "1"},
		},
		"nobody who left is brought back by a replay": {
			{do: "hear", peer: 1, sent: time.Second, news: "came", on: "1"},
			{do: "hear", peer: 1, sent: 2 * time.Second, with: []func(*chat.Beacon){leaving}, news: "left"},
			{at: time.Hour, do: "hear", peer: 1, sent: time.Second, news: "stale"},
			{at: 23 * time.Hour, do: "sweep"},
			{at: 23 * time.Hour, do: "hear", peer: 1, sent: time.Second, news: "stale"},
			// Forgotten by then, but too old.
			{at: 25 * time.Hour, do: "sweep"},
			{at: 25 * time.Hour, do: "hear", peer: 1, sent: time.Second, news: "stale"},
			// They themselves may come back.
			{at: 25 * time.Hour, do: "hear", peer: 1, sent: 25 * time.Hour, news: "came", on: "1"},
		},
		"a goodbye from nobody we knew": {
			{do: "hear", peer: 1, sent: 2 * time.Second, with: []func(*chat.Beacon){leaving}, news: "fresh"},
			{do: "hear", peer: 1, sent: time.Second, news: "stale"},
		},
		"silence": {
			{do: "hear", peer: 1, news: "came", on: "1"},
			{at: away / 2, do: "hear", peer: 2, sent: away / 2, news: "came", on: "12"},
			{at: away - time.Second, do: "sweep", on: "12"},
			{at: away, do: "sweep", news: "gone", peer: 1, on: "2"},
			{at: away + time.Minute, do: "hear", peer: 1, sent: away + time.Minute, news: "came", on: "12"},
		},
		"a topic peer is never silent": {
			{do: "hear", peer: 1, news: "came", on: "1"},
			{do: "connect", peer: 1, on: "1"},
			{at: away, do: "sweep", on: "1"},
			{at: 10 * away, do: "sweep", on: "1"},
			// It vanishes.
			{at: 10 * away, do: "lose", peer: 1, on: "1"},
			{at: 10*away + 44*time.Second, do: "sweep", on: "1"},
			{at: 10*away + 45*time.Second, do: "sweep", news: "gone", peer: 1},
		},
		"a neighbour that was calm is lost": {
			{do: "hear", peer: 1, news: "came", on: "1"},
			{do: "connect", peer: 1, on: "1"},
			{at: away - time.Second, do: "lose", peer: 1, on: "1"},
			{at: away + 43*time.Second, do: "sweep", on: "1"},
			{at: away + 44*time.Second, do: "sweep", news: "gone", peer: 1},
		},
		"a neighbour leaves, and comes again": {
			{do: "hear", peer: 1, news: "came", on: "1"},
			{do: "connect", peer: 1, on: "1"},
			{do: "connect", peer: 1, on: "1"},
			{do: "hear", peer: 2, news: "came", on: "12"},
			{do: "hear", peer: 1, sent: time.Second, with: []func(*chat.Beacon){leaving}, news: "left", on: "2"},
			{do: "hear", peer: 1, sent: 2 * time.Second, news: "came", on: "12"},
			{do: "lose", peer: 1, on: "12"},
			{do: "lose", peer: 1, on: "12"},
		},
		"lost, but still heard through others": {
			{do: "hear", peer: 1, news: "came", on: "1"},
			{do: "connect", peer: 1, on: "1"},
			{do: "lose", peer: 1, on: "1"},
			{at: 40 * time.Second, do: "hear", peer: 1, sent: 40 * time.Second, news: "fresh", on: "1"},
			{at: 46 * time.Second, do: "sweep", on: "1"},
		},
		"a clock an hour ahead, then set right": {
			{do: "hear", peer: 1, sent: time.Hour, news: "came", on: "1"},
			{at: time.Minute, do: "hear", peer: 1, sent: time.Minute, news: "fresh", on: "1"},
			// But not with what was sent long ago.
			{at: time.Hour, do: "hear", peer: 1, sent: 3 * time.Hour, news: "fresh", on: "1"},
			{at: time.Hour, do: "hear", peer: 1, sent: 50 * time.Minute, news: "stale", on: "1"},
		},
		"a clock an hour behind": {
			{do: "hear", peer: 1, sent: -time.Hour, news: "came", on: "1"},
			{at: time.Minute, do: "hear", peer: 1, sent: time.Minute - time.Hour, news: "fresh", on: "1"},
		},
		"clocks a day off": {
			{do: "hear", peer: 1, sent: -25 * time.Hour, news: "stale"},
			{do: "hear", peer: 2, sent: 25 * time.Hour, news: "stale"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoster(id(self))
			for i, s := range steps {
				now, got := at(s.at), ""
				switch s.do {
				case "hear":
					n := r.hear(now, beacon(s.peer, s.sent, s.with...))
					switch {
					case !n.fresh:
						got = "stale"
					case n.came:
						got = "came"
					case n.left:
						got = "left"
					case n.renamed:
						got = "renamed"
					default:
						got = "fresh"
					}
					if n.fresh && n.member.Peer != id(s.peer) {
						t.Fatalf("step %d: news of %v", i, n.member.Peer)
					}
				case "connect":
					r.connect(now, id(s.peer), true)
				case "lose":
					r.connect(now, id(s.peer), false)
				case "sweep":
					for _, m := range r.sweep(now) {
						if m.Peer != id(s.peer) || m.Online {
							t.Fatalf("step %d: %+v gone", i, m)
						}
						got = "gone"
					}
				}
				if got != s.news || online(r) != s.on {
					t.Fatalf("step %d (%s %d): %q, online %q; want %q, %q", i, s.do, s.peer, got, online(r), s.news, s.on)
				}
				if r.size() != len(s.on)+1 {
					t.Fatalf("step %d: size %d with %q online", i, r.size(), s.on)
				}
				if near := neighbours(r); r.near != near || r.calm() != (near > 0 && near == r.online) {
					t.Fatalf("step %d: %d neighbours, calm %v; want %d", i, r.near, r.calm(), near)
				}
			}
		})
	}
}

// In a large room everybody beacons rarely, and is not taken for away.
func TestQuietTimeStretches(t *testing.T) {
	r := newRoster(id(0))
	for i := 1; i < 100; i++ {
		r.hear(at(0), beacon(i, 0)) // the first of them when the room was small
	}
	for d := time.Duration(0); d < 600*time.Second; d += time.Second {
		if n := len(r.sweep(at(d))); n > 0 {
			t.Fatalf("%d members away after %v, within 3 intervals of 200 s", n, d)
		}
	}
	gone := r.sweep(at(621 * time.Second))
	if len(gone) != 99 || !slices.IsSortedFunc(gone, byPeer) {
		t.Fatalf("%d gone, or not in order", len(gone))
	}
}

// When most of a large room leaves, those who stay beacon more often (see
// TestPacerResize); who then is silent is soon away, but nobody is at once.
func TestQuietTimeShrinks(t *testing.T) {
	r := newRoster(id(0))
	for i := 1; i < 500; i++ {
		r.hear(at(0), beacon(i, 0))
	}
	now := 1500 * time.Second
	for i := 11; i < 500; i++ {
		r.hear(at(now), beacon(i, now, leaving))
	}
	if n := len(r.sweep(at(now + awayGrace))); n > 0 {
		t.Fatalf("%d members away because others left", n)
	}
	for range 5 {
		now += time.Minute
		r.sweep(at(now))
	}
	if r.online != 0 {
		t.Fatalf("%d silent members still online in a small room", r.online)
	}
}

func TestRosterSince(t *testing.T) {
	r := newRoster(id(0))
	r.hear(at(0), beacon(1, 0))
	r.hear(at(time.Second), beacon(1, time.Second))
	if m := r.list()[0]; m.Since != at(0) || m.Heard != at(time.Second) {
		t.Fatalf("since %v, heard %v", m.Since, m.Heard)
	}
	r.hear(at(2*time.Second), beacon(1, 2*time.Second, leaving))
	r.hear(at(time.Minute), beacon(1, time.Minute))
	if m := r.list()[0]; m.Since != at(time.Minute) || m.Seed {
		t.Fatalf("%+v after coming back", m)
	}
	r.hear(at(time.Hour), beacon(1, time.Hour, func(b *chat.Beacon) { b.Seed = true }))
	if m := r.list()[0]; !m.Seed {
		t.Fatal("a seed is not known as one")
	}
}

func TestRosterIsBounded(t *testing.T) {
	r := newRoster(id(0))
	heard := 0
	for i := 1; i < 5000; i++ {
		if r.hear(at(0), beacon(i, 0)).fresh {
			heard++
		}
	}
	if heard != newMembersBurst {
		t.Fatalf("%d new members at once, want %d", heard, newMembersBurst)
	}
	if r.admits(at(0), id(9999)) {
		t.Fatal("one more stranger is worth judging")
	}
	if !r.admits(at(0), id(1)) {
		t.Fatal("a flood of strangers silences a member")
	}

	// Slowly, up to the limit; everybody stays online.
	now := time.Duration(0)
	for i := 5000; len(r.members) < maxMembers; i++ {
		now += time.Second / newMembersPerSecond
		r.hear(at(now), beacon(i, now))
	}
	now += time.Minute
	if r.hear(at(now), beacon(100_000, now)).fresh || r.admits(at(now), id(100_000)) {
		t.Fatal("a newcomer in a full roster")
	}
	// Who left makes room; the others stay.
	r.hear(at(now), beacon(7, now, leaving))
	if !r.hear(at(now), beacon(100_000, now)).came {
		t.Fatal("no newcomer after somebody left")
	}
	if len(r.members) != maxMembers {
		t.Fatalf("%d members, want at most %d", len(r.members), maxMembers)
	}
}

func TestAuthorQuota(t *testing.T) {
	r := newRoster(id(0))
	r.hear(at(0), beacon(1, 0))
	for _, author := range []int{1, 2} { // known and unknown
		passed := 0
		for i := range 1000 {
			b := beacon(author, time.Duration(i+1)*time.Millisecond)
			if r.admits(at(0), b.Author) && r.judge(at(0), b) {
				passed++
			}
		}
		if passed != authorBurst {
			t.Fatalf("%d beacons at once, want %d", passed, authorBurst)
		}
		if !r.admits(at(2*time.Second), id(author)) {
			t.Fatal("silenced for good")
		}
	}
	r.sweep(at(unheard))
	if len(r.members) != 1 {
		t.Fatal("somebody whose beacon was lost is remembered")
	}
	// Strangers are bounded before anything of them is passed on.
	passed := 0
	for i := 10; i < 5000; i++ {
		if r.judge(at(time.Minute), beacon(i, time.Minute)) {
			passed++
		}
	}
	if passed != newMembersBurst {
		t.Fatalf("beacons of %d strangers at once, want %d", passed, newMembersBurst)
	}
}

// A beacon that came by catch-up first is passed on when it comes by gossip:
// others may wait for it. Once.
func TestKnownBeaconIsPassedOn(t *testing.T) {
	r := newRoster(id(0))
	b := beacon(1, time.Second)
	r.hear(at(time.Second), b)
	if !r.judge(at(time.Second), b) {
		t.Fatal("not passed on")
	}
	if r.hear(at(2*time.Second), b).fresh {
		t.Fatal("news twice")
	}
	if r.judge(at(time.Second), beacon(1, 0)) {
		t.Fatal("an older one passed on")
	}
}

func TestEnvelopes(t *testing.T) {
	r := newRoster(id(0))
	for i := 1; i <= 5; i++ {
		r.hear(at(time.Duration(i)*time.Second), beacon(i, time.Duration(i)*time.Second))
	}
	r.hear(at(10*time.Second), beacon(4, 10*time.Second, leaving))
	var got string
	for _, e := range r.envelopes(3) {
		got += string('0' + e[0])
	}
	if got != "532" {
		t.Fatalf("beacons of %q, want those heard last and online: 532", got)
	}
}

// Who got a message of somebody who left at once learns the author's name from
// others, but not for ever.
func TestBeaconsOfThoseWhoLeft(t *testing.T) {
	r := newRoster(id(0))
	for i := 1; i <= 3; i++ {
		r.hear(at(time.Duration(i)*time.Second), beacon(i, time.Duration(i)*time.Second))
	}
	gone := beacon(2, 10*time.Second, leaving)
	r.hear(at(10*time.Second), gone)
	names := func() (got string) {
		for _, e := range r.envelopes(10) {
			got += string('0' + e[0])
		}
		return got
	}
	if got := names(); got != "312" {
		t.Fatalf("beacons of %q, want those online first: 312", got)
	}
	if !r.knows(gone.Author, gone.Envelope) {
		t.Error("the last beacon of who left would be verified once more")
	}
	r.connect(at(10*time.Second), id(1), true) // so that they do not fall silent
	r.connect(at(10*time.Second), id(3), true)
	r.sweep(at(10*time.Second + leftFor))
	if got := names(); got != "31" {
		t.Fatalf("beacons of %q after a while, want 31", got)
	}
	r.sweep(at(2 * maxBeaconSkew))
	if len(r.members) != 2 {
		t.Errorf("%d remembered in the end, want the 2 who are here", len(r.members))
	}
}
