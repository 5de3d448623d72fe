package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// A dumb handler stores what is said, and tells nobody: not who asks, and no event
// does. It says so once, and then is as good as stopped if it is mute.
type dumb struct {
	http.Handler
	f      *apitest.Node
	mute   bool
	stored chan struct{}
}

func (d dumb) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	says := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages")
	if says {
		text, _ := chat.NewText("once")
		d.f.Write(chat.InRoom("lobby"), d.f.Self(), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: text}})
		d.stored <- struct{}{}
	}
	if says || d.mute && d.f.Count() > 0 {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
		<-r.Context().Done()
		return
	}
	d.Handler.ServeHTTP(w, r)
}

// A message that a node stored without a word, before it was killed, is not said
// twice: not even when no other node came for longer than anybody waits, and the face
// says it again to the next.
func TestSaidAgainToTheNext(t *testing.T) {
	for _, listens := range []bool{true, false} {
		for _, mute := range []bool{true, false} {
			t.Run(fmt.Sprintf("listens %v, mute %v", listens, mute), func(t *testing.T) {
				d := newDynasty(t)
				stored := make(chan struct{}, 1)
				d.server.http.Handler = dumb{d.server.http.Handler, d.node, mute, stored}
				c, err := Dial(t.Context(), d.dir, Options{Patience: quiet, Silence: quiet})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				if _, err := c.Join(t.Context(), "lobby"); err != nil {
					t.Fatal(err)
				}
				if listens {
					listenTo(t, c)
				}
				lobby, once := chat.InRoom("lobby"), chat.Draft{Key: "7", Body: words(t, "once")}
				said := make(chan error)
				go func() { said <- c.Say(context.Background(), lobby, once) }()
				<-stored
				if mute {
					if err := <-said; !errors.Is(err, ErrSilent) {
						t.Fatal(err)
					}
					d.kill()
				} else {
					d.kill()
					if err := <-said; !errors.Is(err, ErrNoNode) {
						t.Fatal(err)
					}
				}
				if err := c.Say(t.Context(), lobby, once); !errors.Is(err, ErrNoNode) { // still nobody
					t.Fatal(err)
				}
				d.claim()
				for range 2 {
					if err := c.Say(t.Context(), lobby, once); err != nil {
						t.Fatal(err)
					}
				}
				if n := d.node.Count(); n != 1 {
					t.Fatalf("stored %d times", n)
				}
				// Another of the same words is another message.
				if err := c.Say(t.Context(), lobby, chat.Draft{Key: "8", Body: words(t, "once")}); err != nil {
					t.Fatal(err)
				}
				until(t, "the other is stored", func() bool { return d.node.Count() == 2 })
			})
		}
	}
}

// Who listens is told of such a message once.
func TestSaidAgainIsTold(t *testing.T) {
	d := newDynasty(t)
	stored := make(chan struct{}, 1)
	d.server.http.Handler = dumb{d.server.http.Handler, d.node, false, stored}
	c, err := Dial(t.Context(), d.dir, Options{Patience: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	st := listenTo(t, c)
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	lobby, once := chat.InRoom("lobby"), chat.Draft{Key: "7", Body: words(t, "once")}
	said := make(chan error)
	go func() { said <- c.Say(context.Background(), lobby, once) }()
	<-stored
	d.kill()
	if err := <-said; !errors.Is(err, ErrNoNode) {
		t.Fatal(err)
	}
	d.claim()
	if err := c.Say(t.Context(), lobby, once); err != nil {
		t.Fatal(err)
	}
	if err := c.Say(t.Context(), lobby, chat.Draft{Key: "8", Body: words(t, "end")}); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, ev := range await(t, st, "last message", saysText("end")) {
		if m, ok := ev.(chat.Message); ok && m.Key == "7" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	if err := c.Say(t.Context(), lobby, once); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.waiting.byKey); n != 0 {
		t.Errorf("of %d messages it is not known what became of them", n)
	}
}

// A message whose event came is said, whatever becomes of the answer.
func TestToldAndNotAnswered(t *testing.T) {
	d := newDynasty(t)
	inner, told := d.server.http.Handler, make(chan struct{})
	d.server.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		if strings.HasSuffix(r.URL.Path, "/messages") {
			close(told)
			<-r.Context().Done() // it is not flushed
		}
	})
	c, err := Dial(t.Context(), d.dir, Options{Patience: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	st := listenTo(t, c)
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	said := make(chan error)
	go func() {
		said <- c.Say(context.Background(), chat.InRoom("lobby"), chat.Draft{Key: "7", Body: words(t, "once")})
	}()
	<-told
	await(t, st, "message", saysText("once"))
	d.kill()
	if err := <-said; err != nil {
		t.Fatal(err)
	}
}

// What no node was asked to store is not looked for, and not remembered.
func TestNotSaidAtAll(t *testing.T) {
	d := newDynasty(t)
	c, err := Dial(t.Context(), d.dir, Options{Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	d.kill()
	c.http.CloseIdleConnections()
	if err := c.Say(t.Context(), chat.InRoom("lobby"), chat.Draft{Key: "7", Body: words(t, "x")}); !errors.Is(err, ErrNoNode) {
		t.Fatal(err)
	}
	if len(c.waiting.unsure)+len(c.waiting.byKey)+len(c.waiting.order) > 0 {
		t.Error(c.waiting)
	}
}

// Only so many doubts are remembered, and each leaves nothing behind.
func TestMaxUnsure(t *testing.T) {
	p := newPending()
	for i := range 2 * maxUnsure {
		s := &said{wire: wireKey("f", uint64(i), fmt.Sprint(i)), key: fmt.Sprint(i)}
		p.add(s)
		p.leave(s)
	}
	if len(p.unsure) != maxUnsure || len(p.doubts) != maxUnsure || len(p.byKey) != maxUnsure || len(p.order) != 0 {
		t.Error(len(p.unsure), len(p.doubts), len(p.byKey), len(p.order))
	}
	last := fmt.Sprint(2*maxUnsure - 1)
	s := p.again(chat.Conversation{}, last, chat.Body{})
	if s == nil || p.again(chat.Conversation{}, "0", chat.Body{}) != nil {
		t.Error("the last are not remembered")
	}
	p.add(s)
	if got := p.open(); len(got) != 1 || got[0] != s {
		t.Error(got)
	}
	p.settle(s.wire, chat.MessageID{})
	if len(p.open()) != 0 || p.again(chat.Conversation{}, last, chat.Body{}) != nil {
		t.Error("what was refused may be tried anew")
	}
}
