package main

import (
	"context"
	"os"
	"time"

	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// historyLook is how long the history is looked through. A large one takes
// longer, and is then taken to be sound.
const historyLook = 3 * time.Second

// inspect notes what the data folder looks like. It changes nothing.
func (p *program) inspect(ctx context.Context, f *identity.Folder, facts *node.FolderFacts) {
	facts.Dir = f.Dir()
	if info, err := os.Stat(f.Dir()); err == nil {
		facts.Mode = info.Mode()
	}
	facts.Free, facts.FreeKnown = freeSpace(f.Dir())
	if !p.settings.History {
		facts.HistoryErr = os.ErrNotExist
		return
	}
	if info, err := os.Stat(historyPath(f)); err == nil {
		facts.HistorySize = info.Size()
	}
	facts.HistoryErr = checkHistory(ctx, historyPath(f))
}

// checkHistory looks through a history, at most for historyLook.
func checkHistory(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, historyLook)
	defer cancel()
	db, err := history.OpenReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	err = db.Check(ctx)
	if err != nil && ctx.Err() != nil {
		return context.DeadlineExceeded
	}
	return err
}
