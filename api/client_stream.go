package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxQueue is how many events wait for one face. When it is full, the stream is
	// not read; who reads too slowly then misses events, and is told.
	maxQueue = 4096
	// maxLine is the longest line of a stream, in bytes.
	maxLine = 1 << 20
	// againMax is the longest pause between two attempts to find a node.
	againMax = 200 * time.Millisecond
)

// What a Stream says of its node, besides the node's events.
const (
	// NoticeNodeLost says that the node has ended, or its process does not answer;
	// the Stream looks for another, or waits until it goes on.
	NoticeNodeLost chat.NoticeCode = "node-lost"
	// NoticeNodeBack says that there is a node again, or that it goes on.
	NoticeNodeBack chat.NoticeCode = "node-back"
)

// A Stream is a face's place in the events of the node. When the node ends it goes
// on with the next one: then a Notice of code "missed" says that a page of history
// has what happened in between.
type Stream struct {
	c      *Client
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	// resuming are those who make things as they were.
	resuming sync.WaitGroup
	last     string                  // the last event's ID; the goroutine owns it
	run      string                  // of the node it is of
	drop     context.CancelCauseFunc // ends the connection

	mu sync.Mutex
	// at is how far this goroutine has read; passed is closed when it reads on,
	// unless nobody waits for it.
	at     place
	passed chan struct{}
	heard  time.Time // when the node last said something
	mute   bool      // it was told that the node does not answer
	queue  []chat.Event
	err    error         // why nothing comes any more
	wake   chan struct{} // holds one token while there is something to read
	room   chan struct{} // holds one token when there is room again
}

// Events begins to collect events: Ready, what came before anybody looked, and
// then what happens. The error is that of reaching the node.
func (c *Client) Events(ctx context.Context) (*Stream, error) {
	s := &Stream{c: c, done: make(chan struct{}), wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, s.cancel) // while it connects
	resp, err := s.connect()
	if !stop() && err == nil {
		err = ctx.Err()
		resp.Body.Close()
	}
	if err != nil {
		s.cancel()
		return nil, err
	}
	c.mu.Lock()
	c.streams[s] = struct{}{}
	c.mu.Unlock()
	go s.loop(resp)
	return s, nil
}

