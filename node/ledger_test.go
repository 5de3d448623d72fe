package node

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// segID, peerID and bare make the unsigned things that pure decisions are
// tested with.
func segID(n int) (id chat.SegmentID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

func peerID(n int) (p chat.PeerID) {
	binary.BigEndian.PutUint64(p[:], uint64(n))
	return p
}

// bare is a segment of one message at Time n.
func bare(n int, author chat.PeerID, parents ...chat.SegmentID) *chat.Segment {
	return &chat.Segment{
		ID: segID(n), Author: author, Time: chat.Time(n), Parents: parents,
		Bodies: []chat.Body{{Kind: chat.KindText}}, Envelope: make([]byte, 100),
	}
}

// states is what the ledger says of each own segment: its state, how many were
// handed it, and how many hold it.
func (l *ledger) states() (out []string) {
	for _, o := range l.own {
		s := fmt.Sprintf("%s %d %d", o.state, o.reached, o.heldBy)
		if o.reason != "" {
			s += " " + o.reason
		}
		out = append(out, s)
	}
	return out
}

func TestLedger(t *testing.T) {
	me, bob, carol := peerID(1), peerID(2), peerID(3)
	for name, c := range map[string]struct {
		do      func(l *ledger)
		want    []string
		unheld  int
		waiting bool
	}{
		"nothing said": {do: func(*ledger) {}},
		"said to nobody": {
			do:      func(l *ledger) { l.add(bare(1, me), true); l.sent(segID(1), 0) },
			want:    []string{"queued 0 0"},
			unheld:  1,
			waiting: true,
		},
		"handed over": {
			do:      func(l *ledger) { l.add(bare(1, me), true); l.sent(segID(1), 2); l.sent(segID(1), 1) },
			want:    []string{"sent 2 0"},
			unheld:  1,
			waiting: true,
		},
		"a head of a peer": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.add(bare(2, me, segID(1)), true)
				l.add(bare(3, me, segID(2)), true)
				l.sent(segID(1), 1)
				l.heads(bob, []chat.SegmentID{segID(2)})
			},
			want:    []string{"held 1 1", "held 1 1", "queued 0 0"},
			unheld:  1,
			waiting: true,
		},
		"a parent of somebody's segment": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.add(bare(2, bob, segID(1)), false)   // bob holds 1
				l.add(bare(3, carol, segID(2)), false) // so carol does
			},
			want: []string{"held 2 2"},
		},
		"a head above a peer's segment": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.add(bare(2, bob, segID(1)), false)
				l.heads(carol, []chat.SegmentID{segID(2)})
			},
			want: []string{"held 2 2"},
		},
		"an unknown head": {
			do:      func(l *ledger) { l.add(bare(1, me), true); l.heads(bob, []chat.SegmentID{segID(9)}) },
			want:    []string{"queued 0 0"},
			unheld:  1,
			waiting: true,
		},
		"an old head does not take back": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.add(bare(2, me, segID(1)), true)
				l.heads(bob, []chat.SegmentID{segID(2)})
				l.heads(bob, []chat.SegmentID{segID(1)})
				l.heads(bob, nil)
				l.sent(segID(2), 0)
			},
			want: []string{"held 1 1", "held 1 1"},
		},
		"said twice": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.heads(bob, []chat.SegmentID{segID(1)})
				l.heads(bob, []chat.SegmentID{segID(1), segID(1)})
			},
			want: []string{"held 1 1"},
		},
		"refused": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.add(bare(2, me, segID(1)), true)
				l.heads(bob, []chat.SegmentID{segID(1)})
				l.fail("not accepted")
			},
			want:   []string{"held 1 1", "failed 0 0 not accepted"},
			unheld: 1,
		},
		"held after it was refused": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.fail("not accepted")
				l.heads(bob, []chat.SegmentID{segID(1)})
			},
			want: []string{"held 1 1"},
		},
		"said after a refusal": {
			do: func(l *ledger) {
				l.add(bare(1, me), true)
				l.fail("not accepted")
				l.add(bare(2, me, segID(1)), true)
			},
			want:    []string{"failed 0 0 not accepted", "queued 0 0"},
			unheld:  2,
			waiting: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			c.do(l)
			if got := l.states(); !slices.Equal(got, c.want) {
				t.Errorf("states %q, want %q", got, c.want)
			}
			if got := l.unheld(); got != c.unheld {
				t.Errorf("%d messages unheld, want %d", got, c.unheld)
			}
			if got := l.waiting(); got != c.waiting {
				t.Errorf("waiting %v, want %v", got, c.waiting)
			}
		})
	}
}

