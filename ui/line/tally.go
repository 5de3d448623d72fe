package line

import (
	"context"
	"strconv"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// A tally counts what became of what was said here, and only here: the node has
// other faces. The screen writes what it hears, the talk what it says.
type tally struct {
	mu     sync.Mutex
	open   map[int]bool // drafts that nobody else is known to hold; set if that failed
	failed int          // of open
	ids    map[chat.MessageID]int
	more   chan struct{} // closed when something changes
}

func newTally() *tally {
	return &tally{open: make(map[int]bool), ids: make(map[chat.MessageID]int), more: make(chan struct{})}
}

// say notes that a draft is given to the node.
func (t *tally) say(key int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[key] = false
}

// drop notes that a draft is no message, and never will be.
func (t *tally) drop(key string) {
	if n, err := strconv.Atoi(key); err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.forget(n)
	}
}

// stored notes that a draft is a message now.
func (t *tally) stored(key string, id chat.MessageID) {
	n, err := strconv.Atoi(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, open := t.open[n]; err == nil && open {
		t.ids[id] = n
	}
}

// delivery notes how far a message got.
func (t *tally) delivery(d chat.Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ours := t.ids[d.ID]
	switch {
	case !ours:
	case d.State == chat.Held || d.State == chat.Read:
		delete(t.ids, d.ID)
		t.forget(n)
		t.forgetDropped(n)
	case d.State == chat.Failed && !t.open[n]:
		t.open[n] = true
		t.failed++
		t.wake()
	}
}

// forgetDropped forgets what failed before draft n, which is held: who holds that
// holds all before it, but for what the user took back.
func (t *tally) forgetDropped(n int) {
	if t.failed == 0 {
		return
	}
	for id, m := range t.ids {
		if m < n && t.open[m] {
			delete(t.ids, id)
			t.forget(m)
		}
	}
}

func (t *tally) forget(n int) {
	if t.open[n] {
		t.failed--
	}
	delete(t.open, n)
	t.wake()
}

func (t *tally) wake() {
	close(t.more)
	t.more = make(chan struct{})
}

// left is how many messages nobody else is known to hold, and of how many more it is
// not even known that they were stored.
func (t *tally) left() (here, unknown int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.ids), len(t.open) - len(t.ids)
}

// unsure are the messages that are neither held nor have failed.
func (t *tally) unsure() (ids []chat.MessageID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, n := range t.ids {
		if !t.open[n] {
			ids = append(ids, id)
		}
	}
	return ids
}

// complete reports whether all is held or has failed.
func (t *tally) complete() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all()
}

func (t *tally) all() bool { return len(t.open) == t.failed }

// await waits until all is held or has failed, and reports whether it is so.
func (t *tally) await(ctx context.Context) bool { return t.awaits(ctx, t.all) }

// awaitKnown does not wait for what is not known to be stored.
func (t *tally) awaitKnown(ctx context.Context) bool {
	return t.awaits(ctx, func() bool { return len(t.ids) == t.failed })
}

func (t *tally) awaits(ctx context.Context, enough func() bool) bool {
	for {
		t.mu.Lock()
		over, more := enough(), t.more
		t.mu.Unlock()
		if over {
			return true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return false
		}
	}
}
