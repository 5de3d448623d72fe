package main

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/history"
)

// pruneEvery is how often what need not be kept is deleted.
const pruneEvery = 24 * time.Hour

// prune deletes what is not to be kept, now and then once a day, until ctx ends.
// What fails is tried again.
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
