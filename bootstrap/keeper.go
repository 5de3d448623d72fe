package bootstrap

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// settled is how long a connection must have held to count as a success: a
	// seed that lets us in and throws us out is asked ever less often, too.
	settled = 10 * time.Second

	// lookAgain is how often a keeper looks whether its seed is still connected,
	// should the host not have said so.
	lookAgain = 30 * time.Second
)

// A keeper is the goroutine that keeps one seed connected.
type keeper struct {
	a *Attachment
	*seed
	lost    time.Time     // when the seed was, or when we began
	reached time.Time     // when that was last
	failed  int           // attempts in a row
	wait    time.Duration // until the next one
}

// run owns the connection with the seed until ctx ends.
func (k *keeper) run(ctx context.Context) {
	k.wait = k.a.headStart(k.id)
	for ctx.Err() == nil {
		switch {
		case k.a.connected(k.seed):
			k.hold(ctx)
		case k.wait > 0:
			k.rest(ctx)
		default:
			k.try(ctx)
		}
	}
}

// hold waits until the seed may be lost, and looks.
func (k *keeper) hold(ctx context.Context) {
	if k.a.record(k.seed, true, nil) {
		k.reached = time.Now()
		k.a.cfg.log().Debug("attached to seed", "peer", k.id)
	}
	woken := k.pause(ctx, lookAgain)
	if woken == moved {
		k.a.probe(ctx, k.seed)
	}
	if k.a.connected(k.seed) || ctx.Err() != nil {
		return
	}
	k.a.record(k.seed, false, nil)
	k.a.cfg.log().Debug("lost seed", "peer", k.id)
	if woken == moved {
		k.afresh()
		return
	}
	if time.Since(k.reached) >= settled {
		k.lost, k.failed = time.Now(), 0
	}
	k.later(0)
}

// rest lets the pause pass. A nudge may come early.
func (k *keeper) rest(ctx context.Context) {
	until := time.Now().Add(k.wait)
	woken := k.pause(ctx, k.wait)
	if k.wait = max(time.Until(until), 0); woken == moved {
		k.afresh()
	}
}

// try dials once.
func (k *keeper) try(ctx context.Context) {
	began := time.Now()
	err := k.dial(ctx)
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.Is(err, errMoved):
		k.afresh()
	default:
		k.a.record(k.seed, false, err)
		k.a.cfg.log().Debug("seed not reached", "peer", k.id, "failed", k.failed+1, "err", chat.SafeString(err.Error()))
		k.later(time.Since(began))
	}
}

// later plans the next attempt, after one that took so long.
func (k *keeper) later(took time.Duration) {
	k.wait = k.a.headStart(k.id) + redialPause(k.failed, time.Since(k.lost), took, k.a.cfg.rand())
	k.failed++
}

// afresh forgets what happened in the network we come from.
func (k *keeper) afresh() {
	k.lost, k.failed, k.wait = time.Now(), 0, k.a.headStart(k.id)
}

// errThrownOut says that the seed does not want us.
var errThrownOut = errors.New("it closed the connection at once")

// errMoved says that an attempt was given up: it left by the old network.
var errMoved = errors.New("the network changed")

// dial connects to the seed, unless we move meanwhile.
func (k *keeper) dial(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dialled := make(chan error, 1)
	go func() { dialled <- k.connect(ctx) }() // awaited below
	select {
	case err := <-dialled:
		return err
	case <-k.moved:
		cancel()
		if err := <-dialled; err == nil {
			return nil // just in time
		}
		return errMoved
	}
}

// connect is one dial. Forced direct, because then libp2p ignores its own
// backoff, which would hide a seed that is back for up to five minutes.
func (k *keeper) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(network.WithForceDirectDial(ctx, "seed"), dialTimeout)
	defer cancel()
	if err := k.a.h.Connect(ctx, k.info()); err != nil {
		return err
	}
	if !k.a.connected(k.seed) {
		return errThrownOut
	}
	return nil
}

// A woken says what ended a pause.
type woken int

const (
	ended  woken = iota // ctx
	rested              // the time is over, or the connection came or went
	moved               // we are in another network
)

// pause waits for d, or less.
func (s *seed) pause(ctx context.Context, d time.Duration) woken {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return rested
	case <-s.nudge:
		return rested
	case <-s.moved:
		return moved
	case <-ctx.Done():
		return ended
	}
}
