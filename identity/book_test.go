package identity

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func testBook(t testing.TB, f *Folder) *Book {
	t.Helper()
	b, err := f.Book()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seconds is a moment that many seconds after the first that a file holds.
func seconds(n int) time.Time { return time.Unix(int64(n), 0).UTC() }

func room(name chat.RoomName) string { return chat.RoomID(name).Base32() }

func TestBookIsKept(t *testing.T) {
	f := testFolder(t)
	if known, err := testBook(t, f).Load(); err != nil || len(known) != 0 {
		t.Fatalf("no book: got %v, %v", known, err)
	}
	known := []Known{
		{Peer: testPeer(t), Addrs: []string{"/ip4/192.0.2.1/tcp/4747", "/dns4/example.org/tcp/4747"}, Rooms: []string{room("lobby")}, Seen: seconds(30), Seed: true},
		{Peer: testPeer(t), Seen: seconds(20)},
	}
	// The last seen first, in whatever order they are saved.
	if err := testBook(t, f).Save([]Known{known[1], known[0]}); err != nil {
		t.Fatal(err)
	}
	got, err := testBook(t, openFolder(t, f.Dir())).Load()
	if err != nil || !reflect.DeepEqual(got, known) {
		t.Errorf("got %+v, %v, want %+v", got, err, known)
	}
	if err := testBook(t, f).Save(nil); err != nil {
		t.Fatal(err)
	}
	if got, err := testBook(t, f).Load(); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v, want none", got, err)
	}
	wantMode(t, f.path(bookFile), 0o600)
}

func TestBookKeepsTheNewest(t *testing.T) {
	f := testFolder(t)
	known := make([]Known, maxKnown+500)
	for i := range known {
		known[i] = Known{Peer: numberedPeer(t, i), Seen: seconds(i)}
	}
	if err := testBook(t, f).Save(known); err != nil {
		t.Fatal(err)
	}
	got, err := testBook(t, f).Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != maxKnown || got[0].Seen != seconds(len(known)-1) || got[maxKnown-1].Seen != seconds(500) {
		t.Errorf("%d peers, from %v to %v", len(got), got[0].Seen, got[len(got)-1].Seen)
	}
}

func TestOnePeerHasLimitedRoomInTheBook(t *testing.T) {
	f := testFolder(t)
	var addrs, rooms []string
	for i := range 2 * maxKnownRooms {
		addr := fmt.Sprintf("/dns4/%d.", i)
		addrs = append(addrs, addr+strings.Repeat(`"`, maxKnownAddr-len(addr))) // written as \"
		rooms = append(rooms, room(chat.RoomName(fmt.Sprint("room", i))))
	}
	full := Known{Peer: testPeer(t), Addrs: addrs, Rooms: rooms, Seen: seconds(1), Seed: true}
	if err := testBook(t, f).Save([]Known{full}); err != nil {
		t.Fatal(err)
	}
	full.Addrs, full.Rooms = addrs[:maxKnownAddrs], rooms[:maxKnownRooms]
	if got, err := testBook(t, f).Load(); err != nil || !reflect.DeepEqual(got, []Known{full}) {
		t.Errorf("got %+v, %v, want %+v", got, err, full)
	}
	// What Save takes, Load takes.
	data, err := os.ReadFile(f.path(bookFile))
	if err != nil {
		t.Fatal(err)
	}
	if size := len(data) * maxKnown; size > maxBookFile {
		t.Errorf("a full book may have %d bytes, and %d are read", size, maxBookFile)
	}
}

