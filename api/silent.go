package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// ErrSilent says that the node's process is there and does not answer, as one that
// was stopped by Ctrl+Z. What was asked of it may still be done when it goes on.
var ErrSilent = errors.New("the node does not answer")

const (
	// beatEvery is how often a stream says something, so that its reader knows that
	// the node lives.
	beatEvery = 3 * time.Second
	// defaultSilence is more than two of these.
	defaultSilence = 8 * time.Second
	// lookPatience is how long a node may take to say that it is there.
	lookPatience = 3 * time.Second
)

// watch calls cancel with an ErrSilent if the node turns out not to answer, until
// stop is called; then nothing of it is left.
func (c *Client) watch(ctx context.Context, cancel context.CancelCauseFunc) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for sleep(ctx, c.o.silence()) {
			if c.silent(ctx) {
				cancel(c.silence())
				return
			}
		}
	})
	return func() { end(); watching.Wait() }
}

// silent asks the node whether it is there, and reports whether it takes the
// question and does not answer. That there is no node is told by other errors.
func (c *Client) silent(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, min(lookPatience, c.o.silence()))
	defer cancel()
	resp, err := c.exchange(asking, request{method: http.MethodGet, path: "/v1/node"})
	if err == nil {
		resp.Body.Close()
	}
	return err != nil && asking.Err() != nil && ctx.Err() == nil
}

// silence is the error of a node that does not answer.
func (c *Client) silence() error {
	if pid := c.pid.Load(); pid > 0 {
		return fmt.Errorf("%w: is its process, %d, suspended?", ErrSilent, pid)
	}
	return fmt.Errorf("%w: is its process suspended?", ErrSilent)
}

// ended is why a ctx that watch may have cancelled has ended.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrSilent) {
		return cause
	}
	return ctx.Err()
}
