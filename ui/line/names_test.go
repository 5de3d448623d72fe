package line

import (
	"fmt"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// peerN makes up a peer. Those of one n are the same.
func peerN(n int) chat.PeerID {
	var p chat.PeerID
	copy(p[:], fmt.Sprintf("peer %d of a test ...............", n))
	return p
}

func nick(s string) chat.Text {
	t, err := chat.NewText(s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNamesTellPeersApart(t *testing.T) {
	t.Parallel()
	self, bob, eve := peerN(0), peerN(1), peerN(2)
	end := func(p chat.PeerID) string { return "~" + p.Short() }
	for _, c := range []struct {
		why   string
		known []Person
		shown []Person // in this order
		want  []string
	}{
		{"a nick alone is shown", nil, []Person{{bob, nick("bob")}, {bob, nick("bob")}}, []string{"bob", "bob"}},
		{
			"the same nick twice", nil,
			[]Person{{bob, nick("bob")}, {eve, nick("bob")}, {bob, nick("bob")}},
			[]string{"bob", "bob" + end(eve), "bob" + end(bob)},
		},
		{
			"a look-alike", nil,
			[]Person{{bob, nick("bob")}, {eve, nick("Bоb")}, {bob, nick("bob")}}, // Cyrillic
			[]string{"bob", "Bоb" + end(eve), "bob" + end(bob)},
		},
		{"our own nick", nil, []Person{{eve, nick("Alice")}, {eve, nick("a1ice")}, {self, nick("alice")}}, []string{"Alice" + end(eve), "a1ice" + end(eve), "alice" + end(self)}},
		{
			"a contact's name, even before the contact comes",
			[]Person{{bob, nick("Bob B.")}},
			[]Person{{eve, nick("bob b.")}, {bob, nick("Bob B.")}},
			[]string{"bob_b." + end(eve), "Bob_B." + end(bob)},
		},
		{"no nick", nil, []Person{{bob, chat.Text{}}, {eve, chat.Text{}}}, []string{end(bob), end(eve)}},
		{
			"a nick like the writing of somebody without", nil,
			[]Person{{bob, chat.Text{}}, {eve, nick(end(bob))}, {eve, nick(bob.Short())}},
			[]string{end(bob), "_" + bob.Short() + end(eve), bob.Short() + end(eve)},
		},
		{
			"a nick like the writing of a shared one", nil,
			[]Person{{bob, nick("bob")}, {eve, nick("bob~" + bob.Short())}},
			[]string{"bob", "bob_" + bob.Short()},
		},
		{
			"a nick that would continue the line", nil,
			[]Person{{eve, nick("bob | yes")}, {eve, nick("bob\u00a0│ yes")}, {eve, nick("bob waves and")}, {eve, nick("a\nb")}},
			[]string{"bob___yes", "bob___yes", "bob_waves_and", "a_b"},
		},
		{
			"spaces are one sign with what they are shown as", nil,
			[]Person{{bob, nick("a b")}, {eve, nick("a_b")}, {eve, nick("ab")}},
			[]string{"a_b", "a_b" + end(eve), "ab" + end(eve)},
		},
		{"a new nick", nil, []Person{{bob, nick("bob")}, {bob, nick("bobby")}, {eve, nick("bob")}}, []string{"bob", "bobby", "bob" + end(eve)}},
		{"one far too long", nil, []Person{{bob, nick(strings.Repeat("x", chat.MaxText))}}, []string{strings.Repeat("x", chat.MaxNick)}},
	} {
		n := newNames(self, nick("alice"), c.known)
		for i, p := range c.shown {
			if got := n.show(p.Peer, p.Name); got != c.want[i] {
				t.Errorf("%s: number %d is shown as %q, want %q", c.why, i+1, got, c.want[i])
			}
		}
	}
}

// Whoever makes a key whose ID ends like another's does not look like it.
func TestNamesWithOneEnd(t *testing.T) {
	t.Parallel()
	a, b := peersWithOneEnd(t)
	n := newNames(peerN(0), chat.Text{}, nil)
	n.show(a, nick("bob"))
	n.show(b, nick("bob"))
	first, second := n.show(a, nick("bob")), n.show(b, nick("bob"))
	if first == second {
		t.Fatalf("both are shown as %q", first)
	}
}

// peersWithOneEnd finds two keys whose written IDs end alike. Base58 digits
// count from the end, so keys that differ by a multiple of 58^6 do.
func peersWithOneEnd(t *testing.T) (a, b chat.PeerID) {
	t.Helper()
	a = peerN(1)
	b = a
	step := uint64(58 * 58 * 58 * 58 * 58 * 58)
	for i := len(b) - 1; i >= 0 && step > 0; i-- {
		sum := uint64(b[i]) + step&0xff
		b[i], step = byte(sum), step>>8+sum>>8
	}
	if a.Short() != b.Short() || a == b {
		t.Fatalf("%s and %s do not end alike", a, b)
	}
	return a, b
}

func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	n := newNames(peerN(0), nick("alice"), nil)
	for i := range 3 * maxNames {
		n.show(peerN(1), nick(fmt.Sprintf("nick %d", i)))
	}
	if len(n.owners) > maxNames || len(n.shared) > maxNames {
		t.Fatalf("%d owners and %d shared names are kept", len(n.owners), len(n.shared))
	}
	if got, want := n.show(peerN(2), nick("late")), "late~"+peerN(2).String(); got != want {
		t.Errorf("who comes when the list is full is shown as %q, want %q", got, want)
	}
	if got := n.show(peerN(3), nick("alice")); got == "alice" {
		t.Error("a stranger passes for us when the list is full")
	}
}

func FuzzNames(f *testing.F) {
	f.Add("bob", "b0b", "bob~abc")
	f.Add("", "~", "_")
	f.Add("a b", "a_b", "ab")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		n := newNames(peerN(0), nick("alice"), nil)
		seen := make(map[string]int)
		for range 2 {
			clear(seen)
			for i, s := range []string{"alice", a, b, c} {
				text, err := chat.NewText(s)
				if err != nil {
					return
				}
				got := n.show(peerN(i), text)
				if other, ok := seen[looksWhole(got)]; ok && other != i {
					t.Fatalf("peers %d and %d are both shown as %q", other, i, got)
				}
				seen[looksWhole(got)] = i
				if got == "" || strings.ContainsAny(got, " |\n\t") || strings.Count(got, "~") > 1 {
					t.Fatalf("%q is shown as %q", s, got)
				}
				mustBeSafe(t, got)
			}
			// The second time round all that is shared is known to be.
		}
	})
}

// looksWhole is what people take for the same, but for the end of a peer ID,
// which is to be read exactly.
func looksWhole(shown string) string {
	name, id, has := strings.Cut(shown, "~")
	if !has {
		return looks(name)
	}
	return looks(name) + "~" + id
}
