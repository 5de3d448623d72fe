package tui

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// callTimeout bounds each call of the node but Next.
const callTimeout = 30 * time.Second

// tasks run the calls of the node. bubbletea does not wait for its commands when
// it ends; tasks do, so that nothing of a Run is left behind.
type tasks struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newTasks(ctx context.Context) *tasks {
	t := new(tasks)
	t.ctx, t.cancel = context.WithCancel(ctx)
	return t
}

// do makes a command of f, which is given at most limit, or, if that is zero, as
// long as Run takes.
func (t *tasks) do(limit time.Duration, f func(ctx context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		t.mu.Lock()
		if t.closed {
			t.mu.Unlock()
			return nil
		}
		t.running.Add(1)
		t.mu.Unlock()
		defer t.running.Done()
		ctx := t.ctx
		if limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		msg := caught(ctx, f)
		if t.ctx.Err() != nil {
			return nil // nobody is there to take it
		}
		return msg
	}
}

// failedMsg is a panic of a call. Update panics in its place, and so is guarded.
type failedMsg string

func caught(ctx context.Context, f func(ctx context.Context) tea.Msg) (msg tea.Msg) {
	defer func() {
		if r := recover(); r != nil {
			msg = failedMsg(fmt.Sprintf("%v\n%s", r, debug.Stack()))
		}
	}()
	return f(ctx)
}

// after sends msg when d has passed.
func (t *tasks) after(d time.Duration, msg tea.Msg) tea.Cmd {
	return t.do(0, func(ctx context.Context) tea.Msg {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return msg
		case <-ctx.Done():
			return nil
		}
	})
}

// close ends all calls and waits for them.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.running.Wait()
}
