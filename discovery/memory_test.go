package discovery

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// testChatPeer is some peer ID; whether anybody has its key does not matter.
func testChatPeer(i int) chat.PeerID {
	for n := 0; ; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %d", i, n))
		if p, err := chat.PeerIDFromKey(sum[:]); err == nil {
			return p
		}
	}
}

func testPeer(i int) peer.ID { return testChatPeer(i).Libp2p() }

func nowhere(peer.ID) ([]ma.Multiaddr, bool) { return nil, false }

func somewhere(peer.ID) ([]ma.Multiaddr, bool) { return []ma.Multiaddr{addrOf(1)}, true }

func TestMemoryRemembersWhoWasMetWhere(t *testing.T) {
	now := time.Unix(1000, 0)
	lobby, attic := chat.RoomID("lobby"), chat.RoomID("attic")
	m := newMemory(nil)
	if m.snapshot(now, somewhere) != nil {
		t.Error("nothing happened, yet there is something to save")
	}
	alice, bob, seed := testChatPeer(1), testChatPeer(2), testChatPeer(3)
	m.met(alice, lobby, false, now)
	m.met(bob, lobby, false, now.Add(time.Second))
	m.met(bob, attic, false, now.Add(time.Second))
	m.met(bob, attic, false, now.Add(time.Second))
	m.met(bob, lobby, false, now.Add(time.Second))
	m.met(seed, chat.ConversationID{}, true, now)
	later := now.Add(time.Hour)
	saved := m.snapshot(later, func(p peer.ID) ([]ma.Multiaddr, bool) {
		if p == alice.Libp2p() {
			return nil, false // gone, and no address of it is known
		}
		return []ma.Multiaddr{addrOf(7)}, p == bob.Libp2p()
	})
	if len(saved) != 2 {
		t.Fatalf("saved %+v", saved)
	}
	if m.snapshot(later, somewhere) != nil {
		t.Error("saved already")
	}
	i := slices.IndexFunc(saved, func(k Known) bool { return k.Peer == bob })
	want := []string{attic.Base32(), lobby.Base32()}
	if k := saved[i]; !slices.Equal(k.Rooms, want) || !k.Seen.Equal(later) || k.Addrs[0] != addrOf(7).String() || k.Seed {
		t.Errorf("bob is saved as %+v", k)
	}
	if k := saved[1-i]; !k.Seed || !k.Seen.Equal(now) || len(k.Rooms) != 0 {
		t.Errorf("the seed is saved as %+v", k)
	}

	again := newMemory(saved)
	if got := again.members(lobby); len(got) != 1 || got[0].ID != bob.Libp2p() || !got[0].Addrs[0].Equal(addrOf(7)) {
		t.Errorf("members after a restart: %v", got)
	}
	if !again.in(bob, attic) || again.in(bob, chat.RoomID("cellar")) || again.in(alice, lobby) {
		t.Error("who was where is mixed up")
	}
	if got := again.members(chat.ConversationID{}); len(got) != 1 || got[0].ID != seed.Libp2p() {
		t.Errorf("seeds after a restart: %v", got)
	}
	again.met(alice, attic, false, later)
	if k := again.snapshot(later, nowhere); len(k) != 2 || len(k[0].Addrs) != 1 {
		t.Errorf("known addresses are forgotten with the connection: %+v", k)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	m := newMemory(nil)
	seed := testChatPeer(0)
	m.met(seed, chat.ConversationID{}, true, now)
	for i := range maxKnown + 20 {
		m.met(testChatPeer(i+1), chat.RoomID("lobby"), false, now.Add(time.Duration(i)*time.Second))
	}
	for i := range 3 * maxKnownRooms {
		m.met(testChatPeer(maxKnown), chat.RoomID(chat.RoomName(fmt.Sprint(i))), false, now)
	}
	saved := m.snapshot(now, somewhere)
	if len(saved) != maxKnown {
		t.Fatalf("%d peers are remembered", len(saved))
	}
	for _, k := range saved {
		if k.Peer == testChatPeer(1) {
			t.Error("the oldest is kept")
		}
		if k.Peer == testChatPeer(maxKnown) && (len(k.Rooms) != maxKnownRooms || k.Rooms[maxKnownRooms-1] != chat.RoomID(chat.RoomName(fmt.Sprint(3*maxKnownRooms-1))).Base32()) {
			t.Errorf("rooms of one peer: %d", len(k.Rooms))
		}
	}
	if !slices.ContainsFunc(saved, func(k Known) bool { return k.Peer == seed }) {
		t.Error("the seed is forgotten first")
	}
	// A book from elsewhere may be longer than ours.
	huge := make([]Known, 2*maxKnown)
	for i := range huge {
		huge[i] = Known{Peer: testChatPeer(i), Addrs: make([]string, 100), Rooms: make([]string, 100)}
	}
	m = newMemory(huge)
	if m.len() != maxKnown || len(m.peers[testChatPeer(2*maxKnown-1)].Addrs) > maxAddrs {
		t.Errorf("%d peers of a huge book", m.len())
	}
}

func TestBookIsSavedSoonButNotAlways(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		book := &memBook{}
		alice, bob := w.start(nil, withBook(book)), w.start(nil)
		w.net.Connect(alice.Host, bob.Host)
		for range 100 {
			alice.Met(bob.peer(), chat.RoomID("lobby"))
			time.Sleep(20 * time.Millisecond)
		}
		alice.Met(alice.peer(), chat.RoomID("lobby")) // herself
		if book.times() != 0 {
			t.Errorf("saved %d times at once", book.times())
		}
		time.Sleep(saveDelay)
		if book.times() != 1 {
			t.Errorf("saved %d times", book.times())
		}
		if len(book.list()) != 1 || book.list()[0].Peer != bob.peer() || book.list()[0].Addrs[0] != bob.Addrs()[0].String() {
			t.Errorf("saved: %+v", book.list())
		}
		time.Sleep(time.Hour)
		if book.times() > 2 {
			t.Errorf("saved %d times, although nothing happened", book.times())
		}
	})
}

func TestBookThatCannotBeSavedIsTriedAgain(t *testing.T) {
	inWorld(t, testnet.Config{}, func(t *testing.T, w *world) {
		book := &memBook{fail: errors.New("disk full")}
		alice, bob := w.start(nil, withBook(book)), w.start(nil)
		if alice.Status().LastError == nil {
			t.Error("a book that cannot be read is not told of")
		}
		w.net.Connect(alice.Host, bob.Host)
		alice.Met(bob.peer(), chat.RoomID("lobby"))
		time.Sleep(2 * saveDelay)
		if alice.Status().LastError == nil {
			t.Error("a book that cannot be written is not told of")
		}
		book.mu.Lock()
		book.fail = nil
		book.mu.Unlock()
		if err := alice.Service.Close(); err != nil {
			t.Fatal(err)
		}
		if len(book.list()) != 1 {
			t.Errorf("saved at last: %v", book.list())
		}
	})
}