func TestLedgerTellsEachChangeOnce(t *testing.T) {
	l := newLedger()
	for i := range 5 {
		l.add(bare(i+1, peerID(1), segID(i)), true)
	}
	ordinals := func() (out []uint64) {
		for _, o := range l.take() {
			out = append(out, o.ordinal)
		}
		return out
	}
	if got := ordinals(); !slices.Equal(got, []uint64{1, 2, 3, 4, 5}) {
		t.Fatalf("told %v of five new ones", got)
	}
	l.heads(peerID(2), []chat.SegmentID{segID(4)})
	l.sent(segID(2), 1) // nothing new: one peer holds it
	if got := ordinals(); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
		t.Fatalf("told %v when one peer holds up to the fourth", got)
	}
	l.heads(peerID(2), []chat.SegmentID{segID(4)})
	if got := ordinals(); len(got) != 0 {
		t.Fatalf("told %v again", got)
	}
}

// A model of the ledger that remembers everything and looks through all of it.
type ledgerModel struct {
	segs map[chat.SegmentID]*chat.Segment
	own  []chat.SegmentID
	says map[chat.PeerID][]chat.SegmentID // what each peer holds with all ancestors
}

func (m *ledgerModel) ancestors(ids []chat.SegmentID) map[chat.SegmentID]bool {
	seen := make(map[chat.SegmentID]bool)
	var walk func(id chat.SegmentID)
	walk = func(id chat.SegmentID) {
		if s := m.segs[id]; s != nil && !seen[id] {
			seen[id] = true
			for _, p := range s.Parents {
				walk(p)
			}
		}
	}
	for _, id := range ids {
		walk(id)
	}
	return seen
}

func (m *ledgerModel) heldBy() []int {
	out := make([]int, len(m.own))
	for _, ids := range m.says {
		holds := m.ancestors(ids)
		for i, id := range m.own {
			if holds[id] {
				out[i]++
			}
		}
	}
	return out
}

// TestLedgerAgainstModel: whatever members say and claim, the ledger derives
// from it exactly who holds what of ours, and never takes anything back.
func TestLedgerAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger()
		m := &ledgerModel{segs: make(map[chat.SegmentID]*chat.Segment), says: make(map[chat.PeerID][]chat.SegmentID)}
		var all []chat.SegmentID
		some := func(most int) []chat.SegmentID {
			if len(all) == 0 {
				return nil
			}
			return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, min(most, len(all)), rapid.ID).Draw(t, "some")
		}
		me, next := peerID(1), 1
		before := map[uint64]int{}
		t.Repeat(map[string]func(*rapid.T){
			"say": func(*rapid.T) {
				parents := some(3)
				if n := len(m.own); n > 0 && !slices.Contains(parents, m.own[n-1]) {
					parents = append([]chat.SegmentID{m.own[n-1]}, parents...)
				}
				s := bare(next, me, parents...)
				next++
				m.segs[s.ID], m.own, all = s, append(m.own, s.ID), append(all, s.ID)
				l.add(s, true)
			},
			"hear": func(t *rapid.T) {
				author := peerID(rapid.IntRange(2, 5).Draw(t, "author"))
				s := bare(next, author, some(chat.MaxParents)...)
				next++
				m.segs[s.ID], all = s, append(all, s.ID)
				m.says[author] = append(m.says[author], s.ID)
				l.add(s, false)
			},
			"beacon": func(t *rapid.T) {
				p := peerID(rapid.IntRange(2, 7).Draw(t, "peer"))
				heads := some(4)
				m.says[p] = append(m.says[p], heads...)
				l.heads(p, append(heads, segID(1<<40))) // and one nobody knows
			},
			"send": func(*rapid.T) {
				if len(m.own) > 0 {
					l.sent(m.own[len(m.own)-1], rapid.IntRange(0, 3).Draw(t, "reached"))
				}
			},
			"": func(t *rapid.T) {
				for i, want := range m.heldBy() {
					o := l.own[i]
					if o.heldBy != want {
						t.Fatalf("segment %d is held by %d, not %d", o.ordinal, o.heldBy, want)
					}
					if (o.state == chat.Held) != (want > 0) {
						t.Fatalf("segment %d held by %d is %s", o.ordinal, want, o.state)
					}
					if o.heldBy < before[o.ordinal] {
						t.Fatalf("segment %d went back from %d to %d", o.ordinal, before[o.ordinal], o.heldBy)
					}
					before[o.ordinal] = o.heldBy
					if !l.landed(o.ordinal, want) || l.landed(o.ordinal, want+1) {
						t.Fatalf("segment %d held by %d landed at another number", o.ordinal, want)
					}
				}
			},
		})
	})
}

