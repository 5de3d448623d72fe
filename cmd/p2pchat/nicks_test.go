package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

// A stream of events, for one reader.
type eventStream chan chat.Event

// Next implements line.Events.
func (s eventStream) Next(ctx context.Context) ([]chat.Event, error) {
	select {
	case ev := <-s:
		return []chat.Event{ev}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func unnamed(chat.PeerID) (chat.Text, bool) { return chat.Text{}, false }

func mustNick(t *testing.T, s string) chat.Text {
	t.Helper()
	nick, err := chat.NewNick(s)
	if err != nil {
		t.Fatal(err)
	}
	return nick
}

func newPeer(t *testing.T) chat.PeerID {
	t.Helper()
	_, p, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestNewNickIsSavedAtOnce: who is killed a moment after somebody spoke still
// shows the name in the history.
func TestNewNickIsSavedAtOnce(t *testing.T) {
	folder, err := identity.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	nicks, err := folder.Nicks()
	if err != nil {
		t.Fatal(err)
	}
	saved := func(p chat.PeerID) string {
		onDisk, err := folder.Nicks()
		if err != nil {
			t.Fatal(err)
		}
		return onDisk.Of(p).Raw()
	}
	alice, bob := newPeer(t), newPeer(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		events, done := make(eventStream), make(chan struct{})
		go func() {
			defer close(done)
			keepNicks(ctx, events, nicks, unnamed)
		}()
		events <- chat.Member{Peer: alice, Nick: mustNick(t, "alice"), Online: true}
		time.Sleep(nicksSoon + time.Millisecond)
		synctest.Wait()
		if got := saved(alice); got != "alice" {
			t.Errorf("%v after alice came her nick on disk is %q", nicksSoon, got)
		}
		// The next ones wait a little, and nobody need say anything more.
		events <- chat.Message{Author: bob, Nick: mustNick(t, "bob")}
		time.Sleep(nicksPause)
		synctest.Wait()
		if got := saved(bob); got != "bob" {
			t.Errorf("%v after bob spoke his nick on disk is %q", nicksPause, got)
		}
		cancel()
		<-done
	})
}

// TestNicksDue: a new nick is saved soon, but a crowd that comes does not have
// the file written for each.
func TestNicksDue(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	for _, c := range []struct {
		name            string
		fresh           bool
		now, saved, due time.Time
		want            time.Time
	}{
		{"first", true, start, time.Time{}, time.Time{}, at(nicksSoon)},
		{"second of those who come together", true, at(100 * time.Millisecond), time.Time{}, at(nicksSoon), at(nicksSoon)},
		{"just saved", true, at(time.Millisecond), start, time.Time{}, at(nicksPause)},
		{"saved long ago", true, at(time.Hour), start, time.Time{}, at(time.Hour + nicksSoon)},
		{"known nick", false, at(time.Second), start, time.Time{}, at(nicksEvery)},
		{"new one while an old one waits", true, at(5 * time.Second), start, at(nicksEvery), at(5*time.Second + nicksSoon)},
	} {
		if got := nicksDue(c.fresh, c.now, c.saved, c.due); !got.Equal(c.want) {
			t.Errorf("%s: due %v after the start, want %v", c.name, got.Sub(start), c.want.Sub(start))
		}
	}
}
