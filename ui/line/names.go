package line

import (
	"strings"
	"unicode"

	"github.com/p2pchat/p2pchat/chat"
)

// maxNames bounds the names remembered to tell people apart; beyond it, new
// ones carry the whole peer ID.
const maxNames = 10_000

// names writes peers so that two keys are never written alike: whoever shares
// a look-alike nick with somebody else has the end of the peer ID added, after
// a '~' that no nick is shown with. Whoever has no nick is '~' and that end.
type names struct {
	owners map[string]chat.PeerID // by what a written name looks like
	shared map[string]bool        // names that more than one peer uses
}

// newNames claims the own nick and those of known people before a stranger can.
func newNames(self chat.PeerID, nick chat.Text, known []Person) *names {
	n := &names{owners: make(map[string]chat.PeerID), shared: make(map[string]bool)}
	n.show(self, nick)
	for _, k := range known {
		n.show(k.Peer, k.Name)
	}
	return n
}

// show returns how to write a peer: one word, in which nothing can hurt.
func (n *names) show(p chat.PeerID, nick chat.Text) string {
	name, id := word(nick), p.String()
	if name == "" {
		n.alone(looks(p.Short()), p) // nor may a nick be what such a peer is called by
	} else if n.alone(looks(name), p) {
		return name
	}
	for _, length := range [...]int{6, 12} { // who made a key with the same end gets more of it
		if long := name + "~" + id[len(id)-length:]; n.claim(looks(name)+long[len(name):], p) {
			return long
		}
	}
	return name + "~" + id
}

// alone reports whether p alone uses a name, and remembers if it does not.
func (n *names) alone(look string, p chat.PeerID) bool {
	if n.shared[look] {
		return false
	}
	if n.claim(look, p) {
		return true
	}
	if n.owners[look] != (chat.PeerID{}) {
		n.shared[look] = true
	}
	return false
}

// claim reports whether a written name is p's, which it may become.
func (n *names) claim(look string, p chat.PeerID) bool {
	owner, taken := n.owners[look]
	if !taken && len(n.owners) < maxNames {
		n.owners[look] = p
		return true
	}
	return taken && owner == p
}

// word makes one word of a nick, so that the nick "bob | yes" cannot pass for
// bob saying yes, and a script finds the name where it expects it.
func word(nick chat.Text) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune(reserved, r) {
			return '_'
		}
		return r
	}, nick.Line())
	if len(name) > chat.MaxNick {
		name = strings.ToValidUTF8(name[:chat.MaxNick], "")
	}
	return name
}

// reserved are the characters with a meaning in a line, '|' and '~', and what
// looks like them.
const reserved = "|¦ǀǁ‖∣∥│┃║╎╏┆┇┊┋⏐⎪❘❙❚｜￨￤" + "~˜∼∽～⁓〜"

// looks is what two written names have in common when people could take one
// for the other.
func looks(name string) string {
	t, err := chat.NewText(strings.ReplaceAll(name, "_", ""))
	if err != nil { // a name is short, and valid
		return name
	}
	return chat.LooksLike(t)
}
