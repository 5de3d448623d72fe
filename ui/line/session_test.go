package line

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// A session is a Run in fake time. That nothing but its end is left of it,
// synctest sees: a goroutine that waits for ever fails the test.
type session struct {
	t    *testing.T
	node *fakeNode
	in   *io.PipeWriter
	out  *output
	errs *output
	stop context.CancelFunc
	done chan struct{}
	res  Result
	err  error
	took time.Duration
}

// begin starts a Run; its input is open.
func begin(t *testing.T, node *fakeNode, cfg Config) *session {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	s := &session{t: t, node: node, in: w, out: new(output), errs: new(output), stop: cancel, done: make(chan struct{})}
	cfg.Chat, cfg.Events = node, node
	if cfg.Out == nil {
		cfg.Out = s.out
	}
	cfg.In, cfg.Err = r, s.errs
	if cfg.Conversation.IsPresence() {
		cfg.Conversation = lobby()
	}
	start := time.Now()
	go func() {
		defer close(s.done)
		s.res, s.err = Run(ctx, cfg)
		s.took = time.Since(start)
	}()
	t.Cleanup(func() { // what Run leaves behind waits in Read, and ends with its input
		w.Close()
		cancel()
		<-s.done
	})
	return s
}

func (s *session) write(lines ...string) {
	s.t.Helper()
	for _, l := range lines {
		if _, err := io.WriteString(s.in, l+"\n"); err != nil {
			s.t.Fatal(err)
		}
	}
	synctest.Wait()
}

// goesOn checks that the Run has not ended after some time.
func (s *session) goesOn(after time.Duration) {
	s.t.Helper()
	time.Sleep(after)
	synctest.Wait()
	select {
	case <-s.done:
		s.t.Fatalf("ended after %s with %+v, %v", s.took, s.res, s.err)
	default:
	}
}

// ended checks how the Run has ended by now.
func (s *session) ended(want Result, err error) {
	s.t.Helper()
	synctest.Wait()
	select {
	case <-s.done:
	default:
		s.t.Fatal("it goes on")
	}
	if s.res != want || !errors.Is(s.err, err) {
		s.t.Fatalf("ended with %+v, %v; want %+v, %v", s.res, s.err, want, err)
	}
}

func fake(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func joined(p chat.PeerID) chat.Event {
	return chat.Member{Conversation: lobby(), Peer: p, Nick: nick("bob"), Online: true}
}

func queued(id byte) chat.Event {
	return chat.Delivery{Conversation: lobby(), ID: idOf(id), State: chat.Queued}
}

func sent(id byte) chat.Event {
	return chat.Delivery{Conversation: lobby(), ID: idOf(id), State: chat.Sent, Reached: 1}
}

// never is a Settle that goes on until its context ends.
func never(left int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return left, ctx.Err()
	}
}
