package tui

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/names"
)

// Up and down by the same rows is no move, and what is shown moves by just as
// many rows, whatever the messages are.
func TestScrollIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFake()
		id := f.room("lobby", 1)
		tl := newTimeline()
		tl.older = false
		for range rapid.IntRange(1, 30).Draw(t, "messages") {
			f.n += rapid.SampledFrom([]int{0, 0, 24 * 60}).Draw(t, "days")
			tl.insert(f.message(id, 2, rapid.SampledFrom([]string{"x", "a\nb\nc", "long words that wrap in the window for sure and then once more"}).Draw(t, "text")))
		}
		th := newTheme(true)
		p := &pane{look: &look{width: 40, names: names.New(names.Person{}, nil), theme: &th, zone: time.UTC}, t: tl}
		all := p.rows(scroll{}, 10_000)
		height := rapid.IntRange(1, 20).Draw(t, "height")
		room := max(0, len(all)-height) // how far up it goes
		n := rapid.IntRange(0, 40).Draw(t, "up")
		s := p.up(scroll{}, n, height)
		want := all[max(0, len(all)-height-min(n, room)):]
		for i, r := range p.rows(s, height) {
			if r != want[i] {
				t.Fatalf("row %d is %q, want %q", i, r.text, want[i].text)
			}
		}
		if back := p.down(s, min(n, room)); back != (scroll{}) {
			t.Fatalf("down again: %+v", back)
		}
		i := rapid.IntRange(0, len(tl.entries)-1).Draw(t, "entry")
		if p.height(i) <= height {
			at := 0
			for j := range i + 1 {
				at += p.height(j)
			}
			shown := p.rows(p.show(s, i, height), height)
			found := false
			for _, r := range shown {
				found = found || r == all[at-1]
			}
			if !found {
				t.Fatalf("entry %d is not shown", i)
			}
		}
	})
}
