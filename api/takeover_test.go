package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
)

// A dynasty is one data folder and all nodes that own it, one after the other.
type dynasty struct {
	t   testing.TB
	dir string
	log *history.Memory

	mu     sync.Mutex
	server *Server
	node   *apitest.Node
	unlock func() error
	over   bool
	owners int
}

func newDynasty(t testing.TB) *dynasty {
	d := &dynasty{t: t, node: apitest.New(t)}
	d.dir, d.log = d.node.Folder.Dir(), d.node.Log
	d.claim()
	t.Cleanup(func() {
		d.mu.Lock()
		d.over = true
		d.mu.Unlock()
		d.end()
	})
	return d
}

// claim becomes the owner, if nobody is.
func (d *dynasty) claim() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return
	}
	folder := folderOf(d.t, d.dir)
	unlock, err := folder.Lock()
	if errors.Is(err, identity.ErrInUse) {
		return
	}
	if err != nil {
		d.t.Error(err)
		return
	}
	f := d.node.Heir()
	s, err := Serve(context.Background(), Config{Node: f, Events: f, History: f.Log, Folder: folder})
	if err != nil {
		d.t.Error(err)
		return
	}
	d.node, d.server, d.unlock = f, s, unlock
	d.owners++
}

// end ends the owner, politely.
func (d *dynasty) end() {
	d.mu.Lock()
	s, f, unlock := d.server, d.node, d.unlock
	d.mu.Unlock()
	if err := s.Close(); err != nil {
		d.t.Error(err)
	}
	f.Die()
	if err := unlock(); err != nil {
		d.t.Error(err)
	}
}

// kill ends the owner as kill -9 does: what it has not stored is lost, connections
// break off, and the socket stays.
func (d *dynasty) kill() {
	d.mu.Lock()
	s, f, unlock := d.server, d.node, d.unlock
	d.mu.Unlock()
	f.Die()
	_ = s.http.Close()
	_ = s.Close()
	if err := unlock(); err != nil {
		d.t.Error(err)
	}
}

// The owner ends, or is killed, again and again, while faces write: none loses or
// doubles a message, each is told of each once, and each sees them all.
func TestHandOver(t *testing.T) {
	for _, kind := range []string{"ends", "is killed"} {
		t.Run(kind, func(t *testing.T) {
			d := newDynasty(t)
			lobby := chat.InRoom("lobby")
			const faces, handOvers = 3, 25
			stop := make(chan struct{})
			var writing sync.WaitGroup
			said := make([]int, faces)
			streams := make([]*Stream, faces)
			for w := range faces {
				c, err := Dial(t.Context(), d.dir, Options{Lost: func(context.Context, bool) { d.claim() }})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				streams[w] = listenTo(t, c)
				if _, err := c.Join(t.Context(), "lobby"); err != nil {
					t.Fatal(err)
				}
				writing.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond):
						}
						n := said[w]
						err := c.Say(context.Background(), lobby, chat.Draft{Key: fmt.Sprint(n), Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(t, fmt.Sprintf("%d/%d", w, n))}})
						if err != nil {
							t.Error(err)
							return
						}
						said[w]++
					}
				})
			}
			for i := range handOvers {
				time.Sleep(20 * time.Millisecond)
				before := d.reign()
				if kind == "ends" {
					d.end()
				} else {
					d.kill()
				}
				begun := time.Now()
				until(t, fmt.Sprintf("owner %d", i+2), func() bool { return d.reign() > before })
				if took := time.Since(begun); took > time.Second {
					t.Errorf("hand-over took %v", took)
				}
			}
			close(stop)
			writing.Wait()
			for w, st := range streams { // each is told of each of its messages, once
				told := make(map[string]int)
				ctx, cancel := context.WithTimeout(t.Context(), within)
				for len(told) < said[w] {
					evs, err := st.Next(ctx)
					if err != nil {
						t.Fatalf("face %d was told of %d of %d messages: %v", w, len(told), said[w], err)
					}
					for _, ev := range evs {
						if m, ok := ev.(chat.Message); ok && m.Key != "" {
							told[m.Key]++
						}
						if r, ok := ev.(chat.Refused); ok {
							t.Error("refused:", r)
						}
					}
				}
				cancel()
				for key, n := range told {
					if n != 1 {
						t.Errorf("face %d was told of %s %d times", w, key, n)
					}
				}
			}
			stored := make(map[string]int)
			all, err := d.log.Messages(t.Context(), history.Query{Conversation: lobby.ID(apitest.Person(0)), After: history.Beginning(), Limit: MaxPage})
			if err != nil {
				t.Fatal(err)
			}
			for len(all) > 0 {
				for _, e := range all {
					stored[e.Body.Text.Raw()]++
				}
				all, err = d.log.Messages(t.Context(), history.Query{Conversation: lobby.ID(apitest.Person(0)), After: all[len(all)-1].Place, Limit: MaxPage})
				if err != nil {
					t.Fatal(err)
				}
			}
			total := 0
			for w := range faces {
				total += said[w]
				for n := range said[w] {
					if got := stored[fmt.Sprintf("%d/%d", w, n)]; got != 1 {
						t.Errorf("%d/%d is stored %d times", w, n, got)
					}
				}
			}
			t.Logf("%d owners, %d messages", d.reign(), total)
		})
	}
}

func (d *dynasty) reign() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.owners
}

// A face that cannot become the node says so, and comes back by itself.
func TestNodeLostAndBack(t *testing.T) {
	d := newDynasty(t)
	c, err := Dial(t.Context(), d.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	st := listenTo(t, c)
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	d.end()
	await(t, st, "node lost", hasCode(NoticeNodeLost))
	d.claim()
	back := false
	await(t, st, "node back, and missed", func(ev chat.Event) bool {
		back = back || hasCode(NoticeNodeBack)(ev)
		return back && hasCode(chat.NoticeMissed)(ev)
	})
	until(t, "the room is open again", func() bool { return d.node.Opened(chat.InRoom("lobby")) > 0 })
}
