package line

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/p2pchat/p2pchat/chat"
)

// here is somebody who is there.
func here(conv chat.Conversation, who int, name string) chat.Member {
	return chat.Member{Conversation: conv, Peer: peerN(who), Nick: nick(name), Online: true, Path: chat.PathDirect}
}

// Who is there before this face is told as others are, once, and not again by events
// that were on their way.
func TestPresent(t *testing.T) {
	t.Parallel()
	bob, carol := here(lobby(), 1, "bob"), here(lobby(), 2, "carol")
	away, elsewhere := here(lobby(), 3, "dave"), here(chat.InRoom("den"), 4, "erin")
	away.Online = false
	cfg := Config{Present: []chat.Member{bob, carol, away, elsewhere}}
	again, later := bob, bob
	again.Since = noon()
	later.Path = chat.PathRelayed
	gone := carol
	gone.Online = false
	evs := []chat.Event{chat.Ready{Peer: peerN(0)}, again, said(1, lobby(), 1, "hi"), later, gone, carol}

	out, errs := played(t, cfg, evs...)
	id := func(n int) string { return " (" + peerN(n).String() + ")\n" }
	want := "p2pchat: bob is here" + id(1) + "p2pchat: carol is here" + id(2) + "p2pchat: carol is gone\np2pchat: carol is here" + id(2)
	if out != "12:00 bob | hi\n" || errs != want {
		t.Errorf("stdout is %q, stderr %q, want %q", out, errs, want)
	}

	cfg.JSON = true
	out, _ = played(t, cfg, append(evs, chat.Ready{Peer: peerN(0)})...) // there is another node
	var objects strings.Builder
	for _, ev := range []chat.Event{evs[0], bob, carol, evs[2], later, gone, carol, evs[0]} {
		objects.Write(object(ev))
	}
	if out != objects.String() {
		t.Errorf("in JSON:\n%swant:\n%s", out, objects.String())
	}
}

// A private talk that another face has open is connected, if it is.
func TestPresentInPrivate(t *testing.T) {
	fake(t, func(t *testing.T) {
		bob := chat.With(peerN(1))
		s := begin(t, newFake(), Config{Conversation: bob, Present: []chat.Member{here(bob, 1, "bob")}})
		s.write("hello")
		s.in.Close()
		synctest.Wait()
		s.ended(Result{Said: 1, Connected: true}, nil)
		if got := s.errs.String(); !strings.HasPrefix(got, "p2pchat: connected to bob (") {
			t.Errorf("stderr is %q", got)
		}
	})
}
