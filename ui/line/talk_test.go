package line

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func TestEndOfInput(t *testing.T) {
	fake(t, func(t *testing.T) {
		s := begin(t, newFake(), Config{})
		s.write("one", "", "two")
		s.goesOn(time.Hour)
		s.in.Close()
		s.ended(Result{Said: 2}, nil)
		if got := s.node.heard(); got != "one|two" {
			t.Errorf("said was %q", got)
		}
	})
}

func TestNothingSaid(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		node.settle = func(context.Context) (int, error) { t.Error("waits though nothing was said"); return 0, nil }
		s := begin(t, node, Config{})
		s.in.Close()
		s.ended(Result{}, nil)
	})
}

func TestWaitsForDelivery(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		held := make(chan struct{})
		node.settle = func(ctx context.Context) (int, error) {
			select {
			case <-held:
				return 0, nil
			case <-ctx.Done():
				return 1, ctx.Err()
			}
		}
		s := begin(t, node, Config{})
		s.write("one")
		s.in.Close()
		s.goesOn(9 * time.Second)
		node.happen(joined(peerN(1)), sent(1))
		close(held)
		s.ended(Result{Said: 1, Connected: true}, nil)
		if !strings.Contains(s.errs.String(), "bob is here") {
			t.Errorf("what happened last is not shown: %q", s.errs)
		}
	})
}

func TestGivesUpAfterWait(t *testing.T) {
	fake(t, func(t *testing.T) {
		for _, wait := range []time.Duration{0, time.Second, time.Minute} {
			node := newFake()
			node.settle = never(2)
			s := begin(t, node, Config{Wait: wait})
			s.write("one", "two", "three")
			s.in.Close()
			limit := wait
			if wait == 0 {
				limit = 10 * time.Second
			}
			s.goesOn(limit - time.Millisecond)
			time.Sleep(time.Millisecond)
			s.ended(Result{Said: 3, Left: 2}, nil)
			told := strings.Contains(s.errs.String(), "p2pchat: waiting until all is handed over, at most "+limit.String()+"; interrupt to leave at once\n")
			if told != (limit > queuedFor) {
				t.Errorf("with %s, stderr is %q", limit, s.errs)
			}
		}
	})
}

// What has failed is not waited for, and counts.
func TestFailedCounts(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		node.settle = func(context.Context) (int, error) { return 1, nil }
		s := begin(t, node, Config{})
		s.write("one")
		s.in.Close()
		s.ended(Result{Said: 1, Left: 1}, nil)
	})
}

func TestQuit(t *testing.T) {
	for _, line := range []string{"exit", "/quit"} {
		for _, follow := range []bool{false, true} {
			t.Run(fmt.Sprint(line, follow), func(t *testing.T) {
				fake(t, func(t *testing.T) {
					s := begin(t, newFake(), Config{Follow: follow})
					s.write("one", line)
					s.ended(Result{Said: 1}, nil)
				})
			})
		}
	}
}

func TestFollow(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		s := begin(t, node, Config{Follow: true})
		s.write("one")
		s.in.Close()
		s.goesOn(time.Hour)
		node.happen(chat.Message{Conversation: lobby(), Author: peerN(1), Nick: nick("bob"), Kind: chat.KindText, Text: nick("still")})
		s.goesOn(time.Hour)
		if !strings.Contains(s.out.String(), "bob | still\n") {
			t.Errorf("not shown: %q", s.out)
		}
		s.stop()
		s.ended(Result{Said: 1}, context.Canceled)
	})
}

func TestInterrupted(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		node.settle = never(1)
		s := begin(t, node, Config{})
		s.write("one", "two")
		s.stop()
		time.Sleep(lastGrace) // it asks what is left, but not for long
		s.ended(Result{Said: 2, Left: 1}, context.Canceled)

		node = newFake()
		node.settle = never(1)
		s = begin(t, node, Config{})
		s.write("one")
		s.in.Close()
		s.goesOn(time.Second)
		s.stop() // while it waits
		time.Sleep(lastGrace)
		s.ended(Result{Said: 1, Left: 1}, context.Canceled)
	})
}

