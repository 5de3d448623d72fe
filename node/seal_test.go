package node

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

func testKey(t testing.TB, n byte) crypto.PrivKey {
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(append(make([]byte, 31), n)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func draft(t testing.TB, key, text string) chat.Draft {
	t.Helper()
	txt, err := chat.NewText(text)
	if err != nil {
		t.Fatal(err)
	}
	return chat.Draft{Key: key, Body: chat.Body{Kind: chat.KindText, Text: txt}}
}

// fill gives lines to a batch until it is full or there are no more, and returns
// what is left over.
func (b *batch) fill(lines []chat.Draft, now time.Time) []chat.Draft {
	for len(lines) > 0 && !b.full() {
		b.take(lines[0], now)
		lines = lines[1:]
	}
	return lines
}

func TestBatchLimits(t *testing.T) {
	now := time.UnixMilli(1e12)
	long := strings.Repeat("x", chat.MaxText)
	many := func(n int, text string) (out []chat.Draft) {
		for i := range n {
			out = append(out, draft(t, fmt.Sprint(i), text))
		}
		return out
	}
	for name, c := range map[string]struct {
		lines []chat.Draft
		want  []int // messages of each segment
	}{
		"one":                   {many(1, "a"), []int{1}},
		"as many as go":         {many(chat.MaxBodies, "a"), []int{chat.MaxBodies}},
		"one more":              {many(chat.MaxBodies+1, "a"), []int{chat.MaxBodies, 1}},
		"by bytes":              {many(100, strings.Repeat("x", 1<<10)), []int{48, 48, 4}},
		"the longest":           {many(3, long), []int{1, 1, 1}},
		"a long one among many": {slices.Concat(many(20, strings.Repeat("x", 1<<10)), many(1, long), many(20, strings.Repeat("x", 1<<10))), []int{20, 17, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			var b batch
			var got []int
			var keys []string
			left := c.lines
			for left = b.fill(left, now); !b.empty(); left = b.fill(left, now) {
				out := b.drain(now)
				got = append(got, len(out))
				for _, d := range out {
					keys = append(keys, d.Key+d.Body.Text.Raw()[:1])
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("segments of %v messages, want %v", got, c.want)
			}
			var want []string
			for _, d := range c.lines {
				want = append(want, d.Key+d.Body.Text.Raw()[:1])
			}
			if !slices.Equal(keys, want) {
				t.Error("the lines did not all come out in order")
			}
		})
	}
}

// TestBatchesFitIntoEnvelopes: whatever is written, each batch can be sealed,
// and all lines come out once and in order.
func TestBatchesFitIntoEnvelopes(t *testing.T) {
	key := testKey(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		s := newSealer(key, chat.RoomID("lobby"))
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, chat.MaxText)), 1, 400).Draw(t, "sizes")
		var lines []chat.Draft
		for i, n := range sizes {
			txt, err := chat.NewText(strings.Repeat("x", n))
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, chat.Draft{Key: fmt.Sprint(i), Body: chat.Body{Kind: chat.KindText, Text: txt}})
		}
		var b batch
		now := time.UnixMilli(1e12)
		parents := make([]chat.SegmentID, chat.MaxParents)
		for i := range parents {
			parents[i] = segID(i + 1)
		}
		seq, done := uint64(1), 0
		for left := b.fill(lines, now); !b.empty(); left = b.fill(left, now) {
			drafts := b.drain(now)
			seg, err := s.seal(drafts, parents, now, 0)
			if err != nil {
				t.Fatalf("seal %d messages: %v", len(drafts), err)
			}
			s.accepted(seg)
			if seg.Seq != seq {
				t.Fatalf("segment begins with message %d, not %d", seg.Seq, seq)
			}
			for i, body := range seg.Bodies {
				if drafts[i].Key != fmt.Sprint(done) || body.Text != lines[done].Body.Text {
					t.Fatalf("message %d is not in its place", done)
				}
				done++
			}
			seq += uint64(len(drafts))
			if _, err := wire.OpenSegment(chat.RoomID("lobby"), seg.Envelope); err != nil {
				t.Fatal(err)
			}
		}
		if done != len(lines) {
			t.Fatalf("%d of %d lines came out", done, len(lines))
		}
	})
}

func TestSealerChains(t *testing.T) {
	key := testKey(t, 1)
	s := newSealer(key, chat.RoomID("lobby"))
	now := time.UnixMilli(1e12)
	lines := []chat.Draft{draft(t, "", "a"), draft(t, "", "b"), draft(t, "", "c")}

	one, err := s.seal(lines, nil, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	if one.Seq != 1 || len(one.Parents) != 0 || one.Time != chat.TimeOf(now) {
		t.Errorf("first segment: seq %d, %d parents, time %v", one.Seq, len(one.Parents), one.Time)
	}
	// Until it is stored, it was not: the next one takes its place.
	if again, err := s.seal(lines, nil, now, 0); err != nil || again.Seq != 1 || len(again.Parents) != 0 {
		t.Errorf("after one that was not stored: seq %d, %d parents, %v", again.Seq, len(again.Parents), err)
	}
	s.accepted(one)
	// Its own last comes first, once, and what was shown at a later time than our
	// clock's does not come after it.
	heads := []chat.SegmentID{segID(1), one.ID}
	for i := range 10 {
		heads = append(heads, segID(i+2))
	}
	seen := chat.TimeOf(now.Add(time.Hour))
	two, err := s.seal(lines, heads, now, seen)
	if err != nil {
		t.Fatal(err)
	}
	s.accepted(two)
	if two.Seq != 4 || two.Chain != one.Chain {
		t.Errorf("second segment begins at %d of chain %x", two.Seq, two.Chain)
	}
	want := append([]chat.SegmentID{one.ID}, heads[0], heads[2], heads[3], heads[4], heads[5], heads[6], heads[7])
	if !slices.Equal(two.Parents, want) {
		t.Errorf("parents %v, want %v", numbers(two.Parents), numbers(want))
	}
	if two.Time <= seen {
		t.Errorf("time %d is not above %d, which was seen", two.Time, seen)
	}
	// The clock goes back: our own times do not.
	three, err := s.seal(lines, nil, now.Add(-time.Hour), two.End())
	if err != nil {
		t.Fatal(err)
	}
	if three.Time <= two.End() {
		t.Errorf("time %d after %d", three.Time, two.End())
	}
	// A restart begins another chain: two copies of a key do not fork for ever.
	if again := newSealer(key, chat.RoomID("lobby")); again.chain == one.Chain {
		t.Error("two chains alike")
	}
}
