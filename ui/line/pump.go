package line

import (
	"context"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// A pump reads events for a screen that does other things, too. The zero value is
// ready to use.
type pump struct {
	mu     sync.Mutex
	drains []chan struct{}
	cut    context.CancelFunc // ends the wait for events, while there is one
}

// A pumped is how a pump ended: with events that nobody took, or why there are no
// more before ctx ended.
type pumped struct {
	evs []chat.Event
	err error
}

// run hands on events until ctx ends.
func (p *pump) run(ctx context.Context, events Events, batches chan<- []chat.Event) pumped {
	for ctx.Err() == nil {
		wait, drains := p.begin(ctx)
		evs, err := events.Next(wait)
		failed := err != nil && wait.Err() == nil
		p.end()
		if len(evs) > 0 {
			select {
			case batches <- evs:
			case <-ctx.Done():
				return pumped{evs: evs}
			}
		}
		for _, drained := range drains {
			close(drained)
		}
		if failed {
			return pumped{err: err}
		}
	}
	return pumped{}
}

// begin is how long to wait for events, and who wants to know when those that are
// there were handed on; if there is somebody, the wait is over already.
func (p *pump) begin(ctx context.Context) (wait context.Context, drains []chan struct{}) {
	wait, cut := context.WithCancel(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, drains, p.drains = cut, p.drains, nil
	if len(drains) > 0 {
		cut()
	}
	return wait, drains
}

func (p *pump) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
	p.cut = nil
}

// drain waits until the events that are there now were handed on, or ctx ends.
func (p *pump) drain(ctx context.Context) {
	drained := make(chan struct{})
	p.mu.Lock()
	p.drains = append(p.drains, drained)
	if p.cut != nil {
		p.cut()
	}
	p.mu.Unlock()
	select {
	case <-drained:
	case <-ctx.Done():
	}
}
