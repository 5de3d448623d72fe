package names

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

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

func TestShowTellsPeersApart(t *testing.T) {
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
		{"our own nick", nil, []Person{{eve, nick("Alice")}, {eve, nick("a1ice")}, {self, nick("alice")}}, []string{"Alice" + end(eve), "a1ice" + end(eve), "alice"}},
		{"our own old nick", nil, []Person{{self, nick("ally")}, {eve, nick("ally")}}, []string{"alice", "ally"}},
		{
			"a contact's name, even before the contact comes",
			[]Person{{bob, nick("Bob B.")}},
			[]Person{{eve, nick("bob b.")}, {bob, nick("robert")}, {eve, nick("robert")}},
			[]string{"bob_b." + end(eve), "Bob_B.", "robert"},
		},
		{
			"two contacts who look alike",
			[]Person{{bob, nick("Bob")}, {eve, nick("b0b")}},
			[]Person{{bob, nick("")}, {eve, nick("")}, {peerN(3), nick("bob")}},
			[]string{"Bob" + end(bob), "b0b" + end(eve), "bob" + end(peerN(3))},
		},
		{"a contact with our name", []Person{{bob, nick("Alice")}}, []Person{{bob, nick("x")}, {self, nick("x")}}, []string{"Alice" + end(bob), "alice" + end(self)}},
		{"a contact without a name", []Person{{bob, chat.Text{}}}, []Person{{bob, nick("bob")}}, []string{"bob"}},
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
			[]Person{{eve, nick("bob | yes")}, {eve, nick("bob\u00a0│ yes")}, {eve, nick("bob waves and")}, {eve, nick("a\nb")}, {eve, nick("bo…")}},
			[]string{"bob___yes", "bob___yes", "bob_waves_and", "a_b", "bo_"},
		},
		{
			"spaces are one sign with what they are shown as", nil,
			[]Person{{bob, nick("a b")}, {eve, nick("a_b")}, {eve, nick("ab")}},
			[]string{"a_b", "a_b" + end(eve), "ab" + end(eve)},
		},
		{"a new nick", nil, []Person{{bob, nick("bob")}, {bob, nick("bobby")}, {eve, nick("bob")}}, []string{"bob", "bobby", "bob" + end(eve)}},
		{"one far too long", nil, []Person{{bob, nick(strings.Repeat("x", chat.MaxText))}}, []string{strings.Repeat("x", chat.MaxNick)}},
	} {
		n := New(Person{self, nick("alice")}, c.known)
		for i, p := range c.shown {
			if got := n.Show(p.Peer, p.Name); got != c.want[i] {
				t.Errorf("%s: number %d is shown as %q, want %q", c.why, i+1, got, c.want[i])
			}
		}
	}
}

// Whoever makes a key whose ID ends like another's does not look like it.
func TestShowWithOneEnd(t *testing.T) {
	t.Parallel()
	a, b := peersWithOneEnd(t)
	n := New(Person{}, nil)
	n.Show(a, nick("bob"))
	n.Show(b, nick("bob"))
	first, second := n.Show(a, nick("bob")), n.Show(b, nick("bob"))
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

// Who is known can change: then others lose what they had taken, and whoever was
// told apart stays so.
func TestKnow(t *testing.T) {
	t.Parallel()
	self, bob, eve := peerN(0), peerN(1), peerN(2)
	n := New(Person{self, nick("alice")}, nil)
	wants := func(p chat.PeerID, name, want string) {
		t.Helper()
		if got := n.Show(p, nick(name)); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
	wants(eve, "alicia", "alicia")
	wants(eve, "bob", "bob")
	n.Know(Person{self, nick("Alicia")}, []Person{{bob, nick("Bob")}})
	wants(self, "alice", "Alicia")
	wants(eve, "alicia", "alicia~"+eve.Short())
	wants(eve, "bob", "bob~"+eve.Short())
	wants(bob, "robert", "Bob")
	if got := n.Plain(eve, nick("bob")); got != "bob" {
		t.Errorf("without others it would be %q", got)
	}
	n.Know(Person{self, nick("Alicia")}, nil)
	wants(eve, "bob", "bob") // it had that first
	wants(bob, "Bob", "Bob~"+bob.Short())
}

func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	n := New(Person{peerN(0), nick("alice")}, nil)
	for i := range Max + 100 {
		n.Show(peerN(1), nick(fmt.Sprintf("nick %d", i)))
		n.Show(peerN(4), nick(fmt.Sprintf("nick %d", i%(Max+9))))
	}
	if len(n.full.owners) > Max || len(n.full.shared) > Max || len(n.shown) > Max {
		t.Fatalf("%d owners, %d shared names and %d answers are kept", len(n.full.owners), len(n.full.shared), len(n.shown))
	}
	if got, want := n.Show(peerN(2), nick("late")), "late~"+peerN(2).String(); got != want {
		t.Errorf("who comes when the list is full is shown as %q, want %q", got, want)
	}
	if got := n.Show(peerN(3), nick("alice")); got == "alice" {
		t.Error("a stranger passes for us when the list is full")
	}
}

func FuzzNames(f *testing.F) {
	f.Add("bob", "b0b", "bob~abc", uint8(8))
	f.Add("", "~", "_", uint8(9))
	f.Add("a b", "a_b", "ab", uint8(30))
	f.Add("Maximilian A", "maximilian_b", "Maximi…", uint8(8))
	f.Fuzz(func(t *testing.T, a, b, c string, cells uint8) {
		n := New(Person{peerN(0), nick("alice")}, []Person{{peerN(1), nick("Maximilian Carl")}})
		for _, show := range []func(chat.PeerID, chat.Text) string{
			n.Show,
			func(p chat.PeerID, nick chat.Text) string { return n.Fit(runes{}, p, nick, int(cells)) },
		} {
			for range 2 { // the second time all that is shared is known to be
				seen := make(map[string]int)
				for i, s := range []string{"alice", "Max", a, b, c} {
					text, err := chat.NewText(s)
					if err != nil {
						return
					}
					show(peerN(i), text)
				}
				for i, s := range []string{"alice", "Max", a, b, c} {
					got := show(peerN(i), nick(s))
					if other, ok := seen[looksWhole(got)]; ok && other != i {
						t.Fatalf("peers %d and %d are both shown as %q", other, i, got)
					}
					seen[looksWhole(got)] = i
					if got == "" || strings.ContainsAny(got, " |\n\t") || strings.Count(got, "~") > 1 {
						t.Fatalf("%q is shown as %q", s, got)
					}
					mustBeSafe(t, got)
				}
			}
		}
	})
}

// looksWhole is what people take for the same, but for the end of a peer ID and
// the sign that something was cut, which are to be read exactly.
func looksWhole(shown string) string {
	name, id, has := strings.Cut(shown, "~")
	name, cut := strings.CutSuffix(name, "…")
	s := looks(name)
	if cut {
		s += "…"
	}
	if has {
		s += "~" + id
	}
	return s
}

// mustBeSafe fails if a name could hurt a terminal or mislead who reads it.
func mustBeSafe(t *testing.T, name string) {
	t.Helper()
	if !utf8.ValidString(name) || chat.SafeString(name) != name {
		t.Fatalf("not safe: %q", name)
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			t.Fatalf("%U in %q", r, name)
		}
	}
}
