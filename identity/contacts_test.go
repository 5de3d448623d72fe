package identity

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func testContacts(t testing.TB, f *Folder) *Contacts {
	t.Helper()
	c, err := f.Contacts()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantNames(t *testing.T, c *Contacts, want ...string) {
	t.Helper()
	var got []string
	for _, k := range c.List() {
		got = append(got, k.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("contacts: got %q, want %q", got, want)
	}
}

func TestContactIsFoundByNameAndPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := testFolder(t)
		c := testContacts(t, f)
		bob := testPeer(t)
		if err := c.Add(" Bob ", bob); err != nil {
			t.Fatal(err)
		}
		want := Contact{Name: "Bob", Peer: bob, Added: time.Now().UTC()}
		for _, c := range []*Contacts{c, testContacts(t, openFolder(t, f.Dir()))} {
			for _, name := range []string{"Bob", "bob", "BOB", " bob", "ｂｏｂ"} {
				if got, ok := c.Find(name); !ok || got != want {
					t.Errorf("find %q: got %+v, %v, want %+v", name, got, ok, want)
				}
			}
			if got, ok := c.Of(bob); !ok || got != want {
				t.Errorf("of: got %+v, %v, want %+v", got, ok, want)
			}
			for _, name := range []string{"", "bo", "bobb"} {
				if got, ok := c.Find(name); ok {
					t.Errorf("find %q: got %+v", name, got)
				}
			}
			if got, ok := c.Of(testPeer(t)); ok {
				t.Errorf("of a stranger: got %+v", got)
			}
		}
		wantMode(t, f.path(contactsFile), 0o600)
	})
}

func TestContactNamesAreUnique(t *testing.T) {
	c := testContacts(t, testFolder(t))
	bob, eve := testPeer(t), testPeer(t)
	if err := c.Add("bob", bob); err != nil {
		t.Fatal(err)
	}
	if err := c.Add("bob", bob); err != nil {
		t.Errorf("the same again: %v", err)
	}
	for _, name := range []string{"bob", "BOB", "ｂｏｂ"} {
		if err := c.Add(name, eve); !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), bob.String()) {
			t.Errorf("%q for another: got %v, want ErrNameTaken and whose it is", name, err)
		}
	}
	for _, name := range []string{"robert", "Bob"} {
		if err := c.Add(name, bob); !errors.Is(err, ErrPeerNamed) || !strings.Contains(err.Error(), `"bob"`) {
			t.Errorf("%q: got %v, want ErrPeerNamed and the name", name, err)
		}
	}
	wantNames(t, c, "bob")
	if err := c.Remove("BOB"); err != nil {
		t.Error(err)
	}
	if err := c.Add("Bob", eve); err != nil {
		t.Errorf("after removal: %v", err)
	}
	wantNames(t, c, "Bob")
	if err := c.Remove("alice"); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("remove a stranger: got %v", err)
	}
}

