package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// quiet makes a client notice silence at once.
const quiet = 40 * time.Millisecond

// A muted handler passes requests on, except while the node is stopped: then they
// wait, and so does what is written.
type muted struct {
	http.Handler
	mu      sync.Mutex
	stopped chan struct{} // closed when it goes on; nil while it runs
	gone    chan struct{} // ends all
}

// wait waits while the node is stopped.
func (m *muted) wait() {
	m.mu.Lock()
	stopped := m.stopped
	m.mu.Unlock()
	if stopped == nil {
		return
	}
	select {
	case <-stopped:
	case <-m.gone:
	}
}

func (m *muted) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = make(chan struct{})
}

func (m *muted) goOn() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.stopped)
	m.stopped = nil
}

func (m *muted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.wait()
	m.Handler.ServeHTTP(mutedWriter{w, m}, r)
}

type mutedWriter struct {
	http.ResponseWriter
	m *muted
}

func (w mutedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w mutedWriter) Write(b []byte) (int, error) {
	w.m.wait()
	return w.ResponseWriter.Write(b)
}

// serveMuted is serve, of a node that can be stopped.
func serveMuted(t *testing.T, f *apitest.Node) (*Server, *muted) {
	t.Helper()
	s := serve(t, f)
	m := &muted{Handler: s.http.Handler, gone: make(chan struct{})}
	s.http.Handler = m
	t.Cleanup(func() { close(m.gone) })
	return s, m
}

// A process that is stopped takes connections and answers none: nobody waits for it
// for ever, whatever is asked.
func TestStoppedProcess(t *testing.T) {
	f := apitest.New(t)
	s, m := serveMuted(t, f)
	c := attach(t, s, Options{Silence: quiet})
	lobby := chat.InRoom("lobby")
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	m.stop()
	ctx := context.Background()
	for name, ask := range map[string]func() error{
		"dial":     func() error { _, err := Dial(ctx, f.Folder.Dir(), Options{Silence: quiet}); return err },
		"status":   func() error { _, err := c.Status(ctx); return err },
		"peers":    func() error { _, err := c.Peers(ctx); return err },
		"join":     func() error { _, err := c.Join(ctx, "den"); return err },
		"settle":   func() error { _, err := c.Settle(ctx, lobby); return err },
		"send":     func() error { _, err := c.Send(ctx, lobby, words(t, "hi")); return err },
		"messages": func() error { _, _, err := c.Messages(ctx, lobby, PageQuery{}); return err },
		"diagnose": func() error { _, err := c.Diagnose(ctx, DiagnoseQuery{}, nil); return err },
		"events":   func() error { _, err := c.Events(ctx); return err },
	} {
		err := ask()
		if !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), "suspended") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.goOn()
	if _, err := c.Status(ctx); err != nil {
		t.Error("after it went on:", err)
	}
}

func words(t *testing.T, s string) chat.Body {
	return chat.Body{Kind: chat.KindText, Text: apitest.Text(t, s)}
}

// A node that only takes its time is waited for.
func TestSlowAnswer(t *testing.T) {
	f := apitest.New(t)
	f.Behave(apitest.Behaviour{Left: 1})
	c := attach(t, serve(t, f), Options{Silence: quiet})
	ctx, cancel := context.WithTimeout(t.Context(), 5*quiet)
	defer cancel()
	if left, err := c.Settle(ctx, chat.InRoom("lobby")); left != 1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(left, err)
	}
}

// A stream says that the node does not answer, and that it goes on; nothing is lost.
func TestStreamOfStoppedProcess(t *testing.T) {
	f := apitest.New(t)
	s, m := serveMuted(t, f)
	c := attach(t, s, Options{Silence: quiet})
	st := listenTo(t, c)
	lobby := chat.InRoom("lobby")
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		m.stop()
		all := await(t, st, "notice that it does not answer", hasCode(NoticeNodeLost))
		if n := all[len(all)-1].(chat.Notice); !strings.Contains(n.Text, "suspended") {
			t.Fatal(n)
		}
		f.Hear(lobby, 1, fmt.Sprint("meanwhile ", i))
		m.goOn()
		all = await(t, st, "message", saysText(fmt.Sprint("meanwhile ", i)))
		if !hasCode(NoticeNodeBack)(all[0]) {
			t.Fatal(all)
		}
	}
}

// While nothing happens, and the node lives, a stream says nothing.
func TestQuietStream(t *testing.T) {
	st := listenTo(t, attach(t, serve(t, apitest.New(t)), Options{Silence: quiet}))
	await(t, st, "ready", func(ev chat.Event) bool { _, ok := ev.(chat.Ready); return ok })
	ctx, cancel := context.WithTimeout(t.Context(), 10*quiet)
	defer cancel()
	if evs, err := st.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(evs, err)
	}
}

// What was said to a process that was stopped, and said again with its key, is said
// once.
func TestSaidAgain(t *testing.T) {
	f := apitest.New(t)
	s, m := serveMuted(t, f)
	c := attach(t, s, Options{Silence: quiet})
	st := listenTo(t, c)
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	lobby := chat.InRoom("lobby")
	m.stop()
	d := chat.Draft{Key: "7", Body: words(t, "once")}
	for range 2 {
		if err := c.Say(t.Context(), lobby, d); !errors.Is(err, ErrSilent) {
			t.Fatal(err)
		}
	}
	m.goOn()
	if err := c.Say(t.Context(), lobby, d); err != nil {
		t.Fatal(err)
	}
	await(t, st, "message", func(ev chat.Event) bool {
		msg, ok := ev.(chat.Message)
		return ok && msg.Key == "7"
	})
	if err := s.Close(); err != nil { // when that is done, all requests are
		t.Error(err)
	}
	if n := f.Count(); n != 1 {
		t.Fatalf("said %d times", n)
	}
}

// A beating writer notes when something is written.
type beating struct {
	http.ResponseWriter
	at chan string
}

func (b beating) Header() http.Header              { return nil }
func (b beating) WriteHeader(int)                  {}
func (b beating) Flush()                           {}
func (b beating) SetWriteDeadline(time.Time) error { return nil }
func (b beating) Write(p []byte) (int, error)      { b.at <- string(p); return len(p), nil }

// A stream beats, and what happens is written between the beats.
func TestStreamBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{ring: newRing()}
		ctx, cancel := context.WithCancel(t.Context())
		w := beating{at: make(chan string, 10)}
		over := make(chan struct{})
		go func() { defer close(over); s.follow(ctx, w, nil, 0) }()
		began := time.Now()
		for range 3 {
			if got := <-w.at; got != ":\n\n" {
				t.Errorf("%q", got)
			}
		}
		if took := time.Since(began); took != 3*beatEvery {
			t.Error(took)
		}
		if 2*beatEvery >= defaultSilence {
			t.Error("a beat that is late makes a face ask")
		}
		cancel()
		<-over
	})
}
