package api

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// over is a context that has ended.
func over(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// have reports whether a Stream has a message for who does not wait.
func have(t testing.TB, st *Stream, words string) bool {
	t.Helper()
	evs, _ := st.Next(over(t))
	for _, ev := range evs {
		if saysText(words)(ev) {
			return true
		}
	}
	return false
}

// lazy are events that nobody hurries to read unless somebody waits for them.
type lazy struct{ *apitest.Node }

func (l lazy) Next(ctx context.Context) ([]chat.Event, error) {
	sleep(ctx, 20*time.Millisecond)
	return l.Node.Next(ctx)
}

// What happened before a conversation was left, or was settled, is there when that
// is answered: nobody needs to wait for last words.
func TestNoLastWordIsLost(t *testing.T) {
	f := apitest.New(t)
	s, err := Serve(t.Context(), Config{Node: f, Events: lazy{f}, History: f.Log, Folder: f.Folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := attach(t, s, Options{})
	st := listenTo(t, c)
	other := listenTo(t, attach(t, s, Options{})) // what it has does not matter
	lobby := chat.InRoom("lobby")
	for i := range 1000 {
		words := fmt.Sprint("last words ", i)
		if _, err := c.Join(t.Context(), "lobby"); err != nil {
			t.Fatal(err)
		}
		f.Hear(lobby, 1, words)
		var err error
		if i%2 == 0 {
			err = c.Leave(t.Context(), lobby)
		} else {
			_, err = c.Settle(t.Context(), lobby)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !have(t, st, words) {
			t.Fatalf("round %d: the last words are not there", i)
		}
		_, _ = other.Next(t.Context())
	}
}

// A face that reads too slowly gets its answers all the same, and so does one whose
// stream has ended.
func TestLeaveDoesNotWaitForASlowStream(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	c := attach(t, s, Options{})
	st := listenTo(t, c)
	lobby := chat.InRoom("lobby")
	for i := range maxQueue + 10 {
		f.Happen(chat.Notice{Code: "test", Text: fmt.Sprint(i)})
	}
	until(t, "the stream is full", st.full)
	for _, leave := range []func() error{
		func() error { return c.Leave(t.Context(), lobby) },
		func() error { _, err := c.Settle(t.Context(), lobby); return err },
	} {
		began := time.Now()
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < hearPatience || took > within/2 {
			t.Errorf("it took %v, want about %v", took, hearPatience)
		}
	}
	st.Close()
	began := time.Now()
	if err := c.Leave(t.Context(), lobby); err != nil || time.Since(began) >= hearPatience {
		t.Errorf("after the stream was closed: %v in %v", err, time.Since(began))
	}
}

// A fence is passed also while nothing happens, while very much does, and when the
// Server ends.
func TestFence(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	for range 100 {
		s.told(t.Context())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20_000 {
			f.Happen(chat.Notice{Code: "test"})
		}
	}()
	for range 100 {
		s.told(t.Context())
	}
	<-done
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.told(t.Context()) // or it waits for ever
}
