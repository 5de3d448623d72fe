package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// printGrace is how long an output that takes nothing may keep a program that was
// interrupted.
const printGrace = 500 * time.Millisecond

// A delivering follows how far messages get that this process says, and tells of
// each as soon as it got far enough.
type delivering struct {
	s      *session
	wait   time.Duration // how long messages may wait while there is no room for more
	events *api.Stream
	tell   func(chat.Delivery) error // may wait; nil if nothing is told
	broken context.CancelCauseFunc   // is called with the error of tell
	ctx    context.Context           // of listen
	cancel context.CancelFunc
	done   chan struct{} // closed when listen has ended
	change chan struct{} // holds one token when something changed
	more   chan struct{} // holds one token when something is to be told
	last   chan struct{} // closed when nothing more is
	wrote  chan struct{} // closed when write has ended
	ending sync.Once

	mu       sync.Mutex
	queue    []chat.Delivery // what is to be told
	opened   map[chat.Conversation]bool
	awaited  *awaited
	refuse   *chat.Ended
	notFound map[chat.Conversation]bool // whose peer nobody knows
}

// newDelivering listens to what becomes of messages. The context that it returns ends
// when one cannot be told; its cause says why.
func newDelivering(ctx context.Context, s *session, f sendFlags, tell func(chat.Delivery) error) (*delivering, context.Context, error) {
	events, err := s.Events(ctx)
	if err != nil {
		return nil, nil, err
	}
	saying, broken := context.WithCancelCause(ctx)
	d := &delivering{
		s: s, wait: time.Duration(f.wait), events: events, tell: tell, broken: broken,
		done: make(chan struct{}), change: make(chan struct{}, 1),
		more: make(chan struct{}, 1), last: make(chan struct{}), wrote: make(chan struct{}),
		opened: make(map[chat.Conversation]bool), awaited: newAwaited(f.until), notFound: make(map[chat.Conversation]bool),
	}
	d.ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go d.listen()
	go d.write()
	return d, saying, nil
}

// close ends it after all is told; nothing of it is left then, unless ctx has ended
// and the output takes nothing.
func (d *delivering) close(ctx context.Context) {
	d.ending.Do(func() {
		d.cancel()
		d.events.Close()
		<-d.done
		close(d.last)
		select {
		case <-d.wrote:
			return
		case <-ctx.Done():
		}
		grace := time.NewTimer(printGrace)
		defer grace.Stop()
		select {
		case <-d.wrote:
		case <-grace.C:
		}
	})
}

func (d *delivering) listen() {
	defer close(d.done)
	for {
		evs, err := d.events.Next(d.ctx)
		far, missed := d.heard(evs)
		d.told(far...)
		if missed {
			d.ask()
		}
		wake(d.change)
		if err != nil {
			return
		}
	}
}

// write tells what is to be told, until it cannot or nothing more is.
func (d *delivering) write() {
	defer close(d.wrote)
	for over := false; ; {
		d.mu.Lock()
		all := d.queue
		d.queue = nil
		d.mu.Unlock()
		wake(d.change)
		for _, one := range all {
			if err := d.tell(one); err != nil {
				d.broken(fmt.Errorf("write the output: %w", err))
				return
			}
		}
		switch {
		case len(all) > 0:
		case over:
			return
		default:
			select {
			case <-d.more:
			case <-d.last:
				over = true
			}
		}
	}
}

// heard takes note of events, and returns which messages got far enough by them.
func (d *delivering) heard(evs []chat.Event) (far []chat.Delivery, missed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ev := range evs {
		switch ev := ev.(type) {
		case chat.Delivery:
			if d.awaited.note(ev) {
				far = append(far, ev)
			}
		case chat.Ended:
			if ev.Refused && d.opened[ev.Conversation] {
				d.refuse = &ev
			}
		case chat.Member:
			if ev.Online {
				delete(d.notFound, ev.Conversation)
			}
		case chat.Notice:
			missed = missed || ev.Code == chat.NoticeMissed
			switch {
			case ev.Code == chat.NoticeNotFound && d.opened[ev.Conversation]:
				d.notFound[ev.Conversation] = true
			case ev.Code == chat.NoticeUnreachable:
				delete(d.notFound, ev.Conversation)
			}
		}
	}
	return far, missed
}

