package board

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// snapshotEvery is how long a snapshot is good: however many look, the node
	// is asked no more often.
	snapshotEvery = time.Second
	// snapshotTimeout is how long the node may take for its answer.
	snapshotTimeout = 3 * time.Second
)

// errNoAnswer is what a viewer is told, whatever ailed the node.
var errNoAnswer = errors.New("the node does not answer at the moment")

// A keeper asks the source when somebody wants to know, at most once in
// snapshotEvery, and keeps the answer. It has no goroutine: whoever comes first
// after an answer grew old fetches the next, and the others wait for that one.
type keeper struct {
	source Source
	now    func() time.Time
	addrs  bool
	life   context.Context // the server's; a viewer who leaves does not end a snapshot others wait for
	turn   chan struct{}   // holds one token while somebody asks the source
	last   atomic.Pointer[answer]
}

// An answer is what the source said, or why it said nothing.
type answer struct {
	at   time.Time
	view *view
	err  error
}

func newKeeper(life context.Context, source Source, now func() time.Time, addrs bool) *keeper {
	return &keeper{source: source, now: now, addrs: addrs, life: life, turn: make(chan struct{}, 1)}
}

// view returns what is known, at most snapshotEvery old.
func (k *keeper) view(ctx context.Context) (*view, error) {
	if a := k.fresh(); a != nil {
		return a.view, a.err
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil, errNoAnswer
	}
	if a := k.fresh(); a != nil { // somebody fetched it while we waited
		return a.view, a.err
	}
	a := k.fetch()
	k.last.Store(a)
	return a.view, a.err
}

// fresh returns the last answer if it still counts. A clock that was set back
// makes every answer old.
func (k *keeper) fresh() *answer {
	a := k.last.Load()
	if a == nil {
		return nil
	}
	if age := k.now().Sub(a.at); age < 0 || age >= snapshotEvery {
		return nil
	}
	return a
}

func (k *keeper) fetch() *answer {
	ctx, cancel := context.WithTimeout(k.life, snapshotTimeout)
	defer cancel()
	snap, err := k.source.Snapshot(ctx)
	at := k.now()
	if err != nil {
		return &answer{at: at, err: fmt.Errorf("%w: %w", errNoAnswer, err)}
	}
	return &answer{at: at, view: newView(snap, k.addrs)}
}
