package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// maxAhead is how many states are remembered of messages that are not known to be
// ours: the event can come before the answer that names the message.
const maxAhead = 10_000

// A delivering follows how far messages get that this process says.
type delivering struct {
	s      *session
	until  until
	events *api.Stream
	opened map[chat.Conversation]bool
	done   chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	order  []chat.MessageID // ours, as they were said
	states map[chat.MessageID]chat.Delivery
	ahead  int // of states, how many are of others or not known yet
	ours   map[chat.MessageID]bool
	left   int // of ours, how many did not get far enough
	refuse *chat.Ended
	change chan struct{} // holds one token when something changed
}

func newDelivering(ctx context.Context, s *session, u until) (*delivering, error) {
	events, err := s.Events(ctx)
	if err != nil {
		return nil, err
	}
	d := &delivering{
		s: s, until: u, events: events, opened: make(map[chat.Conversation]bool), done: make(chan struct{}),
		states: make(map[chat.MessageID]chat.Delivery), ours: make(map[chat.MessageID]bool), change: make(chan struct{}, 1),
	}
	go d.listen()
	return d, nil
}

// close ends it; nothing of it is left then.
func (d *delivering) close() {
	d.events.Close()
	<-d.done
}

func (d *delivering) listen() {
	defer close(d.done)
	for {
		evs, err := d.events.Next(context.Background()) // Close ends it
		d.mu.Lock()
		for _, ev := range evs {
			switch ev := ev.(type) {
			case chat.Delivery:
				d.note(ev)
			case chat.Ended:
				if ev.Refused && d.opened[ev.Conversation] {
					d.refuse = &ev
				}
			}
		}
		d.mu.Unlock()
		select {
		case d.change <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// note notes how far a message got. It never gets less far.
func (d *delivering) note(ev chat.Delivery) {
	before, known := d.states[ev.ID]
	if !known && !d.ours[ev.ID] {
		if d.ahead >= maxAhead {
			return
		}
		d.ahead++
	}
	d.states[ev.ID] = ev
	if d.ours[ev.ID] && d.until.met(ev) && !d.until.met(before) {
		d.left--
	}
}

// open opens a conversation, once.
func (d *delivering) open(ctx context.Context, at place) error {
	if d.opened[at.conv] {
		return nil
	}
	if err := d.s.openPlace(ctx, at); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened[at.conv] = true
	return nil
}

// say says something. When it returns nil the message is stored.
func (d *delivering) say(ctx context.Context, at place, body chat.Body) error {
	if err := d.open(ctx, at); err != nil {
		return err
	}
	sent, err := d.s.Send(ctx, at.conv, body)
	if err != nil {
		return err
	}
	if !sent.Accepted || sent.ID == nil {
		return fmt.Errorf("the node did not say that it stored the message")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id := *sent.ID
	state, known := d.states[id]
	if known {
		d.ahead--
	} else {
		state = chat.Delivery{Conversation: at.conv, ID: id, State: chat.Queued}
		d.states[id] = state
	}
	d.ours[id] = true
	d.order = append(d.order, id)
	if !d.until.met(state) {
		d.left++
	}
	return nil
}

// await waits until all got far enough, the other side refuses, the wait is over or
// ctx ends, and returns how many did not.
func (d *delivering) await(ctx context.Context, wait time.Duration) (left int) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		d.mu.Lock()
		left = d.left
		over := left == 0 || d.refuse != nil
		d.mu.Unlock()
		if over {
			return left
		}
		select {
		case <-d.change:
		case <-d.done:
			return left
		case <-timer.C:
			return left
		case <-ctx.Done():
			return left
		}
	}
}

// refusal is the error of a peer that refused.
func (d *delivering) refusal() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse == nil || d.left == 0 {
		return nil
	}
	return &fault{text: fmt.Sprintf("peer %s refused: %s", d.refuse.Conversation.Peer, d.refuse.Reason), code: codeRefused}
}

// print prints how far each message got.
func (d *delivering) print(p *program) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range d.order {
		if err := p.print(string(api.EncodeEvent(d.states[id]))); err != nil {
			return err
		}
	}
	return nil
}

// leave leaves what was opened. Who cannot be said goodbye to notices all the same.
func (d *delivering) leave(ctx context.Context) {
	for conv := range d.opened {
		_ = d.s.Leave(context.WithoutCancel(ctx), conv)
	}
}
