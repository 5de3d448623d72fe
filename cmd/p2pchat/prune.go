package main

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/history"
)

// pruneEvery is how often what need not be kept is deleted.
const pruneEvery = 24 * time.Hour

// withPruning runs f while what is not to be kept is deleted, now and then once
// a day. When it returns, nothing is being deleted any more.
func (p *program) withPruning(ctx context.Context, db *history.DB, f func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.prune(ctx, db)
	}()
	err := f()
	cancel()
	<-done
	return err
}

// prune deletes what is not to be kept until ctx ends. What fails is tried again.
func (p *program) prune(ctx context.Context, db *history.DB) {
	log := p.logger()
	again := time.NewTicker(pruneEvery)
	defer again.Stop()
	for {
		switch n, err := db.Prune(ctx, time.Now()); {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("history is not pruned", "err", err)
		case n > 0:
			log.Debug("history was pruned", "segments", n)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}
