package line

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// What became of messages is there when Settle returns, and what was said last when
// Config.Leave does: no time passes, and nothing is lost.
func TestNothingIsWaitedFor(t *testing.T) {
	fake(t, func(t *testing.T) {
		for i := range 1000 {
			node := newFake()
			last := fmt.Sprint("last words ", i)
			s := begin(t, node, Config{Leave: func(context.Context) error {
				node.happen(chat.Message{Conversation: lobby(), Author: peerN(1), Nick: nick("bob"), Kind: chat.KindText, Text: nick(last)})
				return nil
			}})
			s.write("one")
			s.in.Close()
			s.ended(Result{Said: 1}, nil)
			if s.took != 0 || !strings.HasSuffix(s.out.String(), last+"\n") {
				t.Fatalf("round %d took %v and showed %q", i, s.took, s.out)
			}
		}
	})
}

// What is told behind a message whose author has no name yet comes with it, and is
// waited for.
func TestHeldBackIsWaitedFor(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		node.happen(chat.Message{Conversation: lobby(), Author: peerN(1), Kind: chat.KindText, Text: nick("hello")})
		s := begin(t, node, Config{State: func(context.Context, chat.MessageID) (chat.DeliveryState, error) {
			t.Error("the node was asked what it had told")
			return chat.Queued, nil
		}})
		s.write("one")
		s.in.Close()
		s.goesOn(nickFor - time.Millisecond)
		time.Sleep(time.Millisecond)
		s.ended(Result{Said: 1}, nil)
	})
}

// Who waits for the events that are there does not wait for ever when they cannot be
// shown, and needs no event.
func TestDrain(t *testing.T) {
	fake(t, func(t *testing.T) {
		slow := &slowPipe{open: make(chan struct{})}
		node := newFake()
		cfg := Config{Chat: node, Events: node, Out: slow, Err: new(output), Conversation: lobby()}
		sc := newScreen(cfg)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- sc.follow(ctx) }()
		sc.drain(t.Context())
		node.happen(chat.Message{Conversation: lobby(), Author: peerN(1), Nick: nick("bob"), Kind: chat.KindText, Text: nick("x")})
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sc.drain(brief)
		if brief.Err() == nil {
			t.Error("drained, and the output took nothing")
		}
		close(slow.open)
		sc.drain(t.Context())
		if !strings.Contains(slow.String(), "bob | x") {
			t.Errorf("drained, and shown is %q", slow)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
