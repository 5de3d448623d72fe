package identity

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	contactsFile = "contacts.json"
	// maxContacts is how many peers may have a name, a block or a verification.
	maxContacts = 10_000
	// maxContactsFile is the most bytes of contacts.json that are read: more than
	// maxContacts of the longest need.
	maxContactsFile = 8 << 20
)

// A Contact is what the user said about one peer.
type Contact struct {
	// Name is the user's own name for the peer, as chat.NewNick gives it. It is
	// empty for a peer of whom only something else is said.
	Name string      `json:"name,omitzero"`
	Peer chat.PeerID `json:"peer"`
	// Verified is set when the user compared fingerprints with the person.
	Verified bool `json:"verified,omitzero"`
	// Blocked is set when the user wants to hear nothing from the peer.
	Blocked bool `json:"blocked,omitzero"`
	// Accepted is set when the user let a peer who was unknown write in private.
	Accepted bool `json:"accepted,omitzero"`
	// Ignored is set when the user does not want to be asked about the peer.
	Ignored bool `json:"ignored,omitzero"`
	// Added is when the user first said something about the peer, to the second.
	Added time.Time `json:"added"`
}

// Contacts are the names the user gave to peers, and whom they blocked, verified,
// accepted or ignored: contacts.json. All methods may be called by several goroutines, and
// the file may be changed by several processes: each change is made on what is in
// the file at that time, and each answer heeds the file as it is. If somebody
// damages the file meanwhile, answers stay as they were and changes fail with
// ErrDamaged: damage must not unblock anybody.
type Contacts struct {
	folder *Folder
	set    atomic.Pointer[contactSet]
}

// Contacts opens the folder's contacts. The error wraps ErrDamaged or ErrNewer.
func (f *Folder) Contacts() (*Contacts, error) {
	c := &Contacts{folder: f}
	list, info, err := load(f, contactsFile, maxContactsFile, decodeContacts)
	if err != nil {
		return nil, err
	}
	c.set.Store(newContactSet(list, info))
	return c, nil
}

// Add gives p a name. Names are as chat.NewNick takes them, besides such as
// `dial` would read as an address; upper and lower case are one. The error wraps
// ErrNameTaken if the name is another peer's, ErrPeerNamed if p has another
// name, ErrFull at 10,000 contacts. Giving the same name again does nothing.
func (c *Contacts) Add(name string, p chat.PeerID) error {
	name, err := contactName(name)
	if err != nil {
		return err
	}
	if p.IsZero() {
		return fmt.Errorf("%w: it is empty", chat.ErrBadPeerID)
	}
	return c.change(func(list []Contact, now time.Time) ([]Contact, error) {
		return addContact(list, name, p, now)
	})
}

// Remove takes a peer's name, its verification and its acceptance away. A blocked
// or ignored peer stays so. If nobody has that name the error wraps
// chat.ErrNotFound.
func (c *Contacts) Remove(name string) error {
	return c.change(func(list []Contact, _ time.Time) ([]Contact, error) {
		i := named(list, name)
		if i < 0 {
			return nil, fmt.Errorf("contact %q: %w", chat.SafeString(name), chat.ErrNotFound)
		}
		list[i].Name, list[i].Verified, list[i].Accepted = "", false, false
		return list, nil
	})
}

// Block sets or lifts the block of p. Lifting one that is not set does nothing.
func (c *Contacts) Block(p chat.PeerID, blocked bool) error {
	return c.mark(p, func(k *Contact) { k.Blocked = blocked })
}

// Verify remembers whether the user compared fingerprints with p. Who is verified
// is not ignored any more.
func (c *Contacts) Verify(p chat.PeerID, verified bool) error {
	return c.mark(p, func(k *Contact) {
		k.Verified = verified
		k.Ignored = k.Ignored && !verified
	})
}

// Find returns the contact of that name; upper and lower case are one.
func (c *Contacts) Find(name string) (Contact, bool) {
	set := c.current()
	i, ok := set.byName[foldName(name)]
	if !ok {
		return Contact{}, false
	}
	return set.list[i], true
}

