package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func testRequests(t testing.TB, f *Folder) *Requests {
	t.Helper()
	r, err := f.Requests()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testText(t testing.TB, s string) chat.Text {
	t.Helper()
	text, err := chat.NewText(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (r *Requests) mustNote(t testing.TB, p chat.PeerID, nick, text string, at time.Time) {
	t.Helper()
	if _, err := r.Note(p, testText(t, nick), testText(t, text), at); err != nil {
		t.Fatal(err)
	}
}

func wantRequests(t testing.TB, r *Requests, want ...Request) {
	t.Helper()
	if got, err := r.List(); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestRequestGathersWhatAStrangerWrote(t *testing.T) {
	f := testFolder(t)
	mine, theirs := testRequests(t, f), testRequests(t, openFolder(t, f.Dir()))
	wantRequests(t, mine)
	bob, eve := testPeer(t), testPeer(t)
	if first, err := mine.Note(bob, testText(t, "bob"), testText(t, "hello\nthere"), seconds(10)); err != nil || !first {
		t.Errorf("first message: got %v, %v", first, err)
	}
	if first, err := theirs.Note(bob, testText(t, "robert"), testText(t, "are you there?"), seconds(12)); err != nil || first {
		t.Errorf("second message: got %v, %v", first, err)
	}
	mine.mustNote(t, bob, "", "!", seconds(11))
	mine.mustNote(t, eve, "", "", seconds(20))
	want := []Request{
		{Peer: eve, First: seconds(20), Last: seconds(20), Count: 1},
		{bob, testText(t, "robert"), seconds(10), seconds(12), 3, testText(t, "hello there")},
	}
	wantRequests(t, mine, want...)
	wantRequests(t, theirs, want...)
	wantMode(t, f.path(requestsFile), 0o600)
	for range 2 {
		if err := theirs.Remove(eve); err != nil {
			t.Error(err)
		}
		wantRequests(t, mine, want[1])
	}
	if _, err := mine.Note(chat.PeerID{}, chat.Text{}, chat.Text{}, seconds(0)); !errors.Is(err, chat.ErrBadPeerID) {
		t.Errorf("empty peer: got %v", err)
	}
}

// An answer ends a request, also if the node notes one message more meanwhile.
func TestOnlyTheUnknownHaveRequests(t *testing.T) {
	for name, answer := range map[string]func(*Contacts, chat.PeerID) error{
		"accepted": (*Contacts).Accept,
		"ignored":  (*Contacts).Ignore,
		"named":    func(c *Contacts, p chat.PeerID) error { return c.Add("bob", p) },
		"verified": func(c *Contacts, p chat.PeerID) error { return c.Verify(p, true) },
		"blocked":  func(c *Contacts, p chat.PeerID) error { return c.Block(p, true) },
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			r, c, bob := testRequests(t, f), testContacts(t, f), testPeer(t)
			r.mustNote(t, bob, "", "hello", seconds(1))
			if err := answer(c, bob); err != nil {
				t.Fatal(err)
			}
			wantRequests(t, r)
			if first, err := r.Note(bob, chat.Text{}, chat.Text{}, seconds(2)); err != nil || first {
				t.Errorf("got %v, %v", first, err)
			}
			wantRequests(t, r)
		})
	}
}

func TestRequestsHaveALimit(t *testing.T) {
	var list []Request
	for i := range maxRequests + 20 {
		list, _ = noteRequest(list, Request{Peer: numberedPeer(t, i), First: seconds(i), Last: seconds(i), Count: 1})
	}
	list = tidyRequests(list)
	if n := len(list); n != maxRequests || list[0].First != seconds(n+19) || list[n-1].First != seconds(20) {
		t.Errorf("%d requests, from %v to %v", n, list[0].First, list[n-1].First)
	}
	// A newcomer is kept though the list is full.
	f := testFolder(t)
	data, err := encodeRequests(list)
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, requestsFile, string(data))
	r, eve := testRequests(t, f), testPeer(t)
	r.mustNote(t, eve, "", "me too", seconds(1000))
	if got, err := r.List(); err != nil || len(got) != maxRequests || got[0].Peer != eve || got[maxRequests-1].First != seconds(21) {
		t.Errorf("got %d requests, %v", len(got), err)
	}

	// What is written is not too large to be read.
	for i := range list {
		list[i].Nick = testText(t, strings.Repeat(`"`, chat.MaxNick))
		list[i].Text = testText(t, strings.Repeat(`"`, chat.MaxText))
		list[i].Count = 1 << 40
	}
	list = tidyRequests(list)
	if list[0].Count != maxRequestCount || list[0].Text.Len() > maxFirstWords {
		t.Errorf("%d messages, a text of %d bytes", list[0].Count, list[0].Text.Len())
	}
	if data, err := encodeRequests(list); err != nil || len(data) > maxRequestsFile {
		t.Errorf("a full list has %d bytes, and %d are read; %v", len(data), maxRequestsFile, err)
	}
}

// People look into the file, so a stranger's words are made safe in it, too.
func TestRequestsKeepWordsSafe(t *testing.T) {
	f := testFolder(t)
	r := testRequests(t, f)
	for i, c := range []struct{ nick, text, wantNick, wantText string }{
		{"bob\u202e", "red \x1b[31m\u009b1m \u202etxt", "", "red [31m1m txt"},
		{strings.Repeat("x", chat.MaxNick+1), strings.Repeat("é", maxFirstWords), "", strings.Repeat("é", 98) + "…"},
		{" bob ", "   ", "", "   "},
		{"bob", strings.Repeat("x", maxFirstWords), "bob", strings.Repeat("x", maxFirstWords)},
	} {
		r.mustNote(t, testPeer(t), c.nick, c.text, seconds(i))
		list, err := r.List()
		if err != nil || list[0].Nick.Raw() != c.wantNick || list[0].Text.Raw() != c.wantText {
			t.Errorf("%q, %q: got %+v, %v", c.nick, c.text, list[0], err)
		}
	}
}

func TestTwoProcessesNoteRequests(t *testing.T) {
	f := testFolder(t)
	children := []*child{startChild(t, "requests", f.Dir()), startChild(t, "requests", f.Dir())}
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
	if list, err := testRequests(t, f).List(); err != nil || len(list) != 2*childContacts {
		t.Errorf("got %d requests, %v, want %d", len(list), err, 2*childContacts)
	}
}

func TestDamagedRequestsAreLeftAlone(t *testing.T) {
	bob := testPeer(t)
	one := fmt.Sprintf(`{"peer":%q,"first":"2026-01-02T03:04:05Z","last":"2026-01-02T03:04:05Z","count":1}`, bob)
	for name, content := range map[string]string{
		"half":          `{"version":1,"requests":[` + one,
		"unknown field": `{"version":1,"requests":[{"per":1}]}`,
		"no peer":       `{"version":1,"requests":[{"count":1}]}`,
		"peer twice":    `{"version":1,"requests":[` + one + "," + one + `]}`,
		"too large":     strings.Repeat(" ", maxRequestsFile+1),
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			r := testRequests(t, f)
			put(t, f, requestsFile, content)
			_, err1 := f.Requests()
			_, err2 := r.List()
			_, err3 := r.Note(bob, chat.Text{}, chat.Text{}, seconds(1))
			for _, err := range []error{err1, err2, err3, r.Remove(bob)} {
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), f.path(requestsFile)) {
					t.Errorf("got %v, want ErrDamaged and the path", err)
				}
			}
			wantContent(t, f, requestsFile, content)
			put(t, f, requestsFile, `{"version":1,"requests":[`+one+`]}`)
			if list, err := r.List(); err != nil || len(list) != 1 {
				t.Errorf("mended: got %v, %v", list, err)
			}
		})
	}
}

