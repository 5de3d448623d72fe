package names

import "github.com/p2pchat/p2pchat/chat"

// Max bounds the names remembered to tell people apart; beyond it, new ones carry
// the whole peer ID.
const Max = 10_000

// A table says whose each look is.
type table struct {
	known  map[string]chat.PeerID // of the user and the contacts; zero if two of them share it
	owners map[string]chat.PeerID // of everybody else, the first who had it
	shared map[string]bool        // looks that more than one of everybody else have
}

func newTable() table {
	return table{known: make(map[string]chat.PeerID), owners: make(map[string]chat.PeerID), shared: make(map[string]bool)}
}

// know makes a look that of somebody known.
func (t *table) know(look string, p chat.PeerID) {
	if owner, taken := t.known[look]; taken && owner != p {
		p = chat.PeerID{}
	}
	t.known[look] = p
}

// alone reports whether a look is p's alone, and remembers if it is not. news is
// set if somebody else must be written differently from now on.
func (t *table) alone(look string, p chat.PeerID) (alone, news bool) {
	switch owner, known := t.known[look]; {
	case known:
		return owner == p && !p.IsZero(), false
	case t.shared[look]:
		return false, false
	case t.claim(look, p):
		return true, false
	case t.owners[look] == chat.PeerID{}: // there is no room
		return false, false
	}
	t.shared[look] = true
	return false, true
}

// claim reports whether a look is p's, which it may become.
func (t *table) claim(look string, p chat.PeerID) bool {
	owner, taken := t.owners[look]
	if !taken && len(t.owners) < Max {
		t.owners[look] = p
		return true
	}
	return taken && owner == p
}