func TestPrivateTalkEnds(t *testing.T) {
	fake(t, func(t *testing.T) {
		bob := peerN(1)
		private := chat.With(bob)
		here := chat.Member{Conversation: private, Peer: bob, Nick: nick("bob"), Online: true}
		left := chat.Ended{Conversation: private}

		// The other side leaves: this one ends.
		node := newFake()
		s := begin(t, node, Config{Conversation: private})
		node.happen(here)
		s.goesOn(time.Hour)
		s.write("one")
		node.happen(left)
		s.ended(Result{Said: 1, Connected: true, Over: true}, nil)
		if !strings.HasSuffix(s.errs.String(), "p2pchat: bob left the talk\n") {
			t.Errorf("stderr is %q", s.errs)
		}

		// Also while it waits for an acknowledgement, which does not come any more.
		node = newFake()
		node.settle = never(1)
		s = begin(t, node, Config{Conversation: private})
		node.happen(here)
		s.write("one")
		s.in.Close()
		s.goesOn(time.Second)
		node.happen(left)
		s.ended(Result{Said: 1, Left: 1, Connected: true, Over: true}, nil)

		// Or refuses.
		node = newFake()
		node.settle = func(context.Context) (int, error) { return 1, nil }
		s = begin(t, node, Config{Conversation: private})
		s.write("one")
		node.happen(chat.Ended{Conversation: private, Refused: true, Reason: "no"})
		s.ended(Result{Said: 1, Left: 1, Over: true, Refused: true, Reason: "no"}, nil)

		// With Follow it goes on, both ways.
		node = newFake()
		s = begin(t, node, Config{Conversation: private, Follow: true})
		node.happen(here, left)
		s.goesOn(time.Hour)
		s.write("are you back?")
		node.happen(here)
		s.goesOn(time.Hour)
		if node.heard() != "are you back?" {
			t.Errorf("said was %q", node.heard())
		}
		s.stop()
		s.ended(Result{Said: 1, Connected: true, Over: true}, context.Canceled)

		// What happens in another conversation ends nothing.
		node = newFake()
		s = begin(t, node, Config{})
		node.happen(left)
		s.goesOn(time.Hour)
	})
}

func TestPrivateTalkIsAwaited(t *testing.T) {
	fake(t, func(t *testing.T) {
		bob := peerN(1)
		private := chat.With(bob)
		notice := func(code chat.NoticeCode) chat.Event {
			return chat.Notice{Conversation: private, Code: code, Text: "x"}
		}

		// Without a word, too, for as long as Wait.
		node := newFake()
		s := begin(t, node, Config{Conversation: private, Wait: time.Second})
		s.in.Close()
		node.happen(notice(chat.NoticeUnreachable), notice(chat.NoticeNotFound))
		s.goesOn(time.Second - time.Millisecond)
		time.Sleep(time.Millisecond)
		s.ended(Result{NotFound: true}, nil)

		// The last thing known counts.
		s = begin(t, node, Config{Conversation: private, Wait: time.Second})
		s.in.Close()
		node.happen(notice(chat.NoticeNotFound), notice(chat.NoticeUnreachable))
		time.Sleep(time.Second)
		s.ended(Result{}, nil)

		s = begin(t, node, Config{Conversation: private})
		s.in.Close()
		s.goesOn(time.Second)
		node.happen(chat.Member{Conversation: private, Peer: bob, Online: true})
		s.ended(Result{Connected: true}, nil)
	})
}

