package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// maxUnread is how many events wait for one reader. A slower one loses the
// oldest and is told so; the node never waits for a screen.
const maxUnread = 1 << 18

// maxEarly is how many messages are kept for the first who subscribe.
const maxEarly = 4096

// feed hands each event to every subscription, in one order for all.
type feed struct {
	mu   sync.Mutex
	subs map[*Subscription]struct{}
	// early are the messages that came before our user opened anything, for those
	// who subscribe until then. begun is set from then on.
	early []chat.Event
	begun bool
}

// A Subscription is one reader's place in the node's events.
type Subscription struct {
	feed *feed

	mu     sync.Mutex
	queue  []chat.Event
	missed int
	wake   chan struct{} // holds one token while there is something to read
}

// subscribe begins a subscription with some events of its own.
func (f *feed) subscribe(first ...chat.Event) *Subscription {
	s := &Subscription{feed: f, wake: make(chan struct{}, 1)}
	s.push(first)
	f.mu.Lock()
	defer f.mu.Unlock()
	s.push(f.early)
	if f.subs == nil {
		f.subs = make(map[*Subscription]struct{})
	}
	f.subs[s] = struct{}{}
	return s
}

func (f *feed) publish(evs ...chat.Event) {
	if len(evs) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		s.push(evs)
	}
	if f.begun {
		return
	}
	for _, ev := range evs {
		if m, ok := ev.(chat.Message); ok {
			f.early = append(f.early, m)
		}
	}
	if len(f.early) > maxEarly { // nobody comes to read them
		f.early = nil
	}
}

// begin ends the time of early events: the faces are there.
func (f *feed) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun, f.early = true, nil
}

func (s *Subscription) push(evs []chat.Event) {
	if len(evs) == 0 {
		return
	}
	s.mu.Lock()
	s.queue = append(s.queue, evs...)
	if over := len(s.queue) - maxUnread; over > 0 {
		s.queue = append(s.queue[:0], s.queue[over:]...)
		s.missed += over
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next waits for events and returns all there are, in order.
func (s *Subscription) Next(ctx context.Context) ([]chat.Event, error) {
	for {
		s.mu.Lock()
		evs, missed := s.queue, s.missed
		s.queue, s.missed = nil, 0
		s.mu.Unlock()
		if missed > 0 {
			evs = append([]chat.Event{chat.Notice{
				Code: chat.NoticeMissed,
				Text: fmt.Sprintf("%d events were not shown: this screen was too slow for them", missed),
			}}, evs...)
		}
		if len(evs) > 0 {
			return evs, nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	delete(s.feed.subs, s)
}
