package tui

import (
	"strings"
	"unicode"

	"github.com/p2pchat/p2pchat/chat"
)

// maxNames bounds the names remembered to tell people apart; who comes later
// carries the end of the peer ID.
const maxNames = 10_000

// tail is what is written after a name that is not one person's alone.
func tail(p chat.PeerID) string { return "~" + p.Short() }

// names writes people so that two keys never look alike on one screen, also
// where a column is too narrow for a name: who comes second to a look-alike name
// has the end of the peer ID added, after a '~' that no name is shown with. The
// person and the contacts come first.
type names struct {
	self     Self
	contacts map[chat.PeerID]Contact
	full     owners
	short    owners // of names cut to cells
	cells    int
	fitted   map[called]string // answers of fit, which each frame asks again
}

// called is a peer and the nick it goes by.
type called struct {
	peer chat.PeerID
	nick chat.Text
}

// owners are whose a look is.
type owners map[string]chat.PeerID

// claim reports whether a written name is p's, which it may become.
func (o owners) claim(name string, p chat.PeerID) bool {
	look := looks(name)
	owner, taken := o[look]
	if !taken && len(o) < maxNames {
		o[look] = p
		return true
	}
	return taken && owner == p
}

// looks is what two written names have in common when people could take one for
// the other.
func looks(name string) string {
	t, err := chat.NewText(strings.ReplaceAll(name, "_", ""))
	if err != nil { // a name is short, and valid
		return name
	}
	return chat.LooksLike(t)
}

func newNames() *names { return &names{contacts: make(map[chat.PeerID]Contact), full: make(owners)} }

// know sets who is known. All others are told apart anew.
func (n *names) know(self Self, contacts []Contact) {
	n.self = self
	clear(n.contacts)
	for _, c := range contacts {
		n.contacts[c.Peer] = c
	}
	n.full = make(owners)
	n.claimKnown(func(p chat.PeerID, name string) { n.full.claim(name, p) })
	n.cells = 0
}

// claimKnown claims the names of the person and of the contacts.
func (n *names) claimKnown(claim func(chat.PeerID, string)) {
	claim(n.self.Peer, word(n.self.Name.Line()))
	for p, c := range n.contacts {
		if c.Name != "" {
			claim(p, word(chat.SafeString(c.Name)))
		}
	}
}

// plain is what p would be called if nobody else were.
func (n *names) plain(p chat.PeerID, nick chat.Text) string {
	if c := n.contacts[p]; c.Name != "" {
		return word(chat.SafeString(c.Name))
	}
	if p == n.self.Peer {
		nick = n.self.Name
	}
	return word(nick.Line())
}

// show is the name of p, one word.
func (n *names) show(p chat.PeerID, nick chat.Text) string {
	name := n.plain(p, nick)
	if name != "" && n.full.claim(name, p) {
		return name
	}
	return name + tail(p)
}

// fit is the name of p in at most cells cells, which are at least minNick.
func (n *names) fit(mt meter, p chat.PeerID, nick chat.Text, cells int) string {
	if n.cells != cells {
		n.cells, n.short, n.fitted = cells, make(owners), make(map[called]string)
		n.claimKnown(func(p chat.PeerID, name string) {
			name, _ = mt.cut(name, cells)
			n.short.claim(name, p)
		})
	}
	key := called{p, nick}
	name, ok := n.fitted[key]
	if !ok {
		name = n.fitNew(mt, p, nick, cells)
		if len(n.fitted) < maxNames {
			n.fitted[key] = name
		}
	}
	return name
}

func (n *names) fitNew(mt meter, p chat.PeerID, nick chat.Text, cells int) string {
	name := n.show(p, nick)
	if mt.width(name) <= cells {
		return name
	}
	name = n.plain(p, nick)
	if short, _ := mt.cut(name, cells); mt.width(name) > cells && n.full.claim(name, p) && n.short.claim(short, p) {
		return short
	}
	end := tail(p)
	short, _ := mt.cut(name, cells-len(end))
	return short + end
}

// minNick is the narrowest column for names: the end of a peer ID must fit.
const minNick = 8

// reserved are the characters with a meaning beside a name, and what looks like
// them.
const reserved = "|¦ǀǁ‖∣∥│┃║╎╏┆┇┊┋⏐⎪❘❙❚｜￨￤" + "~˜∼∽～⁓〜" + more

// word makes one word of a safe name.
func word(name string) string {
	if ascii(name) && !strings.ContainsAny(name, " |~") {
		return name
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune(reserved, r) {
			return '_'
		}
		return r
	}, name)
	if len(name) > chat.MaxNick {
		name = strings.ToValidUTF8(name[:chat.MaxNick], "")
	}
	return name
}
