package names

import "github.com/p2pchat/p2pchat/chat"

// A Person is somebody the user has a name for.
type Person struct {
	Peer chat.PeerID
	Name chat.Text
}

// Names writes peers. The zero value is not usable; see New. It has no lock: one
// goroutine uses it, or its owner sees to that.
type Names struct {
	people map[chat.PeerID]string // the words for the user and the contacts
	full   table
	shown  map[called]string // answers of Show
	fit    fit
}

// called is a peer and the nick it goes by.
type called struct {
	peer chat.PeerID
	nick chat.Text
}

// New knows the user, self, and the contacts that have names.
func New(self Person, known []Person) *Names {
	n := &Names{full: newTable()}
	n.Know(self, known)
	return n
}

// Know replaces who is known. What names others share is still remembered. A
// Person without a name is nobody known.
func (n *Names) Know(self Person, known []Person) {
	n.people = make(map[chat.PeerID]string, len(known)+1)
	for _, p := range known {
		n.name(p)
	}
	n.name(self) // also if the user is one of the contacts
	n.full.known = make(map[string]chat.PeerID, len(n.people))
	for p, name := range n.people {
		n.full.know(looks(name), p)
	}
	n.shown, n.fit = make(map[called]string), fit{}
}

func (n *Names) name(p Person) {
	if word := Word(p.Name); word != "" {
		n.people[p.Peer] = word
	}
}

// Plain is what a peer would be called if nobody else were: the name that the user
// gave it, or else its nick; empty if it has none. It is for sorting and
// completing, not for showing.
func (n *Names) Plain(p chat.PeerID, nick chat.Text) string {
	if name, ok := n.people[p]; ok {
		return name
	}
	return Word(nick)
}

// Show returns how to write a peer: one word, in which nothing can hurt. Whoever
// has no nick is '~' and the end of the peer ID.
func (n *Names) Show(p chat.PeerID, nick chat.Text) string {
	key := called{p, nick}
	if name, ok := n.shown[key]; ok {
		return name
	}
	name, news := n.write(p, n.Plain(p, nick))
	if news {
		n.forget()
	}
	if len(n.shown) >= Max {
		clear(n.shown)
	}
	n.shown[key] = name
	return name
}

// forget drops answers that are not right any more.
func (n *Names) forget() {
	clear(n.shown)
	clear(n.fit.shown)
}

// write adds to a name what tells p apart.
func (n *Names) write(p chat.PeerID, name string) (written string, news bool) {
	if name == "" {
		_, news = n.full.alone(looks(p.Short()), p) // nor may a nick be what such a peer is called by
	} else {
		var alone bool
		if alone, news = n.full.alone(looks(name), p); alone {
			return name, news
		}
	}
	for _, length := range ends { // who made a key with the same end gets more of it
		if end := tail(p, length); n.full.claim(looks(name)+end, p) {
			return name + end, news
		}
	}
	return name + "~" + p.String(), news
}

// ends are how many characters of a peer ID tell it apart.
//
//archtest:constant a table
var ends = [...]int{6, 12}

// tail is what is written after a name that is not one person's alone.
func tail(p chat.PeerID, length int) string {
	id := p.String()
	return "~" + id[len(id)-length:]
}
