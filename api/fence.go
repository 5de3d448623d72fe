package api

import (
	"context"
	"sync"
)

// A fence lets requests wait until the pump has gathered all that the node told
// before they asked: events and answers go different ways, and no answer may come
// before the events of what it says is done.
type fence struct {
	mu      sync.Mutex
	waiting []chan struct{}
	cut     context.CancelFunc // ends the wait for events under way, if there is one
}

// pass waits until the pump has come by, or a context ends.
func (f *fence) pass(ctx, server context.Context) {
	done := make(chan struct{})
	f.mu.Lock()
	f.waiting = append(f.waiting, done)
	if f.cut != nil {
		f.cut()
	}
	f.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
	case <-server.Done():
	}
}

// begin is called by the pump before it waits for events: for as long as the
// context lasts, which has ended already if there is somebody to let pass.
func (f *fence) begin(ctx context.Context) (wait context.Context, asked []chan struct{}) {
	wait, cut := context.WithCancel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut, asked, f.waiting = cut, f.waiting, nil
	if len(asked) > 0 {
		cut()
	}
	return wait, asked
}

// end is called by the pump after what came is gathered.
func (f *fence) end(asked []chan struct{}) {
	f.mu.Lock()
	f.cut()
	f.cut = nil
	f.mu.Unlock()
	for _, done := range asked {
		close(done)
	}
}

// told is the ID of the newest event, after all that the node told until now.
func (s *Server) told(ctx context.Context) string {
	s.fence.pass(ctx, s.ctx)
	return s.ring.id(s.ring.newest())
}
