package tui

import "testing"

func TestNames(t *testing.T) {
	t.Parallel()
	n := newNames()
	n.know(Self{Peer: peer(1), Name: text("alice")}, []Contact{{Peer: peer(2), Name: "Bob"}})
	end := func(p int) string { return tail(peer(p)) }
	for _, c := range []struct {
		peer int
		nick string
		want string
	}{
		{1, "whatever", "alice"},
		{2, "robert", "Bob"},
		{3, "bob", "bob" + end(3)},     // looks like the contact
		{4, "аlice", "аlice" + end(4)}, // the first letter is Cyrillic
		{5, "carol", "carol"},
		{6, "carol", "carol" + end(6)},
		{5, "carol", "carol"},
		{7, "", end(7)},
		{8, "bob | yes", "bob___yes"},
		{9, "x" + end(7), "x_" + end(7)[1:]}, // no nick has a '~'
	} {
		if got := n.show(peer(c.peer), text(c.nick)); got != c.want {
			t.Errorf("peer %d, %q: %q, want %q", c.peer, c.nick, got, c.want)
		}
	}
}