// TestLedgerIsBounded: of the oldest segments only the state last told is
// known; what is newer goes on as ever.
func TestLedgerIsBounded(t *testing.T) {
	l := newLedger()
	const n = maxLedger + 100
	for i := range n {
		l.add(bare(i+1, peerID(1), segID(i)), true)
	}
	if len(l.own) != maxLedger || len(l.take()) != maxLedger {
		t.Fatalf("%d segments followed, want %d", len(l.own), maxLedger)
	}
	if l.find(segID(1)) != nil || !l.landed(1, 5) {
		t.Error("the first segment is still waited for")
	}
	l.heads(peerID(2), []chat.SegmentID{segID(n - 1)})
	if o := l.find(segID(n - 1)); o.heldBy != 1 {
		t.Errorf("the last but one is held by %d", o.heldBy)
	}
	if l.unheld() != 1 {
		t.Errorf("%d unheld, want the last", l.unheld())
	}
}

// TestLedgerForgetsOldReach: after many thousand segments of others the newest
// heads still tell who holds ours, and memory stays bounded.
func TestLedgerForgetsOldReach(t *testing.T) {
	l := newLedger()
	me, bob, carol, dave := peerID(1), peerID(2), peerID(3), peerID(4)
	l.add(bare(1, me), true)
	l.add(bare(2, bob, segID(1)), false)
	l.add(bare(3, carol, segID(1)), false)
	// Two lines that never meet, so that each outlives the other's turn.
	last := 3
	for range 3 * maxReach {
		last++
		l.add(bare(last, []chat.PeerID{bob, carol}[last%2], segID(last-2)), false)
	}
	if n := len(l.reach) + len(l.older); n > 2*maxReach {
		t.Fatalf("%d entries, want at most %d", n, 2*maxReach)
	}
	l.heads(dave, []chat.SegmentID{segID(2)}) // too old to be known
	if got := l.find(segID(1)).heldBy; got != 2 {
		t.Errorf("held by %d, want bob and carol only", got)
	}
	for i, id := range []chat.SegmentID{segID(last), segID(last - 1)} {
		l.heads(peerID(10+i), []chat.SegmentID{id})
		if got := l.find(segID(1)).heldBy; got != 3+i {
			t.Errorf("held by %d, want %d", got, 3+i)
		}
	}
}

func TestLedgerBoundsHolders(t *testing.T) {
	l := newLedger()
	l.add(bare(1, peerID(1)), true)
	for i := range maxHolders + 10 {
		l.heads(peerID(i+2), []chat.SegmentID{segID(1)})
	}
	if len(l.holds) != maxHolders || l.find(segID(1)).heldBy != maxHolders {
		t.Errorf("%d holders remembered, %d counted, want %d", len(l.holds), l.find(segID(1)).heldBy, maxHolders)
	}
	l.add(bare(2, peerID(1), segID(1)), true)
	l.heads(peerID(2), []chat.SegmentID{segID(2)})
	if got := l.find(segID(2)).heldBy; got != 1 {
		t.Errorf("one who is remembered does not count any more: %d", got)
	}
}