func TestBookLeavesOutWhatMakesNoSense(t *testing.T) {
	bob, now := testPeer(t), seconds(1000)
	good := "/ip4/192.0.2.1/tcp/1"
	tests := []struct {
		name     string
		in, want []Known
	}{
		{"nobody", []Known{{Seen: now}}, []Known{}},
		{
			"one peer twice", // the later
			[]Known{{Peer: bob, Seen: seconds(1)}, {Peer: bob, Seen: seconds(2), Seed: true}},
			[]Known{{Peer: bob, Seen: seconds(2), Seed: true}},
		},
		{"from the future", []Known{{Peer: bob, Seen: now.Add(time.Hour)}}, []Known{{Peer: bob, Seen: now}}},
		{
			"finer than a second, and far away",
			[]Known{{Peer: bob, Seen: seconds(7).Add(time.Millisecond).In(time.FixedZone("", 3600))}},
			[]Known{{Peer: bob, Seen: seconds(7)}},
		},
		{
			"addresses",
			[]Known{{Peer: bob, Seen: now, Addrs: []string{
				"", "x", "/a\x1b[31m", "/a b", "/ä", "/a\n", "/" + strings.Repeat("a", maxKnownAddr), good, good,
			}}},
			[]Known{{Peer: bob, Seen: now, Addrs: []string{good}}},
		},
		{
			"rooms",
			[]Known{{Peer: bob, Seen: now, Rooms: []string{
				"", "lobby", strings.ToUpper(room("lobby")), room("lobby")[1:], room("lobby") + "a", room("lobby")[:51] + "z", room("lobby"), room("lobby"),
			}}},
			[]Known{{Peer: bob, Seen: now, Rooms: []string{room("lobby")}}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := tidyBook(test.in, now); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestClockThatWasWrongDoesNotBlockTheBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := testFolder(t)
		if err := testBook(t, f).Save([]Known{{Peer: testPeer(t), Seen: time.Now().AddDate(9000, 0, 0)}}); err != nil {
			t.Fatal(err) // no such year can be written
		}
		if got, err := testBook(t, f).Load(); err != nil || len(got) != 1 || !got[0].Seen.Equal(time.Now()) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestDamagedBookIsBegunAnew(t *testing.T) {
	for name, content := range map[string]string{
		"empty":         "",
		"half":          `{"version":1,"peers":[`,
		"newer":         `{"version":2}`,
		"weak key":      fmt.Sprintf(`{"version":1,"peers":[{"peer":%q,"seen":"2026-01-02T03:04:05Z"}]}`, chat.PeerID{}.Libp2p()),
		"unknown field": `{"version":1,"friends":[]}`,
		"too large":     strings.Repeat(" ", maxBookFile+1),
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			put(t, f, damagedBook, "an earlier one")
			put(t, f, bookFile, content)
			known, err := testBook(t, f).Load()
			if !errors.Is(err, ErrDamagedCache) || len(known) != 0 || !strings.Contains(err.Error(), f.path(damagedBook)) {
				t.Errorf("got %v, %v, want ErrDamagedCache and where the old one is", known, err)
			}
			if strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("%q is not one line", err)
			}
			wantContent(t, f, damagedBook, content)
			wantFiles(t, f, damagedBook)
			if known, err := testBook(t, f).Load(); err != nil || len(known) != 0 {
				t.Errorf("then: got %v, %v", known, err)
			}
			bob := Known{Peer: testPeer(t), Seen: seconds(1)}
			if err := testBook(t, f).Save([]Known{bob}); err != nil {
				t.Error(err)
			}
			if known, err := testBook(t, f).Load(); err != nil || !reflect.DeepEqual(known, []Known{bob}) {
				t.Errorf("then: got %v, %v", known, err)
			}
		})
	}
}

func FuzzDecodeBook(f *testing.F) {
	data, err := encodeJSON(bookData{Version: fileVersion, Peers: []Known{
		{Peer: testPeer(f), Addrs: []string{"/ip4/192.0.2.1/tcp/1"}, Rooms: []string{room("lobby")}, Seen: seconds(1), Seed: true},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		known, err := decodeBook(data)
		if err != nil {
			return
		}
		now := seconds(2_000_000_000)
		tidy := tidyBook(known, now)
		again, err := encodeJSON(bookData{Version: fileVersion, Peers: tidy})
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeBook(again)
		if got = tidyBook(got, now); err != nil || !reflect.DeepEqual(got, tidy) {
			t.Errorf("got %+v, %v, want %+v", got, err, tidy)
		}
	})
}