// Of returns what the user said about p, if anything.
func (c *Contacts) Of(p chat.PeerID) (Contact, bool) {
	set := c.current()
	i, ok := set.byPeer[p]
	if !ok {
		return Contact{}, false
	}
	return set.list[i], true
}

// Blocked reports whether the user blocked p. It is cheap enough to be asked for
// every connection and message: one look at the file's date, and no lock.
func (c *Contacts) Blocked(p chat.PeerID) bool {
	k, _ := c.Of(p)
	return k.Blocked
}

// List returns all contacts, by name; peers without a name come last.
func (c *Contacts) List() []Contact { return slices.Clone(c.current().list) }

// mark changes what is said about p, which may be nothing yet.
func (c *Contacts) mark(p chat.PeerID, set func(*Contact)) error {
	if p.IsZero() {
		return fmt.Errorf("%w: it is empty", chat.ErrBadPeerID)
	}
	return c.change(func(list []Contact, now time.Time) ([]Contact, error) {
		list, i, err := contactOf(list, p, now)
		if err != nil {
			return nil, err
		}
		set(&list[i])
		return list, nil
	})
}

// change lets decide change a copy of the contacts in the file, and writes them.
func (c *Contacts) change(decide func(list []Contact, now time.Time) ([]Contact, error)) error {
	f := c.folder
	return f.edit(func() error {
		old, _, err := load(f, contactsFile, maxContactsFile, decodeContacts)
		if err != nil {
			return err
		}
		list, err := decide(slices.Clone(old), time.Now())
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, Contact.empty)
		slices.SortFunc(list, compareContacts)
		if slices.Equal(list, old) {
			return nil
		}
		data, err := encodeJSON(contactsData{Version: fileVersion, Contacts: list})
		if err != nil {
			return err
		}
		if err := f.replace(contactsFile, data); err != nil {
			return err
		}
		info, err := os.Stat(f.path(contactsFile))
		if err != nil {
			return fmt.Errorf("read data folder: %w", err)
		}
		c.set.Store(newContactSet(list, info))
		return nil
	})
}

// current is the set as the file has it. Two callers that load at once may store
// in the wrong order; then the next caller sees another file and loads again.
func (c *Contacts) current() *contactSet {
	set := c.set.Load()
	info, err := os.Stat(c.folder.path(contactsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return set
	}
	if err != nil {
		info = nil
	}
	if sameFile(set.info, info) {
		return set
	}
	list, read, err := load(c.folder, contactsFile, maxContactsFile, decodeContacts)
	if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
		return set // a passing trouble, like too many open files: try again
	}
	if err != nil {
		// Keep what is known, and do not read the same damage for every question.
		kept := *set
		kept.info = info
		c.set.Store(&kept)
		return &kept
	}
	set = newContactSet(list, read)
	c.set.Store(set)
	return set
}

// A contactSet is the contacts at one moment. It never changes.
type contactSet struct {
	info   fs.FileInfo // of the file; nil if there was none
	list   []Contact
	byName map[string]int
	byPeer map[chat.PeerID]int
}

func newContactSet(list []Contact, info fs.FileInfo) *contactSet {
	s := &contactSet{
		info:   info,
		list:   list,
		byName: make(map[string]int, len(list)),
		byPeer: make(map[chat.PeerID]int, len(list)),
	}
	for i, k := range list {
		s.byPeer[k.Peer] = i
		if k.Name != "" {
			s.byName[foldName(k.Name)] = i
		}
	}
	return s
}

// sameFile tells whether two looks at a name saw the same content. Our changes
// are always new files, those of an editor change date or size.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// addContact implements Add on a list that it may change.
func addContact(list []Contact, name string, p chat.PeerID, now time.Time) ([]Contact, error) {
	if i := named(list, name); i >= 0 {
		if k := list[i]; k.Peer != p {
			return nil, fmt.Errorf("%w: %q is %s: remove that contact first, or take another name", ErrNameTaken, k.Name, k.Peer)
		}
	}
	list, i, err := contactOf(list, p, now)
	if err != nil {
		return nil, err
	}
	if old := list[i].Name; old != "" && old != name {
		return nil, fmt.Errorf("%w: it is %q: remove that contact first to rename it", ErrPeerNamed, old)
	}
	list[i].Name, list[i].Ignored = name, false
	return list, nil
}