func FuzzDecodeRequests(f *testing.F) {
	data, err := encodeRequests([]Request{
		{testPeer(f), testText(f, "bob"), seconds(1), seconds(2), 3, testText(f, "hello \u009b")},
		{Peer: testPeer(f), First: seconds(7), Last: seconds(7), Count: 1},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeRequests(data)
		if err != nil {
			return
		}
		if len(list) > maxRequests {
			t.Errorf("%d requests", len(list))
		}
		for _, q := range list {
			if q.Text.Len() > maxFirstWords || q.Nick.Len() > chat.MaxNick || q.Count < 1 || q.Last.Before(q.First) {
				t.Errorf("%+v is beyond a limit", q)
			}
			if q.Text.Raw() != q.Text.Line() || q.Nick.Raw() != q.Nick.Line() {
				t.Errorf("%+v is not safe to show", q)
			}
		}
		again, err := encodeRequests(list)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeRequests(again); err != nil || !slices.Equal(got, list) {
			t.Errorf("got %+v, %v, want %+v", got, err, list)
		}
	})
}

// What a message of a stranger costs.
func BenchmarkNote(b *testing.B) {
	r, eve := testRequests(b, testFolder(b)), testPeer(b)
	for b.Loop() {
		r.mustNote(b, eve, "eve", "hello", seconds(1))
	}
}
