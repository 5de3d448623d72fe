package names

import (
	"strings"
	"unicode"

	"github.com/p2pchat/p2pchat/chat"
)

// reserved are the characters with a meaning beside a name, '|', '~' and '…', and
// what looks like them.
const reserved = "|¦ǀǁ‖∣∥│┃║╎╏┆┇┊┋⏐⎪❘❙❚｜￨￤" + "~˜∼∽～⁓〜" + "…"

// Word makes one word of a nick, of at most chat.MaxNick bytes, so that the nick
// "bob | yes" cannot pass for bob saying yes, and a script finds the name where it
// expects it. It is empty if nothing of the nick can be seen.
func Word(nick chat.Text) string {
	name := nick.Line()
	if !ordinary(name) {
		name = strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || strings.ContainsRune(reserved, r) {
				return '_'
			}
			return r
		}, name)
	}
	if len(name) > chat.MaxNick {
		name = strings.ToValidUTF8(name[:chat.MaxNick], "")
	}
	return name
}

// ordinary reports whether all of a name can stay as it is. It is quick, for the
// names that most people have.
func ordinary(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == '|' || c == '~' {
			return false
		}
	}
	return true
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