// A message that waits for room holds up neither what is shown nor the end.
func TestBlockedSay(t *testing.T) {
	fake(t, func(t *testing.T) {
		bob := peerN(1)
		private := chat.With(bob)
		block := func(ctx context.Context, _ chat.Draft) error { <-ctx.Done(); return ctx.Err() }
		message := chat.Message{Conversation: private, Author: bob, Nick: nick("bob"), Kind: chat.KindText, Text: nick("shown")}

		node := newFake()
		node.say = block
		s := begin(t, node, Config{Conversation: private, Follow: true})
		s.write("stuck")
		node.happen(message)
		s.goesOn(time.Hour) // with Follow it waits as long as it takes
		if !strings.Contains(s.out.String(), "bob | shown\n") {
			t.Errorf("not shown while a message waits: %q", s.out)
		}
		s.stop()
		s.ended(Result{}, context.Canceled)

		// Else, what is not taken for as long as Wait will not be.
		node = newFake()
		node.say = func(ctx context.Context, d chat.Draft) error {
			if d.Key == "1" {
				return nil
			}
			return block(ctx, d)
		}
		node.settle = never(1)
		s = begin(t, node, Config{Wait: time.Second})
		s.write("taken", "stuck")
		s.goesOn(time.Second - time.Millisecond)
		time.Sleep(lastGrace + time.Millisecond)
		s.ended(Result{Said: 1, Left: 1, Unread: true}, nil)

		// The other side leaves meanwhile.
		node = newFake()
		node.say = block
		s = begin(t, node, Config{Conversation: private, Wait: time.Hour})
		s.write("stuck")
		node.happen(chat.Ended{Conversation: private})
		s.ended(Result{Over: true}, nil)
	})
}

// slowPipe is an output whose reader takes nothing until it is told to.
type slowPipe struct {
	open chan struct{}
	output
}

func (p *slowPipe) Write(b []byte) (int, error) {
	<-p.open
	return p.output.Write(b)
}

// An output that takes nothing does not hold up messages on their way out, gets
// everything when it does take, and cannot keep an interrupted program.
func TestSlowOutput(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		slow := &slowPipe{open: make(chan struct{})}
		s := begin(t, node, Config{Out: slow})
		hello := chat.Message{Conversation: lobby(), Author: peerN(1), Nick: nick("bob"), Kind: chat.KindText, Text: nick("hello")}
		node.happen(hello)
		s.write("one", "two", "three")
		if got := node.heard(); got != "one|two|three" {
			t.Errorf("said was %q while the output is stuck", got)
		}
		node.happen(hello)
		s.in.Close()
		s.goesOn(time.Hour)
		close(slow.open)
		s.ended(Result{Said: 3}, nil)
		if got := strings.Count(slow.String(), "bob | hello\n"); got != 2 {
			t.Errorf("%d messages were shown, want 2", got)
		}

		slow = &slowPipe{open: make(chan struct{})}
		defer func() { close(slow.open) }()
		s = begin(t, node, Config{Out: slow})
		node.happen(hello)
		s.write("one")
		s.stop()
		time.Sleep(lastGrace)
		s.ended(Result{Said: 1}, context.Canceled)
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestOutputGone(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		s := begin(t, node, Config{Out: broken{}, Follow: true})
		s.goesOn(time.Hour)
		node.happen(joined(peerN(1))) // goes to the other output
		s.goesOn(time.Hour)
		node.happen(chat.Message{Conversation: lobby(), Author: peerN(1), Nick: nick("bob"), Kind: chat.KindText, Text: nick("x")})
		s.ended(Result{Connected: true}, io.ErrClosedPipe)
	})
}

func TestNodeGone(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		s := begin(t, node, Config{Follow: true})
		node.happen(joined(peerN(1)))
		s.goesOn(time.Hour)
		node.breakDown(chat.ErrClosed)
		s.ended(Result{Connected: true}, chat.ErrClosed)

		node = newFake()
		node.say = func(context.Context, chat.Draft) error { return chat.ErrClosed }
		s = begin(t, node, Config{Follow: true})
		s.write("one")
		s.ended(Result{}, chat.ErrClosed)

		node = newFake()
		s = begin(t, node, Config{Follow: true})
		s.in.CloseWithError(io.ErrNoProgress)
		s.ended(Result{}, io.ErrNoProgress)
	})
}