// Next waits for events and returns all there are, in order. Events that are there
// come before the error of a ctx that has ended. After Close the error is
// ErrClosed; if the next node cannot be used, it says why.
func (s *Stream) Next(ctx context.Context) ([]chat.Event, error) {
	for {
		s.mu.Lock()
		evs, err := s.queue, s.err
		s.queue = nil
		s.mu.Unlock()
		if len(evs) > 0 {
			signal(s.room)
			return evs, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends the Stream. When it returns, no goroutine of it is left.
func (s *Stream) Close() {
	s.cancel()
	<-s.done
	s.resuming.Wait()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push adds events.
func (s *Stream) push(evs []chat.Event) {
	s.mu.Lock()
	s.queue = append(s.queue, evs...)
	s.mu.Unlock()
	signal(s.wake)
}

// full reports whether too much waits for the face.
func (s *Stream) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) >= maxQueue
}

// loop reads one node's stream after the other.
func (s *Stream) loop(resp *http.Response) {
	defer close(s.done)
	var err error
	for {
		s.run = resp.Header.Get(headerRun)
		s.enter(s.run)
		clean := s.listen(resp.Body)
		s.drop(nil)
		resp.Body.Close()
		if s.ctx.Err() != nil {
			err = ErrClosed
			break
		}
		if resp, err = s.again(clean); err != nil {
			break
		}
	}
	s.c.mu.Lock()
	delete(s.c.streams, s)
	s.c.mu.Unlock()
	s.mu.Lock()
	s.err = err
	s.tellPassed()
	s.mu.Unlock()
	signal(s.wake)
}

// connect opens the stream once.
func (s *Stream) connect() (*http.Response, error) {
	path := "/v1/events"
	if s.last != "" {
		path = withQuery(path, "after", s.last)
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	stop := s.c.watch(ctx, cancel)
	resp, err := s.c.exchange(ctx, request{method: http.MethodGet, path: path})
	stop()
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if resp.StatusCode == http.StatusOK && otherVersion(resp, nil) == nil {
		s.drop = cancel
		return resp, nil
	}
	defer cancel(nil)
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
	if err := otherVersion(resp, b); err != nil {
		return nil, err
	}
	return nil, readError(resp.StatusCode, b)
}

// again finds the next node, or the same one again.
func (s *Stream) again(clean bool) (*http.Response, error) {
	lost := s.run
	told := s.unmute()
	if resp, err := s.connect(); err == nil && resp.Header.Get(headerRun) == lost {
		s.resume(resp, lost, told) // only the stream was cut
		return resp, nil
	} else if err == nil {
		s.drop(nil)
		resp.Body.Close()
	}
	for pause := retryEvery; ; pause = min(2*pause, againMax) {
		if s.c.o.Lost != nil {
			s.c.o.Lost(s.ctx, clean)
		}
		resp, err := s.connect()
		switch {
		case err == nil:
			s.resume(resp, lost, told)
			return resp, nil
		case errors.Is(err, ErrVersion), errors.Is(err, ErrExposed):
			return nil, err
		}
		if !told {
			told = true
			s.push([]chat.Event{lostNotice(err)})
		}
		if !sleep(s.ctx, pause) {
			return nil, ErrClosed
		}
	}
}

// resume makes things at another node as they were. It goes on beside the reading:
// should that node end too, the Stream must notice.
func (s *Stream) resume(resp *http.Response, lost string, told bool) {
	if told {
		s.push([]chat.Event{backNotice("there is a node again")})
	}
	run := resp.Header.Get(headerRun)
	if run == lost {
		return
	}
	s.resuming.Go(func() {
		if err := s.c.recover(s.ctx, run); err != nil && s.ctx.Err() == nil {
			s.push([]chat.Event{chat.Notice{
				Code: NoticeNodeLost, Text: "the node did not take up what was open", Detail: chat.SafeString(err.Error()),
			}})
		}
	})
}

// read reads events until the stream ends; clean is set if the node said so.
func (s *Stream) read(r io.Reader) (clean bool) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var ev sseEvent
	for lines.Scan() {
		s.hear()
		if !ev.field(lines.Bytes()) {
			continue
		}
		if ev.name == eventBye {
			clean = true
		} else if len(ev.data) > 0 {
			s.take(ev)
		}
		ev = sseEvent{}
		for s.full() {
			select {
			case <-s.room:
			case <-s.ctx.Done():
				return clean
			}
		}
	}
	return clean
}

// take takes one event.
func (s *Stream) take(e sseEvent) {
	if e.id != "" {
		s.last = e.id
	}
	ev, err := decodeNamed(e.name, e.data)
	if err != nil {
		ev = chat.Notice{Code: noticeUnknown, Text: "an event that cannot be read", Detail: chat.SafeString(fmt.Sprint(err))}
	}
	if ev, ok := s.c.heard(ev); ok {
		s.push([]chat.Event{ev})
	}
	s.pass(e.id)
}

// heard gives an event the face's own keys back, and takes note of what became of
// what it said. Of what other faces said it is not told that it was refused.
func (c *Client) heard(ev chat.Event) (chat.Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ev := ev.(type) {
	case chat.Message:
		if !ev.Mine {
			return ev, true
		}
		wire := ev.Key
		key, ours := faceKey(c.face, wire)
		if ours {
			c.waiting.accept(ev.ID)
			c.waiting.settle(wire, ev.ID)
		}
		ev.Key = key
		return ev, true
	case chat.Refused:
		key, ours := faceKey(c.face, ev.Key)
		c.waiting.settle(ev.Key, chat.MessageID{})
		ev.Key = key
		return ev, ours
	default:
		return ev, true
	}
}
