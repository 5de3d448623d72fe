package names

import "github.com/p2pchat/p2pchat/chat"

// MinCells is the narrowest column for names: the end of a peer ID must fit, with
// a sign before it that a name was cut.
const MinCells = 8

// A Ruler measures text as the screen shows it.
type Ruler interface {
	// Width is how many cells s takes.
	Width(s string) int
	// Cut shortens s to at most cells cells, with a '…' where something is missing.
	Cut(s string, cells int) string
}

// A fit is what is known of names in a column of some width.
type fit struct {
	cells int
	cut   table // by the looks of cut names
	shown map[called]string
}

// Fit is Show in at most cells cells, which are at least MinCells: also where a
// column is too narrow for a name, no two look alike. The widths of the ruler must
// not change without those of the column; see Refit.
func (n *Names) Fit(r Ruler, p chat.PeerID, nick chat.Text, cells int) string {
	cells = max(cells, MinCells)
	if n.fit.cells != cells {
		n.refit(r, cells)
	}
	key := called{p, nick}
	if name, ok := n.fit.shown[key]; ok {
		return name
	}
	name, news := n.fitNew(r, p, nick, cells)
	if news {
		n.forget()
	}
	if len(n.fit.shown) >= Max {
		clear(n.fit.shown)
	}
	n.fit.shown[key] = name
	return name
}

// Refit forgets what was fitted: the ruler measures differently now.
func (n *Names) Refit() { n.fit = fit{} }

func (n *Names) refit(r Ruler, cells int) {
	n.fit = fit{cells: cells, cut: newTable(), shown: make(map[called]string)}
	for p, name := range n.people {
		if r.Width(name) > cells {
			n.fit.cut.know(looks(r.Cut(name, cells)), p)
		}
	}
}

func (n *Names) fitNew(r Ruler, p chat.PeerID, nick chat.Text, cells int) (written string, news bool) {
	name := n.Show(p, nick)
	if r.Width(name) <= cells {
		return name, false
	}
	name = n.Plain(p, nick)
	if r.Width(name) > cells {
		whole, _ := n.full.alone(looks(name), p) // Show has forgotten what it must
		if short := r.Cut(name, cells); whole {
			var alone bool
			if alone, news = n.fit.cut.alone(looks(short), p); alone {
				return short, news
			}
		}
	}
	for _, length := range ends {
		end := tail(p, length)
		if len(end) >= cells {
			break
		}
		short, table := r.Cut(name, cells-len(end)), &n.fit.cut
		if short == name { // so Show may write somebody
			table = &n.full
		}
		if table.claim(looks(short)+end, p) {
			return short + end, news
		}
	}
	return tail(p, cells-1), news
}
