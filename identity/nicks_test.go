package identity

import (
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func testNicks(t testing.TB, f *Folder) *Nicks {
	t.Helper()
	n, err := f.Nicks()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNicksAreKept(t *testing.T) {
	f := testFolder(t)
	n, bob, eve := testNicks(t, f), testPeer(t), testPeer(t)
	n.Note(bob, testText(t, "bob"), seconds(1))
	n.Note(bob, testText(t, "robert"), seconds(2))
	for _, bad := range []string{"", " eve", "e\u202eve", strings.Repeat("x", chat.MaxNick+1)} {
		n.Note(eve, testText(t, bad), seconds(3))
	}
	n.Note(chat.PeerID{}, testText(t, "nobody"), seconds(4))
	for range 2 {
		if err := n.Save(); err != nil {
			t.Fatal(err)
		}
		again := testNicks(t, f)
		if got := again.Of(bob).Raw(); got != "robert" {
			t.Errorf("got %q, want robert", got)
		}
		if got := again.Of(eve); !got.Empty() || len(again.list) != 1 {
			t.Errorf("got %q and %d nicks", got, len(again.list))
		}
		n = again
	}
	wantMode(t, f.path(nicksFile), 0o600)
}

func TestNicksHaveALimit(t *testing.T) {
	f := testFolder(t)
	n := testNicks(t, f)
	for i := range 2*maxNicks + 1 {
		n.Note(numberedPeer(t, i), testText(t, strings.Repeat(`"`, chat.MaxNick)), seconds(3600*i))
		if len(n.list) > 2*maxNicks {
			t.Fatalf("%d nicks in memory", len(n.list))
		}
	}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	n = testNicks(t, f) // what is written is not too large to be read
	if len(n.list) != maxNicks || n.Of(numberedPeer(t, 2*maxNicks)).Empty() || !n.Of(numberedPeer(t, maxNicks)).Empty() {
		t.Errorf("%d nicks, and not the newest", len(n.list))
	}
}

func TestDamagedNicksAreBegunAnew(t *testing.T) {
	for _, content := range []string{"", "{", `{"version":9}`, `{"version":1,"nick":1}`, strings.Repeat(" ", maxNicksFile+1)} {
		f, bob := testFolder(t), testPeer(t)
		put(t, f, nicksFile, content)
		n := testNicks(t, f)
		n.Note(bob, testText(t, "bob"), seconds(1))
		if err := n.Save(); err != nil {
			t.Fatal(err)
		}
		if got := testNicks(t, f).Of(bob).Raw(); got != "bob" {
			t.Errorf("after %.20q: got %q", content, got)
		}
	}
}

func FuzzDecodeNicks(f *testing.F) {
	f.Add([]byte(`{"version":1,"nicks":[{"peer":"` + testPeer(f).String() + `","nick":"bob","heard":"2026-01-02T15:04:05Z"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeNicks(data)
		if err != nil {
			return
		}
		if len(list) > maxNicks {
			t.Errorf("%d nicks", len(list))
		}
		for p, d := range list {
			if p.IsZero() || p != d.Peer || checkNick(d.Nick) != nil {
				t.Errorf("got %+v", d)
			}
		}
	})
}