// ask asks how far the messages got that wait: events were missed.
func (d *delivering) ask() {
	d.mu.Lock()
	all := d.awaited.all()
	d.mu.Unlock()
	for _, w := range all {
		o, err := d.s.Delivery(d.ctx, w.Conversation, w.ID)
		if err != nil {
			continue // an event may come
		}
		far, _ := d.heard([]chat.Event{chat.Delivery{
			Conversation: w.Conversation, ID: w.ID, State: o.State, Reached: o.Reached, HeldBy: o.HeldBy, Members: o.Members, Reason: o.Reason,
		}})
		d.told(far...)
	}
}

// told has write tell of messages.
func (d *delivering) told(all ...chat.Delivery) {
	if d.tell == nil || len(all) == 0 {
		return
	}
	d.mu.Lock()
	d.queue = append(d.queue, all...)
	d.mu.Unlock()
	wake(d.more)
}

// wake leaves a token, if there is none.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// open opens a conversation, once.
func (d *delivering) open(ctx context.Context, at place) error {
	d.mu.Lock()
	before := d.opened[at.conv]
	d.opened[at.conv] = true // what comes of it may be heard at once
	d.mu.Unlock()
	if before {
		return nil
	}
	_, err := d.s.openPlace(ctx, at)
	if err != nil {
		d.mu.Lock()
		delete(d.opened, at.conv)
		d.mu.Unlock()
	}
	return err
}

// say says something. When it returns nil the message is stored.
func (d *delivering) say(ctx context.Context, at place, body chat.Body) error {
	if err := d.open(ctx, at); err != nil {
		return err
	}
	d.room(ctx)
	d.mu.Lock()
	d.awaited.say()
	d.mu.Unlock()
	sent, err := d.s.Send(ctx, at.conv, body)
	if err == nil && (!sent.Accepted || sent.ID == nil) {
		err = errors.New("the node did not say that it stored the message")
	}
	d.mu.Lock()
	if err != nil {
		d.awaited.refused()
		d.mu.Unlock()
		return err
	}
	state, far := d.awaited.stored(at.conv, *sent.ID)
	d.mu.Unlock()
	if far {
		d.told(state)
	}
	return nil
}

// room waits until one more message can be said. Who reads the output slowly is
// waited for; for those that get no further, only so long: they are kept all the same.
func (d *delivering) room(ctx context.Context) {
	timer := time.NewTimer(d.wait)
	defer timer.Stop()
	if !d.until(ctx, timer.C, func() bool { return len(d.awaited.waiting) < maxWaiting }) && ctx.Err() == nil {
		d.giveUp()
	}
	d.until(ctx, nil, func() bool { return len(d.queue) < maxWaiting })
}

// await waits until all messages got far enough, the other side refuses, the wait is
// over or ctx ends.
func (d *delivering) await(ctx context.Context) {
	timer := time.NewTimer(d.wait)
	defer timer.Stop()
	d.until(ctx, timer.C, func() bool { return len(d.awaited.waiting) == 0 || d.refuse != nil })
}

// until waits until cond holds, and reports whether it does, or nothing changes any
// more, the time is over or ctx ends. It holds mu while cond is called.
func (d *delivering) until(ctx context.Context, over <-chan time.Time, cond func() bool) bool {
	for {
		d.mu.Lock()
		holds := cond()
		d.mu.Unlock()
		if holds {
			return true
		}
		select {
		case <-d.change:
		case <-d.done:
			return false
		case <-over:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// giveUp waits no longer for messages, and tells how far they got.
func (d *delivering) giveUp() {
	d.mu.Lock()
	all := d.awaited.giveUp()
	d.mu.Unlock()
	d.told(all...)
}

// refusal is the error of a peer that refused.
func (d *delivering) refusal() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if left, _ := d.awaited.lost(); d.refuse == nil || left == 0 {
		return nil
	}
	return &fault{text: fmt.Sprintf("peer %s refused: %s", d.refuse.Conversation.Peer, d.refuse.Reason), code: codeRefused}
}

// outcome is how many messages were said, how many of them did not get far enough, and
// the peer that nobody knows if it is because of that.
func (d *delivering) outcome() (said, left int, unknown chat.PeerID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	left, in := d.awaited.lost()
	if in.IsDirect() && d.notFound[in] {
		unknown = in.Peer
	}
	return d.awaited.said, left, unknown
}

// leave leaves what was opened. Who cannot be said goodbye to notices all the same.
func (d *delivering) leave(ctx context.Context) {
	for conv := range d.opened {
		_ = d.s.Leave(context.WithoutCancel(ctx), conv)
	}
}
