package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/p2pchat/p2pchat/chat"
)

func numbered(from, n int) (evs []chat.Event) {
	for i := range n {
		evs = append(evs, chat.Notice{Code: chat.NoticeSeedBack, Text: fmt.Sprint(from + i)})
	}
	return evs
}

func TestEventsInOneOrderForAll(t *testing.T) {
	var f feed
	readers := []*Subscription{f.subscribe(), f.subscribe()}
	const writers, each = 4, 500
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				f.publish(numbered(w*each+i, 1)...)
			}
		})
	}
	var seen [2][]string
	for r, s := range readers {
		wg.Go(func() {
			for len(seen[r]) < writers*each {
				evs, err := s.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for _, ev := range evs {
					seen[r] = append(seen[r], ev.(chat.Notice).Text)
				}
			}
		})
	}
	wg.Wait()
	next := [writers]int{}
	for i, a := range seen[0] {
		if a != seen[1][i] {
			t.Fatalf("event %d: one reader got %s, the other %s", i, a, seen[1][i])
		}
		var n int
		if _, err := fmt.Sscan(a, &n); err != nil {
			t.Fatal(err)
		}
		if w := n / each; n%each != next[w] {
			t.Fatalf("writer %d: event %d came in place of %d", w, n%each, next[w])
		} else {
			next[w]++
		}
	}
}

func TestSlowReaderIsToldWhatItMissed(t *testing.T) {
	var f feed
	slow := f.subscribe()
	const over = 10
	for i := 0; i < maxUnread+over; i += over {
		f.publish(numbered(i, over)...)
	}
	evs, err := slow.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := evs[0].(chat.Notice)
	var missed int
	if _, err := fmt.Sscanf(first.Text, "%d events", &missed); err != nil || first.Code != chat.NoticeMissed {
		t.Fatalf("the first event is %v", first)
	}
	if len(evs) != maxUnread+1 {
		t.Fatalf("%d events were kept, want %d", len(evs)-1, maxUnread)
	}
	for i, ev := range evs[1:] {
		if want := fmt.Sprint(missed + i); ev.(chat.Notice).Text != want {
			t.Fatalf("event %d is %v, want %s: the oldest go first", i, ev, want)
		}
	}
	f.publish(numbered(0, 1)...)
	if evs, _ := slow.Next(t.Context()); len(evs) != 1 {
		t.Errorf("%d events after it caught up, want 1", len(evs))
	}
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feed
		s := f.subscribe()
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() {
			_, err := s.Next(ctx)
			got <- err
		}()
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("Next returned %v with nothing to tell", err)
		default:
		}
		f.publish(numbered(1, 1)...)
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Next after the context ended: %v", err)
		}
		s.Close()
		s.Close()
		f.publish(numbered(1, 1)...)
		if len(f.subs) != 0 || len(s.queue) != 0 {
			t.Error("a closed subscription still collects events")
		}
	})
}

// TestEarlyMessagesAreNotLost: what came between a node's start and its first
// face is shown to all who subscribe before anything is opened, and to nobody
// later.
func TestEarlyMessagesAreNotLost(t *testing.T) {
	var f feed
	m := chat.Message{Nick: draft(t, "", "early").Body.Text}
	f.publish(m, chat.Ready{})
	for range 2 {
		s := f.subscribe(chat.Ready{})
		evs, err := s.Next(t.Context())
		if err != nil || len(evs) != 2 {
			t.Fatalf("%v, %v", evs, err)
		}
		if got, ok := evs[1].(chat.Message); !ok || got.Nick != m.Nick {
			t.Errorf("got %v", evs)
		}
	}
	f.begin()
	f.publish(m)
	if evs, _ := f.subscribe(chat.Ready{}).Next(t.Context()); len(evs) != 1 {
		t.Errorf("later: %v", evs)
	}
	var crowded feed
	for range 2 * maxEarly {
		crowded.publish(m)
	}
	if len(crowded.early) > maxEarly {
		t.Errorf("%d events are kept for nobody", len(crowded.early))
	}
}