func TestNamesWithTwoLowerCaseFormsAreOne(t *testing.T) {
	c := testContacts(t, testFolder(t))
	if err := c.Add("ΣΟΦΟΣ", testPeer(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.Add("σοφος", testPeer(t)); !errors.Is(err, ErrNameTaken) {
		t.Errorf("got %v, want ErrNameTaken", err)
	}
}

func TestContactNamesThatCannotBe(t *testing.T) {
	c := testContacts(t, testFolder(t))
	for _, name := range []string{
		"", "  ", "a\nb", "a\x1b[31m", "\u202eabc", "\xff", strings.Repeat("x", chat.MaxNick+1),
		"/ip4/1.2.3.4", "-v", "example.org:4747", "[::1]:4747", ":80",
	} {
		if err := c.Add(name, testPeer(t)); !errors.Is(err, chat.ErrBadNick) {
			t.Errorf("%q: got %v, want ErrBadNick", name, err)
		}
	}
	if err := c.Add("nobody", chat.PeerID{}); !errors.Is(err, chat.ErrBadPeerID) {
		t.Errorf("empty peer: got %v", err)
	}
	for _, name := range []string{"bob", "Zoë", "a b", ":)", "bob:home", "猫"} {
		if err := c.Add(name, testPeer(t)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestBlockAndVerify(t *testing.T) {
	c := testContacts(t, testFolder(t))
	bob, eve := testPeer(t), testPeer(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wantBlocked := func(p chat.PeerID, want bool) {
		t.Helper()
		if c.Blocked(p) != want {
			t.Errorf("blocked: got %v, want %v", !want, want)
		}
	}
	must(c.Add("bob", bob))
	must(c.Verify(bob, true))
	must(c.Block(eve, true)) // a stranger
	wantBlocked(eve, true)
	wantBlocked(bob, false)
	wantNames(t, c, "bob", "") // those without a name come last
	if k, _ := c.Of(bob); !k.Verified {
		t.Error("bob is not verified")
	}

	must(c.Add("eve", eve)) // a name lifts no block
	wantBlocked(eve, true)
	must(c.Remove("eve")) // nor does taking it away
	wantBlocked(eve, true)
	must(c.Block(eve, false))
	wantBlocked(eve, false)
	wantNames(t, c, "bob") // nothing is left to say about eve

	must(c.Remove("bob"))
	must(c.Add("bob", bob))
	if k, _ := c.Of(bob); k.Verified {
		t.Error("bob, removed and added anew, is still verified")
	}
	must(c.Block(testPeer(t), false)) // changes nothing
	wantNames(t, c, "bob")
	for _, err := range []error{c.Block(chat.PeerID{}, true), c.Verify(chat.PeerID{}, true)} {
		if !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("empty peer: got %v", err)
		}
	}
}

// What one process changes holds in the other at once.
func TestChangesOfOthersAreSeen(t *testing.T) {
	f := testFolder(t)
	mine, theirs := testContacts(t, f), testContacts(t, openFolder(t, f.Dir()))
	bob, eve := testPeer(t), testPeer(t)
	if err := theirs.Block(eve, true); err != nil {
		t.Fatal(err)
	}
	if !mine.Blocked(eve) {
		t.Error("a block by another process is not heeded")
	}
	if err := mine.Add("bob", bob); err != nil {
		t.Fatal(err)
	}
	if _, ok := theirs.Find("bob"); !ok || !theirs.Blocked(eve) {
		t.Error("a change was lost")
	}
	if err := os.Remove(f.path(contactsFile)); err != nil {
		t.Fatal(err)
	}
	wantNames(t, mine)
}

func TestTwoProcessesAddContacts(t *testing.T) {
	f := testFolder(t)
	children := []*child{startChild(t, "contacts a", f.Dir()), startChild(t, "contacts b", f.Dir())}
	for _, c := range children {
		c.goOn()
	}
	for _, c := range children {
		if line := c.line(); line != "" {
			t.Error(line)
		}
		if err := c.cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	contacts := testContacts(t, f)
	for _, who := range []string{"a", "b"} {
		for i := range childContacts {
			if _, ok := contacts.Find(fmt.Sprintf("%s%d", who, i)); !ok {
				t.Errorf("%s%d is lost", who, i)
			}
		}
	}
}

// For the race detector: the gater asks while the user changes.
func TestContactsAreAskedWhileTheyChange(t *testing.T) {
	f := testFolder(t)
	c, other := testContacts(t, f), testContacts(t, f)
	eve := testPeer(t)
	if err := c.Block(eve, true); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if !c.Blocked(eve) || !other.Blocked(eve) {
					t.Error("eve was not blocked for a moment")
					return
				}
				_ = c.List()
			}
		})
	}
	for i := range 20 {
		if err := other.Add(fmt.Sprint("name", i), testPeer(t)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	askers.Wait()
}

func TestDamagedContactsAreLeftAlone(t *testing.T) {
	bob := testPeer(t)
	head, tail := `{"version":1,"contacts":[`, `]}`
	k := func(fields string) string {
		return fmt.Sprintf(`{"peer":%q,"added":"2026-01-02T03:04:05Z",%s}`, bob, fields)
	}
	tests := map[string]string{
		"empty":           "",
		"half":            head + k(`"name":"bob"`),
		"not JSON":        "bob",
		"other JSON":      "[]",
		"null":            "null",
		"no version":      `{"contacts":[]}`,
		"version -1":      `{"version":-1,"contacts":[]}`,
		"unknown field":   head + k(`"bloked":true`) + tail,
		"more behind":     head + tail + "{}",
		"invalid UTF-8":   head + k(`"name":"b`+"\xff"+`"`) + tail,
		"peer twice":      head + k(`"name":"bob"`) + "," + k(`"name":"rob"`) + tail,
		"name twice":      head + k(`"name":"bob"`) + "," + strings.Replace(k(`"name":"BOB"`), bob.String(), testPeer(t).String(), 1) + tail,
		"no peer":         head + `{"name":"bob","added":"2026-01-02T03:04:05Z"}` + tail,
		"weak key":        head + strings.Replace(k(`"name":"bob"`), bob.String(), chat.PeerID{}.Libp2p().String(), 1) + tail,
		"name of control": head + k(`"name":"b\u001bob"`) + tail,
		"name with space": head + k(`"name":" bob"`) + tail,
		"name too long":   head + k(`"name":"`+strings.Repeat("x", chat.MaxNick+1)+`"`) + tail,
		"too many":        head + strings.Repeat("{},", maxContacts) + "{}" + tail,
		"too large":       strings.Repeat(" ", maxContactsFile+1),
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			c := testContacts(t, f)
			if err := c.Block(bob, true); err != nil {
				t.Fatal(err)
			}
			put(t, f, contactsFile, content)
			if _, err := f.Contacts(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), f.path(contactsFile)) {
				t.Errorf("open: got %v, want ErrDamaged and the path", err)
			}
			if err := c.Add("alice", testPeer(t)); !errors.Is(err, ErrDamaged) {
				t.Errorf("change: got %v, want ErrDamaged", err)
			}
			if !c.Blocked(bob) {
				t.Error("the damage unblocked bob")
			}
			wantContent(t, f, contactsFile, content)
			// Mended by hand, they work again.
			put(t, f, contactsFile, head+k(`"name":"bob"`)+tail)
			if _, ok := c.Find("bob"); !ok || c.Blocked(bob) {
				t.Error("the mended file is not heeded")
			}
		})
	}
}

func TestFilesOfNewerVersionAreLeftAlone(t *testing.T) {
	const content = `{"version":2,"contacts":{"other":"form"},"hosts":7}`
	f := testFolder(t)
	c := testContacts(t, f)
	k, err := f.KnownHosts()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{contactsFile, knownHostsFile, settingsFile} {
		put(t, f, name, content)
	}
	_, err1 := f.Contacts()
	_, err2 := f.KnownHosts()
	_, err3 := f.Port()
	_, _, err4 := k.Learn("h:1", testPeer(t))
	for _, err := range []error{err1, err2, err3, err4, c.Add("bob", testPeer(t)), f.SetPort(1)} {
		if !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) {
			t.Errorf("got %v, want ErrNewer", err)
		}
	}
	for _, name := range []string{contactsFile, knownHostsFile, settingsFile} {
		wantContent(t, f, name, content)
	}
}

