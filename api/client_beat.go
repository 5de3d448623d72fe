package api

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// This file notices a node that is there and says nothing any more. The connection
// is kept: when the process goes on, nothing is lost.

// listen is read, and tells meanwhile if the node says nothing.
func (s *Stream) listen(r io.Reader) (clean bool) {
	s.mu.Lock()
	s.heard = time.Now()
	s.mu.Unlock()
	ctx, end := context.WithCancel(s.ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for wait := s.c.o.silence(); sleep(ctx, wait); {
			wait = s.look(ctx)
		}
	})
	defer func() { end(); watching.Wait() }()
	return s.read(r)
}

// look asks a node that has said nothing for long, and tells if it does not answer.
// It returns when to look again.
func (s *Stream) look(ctx context.Context) (again time.Duration) {
	s.mu.Lock()
	heard, mute := s.heard, s.mute
	s.mu.Unlock()
	again = s.c.o.silence()
	if left := again - time.Since(heard); left > 0 {
		return left
	}
	if mute || !s.c.silent(ctx) {
		return again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard == heard { // else it went on meanwhile
		s.mute = true
		s.queue = append(s.queue, lostNotice(s.c.silence()))
		signal(s.wake)
	}
	return again
}

// hear notes that the node said something, and tells it if that is news.
func (s *Stream) hear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = time.Now()
	if s.mute {
		s.mute = false
		s.queue = append(s.queue, backNotice("the node goes on"))
		signal(s.wake)
	}
}

// unmute reports whether it was told that the node does not answer, of one to which
// the connection has ended.
func (s *Stream) unmute() (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, s.mute = s.mute, false
	return was
}

// lostNotice says why there is no node.
func lostNotice(err error) chat.Notice {
	n := chat.Notice{Code: NoticeNodeLost, Text: "the node has ended; waiting for another"}
	if errors.Is(err, ErrSilent) {
		n.Text = chat.SafeString(err.Error())
	}
	return n
}

func backNotice(text string) chat.Notice { return chat.Notice{Code: NoticeNodeBack, Text: text} }
