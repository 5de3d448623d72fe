package main

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// telling is a delivering without a node.
func telling(u until, wait time.Duration, tell func(chat.Delivery) error) (*delivering, context.Context) {
	ctx, broken := context.WithCancelCause(context.Background())
	d := &delivering{
		wait: wait, tell: tell, broken: broken, awaited: newAwaited(u),
		done: make(chan struct{}), change: make(chan struct{}, 1),
		more: make(chan struct{}, 1), last: make(chan struct{}), wrote: make(chan struct{}),
	}
	go d.write()
	return d, ctx
}

func (d *delivering) store(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.awaited.say()
	d.awaited.stored(chat.InRoom("lobby"), idNumber(n))
}

// Where as many messages wait as may, the next one waits until one gets far enough, or
// nothing moves for long; then all are told as they are.
func TestRoomForMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []chat.Delivery
		d, ctx := telling(untilHeld, 10*time.Second, func(one chat.Delivery) error {
			told = append(told, one)
			return nil
		})
		began := time.Now()
		for n := range maxWaiting {
			d.room(ctx)
			d.store(n)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("waited %v before there were %d", took, maxWaiting)
		}
		go func() {
			time.Sleep(time.Second)
			far, _ := d.heard([]chat.Event{deliveryOf(7, chat.Held)})
			d.told(far...)
			wake(d.change)
		}()
		d.room(ctx)
		if took := time.Since(began); took != time.Second {
			t.Errorf("waited %v until there was room", took)
		}
		d.store(maxWaiting)
		synctest.Wait()
		if len(told) != 1 || told[0].ID != idNumber(7) {
			t.Errorf("told is %+v", told)
		}
		d.room(ctx)
		if took := time.Since(began); took != 11*time.Second {
			t.Errorf("waited %v while nothing moved", took)
		}
		close(d.last)
		<-d.wrote
		if len(told) != 1+maxWaiting {
			t.Errorf("%d were told", len(told))
		}
		if n, _ := d.awaited.lost(); n != maxWaiting {
			t.Errorf("%d are lost", n)
		}
	})
}

// An output that is read slowly sets the pace, and no more than as many wait for it.
// One that cannot be written ends all.
func TestSlowOutput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		open, broken := make(chan struct{}), false
		d, ctx := telling(untilAccepted, time.Second, func(chat.Delivery) error {
			<-open
			if broken {
				return io.ErrClosedPipe
			}
			return nil
		})
		d.told(deliveryOf(0, chat.Queued)) // it is being written
		synctest.Wait()
		for n := range maxWaiting {
			d.room(ctx)
			d.told(deliveryOf(n, chat.Queued))
		}
		free := make(chan struct{})
		go func() { d.room(ctx); close(free) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case <-free:
			t.Error("there is room, and nothing was written")
		default:
		}
		close(open)
		<-free
		synctest.Wait()
		broken = true
		d.told(deliveryOf(1, chat.Queued))
		<-d.wrote
		if !errors.Is(context.Cause(ctx), io.ErrClosedPipe) {
			t.Errorf("ended with %v", context.Cause(ctx))
		}
	})
}