func TestContactsHaveALimit(t *testing.T) {
	list := make([]Contact, maxContacts)
	for i := range list {
		name := fmt.Sprintf("%d", i)
		name += strings.Repeat(`"`, chat.MaxNick-len(name)) // written as \"
		list[i] = Contact{Name: name, Peer: numberedPeer(t, i), Verified: true, Blocked: true, Accepted: true, Ignored: true, Added: seconds(i)}
	}
	if _, err := addContact(slices.Clone(list), "one more", testPeer(t), seconds(0)); !errors.Is(err, ErrFull) {
		t.Errorf("one more: got %v, want ErrFull", err)
	}
	if _, _, err := contactOf(slices.Clone(list), testPeer(t), seconds(0)); !errors.Is(err, ErrFull) {
		t.Errorf("one more to block: got %v, want ErrFull", err)
	}
	if _, i, err := contactOf(slices.Clone(list), list[7].Peer, seconds(0)); err != nil || i != 7 {
		t.Errorf("one of them: got %d, %v", i, err)
	}
	// What is written is not too large to be read.
	data, err := encodeJSON(contactsData{Version: fileVersion, Contacts: list[:1]})
	if size := len(data) * maxContacts; err != nil || size > maxContactsFile {
		t.Errorf("a full list may have %d bytes, and %d are read; %v", size, maxContactsFile, err)
	}
}

func TestContactsWrittenByHandAreSorted(t *testing.T) {
	f := testFolder(t)
	var list []Contact
	for i, name := range []string{"", "carol", "Bob", "alice"} {
		list = append(list, Contact{Name: name, Peer: numberedPeer(t, i), Blocked: true})
	}
	data, err := encodeJSON(contactsData{Version: fileVersion, Contacts: list})
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, contactsFile, string(data))
	wantNames(t, testContacts(t, f), "alice", "Bob", "carol", "")
}

func TestListIsACopy(t *testing.T) {
	c := testContacts(t, testFolder(t))
	if err := c.Add("bob", testPeer(t)); err != nil {
		t.Fatal(err)
	}
	c.List()[0].Name = "eve"
	wantNames(t, c, "bob")
}

func FuzzDecodeContacts(f *testing.F) {
	list := []Contact{
		{Name: "bob", Peer: testPeer(f), Verified: true, Added: time.Unix(1_800_000_000, 0).UTC()},
		{Peer: testPeer(f), Blocked: true, Added: time.Unix(1_800_000_000, 0).UTC()},
		{Peer: testPeer(f), Accepted: true, Ignored: true, Added: time.Unix(1_800_000_000, 0).UTC()},
	}
	data, err := encodeJSON(contactsData{Version: fileVersion, Contacts: list})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeContacts(data)
		if err != nil {
			return
		}
		set := newContactSet(list, nil)
		for _, k := range list {
			if k.Peer.IsZero() || set.list[set.byPeer[k.Peer]] != k {
				t.Errorf("%+v cannot be found by its peer", k)
			}
			if k.Name != "" && set.list[set.byName[foldName(k.Name)]] != k {
				t.Errorf("%+v cannot be found by its name", k)
			}
			if k.Name != chat.SafeString(k.Name) {
				t.Errorf("the name %q is not safe to show", k.Name)
			}
		}
		again, err := encodeJSON(contactsData{Version: fileVersion, Contacts: list})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeContacts(again); err != nil || !slices.Equal(got, list) {
			t.Errorf("got %+v, %v, want %+v", got, err, list)
		}
	})
}

// What the gater pays for each connection.
func BenchmarkBlocked(b *testing.B) {
	c := testContacts(b, testFolder(b))
	eve := testPeer(b)
	if err := c.Block(eve, true); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !c.Blocked(eve) {
			b.Fatal("not blocked")
		}
	}
}
