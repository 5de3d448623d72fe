package names

import (
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

// runes is a screen on which each character has one cell.
type runes struct{}

func (runes) Width(s string) int { return utf8.RuneCountInString(s) }

func (runes) Cut(s string, cells int) string {
	if r := []rune(s); len(r) > cells {
		return string(r[:cells-1]) + "…"
	}
	return s
}

func TestFit(t *testing.T) {
	t.Parallel()
	self, bob, eve, dora := peerN(0), peerN(1), peerN(2), peerN(3)
	end := func(p chat.PeerID) string { return "~" + p.Short() }
	for _, c := range []struct {
		why   string
		known []Person
		cells int
		shown []Person
		want  []string
	}{
		{"what fits is not cut", nil, 10, []Person{{bob, nick("Maximilian")}}, []string{"Maximilian"}},
		{"what does not is", nil, 9, []Person{{bob, nick("Maximilian")}}, []string{"Maximili…"}},
		{
			"two alike when cut", nil, 9,
			[]Person{{bob, nick("Maximilian")}, {eve, nick("maximilius")}, {bob, nick("Maximilian")}},
			[]string{"Maximili…", "m…" + end(eve), "M…" + end(bob)},
		},
		{
			"one like a contact when cut",
			[]Person{{bob, nick("Maximilian")}},
			9,
			[]Person{{eve, nick("maximilius")}, {bob, nick("max")}},
			[]string{"m…" + end(eve), "Maximili…"},
		},
		{
			"shared names", nil, 8,
			[]Person{{bob, nick("dora")}, {eve, nick("d0ra")}, {bob, nick("dora")}, {dora, nick("")}},
			[]string{"dora", "…" + end(eve), "…" + end(bob), end(dora)},
		},
		{"a column too narrow", nil, 1, []Person{{bob, nick("Maximilian")}}, []string{"Maximil…"}},
	} {
		n := New(Person{self, nick("alice")}, c.known)
		for i, p := range c.shown {
			if got := n.Fit(runes{}, p.Peer, p.Name, c.cells); got != c.want[i] {
				t.Errorf("%s: number %d is shown as %q, want %q", c.why, i+1, got, c.want[i])
			}
		}
	}
}

// No two keys are written alike in a narrow column either, also if their IDs end
// alike.
func TestFitWithOneEnd(t *testing.T) {
	t.Parallel()
	a, b := peersWithOneEnd(t)
	for cells := MinCells; cells < 30; cells++ {
		n := New(Person{}, nil)
		n.Fit(runes{}, a, nick("somebody long"), cells)
		n.Fit(runes{}, b, nick("somebody long"), cells)
		first, second := n.Fit(runes{}, a, nick("somebody long"), cells), n.Fit(runes{}, b, nick("somebody long"), cells)
		if first == second || (runes{}).Width(first) > cells || (runes{}).Width(second) > cells {
			t.Errorf("in %d cells they are shown as %q and %q", cells, first, second)
		}
	}
}

// What is cut follows the width of the column, and of the screen's characters.
func TestRefit(t *testing.T) {
	t.Parallel()
	n := New(Person{}, nil)
	for _, c := range []struct {
		cells int
		want  string
	}{{9, "Maximili…"}, {8, "Maximil…"}, {20, "Maximilian"}} {
		if got := n.Fit(runes{}, peerN(1), nick("Maximilian"), c.cells); got != c.want {
			t.Errorf("in %d cells: %q, want %q", c.cells, got, c.want)
		}
	}
	n.Refit()
	if got := n.Fit(wide{}, peerN(1), nick("Maximilian"), 18); got != "Maximili…" {
		t.Errorf("with wide characters: %q", got)
	}
}

// wide is a screen on which each character has two cells.
type wide struct{}

func (wide) Width(s string) int             { return 2 * utf8.RuneCountInString(s) }
func (wide) Cut(s string, cells int) string { return runes{}.Cut(s, cells/2) }

func TestFitIsBounded(t *testing.T) {
	t.Parallel()
	n := New(Person{peerN(0), nick("alice")}, nil)
	for i := range Max + 100 {
		n.Fit(runes{}, peerN(1), nick(fmt.Sprintf("a long nick %d", i)), 12)
		n.Fit(runes{}, peerN(2), nick(fmt.Sprintf("%d, a long nick", i)), 12)
	}
	if c := n.fit; len(c.shown) > Max || len(c.cut.owners) > Max || len(c.cut.shared) > Max {
		t.Errorf("%d answers, %d owners and %d shared names are kept", len(c.shown), len(c.cut.owners), len(c.cut.shared))
	}
}