// named returns where in the list somebody has that name, or -1.
func named(list []Contact, name string) int {
	folded := foldName(name)
	return slices.IndexFunc(list, func(k Contact) bool { return k.Name != "" && foldName(k.Name) == folded })
}

// contactOf returns where p is in the list, to which it may add it.
func contactOf(list []Contact, p chat.PeerID, now time.Time) ([]Contact, int, error) {
	if i := slices.IndexFunc(list, func(k Contact) bool { return k.Peer == p }); i >= 0 {
		return list, i, nil
	}
	if len(list) >= maxContacts {
		return nil, 0, fmt.Errorf("%w: %d contacts", ErrFull, maxContacts)
	}
	return append(list, Contact{Peer: p, Added: now.UTC().Truncate(time.Second)}), len(list), nil
}

// compareContacts sorts as List does.
func compareContacts(a, b Contact) int {
	if a, b := a.Name == "", b.Name == ""; a != b {
		if a {
			return 1
		}
		return -1
	}
	return cmp.Or(strings.Compare(foldName(a.Name), foldName(b.Name)), a.Peer.Compare(b.Peer))
}

// contactName checks a name for a peer and drops the space around it.
func contactName(s string) (string, error) {
	nick, err := chat.NewNick(s)
	if err != nil {
		return "", err
	}
	name := nick.Raw()
	_, port, err := net.SplitHostPort(name)
	_, notNumber := strconv.Atoi(port)
	switch {
	case name[0] == '/' || name[0] == '-':
		return "", fmt.Errorf("%w: a contact's name may not begin with %q", chat.ErrBadNick, name[0])
	case err == nil && notNumber == nil:
		return "", fmt.Errorf("%w: %q would be taken for host:port", chat.ErrBadNick, name)
	}
	return name, nil
}

// foldName is equal for names that differ in case or compatibility form alone.
// Upper case first joins letters with two lower-case forms (σ and ς).
func foldName(s string) string {
	s = norm.NFKC.String(strings.TrimSpace(s))
	return norm.NFKC.String(strings.ToLower(strings.ToUpper(s)))
}

// contactsData is what contacts.json holds.
type contactsData struct {
	Version  int       `json:"version"`
	Contacts []Contact `json:"contacts"`
}

// decodeContacts reads contacts.json, sorted as List does.
func decodeContacts(data []byte) ([]Contact, error) {
	var file contactsData
	if err := decodeJSON(data, &file); err != nil {
		return nil, err
	}
	list := file.Contacts
	if len(list) > maxContacts {
		return nil, fmt.Errorf("%d contacts, and at most %d are allowed", len(list), maxContacts)
	}
	names := make(map[string]bool, len(list))
	peers := make(map[chat.PeerID]bool, len(list))
	for i := range list {
		k := &list[i]
		k.Added = k.Added.UTC().Truncate(time.Second)
		switch name := foldName(k.Name); {
		case k.Peer.IsZero():
			return nil, fmt.Errorf("contact %d has no peer ID", i+1)
		case peers[k.Peer]:
			return nil, fmt.Errorf("%s is in it twice", k.Peer)
		case name != "" && names[name]:
			return nil, fmt.Errorf("the name %q is in it twice", chat.SafeString(k.Name))
		case k.Name != "":
			if again, err := contactName(k.Name); err != nil || again != k.Name {
				return nil, fmt.Errorf("%w: %q", chat.ErrBadNick, chat.SafeString(k.Name))
			}
			names[name] = true
		}
		peers[k.Peer] = true
	}
	slices.SortFunc(list, compareContacts)
	return list, nil
}
